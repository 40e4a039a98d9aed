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
use super::failures::Failures;
use super::handler::{Handler, Heard, Questions};
use super::pace::Pace;
use super::sending::GettingCredentials;
use super::transport::{Ear, HttpSse, MAX_ANSWER, Process, Streamable};
use super::{Client, ClientError};
use crate::protocol::{ClientConfig, ProtocolVersion};

/// A stream that broke is taken up again so many times.
const RECONNECTS: usize = 5;
/// At most so long is waited before.
const MOST_DELAY: Duration = Duration::from_secs(30);

type Opened = RunningService<RoleClient, Handler>;

/// What belongs to one connection.
#[derive(Clone, Default)]
struct Shared {
    failures: Failures,
    heard: Heard,
    credentials: GettingCredentials,
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
                let handler = handler(&connect, &shared);
                let opened = serve_client_with_lifecycle(handler, transport, either_era()).await?;
                Ok((opened, Some(running.child)))
            }
        }
    };
    let connecting = patience.connecting();
    let (service, child) = connecting
        .wait(connecting.deadline(), &shared.credentials, || None, opening)
        .await?;
    // An answer may be for whoever asked alone, and credentials change in the middle.
    let mut cache = ClientCacheConfig::default();
    cache.enabled = false;
    service.set_response_cache_config(cache).await;
    Ok(Client {
        service,
        child,
        failures: shared.failures,
        heard: shared.heard,
        credentials: shared.credentials,
        patience,
        asked: connect.asked,
    })
}

fn handler(connect: &Connect, shared: &Shared) -> Handler {
    Handler {
        config: ClientConfig::new(connect.asked.capabilities(), connect.implementation.clone()),
        asked: connect.asked.clone(),
        heard: shared.heard.clone(),
        questions: Questions::default(),
    }
}

fn either_era() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::V_2025_11_25),
    }
}

/// The SDK would give up the first question after seconds, while a person logs in.
async fn over_http(connect: &Connect, url: &Url, shared: &Shared) -> Result<Opened, ClientError> {
    let sender = connect.sender(url, shared.credentials.clone())?;
    let streamable = Streamable {
        url: Arc::new(url.clone()),
        sender,
        failures: shared.failures.clone(),
        ear: Ear::default(),
        pace: Pace::default(),
    };
    let transport = || {
        let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
        let mut backoff = ExponentialBackoff::default();
        backoff.max_times = Some(RECONNECTS);
        backoff.max_delay = Some(MOST_DELAY);
        config.retry_config = Arc::new(backoff);
        config.max_sse_event_size = MAX_ANSWER;
        StreamableHttpClientTransport::with_client(streamable.clone(), config)
    };
    let modern = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    let discovered =
        serve_client_with_lifecycle(handler(connect, shared), transport(), modern).await;
    let error = match discovered {
        Ok(opened) => return Ok(opened),
        Err(error) => error,
    };
    let older = matches!(
        error,
        ClientInitializeError::JsonRpcError(_)
            | ClientInitializeError::ExpectedInitResult(_)
            | ClientInitializeError::NoCompatibleProtocolVersion { .. }
    );
    if !older {
        return Err(error.into());
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

async fn over_sse(connect: &Connect, url: &Url, shared: &Shared) -> Result<Opened, ClientError> {
    let sender = connect.sender(url, shared.credentials.clone())?;
    let transport = HttpSse::open(url, sender).await?;
    let mut handler = handler(connect, shared);
    handler.config.protocol_version = ProtocolVersion::V_2024_11_05;
    let lifecycle = ClientLifecycleMode::Initialize;
    Ok(serve_client_with_lifecycle(handler, transport, lifecycle).await?)
}
