//! A protected resource and its authorization server, which rotates refresh tokens.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use countersign_oauth_client::StoredTokens;

use crate::Outcome;

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// Its request was read, nothing else happened.
    BeforeRotation,
    /// Its token was used up, and it does not know the next one.
    BeforeAnswer,
    /// That long after the answer was sent: it writes it down, or has, or goes on.
    AfterAnswer(Duration),
}

pub(crate) struct Endpoint {
    state: Arc<Mutex<State>>,
    moments: Receiver<()>,
}

/// What becomes of whoever was given a token and did not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LostAnswers {
    /// They get it once more, while it is unused: what our authorization server does for
    /// some seconds.
    ToldAgain,
    /// They are taken for thieves.
    Lost,
}

struct State {
    /// Where both are.
    origin: String,
    lost_answers: LostAnswers,
    /// How many tokens were given out; the last one is current.
    number: u64,
    reuses: u64,
    tell_at: Option<Moment>,
    tell: Sender<()>,
}

impl Endpoint {
    pub(crate) fn start(lost_answers: LostAnswers) -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let (tell, moments) = channel();
        let state = Arc::new(Mutex::new(State {
            origin: format!("http://127.0.0.1:{port}"),
            lost_answers,
            number: 0,
            reuses: 0,
            tell_at: None,
            tell,
        }));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who was killed reads no answer.
                let _gone = answer(&shared, &stream);
            }
        });
        Ok(Self { state, moments })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The origin of both.
    pub(crate) fn origin(&self) -> String {
        self.state().origin.clone()
    }

    pub(crate) fn first(&self) -> String {
        token(0)
    }

    pub(crate) fn rotations(&self) -> u64 {
        self.state().number
    }

    pub(crate) fn reuses(&self) -> u64 {
        self.state().reuses
    }

    pub(crate) fn is_current(&self, tokens: &StoredTokens) -> bool {
        let current = token(self.state().number);
        tokens
            .refresh_token
            .as_ref()
            .is_some_and(|kept| kept.reveal() == current)
    }

    /// Says once when the next request has come as far as `moment`.
    pub(crate) fn tell_at(&self, moment: Moment) {
        self.state().tell_at = Some(moment);
    }

    pub(crate) fn wait_for_moment(&self) -> Outcome {
        Ok(self.moments.recv_timeout(Duration::from_secs(60))?)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn token(number: u64) -> String {
    format!("refresh-{number}")
}

fn answer(state: &Mutex<State>, mut stream: &TcpStream) -> Outcome {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    if !request.starts_with("POST /token ") {
        let document = document(&lock(state).origin, &request);
        let status = if document.is_some() { 200 } else { 404 };
        return say(stream, status, &document.unwrap_or_default());
    }
    let mut form = String::new();
    reader.take(length).read_to_string(&mut form)?;
    let moment = lock(state).tell_at.take();
    let tell = lock(state).tell.clone();
    if let Some(Moment::BeforeRotation) = moment {
        // It is killed while this waits for it to go.
        tell.send(())?;
        return wait_until_gone(stream);
    }
    let shown = form.split('&');
    let mut shown = shown.filter_map(|pair| pair.strip_prefix("refresh_token="));
    let next = rotate(&mut lock(state), shown.next_back().unwrap_or_default());
    if let Some(Moment::BeforeAnswer) = moment {
        tell.send(())?;
        return wait_until_gone(stream);
    }
    match next {
        Some(number) => say(
            stream,
            200,
            &format!(
                r#"{{"access_token":"access-{number}","token_type":"Bearer","expires_in":1,"refresh_token":"{}"}}"#,
                token(number)
            ),
        )?,
        None => say(stream, 400, r#"{"error":"invalid_grant"}"#)?,
    }
    stream.flush()?;
    if let Some(Moment::AfterAnswer(pause)) = moment {
        thread::sleep(pause);
        tell.send(())?;
    }
    Ok(())
}

/// The number of the token that is given out for `shown`, if it is good.
fn rotate(state: &mut State, shown: &str) -> Option<u64> {
    if shown == token(state.number) {
        state.number += 1;
        return Some(state.number);
    }
    let is_last = state.number > 0 && shown == token(state.number - 1);
    if is_last && state.lost_answers == LostAnswers::ToldAgain {
        return Some(state.number);
    }
    state.reuses += 1;
    None
}

/// What is published at `origin`.
fn document(origin: &str, request: &str) -> Option<String> {
    Some(match request.split(' ').nth(1)? {
        "/.well-known/oauth-protected-resource/mcp" => {
            format!(r#"{{"resource":"{origin}/mcp","authorization_servers":["{origin}"]}}"#)
        }
        "/.well-known/oauth-authorization-server" => format!(
            r#"{{"issuer":"{origin}","authorization_endpoint":"{origin}/authorize","token_endpoint":"{origin}/token","response_types_supported":["code"],"code_challenge_methods_supported":["S256"],"token_endpoint_auth_methods_supported":["none"]}}"#
        ),
        _ => return None,
    })
}

fn say(mut stream: &TcpStream, status: u16, body: &str) -> Outcome {
    write!(
        stream,
        "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(stream.shutdown(Shutdown::Write)?)
}

fn wait_until_gone(stream: &TcpStream) -> Outcome {
    let mut rest = String::new();
    BufReader::new(stream).read_line(&mut rest)?;
    Ok(())
}
