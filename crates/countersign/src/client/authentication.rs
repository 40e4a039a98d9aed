//! How a server authenticates: the challenge of RFC 6750 §3 and the protected
//! resource metadata of RFC 9728 §3 and §5.

use countersign_resource_server::oauth::protected_resource::WELL_KNOWN;
use reqwest::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::challenge::{ReceivedChallenge, printable};
use super::error::http;
use super::{ClientError, Endpoint, LIST_TIMEOUT, in_time};

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

impl Endpoint {
    /// Asks the server without a token, and reads what it says about tokens.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if the server cannot be reached. That it has no metadata is
    /// no error.
    pub async fn authentication(&self) -> Result<Authentication, ClientError> {
        in_time(LIST_TIMEOUT, self.discover_authentication()).await
    }

    async fn discover_authentication(&self) -> Result<Authentication, ClientError> {
        let client = self.http_client()?;
        let probe = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
        let answer = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(probe)
            .send()
            .await
            .map_err(|error| http(&error))?;
        let asked = answer.status() == reqwest::StatusCode::UNAUTHORIZED;
        let header = answer.headers().get(WWW_AUTHENTICATE);
        let challenge = header
            .and_then(|value| value.to_str().ok())
            .map(ReceivedChallenge::parse)
            .unwrap_or_default();
        let mut found = None;
        for address in self.metadata_addresses(&challenge) {
            found = read(&client, &address)
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
        let scopes = challenge
            .scope
            .iter()
            .map(|scope| scope.as_str().to_owned());
        let mut authentication = Authentication {
            guard,
            scopes: scopes.collect(),
            authorization_servers: Vec::new(),
            resource: None,
            resource_matches: false,
            metadata: None,
        };
        if let Some((address, document)) = found {
            authentication.describe(&address, document, &self.url);
        }
        Ok(authentication)
    }

    /// The address in the challenge, if it is at the same origin, then the well-known
    /// ones with and without the path (RFC 9728 §3.1, §5.1).
    fn metadata_addresses(&self, challenge: &ReceivedChallenge) -> Vec<Url> {
        let mut addresses = Vec::new();
        let told = challenge.resource_metadata.as_deref();
        addresses.extend(told.and_then(|address| Url::parse(address).ok()));
        for path in [self.url.path(), ""] {
            let mut address = self.url.clone();
            address.set_query(None);
            address.set_path(&format!("{WELL_KNOWN}{}", path.trim_end_matches('/')));
            addresses.push(address);
        }
        addresses.retain(|address| address.origin() == self.url.origin());
        addresses.dedup();
        addresses
    }
}

impl Authentication {
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

async fn read(client: &reqwest::Client, address: &Url) -> Result<Option<Document>, ClientError> {
    let answer = client
        .get(address.clone())
        .header(ACCEPT, "application/json");
    let mut answer = answer.send().await.map_err(|error| http(&error))?;
    if answer.status() != reqwest::StatusCode::OK {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| http(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return Ok(None);
        }
    }
    Ok(serde_json::from_slice(&body).ok())
}
