//! Codes and refresh tokens become tokens: RFC 6749 §4.1.3 and §6.

use bytes::Bytes;
use countersign_oauth::json;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::{ResourceUri, Secret, UnixTime};
use countersign_resource_server::provider::ResourceParameter;
use http::header::ACCEPT;
use http::{HeaderValue, Method, Request, Uri};

use super::credentials::write_form;
use super::endpoint::Endpoint;
use super::error::UpstreamError;
use super::token_response::{self, TokenAnswer};
use super::{AttemptSecrets, Upstream};
use crate::random::Random;

/// A code as it came back, and where to.
pub(super) struct Redemption<'a> {
    pub(super) attempt: &'a AttemptSecrets,
    pub(super) redirect_uri: &'a str,
    pub(super) code: &'a Secret,
}

impl Upstream {
    /// RFC 6749 §4.1.3, with the proof of RFC 7636 §4.5.
    pub(super) async fn exchange(
        &self,
        redemption: Redemption<'_>,
        resource: Option<&ResourceUri>,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<TokenAnswer, UpstreamError> {
        let mut parameters = self.token_parameters(resource);
        parameters.set("grant_type", "authorization_code");
        parameters.set("code", redemption.code.reveal());
        parameters.set("redirect_uri", redemption.redirect_uri);
        if self.0.login.pkce {
            let verifier = redemption.attempt.code_verifier.secret();
            parameters.set("code_verifier", verifier.reveal());
        }
        self.ask_for_tokens(parameters, now, random).await
    }

    /// RFC 6749 §6. The scope is not named: it stays as it is. An ID token that comes along
    /// is not looked at, because nobody logs in by a refresh.
    pub(super) async fn exchange_refresh_token(
        &self,
        refresh_token: &Secret,
        resource: Option<&ResourceUri>,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<TokenAnswer, UpstreamError> {
        let mut parameters = self.token_parameters(resource);
        parameters.set("grant_type", "refresh_token");
        parameters.set("refresh_token", refresh_token.reveal());
        self.ask_for_tokens(parameters, now, random).await
    }

    fn token_parameters(&self, resource: Option<&ResourceUri>) -> Parameters {
        let mut parameters = Parameters::default();
        for (name, value) in &self.0.token_parameters {
            parameters.set(name, value);
        }
        if let Some(resource) = self.forwarded(resource) {
            parameters.set("resource", resource.as_str());
        }
        parameters
    }

    /// The resource indicator (RFC 8707 §2), if this provider is told.
    pub(super) fn forwarded<'r>(
        &self,
        resource: Option<&'r ResourceUri>,
    ) -> Option<&'r ResourceUri> {
        match self.0.login.resource {
            ResourceParameter::Forward => resource,
            ResourceParameter::Strip => None,
        }
    }

    async fn ask_for_tokens(
        &self,
        parameters: Parameters,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<TokenAnswer, UpstreamError> {
        let what = Endpoint::Token.what();
        let address = self.needed(Endpoint::Token, now).await?;
        let audience = self.assertion_audience(now).await?;
        let credentials = &self.0.credentials;
        // An assertion counts once, so each attempt has its own (RFC 7523 §3).
        let make = || {
            let mut parameters = parameters.clone();
            let header = credentials.apply(&mut parameters, &audience, now, random)?;
            let mut request = request(Method::POST, &address)?;
            write_form(&parameters, &mut request, header);
            Ok(request)
        };
        let answer = self.0.asker.ask_anew(what, make).await?;
        if answer.status().is_redirection() {
            let sentence = format!("{what} redirects, which no token endpoint does");
            return Err(self.0.asker.bad_answer(&sentence));
        }
        let document = json::parse(answer.body()).map_err(|error| {
            let status = answer.status().as_u16();
            self.0.asker.bad_answer(&format!(
                "the answer of {what} with status {status} is unreadable: {error}"
            ))
        })?;
        let read = token_response::read(&self.0.login, answer.status(), &document, now);
        if let Err(error) = &read {
            tracing::warn!(provider = self.name(), %error, "no tokens");
        }
        read
    }
}

/// A request to `address` that asks for JSON.
pub(super) fn request(method: Method, address: &str) -> Result<Request<Bytes>, UpstreamError> {
    let uri: Uri = address
        .parse()
        .map_err(|_| UpstreamError::BadAnswer("an endpoint has no usable address".to_owned()))?;
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(ACCEPT, json);
    Ok(request)
}
