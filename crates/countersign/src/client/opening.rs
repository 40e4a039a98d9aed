//! A connection is made: the handshake of the era that the server speaks.

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::service::{
    ClientCacheConfig, ClientInitializeError, ClientLifecycleMode, RunningService,
    serve_client_with_lifecycle,
};
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
};
use url::Url;

use super::connect::{Connect, Destination};
use super::ear::Ear;
use super::failures::Failures;
use super::handler::{Handler, Heard, Questions};
use super::level::Level;
use super::pace::Pace;
use super::process;
use super::sending::GettingCredentials;
use super::subscriptions::Subscriptions;
use super::transport::{HttpSse, MAX_ANSWER, Process, Streamable};
use super::{Client, ClientError};
use crate::protocol::{ClientConfig, ProtocolVersion};

/// At most so long is waited before a stream that broke is taken up again. How often is
/// the business of whoever waits.
const MOST_DELAY: Duration = Duration::from_secs(30);

type Opened = RunningService<RoleClient, Handler>;

/// What belongs to one connection.
#[derive(Clone, Default)]
struct Shared {
    failures: Failures,
    heard: Heard,
    credentials: GettingCredentials,
    ear: Ear,
}

pub(super) async fn open(connect: Connect) -> Result<Client, ClientError> {
    let shared = Shared::default();
    let patience = connect.patience;
    let destination = connect.destination.clone()?;
    let opening = async {
        match &destination {
            Destination::Http(url) | Destination::InProcess(_, url) => {
                Ok((over_http(&connect, url, &shared).await?, None))
            }
            Destination::HttpSse(url) => Ok((over_sse(&connect, url, &shared).await?, None)),
            Destination::Process(command) => {
                connect.check_process()?;
                let running = command.start()?;
                let transport = Process::new(running.output, running.input, MAX_ANSWER);
                let child = process::Process::new(running.child);
                let handler = handler(&connect, &shared);
                let lifecycle = lifecycle(connect.legacy);
                match serve_client_with_lifecycle(handler, transport, lifecycle).await {
                    Ok(opened) => Ok((opened, Some(child))),
                    Err(error) => Err(child.explain(error.into()).await),
                }
            }
        }
    };
    let least = connect.least_level();
    let connecting = patience.connecting();
    let (service, child) = connecting
        .wait(connecting.deadline(), &shared.credentials, || None, opening)
        .await?;
    // An answer may be for whoever asked alone, and credentials change in the middle.
    let mut cache = ClientCacheConfig::default();
    cache.enabled = false;
    service.set_response_cache_config(cache).await;
    let mut client = Client {
        service,
        child,
        failures: shared.failures,
        heard: shared.heard,
        credentials: shared.credentials,
        patience,
        asked: connect.asked,
        level: Level::new(least),
        subscriptions: Subscriptions::default(),
    };
    client.begin(connect.changes, &shared.ear).await;
    Ok(client)
}

fn handler(connect: &Connect, shared: &Shared) -> Handler {
    let mut config =
        ClientConfig::new(connect.asked.capabilities(), connect.implementation.clone());
    if connect.legacy {
        config.protocol_version = ProtocolVersion::V_2025_11_25;
    }
    Handler {
        config,
        asked: connect.asked.clone(),
        heard: shared.heard.clone(),
        questions: Questions::default(),
        changes: connect.changes.clone(),
    }
}

fn lifecycle(legacy: bool) -> ClientLifecycleMode {
    match legacy {
        true => ClientLifecycleMode::Initialize,
        false => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
    }
}

/// The SDK would give up the first question after seconds, while a person logs in.
async fn over_http(connect: &Connect, url: &Url, shared: &Shared) -> Result<Opened, ClientError> {
    let sender = connect.sender(url, shared.credentials.clone())?;
    let streamable = Streamable {
        url: Arc::new(url.clone()),
        sender,
        failures: shared.failures.clone(),
        pace: Pace::default(),
        ear: shared.ear.clone(),
    };
    let transport = || {
        let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
        let mut backoff = ExponentialBackoff::default();
        backoff.max_delay = Some(MOST_DELAY);
        config.retry_config = Arc::new(backoff);
        StreamableHttpClientTransport::with_client(streamable.clone(), config)
    };
    if !connect.legacy {
        let modern = ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        };
        let handler = handler(connect, shared);
        match serve_client_with_lifecycle(handler, transport(), modern).await {
            Ok(opened) => return Ok(opened),
            Err(error) if !is_older(&error) => return Err(error.into()),
            Err(_) => {}
        }
    }
    let mut handler = handler(connect, shared);
    handler.config.protocol_version = ProtocolVersion::V_2025_11_25;
    let lifecycle = ClientLifecycleMode::Initialize;
    match serve_client_with_lifecycle(handler, transport(), lifecycle).await {
        Ok(opened) => {
            streamable.ear.opened().await;
            Ok(opened)
        }
        // The first answer was only that it is no newer one.
        Err(ClientInitializeError::JsonRpcError(error)) => Err(ClientError::NotMcp(
            super::challenge::printable(&error.message),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Whether that is what an older server says to the question for the newer era.
const fn is_older(error: &ClientInitializeError) -> bool {
    matches!(
        error,
        ClientInitializeError::JsonRpcError(_)
            | ClientInitializeError::ExpectedInitResult(_)
            | ClientInitializeError::NoCompatibleProtocolVersion { .. }
    )
}

async fn over_sse(connect: &Connect, url: &Url, shared: &Shared) -> Result<Opened, ClientError> {
    let sender = connect.sender(url, shared.credentials.clone())?;
    let transport = HttpSse::open(url, sender).await?;
    let mut handler = handler(connect, shared);
    handler.config.protocol_version = ProtocolVersion::V_2024_11_05;
    let lifecycle = ClientLifecycleMode::Initialize;
    Ok(serve_client_with_lifecycle(handler, transport, lifecycle).await?)
}
