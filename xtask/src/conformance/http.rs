//! Plain requests to loopback, one connection each.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// An answer that was read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    pub(super) body: String,
}

/// Sends `method` to `target`, a path with its query, on `port` of 127.0.0.1; with
/// `json` as the body if it is not empty.
pub(super) fn send(port: u16, method: &str, target: &str, json: &str) -> Result<Answer> {
    let mut socket = connect(port)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let length = json.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{json}"
    );
    socket.write_all(request.as_bytes())?;
    let mut text = String::new();
    socket.take(LIMIT).read_to_string(&mut text)?;
    parse(&text).with_context(|| format!("no answer of HTTP/1.1 to {method} {target}"))
}

/// Connects to `port`, also where somebody only begins to listen: the suite names the
/// address of its callback before it does.
fn connect(port: u16) -> Result<TcpStream> {
    let started = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                if started.elapsed() > PATIENCE {
                    bail!("nobody listens on port {port} of 127.0.0.1");
                }
                thread::sleep(Duration::from_millis(20));
            }
            connected => return Ok(connected?),
        }
    }
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let location = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("location"))
        .map(|(_, value)| value.trim().to_owned());
    Some(Answer {
        status,
        location,
        body: body.to_owned(),
    })
}

/// Opens `url`, an `http` address on 127.0.0.1, and follows where it leads, as a
/// browser does.
pub(super) fn open(url: &str) -> Result<()> {
    let mut url = url.to_owned();
    for _ in 0..5 {
        let (port, target) = on_loopback(&url).with_context(|| format!("{url} is elsewhere"))?;
        let answer = send(port, "GET", target, "")?;
        match answer.location {
            Some(next) if (300..400).contains(&answer.status) => url = next,
            _ if answer.status == 200 => return Ok(()),
            _ => bail!("{url} answers {}: {}", answer.status, answer.body.trim()),
        }
    }
    bail!("{url} is one redirect too many");
}

fn on_loopback(url: &str) -> Option<(u16, &str)> {
    let rest = url.strip_prefix("http://127.0.0.1:")?;
    let (port, target) = rest.split_at_checked(rest.find('/')?)?;
    Some((port.parse().ok()?, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_loopback_with_a_port_are_opened() {
        assert_eq!(on_loopback("http://127.0.0.1:80/a?b"), Some((80, "/a?b")));
        for elsewhere in [
            "http://127.0.0.1/a",
            "http://127.0.0.1:80",
            "https://127.0.0.1:80/a",
            "http://evil.test:80/a",
            "/a",
        ] {
            assert_eq!(on_loopback(elsewhere), None);
            assert!(open(elsewhere).is_err());
        }
    }

    #[test]
    fn status_location_and_body_are_read() {
        let answer = parse("HTTP/1.1 303 See Other\r\nlocation: http://a\r\n\r\nb").unwrap();
        assert_eq!(answer.status, 303);
        assert_eq!(answer.location.as_deref(), Some("http://a"));
        assert_eq!(answer.body, "b");
        assert!(parse("garbage").is_none());
    }
}
