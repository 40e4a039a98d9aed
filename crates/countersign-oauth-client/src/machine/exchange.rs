//! Exchanging the token that a program was called with: RFC 8693 §2.

use std::fmt;
use std::sync::Arc;

use countersign_oauth::grant_type::GrantType;
use countersign_oauth::jose::SigningKey;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::token_exchange::ACCESS_TOKEN;
use countersign_oauth::{ResourceUri, ScopeSet, Secret, UnixTime};

use super::settings::{Credentials, Proof, Settings, fault};
use crate::ask::Asker;
use crate::discovery::token_endpoint;
use crate::error::OAuthError;
use crate::store::TokenType;
use crate::token_endpoint::TokenEndpoint;
use countersign_oauth::Issuer;
use countersign_oauth::client_authentication::{OwnClient, OwnProof};
use countersign_oauth::received_tokens::ReceivedTokenType;

const WHAT: &str = "the authorization server";

/// A resource server that calls another one for whoever called it. Cloning is cheap.
///
/// The token that it was called with is for itself and goes to its authorization server
/// alone, never to the other one.
#[derive(Clone)]
pub struct TokenExchange(Arc<Exchanger>);

struct Exchanger {
    asker: Asker,
    issuer: Issuer,
    token_endpoint: Option<String>,
    client: OwnClient,
}

/// What was got. It is for the resource that was named, and for no longer than it says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExchangedToken {
    /// The access token.
    pub access_token: Secret,
    /// How it is shown.
    pub token_type: TokenType,
    /// When it ends, if that is known.
    pub expires_at: Option<UnixTime>,
    /// What it permits.
    pub scopes: ScopeSet,
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.0.client.client_id)
            .finish_non_exhaustive()
    }
}

/// Settings of a [`TokenExchange`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until build()"]
pub struct TokenExchangeBuilder {
    settings: Settings,
    token_endpoint: Option<String>,
}

super::settings::exchange_settings!(TokenExchangeBuilder);

impl TokenExchange {
    /// The client `client_id` with its `secret` at the authorization server `issuer`, which
    /// issued what we are called with.
    pub fn builder(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> TokenExchangeBuilder {
        TokenExchangeBuilder::new(
            issuer.into(),
            client_id.into(),
            Proof::Secret(secret.into()),
        )
    }

    /// As [`Self::builder`], with a private key (RFC 7523 §2.2).
    pub fn with_key(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        key: Arc<SigningKey>,
    ) -> TokenExchangeBuilder {
        TokenExchangeBuilder::new(issuer.into(), client_id.into(), Proof::Key(key))
    }

    /// A token for `resource` that permits `scopes`, or all that may be had if they are
    /// empty, in the name of whoever `subject_token`, with which we were called, is about.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] says why there is none. `subject_token` is still good.
    pub async fn exchange(
        &self,
        subject_token: &Secret,
        resource: &str,
        scopes: &ScopeSet,
    ) -> Result<ExchangedToken, OAuthError> {
        let it = &self.0;
        let resource = ResourceUri::parse(resource)
            .map_err(|error| fault(&format!("the resource to be called: {error}")))?;
        let address = match &it.token_endpoint {
            Some(address) => address.clone(),
            None => token_endpoint(&it.asker, &it.issuer).await?,
        };
        let mut parameters = Parameters::default();
        parameters.set("grant_type", GrantType::TokenExchange.as_str());
        parameters.set("subject_token", subject_token.reveal());
        parameters.set("subject_token_type", ACCESS_TOKEN);
        parameters.set("requested_token_type", ACCESS_TOKEN);
        parameters.set("resource", resource.as_str());
        if !scopes.is_empty() {
            parameters.set("scope", &scopes.to_string());
        }
        let issuer = it.issuer.as_str();
        let endpoint = TokenEndpoint::new(&it.asker, &address, issuer, &it.client);
        let received = endpoint.ask(&parameters).await?;
        if received.issued_token_type.as_deref() != Some(ACCESS_TOKEN) {
            return Err(OAuthError::BadAnswer(format!(
                "{WHAT} {issuer} issued something else than an access token"
            )));
        }
        if received.access_token == *subject_token {
            return Err(OAuthError::BadAnswer(format!(
                "{WHAT} {issuer} gave back the token that was to be exchanged"
            )));
        }
        let now = it.asker.now();
        let Some(ReceivedTokenType::Bearer) = received.token_type else {
            return Err(OAuthError::BadAnswer(format!(
                "{WHAT} {issuer} issued a token that cannot be shown"
            )));
        };
        Ok(ExchangedToken {
            access_token: received.access_token,
            token_type: TokenType::Bearer,
            expires_at: received.expires_in.map(|span| now.saturating_add(span)),
            scopes: received.scope.unwrap_or_else(|| scopes.clone()),
        })
    }
}

impl TokenExchangeBuilder {
    fn new(issuer: String, client_id: String, proof: Proof) -> Self {
        let mut settings = Settings::new(issuer.clone(), client_id, proof);
        settings.issuer = Some(issuer);
        Self {
            settings,
            token_endpoint: None,
        }
    }

    /// The token endpoint, if it is not the one that the metadata of the issuer name.
    pub fn token_endpoint(mut self, address: impl Into<String>) -> Self {
        self.token_endpoint = Some(address.into());
        self
    }

    /// An exchange with these settings. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] says what to set.
    pub fn build(self) -> Result<TokenExchange, OAuthError> {
        let Credentials {
            client_id,
            proof,
            issuer,
        } = self.settings.credentials()?;
        let issuer = issuer.ok_or_else(|| fault("there is no authorization server"))?;
        let asker = self.settings.asker(issuer.as_str())?;
        if let Some(address) = &self.token_endpoint {
            asker.reach().judge(WHAT, address)?;
        }
        let proof = match proof {
            Proof::None => OwnProof::None,
            Proof::Secret(secret) => OwnProof::SecretBasic(secret),
            Proof::Key(key) => OwnProof::PrivateKeyJwt(key),
        };
        Ok(TokenExchange(Arc::new(Exchanger {
            asker,
            issuer,
            token_endpoint: self.token_endpoint,
            client: OwnClient::new(client_id.as_str(), proof),
        })))
    }
}
