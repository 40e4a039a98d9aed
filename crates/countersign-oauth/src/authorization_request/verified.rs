//! A request whose answers may go to its address, and what else it asks for.
//!
//! Each method reads one subject, in the order in which they are to be checked:
//! parameters, request objects, response type, proof key, resource, scope, prompt.

use super::prompt::Prompts;
use super::refusal::RequestRefusal;
use crate::authorization_response::{AuthorizationAnswer, AuthorizationResponse};
use crate::client_id::ClientId;
use crate::dpop::Thumbprint;
use crate::form::Form;
use crate::pkce::{CodeChallenge, S256};
use crate::redirect_uri::VerifiedRedirect;
use crate::{Issuer, ResourceUri, ScopeSet, requested_scope, resource_indicator};

/// The longest `state`, in bytes after decoding. A longer one is not returned.
pub const MAX_STATE_BYTES: usize = 4_096;

/// A request of a known client, to an address that this client registered.
#[derive(Clone, Debug)]
pub struct VerifiedRequest {
    form: Form,
    client_id: ClientId,
    redirect: VerifiedRedirect,
}

impl VerifiedRequest {
    pub(super) const fn new(form: Form, client_id: ClientId, redirect: VerifiedRedirect) -> Self {
        Self {
            form,
            client_id,
            redirect,
        }
    }

    /// The client whose address is verified. Nothing proves that it sent the request.
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Where the answer goes.
    pub const fn redirect(&self) -> &VerifiedRedirect {
        &self.redirect
    }

    /// What the client wants back unchanged (RFC 6749 §4.1.1), any text. Nothing
    /// if it is absent, repeated or too long, which [`Self::check_parameters`] refuses.
    pub fn state(&self) -> Option<&str> {
        let state = self.form.one("state").ok().flatten();
        state.filter(|state| state.len() <= MAX_STATE_BYTES)
    }

    /// The refusal as an answer for the client.
    pub fn refuse<'a>(
        &'a self,
        refusal: RequestRefusal,
        issuer: &'a Issuer,
    ) -> AuthorizationResponse<'a> {
        let answer = AuthorizationAnswer::Error(refusal.code(), refusal.description());
        AuthorizationResponse::new(&self.redirect, self.state(), issuer, answer)
    }

    /// RFC 6749 §3.1: "Request and response parameters MUST NOT be included more
    /// than once"; RFC 8707 §2 permits it for `resource`.
    ///
    /// # Errors
    ///
    /// [`RequestRefusal::Repeated`] or [`RequestRefusal::StateTooLong`].
    pub fn check_parameters(&self) -> Result<(), RequestRefusal> {
        if self.form.has_repeated(&["resource"]) {
            return Err(RequestRefusal::Repeated);
        }
        if self.one("state")?.is_some() && self.state().is_none() {
            return Err(RequestRefusal::StateTooLong);
        }
        Ok(())
    }

    /// Requests by value or by reference are not supported, and nothing is
    /// fetched (OpenID Connect Core §6.1, §6.2 and §7.2.1).
    ///
    /// # Errors
    ///
    /// [`RequestRefusal`] with the registered code of what was sent.
    pub fn check_request_object(&self) -> Result<(), RequestRefusal> {
        for (name, refusal) in [
            ("request", RequestRefusal::RequestObject),
            ("request_uri", RequestRefusal::RequestUri),
            ("registration", RequestRefusal::Registration),
        ] {
            if self.one(name)?.is_some() {
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// RFC 6749 §4.1.1: "Value MUST be set to 'code'"; the answer is a query.
    ///
    /// # Errors
    ///
    /// [`RequestRefusal`] for other response types and modes.
    pub fn check_response_type(&self) -> Result<(), RequestRefusal> {
        match self.one("response_type")? {
            None => return Err(RequestRefusal::ResponseTypeMissing),
            Some("code") => {}
            Some(_) => return Err(RequestRefusal::ResponseType),
        }
        match self.one("response_mode")? {
            None | Some("query") => Ok(()),
            Some(_) => Err(RequestRefusal::ResponseMode),
        }
    }

    /// The proof key, which every request must have (RFC 7636 §4.3, RFC 9700 §2.1.1).
    /// Without a method it would be `plain`, which is refused.
    ///
    /// # Errors
    ///
    /// [`RequestRefusal`] if the challenge is missing, malformed or not of `S256`.
    pub fn code_challenge(&self) -> Result<CodeChallenge, RequestRefusal> {
        let challenge = self
            .one("code_challenge")?
            .ok_or(RequestRefusal::ChallengeMissing)?;
        if self.one("code_challenge_method")? != Some(S256) {
            return Err(RequestRefusal::ChallengeMethod);
        }
        CodeChallenge::parse(challenge).map_err(RequestRefusal::Challenge)
    }

    /// The key that tokens of the code are to be bound to (RFC 9449 §10); nothing if the
    /// request does not say.
    ///
    /// # Errors
    ///
    /// [`RequestRefusal::Thumbprint`] if it is no thumbprint.
    pub fn dpop_jkt(&self) -> Result<Option<Thumbprint>, RequestRefusal> {
        let jkt = self.one("dpop_jkt")?.map(Thumbprint::parse).transpose();
        jkt.map_err(|_| RequestRefusal::Thumbprint)
    }

    /// The resource among `known` that the token shall be for (RFC 8707 §2);
    /// nothing if the request does not say.
    ///
    /// # Errors
    ///
    /// [`RequestRefusal::Target`] as of [`resource_indicator::select`].
    pub fn resource(&self, known: &[ResourceUri]) -> Result<Option<ResourceUri>, RequestRefusal> {
        Ok(resource_indicator::select(
            self.form.all("resource"),
            known,
        )?)
    }

    /// The requested scopes; nothing if the parameter is absent or empty.
    ///
    /// # Errors
    ///
    /// [`RequestRefusal::Scope`] if it is malformed.
    pub fn scope(&self) -> Result<Option<ScopeSet>, RequestRefusal> {
        Ok(requested_scope::parse(self.one("scope")?)?)
    }

    /// What the person shall be asked in any case.
    ///
    /// # Errors
    ///
    /// [`RequestRefusal::Prompt`] for unknown values and for `none` beside another.
    pub fn prompts(&self) -> Result<Prompts, RequestRefusal> {
        self.one("prompt")?.map_or_else(
            || Ok(Prompts::default()),
            |text| Prompts::parse(text).ok_or(RequestRefusal::Prompt),
        )
    }

    fn one(&self, name: &str) -> Result<Option<&str>, RequestRefusal> {
        self.form.one(name).map_err(|_| RequestRefusal::Repeated)
    }
}
