//! How a server authenticates: the challenge of RFC 6750 §3 and the protected
//! resource metadata of RFC 9728 §3 and §5.

use bytes::Bytes;
use countersign_resource_server::oauth::protected_resource::WELL_KNOWN;
use http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::challenge::{ReceivedChallenge, printable};
use super::connect::Destination;
use super::wire::{Wire, WireAnswer};
use super::{ClientError, Connect};

/// The metadata document is never larger.
const MAX_BYTES: usize = 64 * 1024;

/// Whether a token is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Guard {
    /// Nobody needs a token, and none is asked for.
    Open,
    /// Callers without a token are let in; a token opens more.
    Optional,
    /// Callers need a token.
    Required,
}

/// How a server authenticates its callers. Everything in it is the server's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Authentication {
    /// Whether a token is needed.
    pub guard: Guard,
    /// The scopes a token should have.
    pub scopes: Vec<String>,
    /// Who issues the tokens.
    pub authorization_servers: Vec<String>,
    /// The server's own identifier, for which the tokens must be.
    pub resource: Option<String>,
    /// Whether `resource` is the address that was asked. If it is not, RFC 9728 §3.3
    /// forbids using the metadata.
    pub resource_matches: bool,
    /// Where the metadata was found.
    pub metadata: Option<String>,
}

/// The members of RFC 9728 §2 that matter here.
#[derive(Deserialize)]
struct Document {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

impl Connect {
    /// Asks the server without credentials, and reads what it says about tokens. A
    /// command needs none.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if the server cannot be reached. That it has no metadata is
    /// no error.
    pub async fn authentication(&self) -> Result<Authentication, ClientError> {
        let url = match self.destination.clone()? {
            Destination::Http(url) | Destination::HttpSse(url) | Destination::InProcess(_, url) => {
                url
            }
            Destination::Process(_) => return Ok(Authentication::of(Guard::Open)),
        };
        let wire = self.wire(&url)?;
        tokio::time::timeout(self.patience.timeout, discover(&*wire, &url))
            .await
            .unwrap_or(Err(ClientError::TimedOut))
    }
}

async fn discover(wire: &dyn Wire, url: &Url) -> Result<Authentication, ClientError> {
    let probe = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let answer = ask(wire, Method::POST, url, probe).await?;
    let asked = answer.status == StatusCode::UNAUTHORIZED;
    let header = answer.headers.get(WWW_AUTHENTICATE);
    let challenge = header
        .and_then(|value| value.to_str().ok())
        .map(ReceivedChallenge::parse)
        .unwrap_or_default();
    let mut found = None;
    for address in metadata_addresses(url, &challenge) {
        found = read(wire, &address)
            .await?
            .map(|document| (address, document));
        if found.is_some() {
            break;
        }
    }
    let guard = match (asked, &found) {
        (true, _) => Guard::Required,
        (false, Some(_)) => Guard::Optional,
        (false, None) => Guard::Open,
    };
    let scopes = challenge.scope.iter();
    let mut authentication = Authentication::of(guard);
    authentication.scopes = scopes.map(|scope| scope.as_str().to_owned()).collect();
    if let Some((address, document)) = found {
        authentication.describe(&address, document, url);
    }
    Ok(authentication)
}

/// One request without credentials; a redirect is not followed.
async fn ask(
    wire: &dyn Wire,
    method: Method,
    url: &Url,
    body: String,
) -> Result<WireAnswer, ClientError> {
    let both = HeaderValue::from_static("application/json, text/event-stream");
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = url
        .as_str()
        .parse()
        .map_err(|_| ClientError::Url(url.to_string()))?;
    request.headers_mut().insert(ACCEPT, both);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    wire.exchange(request).await
}

/// The address in the challenge, if it is at the same origin, then the well-known
/// ones with and without the path (RFC 9728 §3.1, §5.1).
fn metadata_addresses(url: &Url, challenge: &ReceivedChallenge) -> Vec<Url> {
    let mut addresses = Vec::new();
    let told = challenge.resource_metadata.as_deref();
    addresses.extend(told.and_then(|address| Url::parse(address).ok()));
    for path in [url.path(), ""] {
        let mut address = url.clone();
        address.set_query(None);
        address.set_path(&format!("{WELL_KNOWN}{}", path.trim_end_matches('/')));
        addresses.push(address);
    }
    addresses.retain(|address| address.origin() == url.origin());
    addresses.dedup();
    addresses
}

impl Authentication {
    const fn of(guard: Guard) -> Self {
        Self {
            guard,
            scopes: Vec::new(),
            authorization_servers: Vec::new(),
            resource: None,
            resource_matches: false,
            metadata: None,
        }
    }

    fn describe(&mut self, address: &Url, document: Document, asked: &Url) {
        // RFC 9728 §3.3: "the resource value returned MUST be identical to the
        // protected resource's resource identifier value".
        self.resource_matches = document.resource == asked.as_str()
            || document.resource == asked.as_str().trim_end_matches('/');
        self.resource = Some(printable(&document.resource));
        self.metadata = Some(address.to_string());
        let issuers = document.authorization_servers.iter();
        self.authorization_servers = issuers.map(|issuer| printable(issuer)).collect();
        if self.scopes.is_empty() {
            let scopes = document.scopes_supported.iter();
            self.scopes = scopes.map(|scope| printable(scope)).collect();
        }
    }
}

async fn read(wire: &dyn Wire, address: &Url) -> Result<Option<Document>, ClientError> {
    let answer = ask(wire, Method::GET, address, String::new()).await?;
    if answer.status != StatusCode::OK {
        return Ok(None);
    }
    match answer.text(MAX_BYTES).await {
        Ok(body) => Ok(serde_json::from_slice(&body).ok()),
        Err(ClientError::TooLarge) => Ok(None),
        Err(error) => Err(error),
    }
}
