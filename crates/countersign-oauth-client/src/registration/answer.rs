//! What a registration endpoint answers: RFC 7591 §3.2.

use bytes::Bytes;
use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::received_metadata::is_endpoint;
use countersign_oauth::received_tokens::{is_error_code, is_token, printable};
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{ClientId, Issuer, Secret, UnixTime, json};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::is_same_redirect_uri;
use super::request::WHAT;
use crate::error::OAuthError;
use crate::store::StoredClient;

/// The longest secret that is kept, in bytes.
const MAX_SECRET_BYTES: usize = 4 * 1024;

/// A client, or why there is none (RFC 7591 §3.2.2).
pub(super) enum RegistrationAnswer {
    Registered(Box<StoredClient>),
    Refused(Refusal),
}

/// What a server says that registers nobody.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// Absent where the server has words of its own.
    pub(super) code: Option<String>,
    /// Made printable.
    pub(super) description: Option<String>,
}

impl Refusal {
    /// As a part of a sentence.
    pub(super) fn reason(&self) -> String {
        let status = self.status.as_u16();
        let reason = match &self.code {
            Some(code) => code.clone(),
            None => format!("HTTP {status}"),
        };
        match &self.description {
            Some(description) => format!("{reason} ({description})"),
            None => reason,
        }
    }
}

/// Only what is needed is read; what the server writes about redirect URIs is compared and
/// never followed. `asked` is the way of authentication that was asked for.
pub(super) fn read(
    answer: &Response<Bytes>,
    issuer: &Issuer,
    redirect_uri: &str,
    asked: TokenEndpointAuthMethod,
) -> Result<RegistrationAnswer, OAuthError> {
    let bad = |why: &str| OAuthError::BadAnswer(format!("the answer of {WHAT} is refused: {why}"));
    let status = answer.status();
    let document = json::parse_object(answer.body());
    let code = document.as_ref().ok().and_then(code);
    if code.is_some() || status.is_client_error() {
        return Ok(RegistrationAnswer::Refused(Refusal {
            status,
            code,
            description: document.as_ref().ok().and_then(description),
        }));
    }
    let document =
        document.map_err(|error| bad(&format!("status {}, {error}", status.as_u16())))?;
    if !status.is_success() {
        return Err(bad(&format!("it has status {}", status.as_u16())));
    }
    let client_id = document.get("client_id").and_then(Value::as_str);
    let client_id = client_id.and_then(|id| ClientId::parse(id).ok());
    let client_id = client_id.ok_or_else(|| bad("it has no client id"))?;
    let registered = redirect_uris(&document).ok_or_else(|| bad("its redirect_uris are none"))?;
    let is_ours = |uris: Vec<&str>| {
        uris.iter()
            .any(|known| is_same_redirect_uri(known, redirect_uri))
    };
    if !registered.is_none_or(is_ours) {
        return Err(bad("it registers other redirect URIs than were asked for"));
    }
    let mut client = StoredClient::new(issuer.clone(), client_id, vec![redirect_uri.to_owned()]);
    client.client_secret = text(&document, "client_secret")
        .map(|secret| {
            let fits = is_secret(secret).then(|| Secret::new(secret));
            fits.ok_or_else(|| bad("its client secret is none"))
        })
        .transpose()?;
    client.token_endpoint_auth_method = match text(&document, "token_endpoint_auth_method") {
        None => asked,
        Some(method) => TokenEndpointAuthMethod::parse(method)
            .ok_or_else(|| bad("it demands an unknown way of client authentication"))?,
    };
    if client.token_endpoint_auth_method == TokenEndpointAuthMethod::PrivateKeyJwt
        || (client.token_endpoint_auth_method.has_secret() && client.client_secret.is_none())
    {
        return Err(bad(
            "it demands client authentication and gives nothing for it",
        ));
    }
    // RFC 7591 §3.2.1: 0 means never.
    let ends = document.get("client_secret_expires_at");
    let ends = ends.and_then(Value::as_u64).filter(|ends| *ends > 0);
    client.secret_expires_at = ends.map(UnixTime::from_secs);
    // RFC 7592 §3: nothing is asked there yet; what could never be asked is not kept.
    client.registration_client_uri = text(&document, "registration_client_uri")
        .filter(|address| is_endpoint(address, LoopbackHosts::Allowed))
        .map(str::to_owned);
    client.registration_access_token = text(&document, "registration_access_token")
        .filter(|token| is_token(token))
        .map(Secret::new);
    Ok(RegistrationAnswer::Registered(Box::new(client)))
}

/// RFC 6749 appendix A.2, and a length that anybody uses.
fn is_secret(text: &str) -> bool {
    (1..=MAX_SECRET_BYTES).contains(&text.len())
        && text.bytes().all(|byte| (0x20..=0x7E).contains(&byte))
}

fn code(document: &Map<String, Value>) -> Option<String> {
    let code = text(document, "error")?;
    is_error_code(code).then(|| code.to_owned())
}

/// Frameworks that know nothing of RFC 7591 call it otherwise.
fn description(document: &Map<String, Value>) -> Option<String> {
    let names = ["error_description", "message", "detail"];
    let said = names.iter().find_map(|name| text(document, name))?;
    Some(printable(said)).filter(|said| !said.is_empty())
}

fn text<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = document.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// The registered redirect URIs, if they are said; nothing if they are something else.
fn redirect_uris(document: &Map<String, Value>) -> Option<Option<Vec<&str>>> {
    match document.get("redirect_uris") {
        None | Some(Value::Null) => Some(None),
        Some(Value::Array(values)) => {
            let texts = values.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
            texts.map(Some)
        }
        Some(_) => None,
    }
}
