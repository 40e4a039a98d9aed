//! Tokens by the identity provider of a company: RFC 8693 there, RFC 7523 §2.1 at the
//! authorization server (draft-ietf-oauth-identity-assertion-authz-grant §3 and §4).

use std::sync::Arc;

use countersign_oauth::grant_type::GrantType;
use countersign_oauth::jose::SigningKey;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::received_offer::ReceivedOffer;
use countersign_oauth::token_exchange::{ID_JAG, ID_TOKEN, REFRESH_TOKEN};
use countersign_oauth::{ClientId, Issuer, ScopeSet, Secret};

use super::Machine;
use super::grant::Grant;
use super::settings::{Credentials, Proof, Settings, fault, machine_settings};
use super::source::TokenSource;
use crate::ask::Asker;
use crate::discovery::{Discovery, published};
use crate::error::OAuthError;
use crate::token_endpoint::{TokenEndpoint, TokenProof};

/// What the person is known by at the identity provider.
#[derive(Debug)]
#[non_exhaustive]
pub enum Subject {
    /// An ID token of the person for this client (OpenID Connect Core §2).
    IdToken(Box<dyn TokenSource>),
    /// A refresh token of this client at the identity provider.
    RefreshToken(Box<dyn TokenSource>),
}

impl Subject {
    /// ID tokens that come from `source`.
    pub fn id_token(source: impl TokenSource) -> Self {
        Self::IdToken(Box::new(source))
    }

    /// Refresh tokens that come from `source`.
    pub fn refresh_token(source: impl TokenSource) -> Self {
        Self::RefreshToken(Box::new(source))
    }
}

/// A client for which the identity provider of a company decides: it exchanges the login
/// of a person there for an assertion, and that for an access token. The person is not
/// asked.
#[derive(Debug)]
#[must_use = "it does nothing until build()"]
pub struct IdentityAssertion {
    settings: Settings,
    subject: Subject,
    idp_issuer: String,
    idp_token_endpoint: Option<String>,
    idp_client_id: String,
    idp_proof: Proof,
}

machine_settings!(IdentityAssertion);

/// The identity provider, and we as its client.
#[derive(Debug)]
pub(super) struct IdentityProvider {
    asker: Asker,
    issuer: Issuer,
    token_endpoint: Option<String>,
    credentials: Credentials,
    subject: Subject,
}

impl IdentityAssertion {
    /// The client `client_id` with its `secret` at the authorization server of `server`,
    /// for whom `subject` proves at the identity provider. That one and we as its client
    /// are said with [`Self::identity_provider`].
    pub fn new(
        server: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<Secret>,
        subject: Subject,
    ) -> Self {
        let proof = Proof::Secret(secret.into());
        Self::proving(server, client_id, proof, subject)
    }

    /// As [`Self::new`], with a private key (RFC 7523 §2.2).
    pub fn with_key(
        server: impl Into<String>,
        client_id: impl Into<String>,
        key: Arc<SigningKey>,
        subject: Subject,
    ) -> Self {
        Self::proving(server, client_id, Proof::Key(key), subject)
    }

    fn proving(
        server: impl Into<String>,
        client_id: impl Into<String>,
        proof: Proof,
        subject: Subject,
    ) -> Self {
        Self {
            settings: Settings::new(server.into(), client_id.into(), proof),
            subject,
            idp_issuer: String::new(),
            idp_token_endpoint: None,
            idp_client_id: String::new(),
            idp_proof: Proof::None,
        }
    }

    /// The identity provider `issuer`, at which we are the client `client_id`.
    pub fn identity_provider(
        mut self,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Self {
        self.idp_issuer = issuer.into();
        self.idp_client_id = client_id.into();
        self
    }

    /// The secret with which we prove ourselves at the identity provider (RFC 6749 §2.3.1).
    pub fn identity_provider_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.idp_proof = Proof::Secret(secret.into());
        self
    }

    /// The private key with which we prove ourselves at the identity provider instead
    /// (RFC 7523 §2.2).
    pub fn identity_provider_key(mut self, key: Arc<SigningKey>) -> Self {
        self.idp_proof = Proof::Key(key);
        self
    }

    /// The token endpoint of the identity provider, if it is not the one that its metadata
    /// name.
    pub fn identity_provider_token_endpoint(mut self, address: impl Into<String>) -> Self {
        self.idp_token_endpoint = Some(address.into());
        self
    }

    /// An authorizer with these settings. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] says what to set.
    pub fn build(self) -> Result<Machine, OAuthError> {
        if self.idp_issuer.is_empty() {
            return Err(fault(
                "there is no identity provider: say which with identity_provider(…)",
            ));
        }
        let issuer = Issuer::parse(&self.idp_issuer)
            .map_err(|error| fault(&format!("the identity provider: {error}")))?;
        // The identity provider is named here, not by the server: what it may be depends
        // on itself alone.
        let asker = self.settings.asker(issuer.as_str())?;
        if let Some(address) = &self.idp_token_endpoint {
            asker.reach().judge("the identity provider", address)?;
        }
        let client_id = ClientId::parse(&self.idp_client_id)
            .map_err(|error| fault(&format!("the client id at the identity provider: {error}")))?;
        let credentials = Credentials {
            client_id,
            proof: self.idp_proof,
            issuer: None,
        };
        let provider = IdentityProvider {
            asker,
            issuer,
            token_endpoint: self.idp_token_endpoint,
            credentials,
            subject: self.subject,
        };
        self.settings.build(Grant::IdentityAssertion(provider))
    }
}

impl IdentityProvider {
    /// An assertion for the authorization server and the resource of `discovery`. With
    /// `proof` the identity provider can bind it to our key.
    pub(super) async fn assertion(
        &self,
        discovery: &Discovery,
        scopes: &ScopeSet,
        proof: Option<&dyn TokenProof>,
    ) -> Result<Secret, OAuthError> {
        let issuer = self.issuer.as_str();
        let (address, offer) = match &self.token_endpoint {
            // Without metadata, a secret goes into the header.
            Some(address) => (address.clone(), ReceivedOffer::default()),
            None => {
                let (metadata, offer) = published(&self.asker, &self.issuer).await?;
                let address = metadata.token_endpoint.ok_or_else(|| {
                    OAuthError::BadAnswer(format!(
                        "the authorization server {issuer} names no token endpoint"
                    ))
                })?;
                (address, offer)
            }
        };
        let client = self.credentials.client_at(&self.issuer, &offer)?;
        let (source, kind) = match &self.subject {
            Subject::IdToken(source) => (source, ID_TOKEN),
            Subject::RefreshToken(source) => (source, REFRESH_TOKEN),
        };
        let subject = source.token(issuer).await?;
        let mut parameters = Parameters::default();
        parameters.set("grant_type", GrantType::TokenExchange.as_str());
        parameters.set("requested_token_type", ID_JAG);
        parameters.set("audience", discovery.issuer.as_str());
        parameters.set("resource", discovery.resource.as_str());
        if !scopes.is_empty() {
            parameters.set("scope", &scopes.to_string());
        }
        parameters.set("subject_token", subject.reveal());
        parameters.set("subject_token_type", kind);
        let mut endpoint = TokenEndpoint::new(&self.asker, &address, issuer, &client);
        endpoint.proof = proof;
        let received = endpoint.ask(&parameters).await?;
        // RFC 8693 §2.2.1: anything else would be shown to somebody it is not for.
        if received.issued_token_type.as_deref() != Some(ID_JAG) {
            return Err(OAuthError::BadAnswer(format!(
                "the identity provider {issuer} issued something else than an identity assertion"
            )));
        }
        Ok(received.access_token)
    }
}
