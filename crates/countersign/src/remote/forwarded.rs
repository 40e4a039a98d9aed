//! The metadata of an authorization server elsewhere, served here as well (RFC 8414 §3).
//!
//! It is fetched when somebody asks, by one at a time, and kept for a while. What is
//! served is what the provider says, if it is the provider's: members that nobody here
//! knows are left out.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response as AxumResponse;
use bytes::Bytes;
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::fetch::Fetch;
use countersign_resource_server::oauth::json;
use countersign_resource_server::oauth::received_metadata::{ReceivedMetadata, is_endpoint};
use countersign_resource_server::oauth::server_metadata::{WELL_KNOWN, issuer_path};
use countersign_resource_server::oauth::web_uri::LoopbackHosts;
use countersign_resource_server::oauth::{Issuer, ResourceUri};
use countersign_resource_server::provider::Provider;
use http::header::{ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, StatusCode, Uri};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// So long a document is served without looking again.
const AGE: Duration = Duration::from_secs(300);
/// So long a document is served while the provider is down.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 3600);
/// So long after a failure nobody looks again.
const PAUSE: Duration = Duration::from_secs(5);

/// Members that clients look at: RFC 8414 §2, RFC 9207 §3, RFC 9449 §5.1 and client ID
/// metadata documents.
const MEMBERS: [&str; 20] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported",
    "client_id_metadata_document_supported",
    "dpop_signing_alg_values_supported",
    "service_documentation",
];

pub(super) struct Forwarded {
    document: Uri,
    issuer: String,
    loopback: LoopbackHosts,
    fetch: Arc<dyn Fetch>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    found: Option<(Bytes, Instant)>,
    failed: Option<Instant>,
}

impl Forwarded {
    pub(super) fn of(
        provider: &Provider,
        fetch: Arc<dyn Fetch>,
        loopback: bool,
    ) -> Result<Self, ConfigurationError> {
        let refuse = |why: &str| {
            ConfigurationError::new(format!(
                "the metadata of {} cannot be served here: {why}",
                provider.display_name
            ))
        };
        let issuer = provider.endpoints.issuer.as_deref();
        let issuer = issuer.and_then(|issuer| Issuer::parse(issuer).ok());
        let issuer = issuer.ok_or_else(|| refuse("its preset does not name one issuer"))?;
        let document = match &provider.discovery {
            Some(address) => address.clone(),
            None => published_at(&issuer).ok_or_else(|| refuse("its issuer has no origin"))?,
        };
        let loopback = match loopback {
            true => LoopbackHosts::Allowed,
            false => LoopbackHosts::Refused,
        };
        if !is_endpoint(&document, loopback) {
            return Err(refuse("the address of the document must be https"));
        }
        Ok(Self {
            document: document.parse().map_err(|_| refuse("it has no address"))?,
            issuer: issuer.as_str().to_owned(),
            loopback,
            fetch,
            seen: Mutex::new(Seen::default()),
        })
    }

    /// The answer to whoever asks.
    pub(super) async fn answer(&self) -> AxumResponse {
        let found = self.current().await;
        let mut answer = AxumResponse::default();
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let Some(document) = found else {
            headers.insert(RETRY_AFTER, HeaderValue::from(PAUSE.as_secs()));
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return answer;
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        );
        *answer.body_mut() = document.into();
        answer
    }

    async fn current(&self) -> Option<Bytes> {
        let mut seen = self.seen.lock().await;
        let now = Instant::now();
        match &seen.found {
            Some((document, when)) if now.duration_since(*when) < AGE => {
                return Some(document.clone());
            }
            _ => {}
        }
        let paused = seen
            .failed
            .is_some_and(|when| now.duration_since(when) < PAUSE);
        if !paused {
            match self.look().await {
                Some(document) => {
                    *seen = Seen {
                        found: Some((document.clone(), now)),
                        failed: None,
                    };
                    return Some(document);
                }
                None => seen.failed = Some(now),
            }
        }
        let known = seen.found.as_ref();
        let known = known.filter(|(_, when)| now.duration_since(*when) < LONGEST_AGE);
        known.map(|(document, _)| document.clone())
    }

    async fn look(&self) -> Option<Bytes> {
        let host = self.document.host();
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.document.clone();
        let accept = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, accept);
        let answer = match self.fetch.fetch(request).await {
            Ok(answer) if answer.status() == StatusCode::OK => answer,
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::warn!(host, status, "the metadata to forward is not there");
                return None;
            }
            Err(error) => {
                tracing::warn!(host, %error, "the metadata to forward could not be fetched");
                return None;
            }
        };
        let kept = self.kept(answer.body());
        if kept.is_none() {
            tracing::warn!(
                host,
                "the metadata to forward is unusable or another issuer's"
            );
        }
        kept
    }

    /// What is served of `body`, if it is the metadata of the issuer, and every address
    /// in it one that clients may send credentials to.
    fn kept(&self, body: &[u8]) -> Option<Bytes> {
        ReceivedMetadata::parse(body, &self.issuer, self.loopback).ok()?;
        let mut document = json::parse_object(body).ok()?;
        let mut kept = Map::new();
        for name in MEMBERS {
            let Some(value) = document.remove(name) else {
                continue;
            };
            let is_address = name.ends_with("_endpoint") || name.ends_with("_uri");
            let fits = match &value {
                Value::String(text) => !is_address || is_endpoint(text, self.loopback),
                Value::Array(several) => !is_address && several.iter().all(Value::is_string),
                Value::Bool(_) => !is_address,
                _ => false,
            };
            if !fits {
                return None;
            }
            kept.insert(name.to_owned(), value);
        }
        serde_json::to_vec(&Value::Object(kept))
            .ok()
            .map(Bytes::from)
    }
}

/// RFC 8414 §3.1: the well-known name stands between the origin and the path.
fn published_at(issuer: &Issuer) -> Option<String> {
    let origin = ResourceUri::parse(issuer.as_str())
        .ok()?
        .origin()
        .to_owned();
    Some(format!("{origin}{WELL_KNOWN}{}", issuer_path(issuer)))
}
