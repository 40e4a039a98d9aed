//! The authorization request: RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1.

use std::fmt;

use countersign_oauth::parameters::Parameters;
use countersign_oauth::pkce::{CodeVerifier, S256};
use countersign_oauth::{Issuer, ResourceUri, ScopeSet, Secret};
use url::Url;

use crate::ask::Asker;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::random::{draw, draw_secret};

/// One request that a person is shown, with what its answer is checked against. It is
/// made before the person is led anywhere.
#[derive(Clone)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// Where the person goes.
    pub url: Url,
    /// What the answer must carry (RFC 6749 §10.12).
    pub(crate) state: Secret,
    /// The proof for the code (RFC 7636 §4.1).
    pub(crate) verifier: CodeVerifier,
    /// Who was asked, and must have answered (RFC 9207 §2.4).
    pub(crate) issuer: Issuer,
    /// Whether its answers always say so.
    pub(crate) sends_iss: bool,
    /// Where the answer goes.
    pub(crate) redirect_uri: String,
    /// The resource that the token is for.
    pub(crate) resource: ResourceUri,
    /// What was asked for.
    pub(crate) scopes: ScopeSet,
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("issuer", &self.issuer)
            .field("redirect_uri", &self.redirect_uri)
            .field("resource", &self.resource)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wanted<'a> {
    /// Our id at the authorization server.
    pub client_id: &'a str,
    /// Where the answer shall go.
    pub redirect_uri: &'a str,
    /// The scopes; none are named if there are none.
    pub scopes: &'a ScopeSet,
    /// The thumbprint of the key that the code shall be bound to (RFC 9449 §10).
    pub key_thumbprint: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// `scopes` for `client_id`, answered to `redirect_uri`.
    pub const fn new(client_id: &'a str, redirect_uri: &'a str, scopes: &'a ScopeSet) -> Self {
        Self {
            client_id,
            redirect_uri,
            scopes,
            key_thumbprint: None,
        }
    }

    /// Binds the code to a key.
    #[must_use]
    pub const fn bound_to(mut self, key_thumbprint: Option<&'a str>) -> Self {
        self.key_thumbprint = key_thumbprint;
        self
    }
}

impl AuthorizationRequest {
    /// A request to the authorization server of `discovery`, with a fresh state and proof
    /// key.
    ///
    /// # Errors
    ///
    /// [`OAuthError::NotPermitted`] if the server does not assure proof keys, or names an
    /// endpoint that no browser is sent to.
    pub fn new(
        asker: &Asker,
        discovery: &Discovery,
        wanted: Wanted<'_>,
    ) -> Result<Self, OAuthError> {
        let what = "the authorization endpoint";
        let issuer = &discovery.issuer;
        let endpoint = discovery.metadata.authorization_endpoint.as_deref();
        let endpoint = endpoint.ok_or_else(|| {
            OAuthError::BadAnswer(format!(
                "the authorization server {issuer} names no authorization endpoint"
            ))
        })?;
        asker.reach().judge(what, endpoint)?;
        // Without a document nothing is said of proof keys, but 2025-03-26 demands them.
        if discovery.is_published && !discovery.offer.has_s256() {
            return Err(OAuthError::NotPermitted(format!(
                "the authorization server {issuer} does not assure proof keys \
                 (code_challenge_methods_supported with S256), so a stolen code would be worth \
                 a token: no login there"
            )));
        }
        let state = draw_secret(asker.random())?;
        let verifier = CodeVerifier::from_random(draw(asker.random())?);
        let mut parameters = Parameters::default();
        parameters.set("response_type", "code");
        parameters.set("client_id", wanted.client_id);
        parameters.set("redirect_uri", wanted.redirect_uri);
        if !wanted.scopes.is_empty() {
            parameters.set("scope", &wanted.scopes.to_string());
        }
        parameters.set("state", state.reveal());
        parameters.set("code_challenge", verifier.challenge().as_str());
        parameters.set("code_challenge_method", S256);
        parameters.set("resource", discovery.resource.as_str());
        parameters.set_if_some("dpop_jkt", wanted.key_thumbprint);
        let url = Url::parse(parameters.appended_to(endpoint).reveal())
            .map_err(|_| OAuthError::BadAnswer(format!("{what} has no usable address")))?;
        Ok(Self {
            url,
            state,
            verifier,
            issuer: issuer.clone(),
            sends_iss: discovery.metadata.sends_iss,
            redirect_uri: wanted.redirect_uri.to_owned(),
            resource: discovery.resource.clone(),
            scopes: wanted.scopes.clone(),
        })
    }

    /// The parameters that redeem `code` (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub fn redemption(&self, code: &Secret) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.set("grant_type", "authorization_code");
        parameters.set("code", code.reveal());
        parameters.set("redirect_uri", &self.redirect_uri);
        parameters.set("code_verifier", self.verifier.secret().reveal());
        parameters.set("resource", self.resource.as_str());
        parameters
    }
}
