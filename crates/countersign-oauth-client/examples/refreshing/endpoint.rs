//! An authorization server that rotates refresh tokens.

use std::io::{BufRead, BufReader, Write};
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
    port: u16,
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
        Ok(Self {
            port,
            state,
            moments,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
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
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let moment = lock(state).tell_at.take();
    let tell = lock(state).tell.clone();
    if let Some(Moment::BeforeRotation) = moment {
        // It is killed while this waits for it to go.
        tell.send(())?;
        return wait_until_gone(stream);
    }
    let next = {
        let mut state = lock(state);
        let shown = line.trim();
        if shown == token(state.number) {
            state.number += 1;
            token(state.number)
        } else if state.lost_answers == LostAnswers::ToldAgain
            && state.number > 0
            && shown == token(state.number - 1)
        {
            token(state.number)
        } else {
            state.reuses += 1;
            String::new()
        }
    };
    if let Some(Moment::BeforeAnswer) = moment {
        tell.send(())?;
        return wait_until_gone(stream);
    }
    stream.write_all(next.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    if let Some(Moment::AfterAnswer(pause)) = moment {
        thread::sleep(pause);
        tell.send(())?;
    }
    Ok(())
}

fn wait_until_gone(stream: &TcpStream) -> Outcome {
    let mut rest = String::new();
    BufReader::new(stream).read_line(&mut rest)?;
    Ok(())
}
