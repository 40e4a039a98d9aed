//! The load: several keep-alive connections, requests one after the other on each.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::child::Server;
use crate::client::Connection;
use crate::leg::Leg;
use crate::request::{Template, Wire};

/// Calls that each connection makes before anything is measured.
const WARM_UP: usize = 100;

/// What one round of one leg took.
#[derive(Debug)]
pub(crate) struct Round {
    /// CPU time of the server for one call.
    pub(crate) cpu: Duration,
    /// How long all of them took together.
    pub(crate) elapsed: Duration,
    /// How long each call took.
    pub(crate) latencies: Vec<Duration>,
}

/// Sends the calls of one round. `tokens` has those of each connection, taken in
/// turn; `warm` is the one for whatever is not measured.
pub(crate) fn drive(
    server: &Server,
    leg: &Leg,
    calls: usize,
    warm: &str,
    tokens: &[Vec<String>],
) -> Result<Round> {
    let ready = |number: usize| {
        let tokens = tokens.get(number).context("a connection has no tokens")?;
        let client = Client::ready(server.address, leg, warm)?;
        Ok(move || client.send(calls, tokens))
    };
    measure(server, tokens.len(), ready).with_context(|| format!("leg `{}`", leg.name))
}

/// One round of `connections` at once. `ready` prepares the one with a number, which is
/// not measured, and answers what is: calls, with how long each of them took.
pub(crate) fn measure<P, C>(server: &Server, connections: usize, ready: P) -> Result<Round>
where
    P: Fn(usize) -> Result<C> + Sync,
    C: FnOnce() -> Result<Vec<Duration>>,
{
    let line = Barrier::new(connections + 1);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|number| {
                let (line, ready) = (&line, &ready);
                scope.spawn(move || {
                    let calls = ready(number);
                    line.wait();
                    // The reading of the clock is between these two.
                    line.wait();
                    let latencies = calls.and_then(|calls| calls());
                    line.wait();
                    latencies
                })
            })
            .collect();
        line.wait();
        // What the last warm-up calls left to do is done by then.
        thread::sleep(Duration::from_millis(5));
        let (before, began) = (server.cpu(), Instant::now());
        line.wait();
        line.wait();
        let elapsed = began.elapsed();
        thread::sleep(Duration::from_millis(5));
        let spent = server.cpu()?.saturating_sub(before?);
        let mut latencies = Vec::new();
        for client in clients {
            let Ok(answered) = client.join() else {
                bail!("a client panicked");
            };
            latencies.extend(answered?);
        }
        let number = u32::try_from(latencies.len()).context("too many calls")?;
        Ok(Round {
            cpu: server.busy(spent, elapsed) / number.max(1),
            elapsed,
            latencies,
        })
    })
}

/// One connection, and its session if the leg has one.
struct Client<'a> {
    connection: Connection,
    template: Template,
    leg: &'a Leg,
    request: Vec<u8>,
}

impl<'a> Client<'a> {
    fn ready(address: SocketAddr, leg: &'a Leg, warm: &str) -> Result<Self> {
        let mut connection = Connection::open(address)?;
        let mut request = Vec::with_capacity(4096);
        let session = match leg.wire {
            Wire::Session => Some(open_session(&mut connection, warm, &mut request)?),
            Wire::Modern | Wire::Legacy => None,
        };
        let mut client = Self {
            connection,
            template: Template::call(leg.wire, leg.tool, session.as_deref()),
            leg,
            request,
        };
        for _ in 0..WARM_UP {
            client.call(warm)?;
        }
        Ok(client)
    }

    fn send(mut self, calls: usize, tokens: &[String]) -> Result<Vec<Duration>> {
        let mut latencies = Vec::with_capacity(calls);
        for token in tokens.iter().cycle().take(calls) {
            let began = Instant::now();
            self.call(token)?;
            latencies.push(began.elapsed());
        }
        Ok(latencies)
    }

    fn call(&mut self, token: &str) -> Result<()> {
        self.template.write(token, &mut self.request);
        let answer = self.connection.ask(&self.request)?;
        if answer.status != 200 || !answer.has(self.leg.tool.answer()) {
            bail!("{} {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        Ok(())
    }
}

fn open_session(connection: &mut Connection, token: &str, request: &mut Vec<u8>) -> Result<String> {
    Template::initialize().write(token, request);
    let answer = connection.ask(request)?;
    let Some(session) = answer.header("mcp-session-id").map(str::to_owned) else {
        bail!(
            "{} without a session: {}",
            answer.status,
            String::from_utf8_lossy(answer.body)
        );
    };
    Template::initialized(&session).write(token, request);
    let accepted = connection.ask(request)?.status;
    if accepted != 202 {
        bail!("the notification was answered with {accepted}");
    }
    Ok(session)
}
