//! Who is on the way between the clients and the server, sees requests and answers go by,
//! and says when one has come as far as it was told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Outcome;

/// When a client dies, seen from the way between it and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The server has not seen its request.
    BeforeRequest,
    /// The server has done what was asked, and the client does not know.
    BeforeAnswer,
    /// The client has had the answer for so long.
    AfterAnswer(Duration),
    /// So long after the request left it.
    AfterRequest(Duration),
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// How the request begins: a method and a path.
    request: &'static str,
    moment: Moment,
}

struct State {
    server: String,
    plan: Option<Plan>,
    /// How many requests for tokens were answered with some.
    tokens: u64,
    tell: UnboundedSender<()>,
}

type Shared = Arc<Mutex<State>>;

pub(crate) struct Relay {
    origin: String,
    state: Shared,
    moments: UnboundedReceiver<()>,
}

impl Relay {
    pub(crate) async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address: SocketAddr = listener.local_addr()?;
        let (tell, moments) = unbounded_channel();
        let state = Arc::new(Mutex::new(State {
            server: String::new(),
            plan: None,
            tokens: 0,
            tell,
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // Who is killed reads no answer.
                    let _gone = carry(&shared, client).await;
                });
            }
        });
        Ok(Self {
            origin: format!("http://{address}"),
            state,
            moments,
        })
    }

    /// The origin that clients know.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Says where the server is.
    pub(crate) fn lead_to(&self, server: String) {
        lock(&self.state).server = server;
    }

    /// Says once when the next request that begins with `request` has come to `moment`.
    pub(crate) fn plan(&self, request: &'static str, moment: Moment) {
        lock(&self.state).plan = Some(Plan { request, moment });
    }

    /// How many requests for tokens were answered with some.
    pub(crate) fn tokens(&self) -> u64 {
        lock(&self.state).tokens
    }

    pub(crate) async fn wait_for_moment(&mut self) -> Outcome {
        let told = tokio::time::timeout(Duration::from_secs(60), self.moments.recv());
        told.await?.ok_or("nobody tells")?;
        Ok(())
    }
}

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn carry(state: &Shared, mut client: TcpStream) -> Outcome {
    let server = lock(state).server.clone();
    let mut server = TcpStream::connect(server).await?;
    let (mut of_client, mut of_server) = (vec![0; 65_536], vec![0; 65_536]);
    let mut asked = Asked::default();
    loop {
        tokio::select! {
            read = client.read(&mut of_client) => {
                let bytes = of_client.get(..read?).unwrap_or_default();
                if bytes.is_empty() {
                    return Ok(());
                }
                if asked.note_request(state, bytes) {
                    return wait_until_gone(&mut client).await;
                }
                server.write_all(bytes).await?;
            }
            read = server.read(&mut of_server) => {
                let bytes = of_server.get(..read?).unwrap_or_default();
                if bytes.is_empty() {
                    return Ok(());
                }
                match asked.note_answer(state, bytes) {
                    Some(Moment::BeforeAnswer) => return wait_until_gone(&mut client).await,
                    Some(Moment::AfterAnswer(pause)) => {
                        client.write_all(bytes).await?;
                        tokio::time::sleep(pause).await;
                        lock(state).tell.send(())?;
                    }
                    _ => client.write_all(bytes).await?,
                }
            }
        }
    }
}

/// The request that is under way in a connection.
#[derive(Default)]
struct Asked {
    plan: Option<Plan>,
    is_for_tokens: bool,
}

impl Asked {
    /// Whether the request that begins with `bytes` must not be carried on.
    fn note_request(&mut self, state: &Shared, bytes: &[u8]) -> bool {
        let mut state = lock(state);
        if !bytes.starts_with(b"POST ") && !bytes.starts_with(b"GET ") {
            return false;
        }
        self.is_for_tokens = bytes.starts_with(b"POST /token ");
        let fits = |plan: &mut Plan| bytes.starts_with(plan.request.as_bytes());
        self.plan = state.plan.take_if(fits);
        match self.plan.map(|plan| plan.moment) {
            Some(Moment::BeforeRequest) => state.tell.send(()).is_ok(),
            Some(Moment::AfterRequest(pause)) => {
                self.plan = None;
                let tell = state.tell.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    tell.send(())
                });
                false
            }
            _ => false,
        }
    }

    /// What was planned for the answer that begins with `bytes`, if it is the one.
    fn note_answer(&mut self, state: &Shared, bytes: &[u8]) -> Option<Moment> {
        let mut state = lock(state);
        let is_good = bytes.starts_with(b"HTTP/1.1 2") || bytes.starts_with(b"HTTP/1.1 3");
        if std::mem::take(&mut self.is_for_tokens) && is_good {
            state.tokens += 1;
        }
        let plan = self.plan.take()?;
        if !is_good {
            // Such as a nonce that is missing; the client asks once more.
            state.plan = Some(plan);
            return None;
        }
        if plan.moment == Moment::BeforeAnswer {
            state.tell.send(()).ok()?;
        }
        Some(plan.moment)
    }
}

async fn wait_until_gone(client: &mut TcpStream) -> Outcome {
    let mut rest = [0; 1024];
    while client.read(&mut rest).await? > 0 {}
    Ok(())
}
