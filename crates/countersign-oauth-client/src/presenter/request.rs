//! One request to the loopback listener, as bytes: RFC 9112 §3.

use countersign_oauth::Secret;

use super::CallbackParameters;
use super::page::Page;

/// The path of the redirect URI.
pub(super) const PATH: &str = "/callback";

/// What is waited for.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Address and port, as a browser writes them into `Host`.
    pub(super) authority: String,
    /// The `state` of the authorization request.
    pub(super) state: Secret,
}

impl Expected {
    /// The answer in `head`, which ends with an empty line; otherwise what to say to it.
    pub(super) fn answer_in(&self, head: &[u8]) -> Result<CallbackParameters, Page> {
        let head = std::str::from_utf8(head).map_err(|_| Page::Malformed)?;
        let mut lines = head.split("\r\n");
        let target = self.target(&mut lines)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != PATH {
            return Err(Page::NotFound);
        }
        self.judge(query).ok_or(Page::OtherLogin)
    }

    /// The target of the request, which is for this host.
    fn target<'a>(&self, lines: &mut impl Iterator<Item = &'a str>) -> Result<&'a str, Page> {
        let line = lines.next().unwrap_or_default();
        let parts: Vec<&str> = line.split(' ').collect();
        let &[method, target, "HTTP/1.1"] = parts.as_slice() else {
            return Err(Page::Malformed);
        };
        let is_visible = |byte: u8| (0x21..0x7F).contains(&byte);
        if !target.starts_with('/') || !target.bytes().all(is_visible) {
            return Err(Page::Malformed);
        }
        // RFC 9112 §3.2: one Host, no more. A name that somebody else has made lead here
        // is not ours (DNS rebinding).
        let mut hosts = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        if hosts.next() != Some(&self.authority) || hosts.next().is_some() {
            return Err(Page::OtherHost);
        }
        if method != "GET" {
            return Err(Page::Method);
        }
        Ok(target)
    }

    /// `query`, if its one `state` is the expected one (RFC 6749 §10.12). A page of
    /// somebody else could send any answer here, and must not end the waiting.
    pub(super) fn judge(&self, query: &str) -> Option<CallbackParameters> {
        let state = only(query, "state")?;
        (Secret::new(state) == self.state).then(|| CallbackParameters::new(query))
    }
}

/// The value of the parameter `name`, if it is there once.
pub(super) fn only(query: &str, name: &str) -> Option<String> {
    let mut found = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Expected {
        Expected {
            authority: "127.0.0.1:4711".to_owned(),
            state: Secret::new("s t"),
        }
    }

    fn judged(line: &str, fields: &str) -> Result<CallbackParameters, Page> {
        expected().answer_in(format!("{line}\r\n{fields}\r\n\r\n").as_bytes())
    }

    #[test]
    fn i6_a_wrong_or_missing_or_doubled_state_is_refused() {
        for query in [
            "code=c",
            "code=c&state=",
            "code=c&state=s",
            "code=c&state=s+t+",
            "code=c&state=S+t",
            "code=c&state=s+t&state=s+t",
            "code=c&state=x&state=s+t",
            "code=c&State=s+t",
            "",
        ] {
            let line = format!("GET /callback?{query} HTTP/1.1");
            let got = judged(&line, "Host: 127.0.0.1:4711");
            assert_eq!(got, Err(Page::OtherLogin), "{query}");
        }
        let got = judged(
            "GET /callback?code=c&state=s%20t HTTP/1.1",
            "host: 127.0.0.1:4711",
        );
        assert_eq!(got.unwrap().reveal(), "code=c&state=s%20t");
    }

    #[test]
    fn i6_a_foreign_host_is_refused() {
        for fields in [
            "Host: evil.test",
            "Host: evil.test:4711",
            "Host: localhost:4711",
            "Host: 127.0.0.1",
            "Host: 127.0.0.1:4712",
            "Host: [::1]:4711",
            "Host: 127.0.0.1:4711\r\nHost: 127.0.0.1:4711",
            "Host: evil.test\r\nHost: 127.0.0.1:4711",
            "X-Forwarded-Host: 127.0.0.1:4711",
            "Accept: */*",
        ] {
            let got = judged("GET /callback?code=c&state=s+t HTTP/1.1", fields);
            assert_eq!(got, Err(Page::OtherHost), "{fields}");
        }
    }

    #[test]
    fn i6_another_path_or_method_and_what_is_no_request_are_refused() {
        for (line, page) in [
            ("GET / HTTP/1.1", Page::NotFound),
            ("GET /?code=c&state=s+t HTTP/1.1", Page::NotFound),
            ("GET /callback/?code=c&state=s+t HTTP/1.1", Page::NotFound),
            ("GET //callback?code=c&state=s+t HTTP/1.1", Page::NotFound),
            ("GET /Callback?code=c&state=s+t HTTP/1.1", Page::NotFound),
            ("GET /%63allback?code=c&state=s+t HTTP/1.1", Page::NotFound),
            ("GET /favicon.ico HTTP/1.1", Page::NotFound),
            ("POST /callback?code=c&state=s+t HTTP/1.1", Page::Method),
            ("HEAD /callback?code=c&state=s+t HTTP/1.1", Page::Method),
            ("OPTIONS /callback?code=c&state=s+t HTTP/1.1", Page::Method),
            ("GET /callback?code=c&state=s+t HTTP/1.0", Page::Malformed),
            ("GET /callback?code=c&state=s t HTTP/1.1", Page::Malformed),
            (
                "GET http://127.0.0.1:4711/callback?state=s+t HTTP/1.1",
                Page::Malformed,
            ),
            (
                "GET /callback?code=c\u{7f}&state=s+t HTTP/1.1",
                Page::Malformed,
            ),
            ("\u{16}\u{3}\u{1}", Page::Malformed),
            ("", Page::Malformed),
        ] {
            let got = judged(line, "Host: 127.0.0.1:4711");
            assert_eq!(got, Err(page), "{line:?}");
        }
        assert_eq!(
            expected().answer_in(b"GET /\xff HTTP/1.1"),
            Err(Page::Malformed)
        );
    }
}
