//! Requests about a token: introspection (RFC 7662 §2.1) and revocation (RFC 7009 §2.1),
//! also where a provider follows neither.

use bytes::Bytes;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::{Secret, UnixTime};
use countersign_resource_server::provider::{
    EndpointAuthentication, RevokedToken, TokenPlacement, TokenRequest,
};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::Upstream;
use super::credentials::{sensitive, write_form};
use super::endpoint::Endpoint;
use super::error::UpstreamError;
use super::token_endpoint::request;
use super::tokens::UpstreamTokens;
use crate::random::Random;

impl Upstream {
    /// Gives `tokens` back to the provider (RFC 7009 §2.1), at the time `now`.
    ///
    /// It is done if the provider has no such endpoint, or knows the tokens no more.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::Unavailable`] if it makes sense to try again; every other error
    /// if it does not.
    pub(crate) async fn revoke(
        &self,
        tokens: &UpstreamTokens,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<(), UpstreamError> {
        if self.endpoint(Endpoint::Revocation, now).await?.is_none() {
            return Ok(());
        }
        let profile = &self.0.login.revocation;
        let mut outcome = Ok(());
        for kind in &profile.tokens {
            let token = match kind {
                RevokedToken::RefreshToken => tokens.refresh_token.as_ref(),
                RevokedToken::AccessToken => Some(&tokens.access_token),
            };
            let Some(token) = token else { continue };
            let revoked = match self
                .ask_about_token(Endpoint::Revocation, &profile.request, token, now, random)
                .await
            {
                Ok(answer) => self.check_revoked(&answer),
                Err(error) => Err(error),
            };
            // One that fails keeps nobody from giving back the other.
            outcome = outcome.and(revoked);
        }
        outcome
    }

    /// RFC 7009 §2.2: "invalid tokens do not cause an error response"; where they do, the
    /// token is gone all the same.
    fn check_revoked(&self, answer: &Response<Bytes>) -> Result<(), UpstreamError> {
        let what = Endpoint::Revocation.what();
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let document: Option<Value> = countersign_oauth::json::parse(answer.body()).ok();
        let code = document.as_ref().and_then(|one| one.get("error")?.as_str());
        match (status, code) {
            // RFC 7009 §2.2.1: it cannot be revoked here; there is nothing to be done.
            (StatusCode::BAD_REQUEST, Some("unsupported_token_type" | "invalid_token")) => Ok(()),
            (StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::UNPROCESSABLE_ENTITY, _) => {
                Ok(())
            }
            (_, Some(code)) if status.is_client_error() => Err(UpstreamError::refused(code)),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
                Err(UpstreamError::Refused("invalid_client".to_owned()))
            }
            _ => {
                let status = status.as_u16();
                let sentence = format!("{what} answers with status {status}");
                Err(self.0.asker.bad_answer(&sentence))
            }
        }
    }

    /// Sends `token` to `endpoint` as `shape` says.
    pub(super) async fn ask_about_token(
        &self,
        endpoint: Endpoint,
        shape: &TokenRequest,
        token: &Secret,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Response<Bytes>, UpstreamError> {
        let address = self.needed(endpoint, now).await?;
        let mut request = request(shape.method.clone(), &address)?;
        let mut parameters = Parameters::default();
        if shape.token_in == TokenPlacement::Bearer {
            let bearer = sensitive("Bearer", token)?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
            return self.0.asker.ask(endpoint.what(), request).await;
        }
        parameters.set(&shape.token_parameter, token.reveal());
        let credentials = &self.0.credentials;
        let header = match shape.authentication {
            EndpointAuthentication::None => None,
            EndpointAuthentication::ClientSecretBasic => credentials.as_basic()?,
            EndpointAuthentication::TokenEndpoint => {
                let audience = self.assertion_audience(now).await?;
                credentials.apply(&mut parameters, &audience, now, random)?
            }
        };
        if shape.token_in == TokenPlacement::Form {
            write_form(&parameters, &mut request, header);
        } else {
            *request.body_mut() = Bytes::from(parameters.as_json().reveal().to_owned());
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            if let Some(header) = header {
                request.headers_mut().insert(AUTHORIZATION, header);
            }
        }
        self.0.asker.ask(endpoint.what(), request).await
    }
}
