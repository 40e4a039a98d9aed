//! Logging in on another device: RFC 8628.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use countersign_oauth::client_authentication::OwnClient;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::received_tokens::{
    ReceivedTokens, is_error_code, is_token, lifetime, printable,
};
use countersign_oauth::{Lifetime, ScopeSet, Secret, json};
use http::Response;
use serde_json::Value;

use crate::ask::Asker;
use crate::callback;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::refresh;
use crate::token_endpoint::TokenProof;

/// RFC 8628 §3.4.
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

const WHAT: &str = "the device authorization endpoint";

/// RFC 8628 §3.5: "If no value is provided, clients MUST use 5 as the default."
const USUAL_INTERVAL: u64 = 5;

/// The longest that is waited between two questions, in seconds.
const LONGEST_INTERVAL: u64 = 60;

/// The longest that is waited for a person.
const LONGEST: Lifetime = Lifetime::from_mins(30);

/// The longest code for people that is shown, in characters.
const MAX_USER_CODE: usize = 64;

/// What a person is told (RFC 8628 §3.2).
#[derive(Clone)]
#[non_exhaustive]
pub struct DeviceAuthorization {
    device_code: Secret,
    /// What the person types.
    pub user_code: String,
    /// Where the person types it.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: Option<String>,
    /// How long it is good.
    pub expires_in: Lifetime,
    interval: u64,
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorization")
            .field("verification_uri", &self.verification_uri)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

impl DeviceAuthorization {
    /// Asks the authorization server of `discovery` for a code (RFC 8628 §3.1).
    ///
    /// # Errors
    ///
    /// [`OAuthError`], also if it has no such endpoint.
    pub async fn begin(
        asker: &Asker,
        discovery: &Discovery,
        client: &OwnClient,
        scopes: &ScopeSet,
    ) -> Result<Self, OAuthError> {
        let endpoint = discovery.offer.device_authorization_endpoint.as_deref();
        let endpoint = endpoint.ok_or_else(|| {
            OAuthError::NotPermitted(format!(
                "the authorization server {} has no login for devices: log in with a browser",
                discovery.issuer
            ))
        })?;
        let mut parameters = Parameters::default();
        if !scopes.is_empty() {
            parameters.set("scope", &scopes.to_string());
        }
        parameters.set("resource", discovery.resource.as_str());
        let issuer = discovery.issuer.as_str();
        let make = || asker.request_of(client, issuer, (WHAT, endpoint), &parameters);
        let answer = asker.ask_anew(WHAT, make).await?;
        read(asker, &answer)
    }

    /// Waits at most `longest` for the person, however long the code is good.
    #[must_use]
    pub fn within(mut self, longest: Lifetime) -> Self {
        self.expires_in = self.expires_in.min(longest);
        self
    }

    /// One sentence for the person.
    pub fn sentence(&self) -> String {
        match &self.verification_uri_complete {
            Some(address) => format!("Open {address} and confirm the code {}.", self.user_code),
            None => format!(
                "Open {} and enter the code {}.",
                self.verification_uri, self.user_code
            ),
        }
    }

    /// Asks for tokens until the person has decided (RFC 8628 §3.4 and §3.5), no faster
    /// than the server wants.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Person`] if the person refuses or does nothing in time.
    pub async fn wait(
        &self,
        asker: &Asker,
        discovery: &Discovery,
        client: &OwnClient,
        proof: Option<&dyn TokenProof>,
    ) -> Result<ReceivedTokens, OAuthError> {
        let endpoint = refresh::endpoint(asker, discovery, client, proof)?;
        let mut parameters = Parameters::default();
        parameters.set("grant_type", GRANT_TYPE);
        parameters.set("device_code", self.device_code.reveal());
        parameters.set("resource", discovery.resource.as_str());
        let mut interval = self.interval;
        let mut waited = 0;
        loop {
            let left = self.expires_in.as_secs().saturating_sub(waited);
            let pause = Duration::from_secs(interval.min(left));
            tokio::time::sleep(pause).await;
            // The next question would come too late.
            if left < interval {
                break;
            }
            waited = waited.saturating_add(interval);
            match endpoint.ask(&parameters).await {
                Ok(tokens) => return Ok(tokens),
                Err(OAuthError::Refused { code, .. }) if code == "authorization_pending" => {}
                // RFC 8628 §3.5: "the interval MUST be increased by 5 seconds".
                Err(OAuthError::Refused { code, .. }) if code == "slow_down" => {
                    interval = interval.saturating_add(5).min(LONGEST_INTERVAL);
                }
                // RFC 8628 §3.5: on a timeout, ask less often.
                Err(OAuthError::Unreachable { .. }) => {
                    interval = interval.saturating_mul(2).min(LONGEST_INTERVAL);
                }
                Err(OAuthError::Refused {
                    code, description, ..
                }) if code == "access_denied" => {
                    return Err(callback::denied(description.as_deref()));
                }
                Err(OAuthError::Refused { code, .. }) if code == "expired_token" => break,
                Err(error) => return Err(error),
            }
        }
        Err(OAuthError::Person(
            "nobody confirmed the code in time; run it again".to_owned(),
        ))
    }
}

fn read(asker: &Asker, answer: &Response<Bytes>) -> Result<DeviceAuthorization, OAuthError> {
    let bad = |why: &str| OAuthError::BadAnswer(format!("the answer of {WHAT} is refused: {why}"));
    let document = json::parse_object(answer.body()).map_err(|error| bad(&error.to_string()))?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if let Some(code) = text("error").filter(|code| is_error_code(code)) {
        return Err(OAuthError::Refused {
            what: WHAT.to_owned(),
            code: code.to_owned(),
            description: text("error_description").map(printable),
        });
    }
    if !answer.status().is_success() {
        return Err(bad(&format!("it has status {}", answer.status().as_u16())));
    }
    let device_code = text("device_code").filter(|code| is_token(code));
    let user_code = text("user_code").map(printable);
    let user_code = user_code.filter(|code| (1..=MAX_USER_CODE).contains(&code.len()));
    let uri = text("verification_uri").ok_or_else(|| bad("it has no verification_uri"))?;
    let what = "the page for the code";
    asker.reach().judge(what, uri)?;
    let complete = text("verification_uri_complete");
    if let Some(complete) = complete {
        asker.reach().judge(what, complete)?;
    }
    let expires_in = document.get("expires_in").and_then(lifetime);
    let interval = document.get("interval").and_then(Value::as_u64);
    Ok(DeviceAuthorization {
        device_code: Secret::new(device_code.ok_or_else(|| bad("it has no device_code"))?),
        user_code: user_code.ok_or_else(|| bad("it has no user_code"))?,
        verification_uri: uri.to_owned(),
        verification_uri_complete: complete.map(str::to_owned),
        expires_in: expires_in
            .ok_or_else(|| bad("its lifetime is no number of seconds"))?
            .min(LONGEST),
        interval: interval
            .unwrap_or(USUAL_INTERVAL)
            .clamp(1, LONGEST_INTERVAL),
    })
}
