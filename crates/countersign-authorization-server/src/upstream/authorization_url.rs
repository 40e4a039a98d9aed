//! Where people are sent to log in: RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1,
//! OpenID Connect Core 1.0 §3.1.2.1.

use countersign_oauth::parameters::Parameters;
use countersign_oauth::pkce::S256;
use countersign_oauth::{ResourceUri, Secret, UnixTime};

use super::endpoint::Endpoint;
use super::error::UpstreamError;
use super::{AttemptSecrets, Upstream};

const PROMPT: &str = "prompt";

impl Upstream {
    /// The address at the provider for one attempt, at the time `now`.
    ///
    /// `state` comes back with the answer to `redirect_uri`, the address of our callback
    /// that is registered at the provider. `resource` is what the person gives access
    /// to; it reaches only providers that are meant to know it. `prompts` is what the
    /// client wants the person to be asked in any case; it reaches those that speak
    /// OpenID Connect (Core §3.1.2.1), beside what is configured.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] if the provider has to be asked first, and does not answer.
    pub(crate) async fn authorization_url(
        &self,
        attempt: &AttemptSecrets,
        state: &Secret,
        redirect_uri: &str,
        resource: Option<&ResourceUri>,
        prompts: &[&str],
        now: UnixTime,
    ) -> Result<String, UpstreamError> {
        let endpoint = self.needed(Endpoint::Authorization, now).await?;
        let login = &self.0.login;
        let mut parameters = Parameters::default();
        let speaks_openid = login.nonce || self.0.scopes.iter().any(|scope| scope == "openid");
        for (name, value) in &self.0.authorize_parameters {
            parameters.set(name, value);
        }
        if speaks_openid {
            let configured = self.0.authorize_parameters.get(PROMPT);
            let prompt = login.prompt.asking(configured.map(String::as_str), prompts);
            if let Some(prompt) = prompt {
                parameters.set(PROMPT, &prompt);
            }
        }
        parameters.set("response_type", "code");
        parameters.set("client_id", self.client_id());
        parameters.set("redirect_uri", redirect_uri);
        parameters.set("state", state.reveal());
        if !self.0.scopes.is_empty() {
            let scopes = self.0.scopes.iter().map(String::as_str);
            parameters.set(&login.scope_parameter, &login.scope_value(scopes));
        }
        if login.pkce {
            let challenge = attempt.code_verifier.challenge();
            parameters.set("code_challenge", challenge.as_str());
            parameters.set("code_challenge_method", S256);
        }
        if login.nonce {
            parameters.set("nonce", attempt.nonce.reveal());
        }
        if let Some(resource) = self.forwarded(resource) {
            parameters.set("resource", resource.as_str());
        }
        Ok(parameters.appended_to(&endpoint).reveal().to_owned())
    }
}
