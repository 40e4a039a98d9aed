//! We register ourselves: RFC 7591 §3.1.
//!
//! Servers differ in what they take: some refuse members that they do not know, such as
//! `application_type` of OpenID Connect, grant types that they do not have, or the way of
//! authentication that their own metadata offer. So a refusal that may be about one of
//! them is answered with less (MCP, Dynamic Client Registration: "MAY retry").

use bytes::Bytes;
use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode};
use serde::Serialize;

use super::answer::{self, Refusal, RegistrationAnswer};
use super::is_loopback;
use crate::ask::{Asker, request};
use crate::device;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::store::StoredClient;

/// What the registration endpoint is called in a sentence.
pub(super) const WHAT: &str = "the registration endpoint";

/// A registration is asked for so often at most.
const MOST_REQUESTS: usize = 3;

/// RFC 7591 §2.
#[derive(Serialize)]
struct Document<'a> {
    client_name: &'a str,
    redirect_uris: [&'a str; 1],
    grant_types: Vec<&'a str>,
    response_types: [&'a str; 1],
    token_endpoint_auth_method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<&'a str>,
}

/// What does not have to be said, and what can be said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choices {
    /// Whether the kind of application is said (OpenID Connect Registration §2).
    says_kind: bool,
    /// Besides `authorization_code`.
    grant_types: Vec<&'static str>,
    method: TokenEndpointAuthMethod,
}

/// Registers `client_name` with answers to `redirect_uri` at the authorization server of
/// `discovery`.
///
/// # Errors
///
/// [`OAuthError::NotRegistered`] if it does not want to; others if it does not answer, or
/// with something that is no answer.
pub(super) async fn register(
    asker: &Asker,
    discovery: &Discovery,
    client_name: &str,
    redirect_uri: &str,
) -> Result<StoredClient, OAuthError> {
    let issuer = &discovery.issuer;
    let mut choices = Choices::first(discovery);
    let mut left = MOST_REQUESTS;
    loop {
        left -= 1;
        let request = choices.request(discovery, client_name, redirect_uri)?;
        let answer = asker.ask(WHAT, request).await?;
        let refusal = match answer::read(&answer, issuer, redirect_uri, choices.method) {
            Ok(RegistrationAnswer::Registered(client)) => return Ok(*client),
            Ok(RegistrationAnswer::Refused(refusal)) => refusal,
            Err(error) => {
                tracing::warn!(%issuer, %error, "not registered");
                return Err(error);
            }
        };
        tracing::warn!(%issuer, reason = refusal.reason(), "not registered");
        let other = choices.after(&refusal, discovery).filter(|_| left > 0);
        let Some(other) = other else {
            return Err(OAuthError::NotRegistered {
                issuer: issuer.to_string(),
                reason: refusal.reason(),
                redirect_uri: redirect_uri.to_owned(),
            });
        };
        choices = other;
    }
}

impl Choices {
    fn first(discovery: &Discovery) -> Self {
        let mut grant_types = vec!["refresh_token"];
        if offers_devices(discovery) {
            grant_types.push(device::GRANT_TYPE);
        }
        Self {
            says_kind: true,
            grant_types,
            method: preferred(discovery),
        }
    }

    fn request(
        &self,
        discovery: &Discovery,
        client_name: &str,
        redirect_uri: &str,
    ) -> Result<Request<Bytes>, OAuthError> {
        let mut grant_types = vec!["authorization_code"];
        grant_types.extend(&self.grant_types);
        // OpenID Connect Registration §2: native clients come back to loopback.
        let kind = match is_loopback(redirect_uri) {
            true => "native",
            false => "web",
        };
        let document = Document {
            client_name,
            redirect_uris: [redirect_uri],
            grant_types,
            response_types: ["code"],
            token_endpoint_auth_method: self.method.as_str(),
            application_type: self.says_kind.then_some(kind),
        };
        let document = serde_json::to_vec(&document)
            .map_err(|_| OAuthError::Configuration("client_name(…) is no text".to_owned()))?;
        let endpoint = discovery.offer.registration_endpoint.as_deref();
        let mut request = request(WHAT, Method::POST, endpoint.unwrap_or_default())?;
        let media_type = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, media_type);
        *request.body_mut() = Bytes::from(document);
        Ok(request)
    }

    /// What may be taken after `refusal`: without what the server names, or without all
    /// that is not needed if it names nothing. Nothing if there is no less to say.
    fn after(&self, refusal: &Refusal, discovery: &Discovery) -> Option<Self> {
        let is_about_metadata = match refusal.code.as_deref() {
            Some("invalid_client_metadata" | "invalid_redirect_uri" | "invalid_request") => true,
            Some(_) => false,
            None => matches!(
                refusal.status,
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
            ),
        };
        if !is_about_metadata {
            return None;
        }
        let said = refusal.description.as_deref().unwrap_or_default();
        let said = said.to_ascii_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let mut other = self.clone();
        if names(&["auth_method", "authentication method"]) {
            other.method = self.next_method(discovery)?;
        } else if names(&["application_type", "application type"]) {
            other.says_kind = false;
        } else if names(&["grant"]) {
            other.without_grants(&said);
        } else if self.says_kind || !self.grant_types.is_empty() {
            other.says_kind = false;
            other.grant_types.clear();
        } else {
            other.method = self.next_method(discovery)?;
        }
        (other != *self).then_some(other)
    }

    /// Without the grant types that are `said`; without all if none is.
    fn without_grants(&mut self, said: &str) {
        let is_said = |grant: &&str| said.contains(grant.rsplit(':').next().unwrap_or(grant));
        if self.grant_types.iter().any(is_said) {
            self.grant_types.retain(|grant| !is_said(grant));
        } else {
            self.grant_types.clear();
        }
    }

    /// The way of authentication to be asked for after this one, among those that the
    /// server offers.
    fn next_method(&self, discovery: &Discovery) -> Option<TokenEndpointAuthMethod> {
        let offered = discovery.offer.auth_methods.as_ref()?;
        let later = METHODS
            .into_iter()
            .skip_while(|method| *method != self.method);
        later.skip(1).find(|method| offered.contains(method))
    }
}

/// The ways of authentication for a client that nobody has to write a secret into, none
/// above all.
const METHODS: [TokenEndpointAuthMethod; 3] = [
    TokenEndpointAuthMethod::None,
    TokenEndpointAuthMethod::ClientSecretBasic,
    TokenEndpointAuthMethod::ClientSecretPost,
];

/// Whether somebody may log in on another device (RFC 8628 §4), for which a client has to
/// be registered.
fn offers_devices(discovery: &Discovery) -> bool {
    let offer = &discovery.offer;
    let named = offer.grant_types.as_ref();
    offer.device_authorization_endpoint.is_some()
        && named.is_none_or(|named| named.iter().any(|one| one == device::GRANT_TYPE))
}

/// What is asked for first. Without a word of the server about it (RFC 8414 §2), that is
/// `client_secret_basic`.
fn preferred(discovery: &Discovery) -> TokenEndpointAuthMethod {
    let Some(offered) = &discovery.offer.auth_methods else {
        return match discovery.is_published {
            true => TokenEndpointAuthMethod::ClientSecretBasic,
            false => TokenEndpointAuthMethod::None,
        };
    };
    let found = METHODS.into_iter().find(|method| offered.contains(method));
    found.unwrap_or(TokenEndpointAuthMethod::None)
}
