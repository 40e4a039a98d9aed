//! Settings of a [`ProviderVerifier`], and the mistakes that stop the start.

use std::sync::Arc;

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{Issuer, Lifetime, ResourceUri, ScopeSet, Secret};
use tokio::sync::Mutex;

use super::super::introspection::{ClientCredentials, ClientSecretMethod};
use super::asked::{Asked, Question};
use super::endpoint::{Endpoint, Member, Published, Seen};
use super::judge::Judge;
use super::signed::Signed;
use super::{ProviderVerifier, Way};
use crate::fetch::{Fetch, Fetcher, HoldOff};
use crate::key_source::check_address;
use crate::provider::{
    EndpointAuthentication, IssuerRule, Provider, TokenKind, TokenPlacement, TokenProfile,
};
use crate::{ConfigurationError, IntoVerifier, JwtVerifier, Keys};

const DEFAULT_CACHE: Lifetime = Lifetime::from_mins(1);

/// Settings of a [`ProviderVerifier`].
#[derive(Debug)]
pub struct ProviderVerifierBuilder {
    provider: Provider,
    resource: Option<ResourceUri>,
    audiences: Vec<String>,
    secret: Option<Secret>,
    authorization_server: Option<String>,
    required_scopes: ScopeSet,
    max_cache: Lifetime,
    fetch: Option<Arc<dyn Fetch>>,
    loopback: LoopbackHosts,
}

impl ProviderVerifierBuilder {
    pub(super) const fn new(provider: Provider) -> Self {
        Self {
            provider,
            resource: None,
            audiences: Vec::new(),
            secret: None,
            authorization_server: None,
            required_scopes: ScopeSet::new(),
            max_cache: DEFAULT_CACHE,
            fetch: None,
            loopback: LoopbackHosts::Refused,
        }
    }

    /// The identifier of this server, for providers whose tokens name it (RFC 8707 §2).
    #[must_use]
    pub fn resource(mut self, resource: ResourceUri) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Accepts tokens that name `audience`, beside what the preset accepts. May be called
    /// again.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The secret of the application whose client id the preset was filled with, where
    /// the provider is asked about tokens.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Where clients are told to log in (RFC 9728 §2), instead of the issuer that the
    /// preset names.
    #[must_use]
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_server = Some(issuer.into());
        self
    }

    /// Scopes that every token needs, otherwise 403 `insufficient_scope`.
    #[must_use]
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }

    /// How long an answer of the provider about a token may be reused, never past its
    /// end: 60 seconds unless set. A revoked token is accepted for that long. Zero asks
    /// every time.
    #[must_use]
    pub const fn max_cache(mut self, span: Lifetime) -> Self {
        self.max_cache = span;
        self
    }

    /// Asks through `fetch`, for example a [`Fetcher`] with settings of its own.
    #[must_use]
    pub fn fetcher(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Asks through `fetch`, which others use as well.
    #[must_use]
    pub fn shared_fetcher(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// Lets the provider be on this machine, without TLS. For development.
    ///
    /// # Security
    ///
    /// Every program on this machine that can listen on the port can then say which
    /// tokens are good.
    #[must_use]
    pub const fn danger_allow_loopback(mut self) -> Self {
        self.loopback = LoopbackHosts::Allowed;
        self
    }

    /// Checks the settings. Nothing is fetched before the first token.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set, or what to use instead for a provider
    /// whose tokens are not for one service alone.
    pub fn build(mut self) -> Result<ProviderVerifier, ConfigurationError> {
        let mut profile = self.bound_profile()?;
        profile.audience.values.append(&mut self.audiences);
        let judge = self.judge(profile)?;
        let authorization_server = self.find_authorization_server(&judge)?;
        let fetch = self.fetch.take().map_or_else(|| self.own_fetcher(), Ok)?;
        let way = match judge.profile.kind {
            TokenKind::Jwt => Way::Signed(Box::new(self.signed(judge, fetch)?)),
            TokenKind::Introspection | TokenKind::Userinfo => {
                Way::Asked(Box::new(self.asked(judge, fetch)?))
            }
        };
        Ok(ProviderVerifier {
            way,
            required_scopes: self.required_scopes,
            authorization_server,
            login: self.provider.login,
        })
    }

    /// RFC 9700 §2.3: a token that is not for one service would be accepted from all.
    fn bound_profile(&mut self) -> Result<TokenProfile, ConfigurationError> {
        let name = &self.provider.display_name;
        let instead = "use it as a login of your own authorization server instead, whose \
                       tokens are for this server alone: EmbeddedAuth with .upstream(…)";
        let unbound = || {
            ConfigurationError::new(format!(
                "access tokens of {name} do not say which service they are for, so that one that \
                 somebody gave to any other application would be accepted here: {instead}"
            ))
        };
        let Some(profile) = self.provider.tokens.take() else {
            return Err(match self.provider.safety.audience_bound {
                false => unbound(),
                true => ConfigurationError::new(format!(
                    "access tokens of {name} cannot be accepted directly as it is configured: \
                     set the values that its preset needs to compare their audience, or {instead}"
                )),
            });
        };
        let bound = self.provider.safety.audience_bound;
        let compared = !profile.audience.is_empty() || !self.audiences.is_empty();
        if profile.application.is_none() && !(bound && compared) {
            return Err(unbound());
        }
        Ok(profile)
    }

    fn judge(&self, profile: TokenProfile) -> Result<Judge, ConfigurationError> {
        let name = &self.provider.display_name;
        let mut audiences = profile.audience.values.clone();
        if profile.audience.resource {
            let resource = self.resource.as_ref().ok_or_else(|| {
                ConfigurationError::new(format!(
                    "tokens of {name} name the service that they are for: say which one this is \
                     with .resource(…)"
                ))
            })?;
            audiences.push(resource.as_str().to_owned());
        }
        if audiences.iter().any(String::is_empty) {
            return Err(ConfigurationError::new(
                "an audience is empty; remove it or set its value",
            ));
        }
        let client_id = match (&profile.application, &self.provider.client_id) {
            (None, _) => None,
            (Some(_), Some(client_id)) if !client_id.is_empty() => Some(client_id.clone()),
            (Some(_), _) => {
                return Err(ConfigurationError::new(format!(
                    "tokens of {name} name the application that they were issued to: set its \
                     client_id"
                )));
            }
        };
        Ok(Judge {
            profile,
            issuer: self.provider.endpoints.issuer.clone(),
            client_id,
            audiences,
        })
    }

    /// RFC 9728 §2: what the metadata of this server tells clients.
    fn find_authorization_server(&self, judge: &Judge) -> Result<Issuer, ConfigurationError> {
        if let Some(named) = &self.authorization_server {
            return Issuer::parse(named).map_err(|error| {
                ConfigurationError::new(format!("the authorization server {named:?}: {error}"))
            });
        }
        let mut candidates = judge.profile.issuers.iter().filter_map(|rule| match rule {
            IssuerRule::OfMetadata => judge.issuer.as_ref(),
            IssuerRule::Fixed(issuer) => Some(issuer),
            IssuerRule::Template(_) => None,
        });
        // A provider of many tenants writes the place of a tenant into its issuer.
        let named = candidates.find_map(|issuer| match issuer.contains('{') {
            true => None,
            false => Issuer::parse(issuer).ok(),
        });
        named.ok_or_else(|| {
            ConfigurationError::new(format!(
                "which of the issuers of {} clients are to log in at is open: say it with \
                 .authorization_server(…)",
                self.provider.display_name
            ))
        })
    }

    fn own_fetcher(&self) -> Result<Arc<dyn Fetch>, ConfigurationError> {
        let builder = Fetcher::builder();
        let builder = match self.loopback {
            LoopbackHosts::Allowed => builder.danger_allow_loopback(),
            LoopbackHosts::Refused => builder,
        };
        Ok(Arc::new(builder.build()?))
    }

    fn signed(&self, judge: Judge, fetch: Arc<dyn Fetch>) -> Result<Signed, ConfigurationError> {
        let endpoints = &self.provider.endpoints;
        let keys = match (&endpoints.jwks, &self.provider.discovery, &endpoints.issuer) {
            (Some(address), _, _) => {
                check_address("key set address", address, self.loopback)?;
                Keys::jwks(address)
            }
            (None, Some(document), Some(issuer)) => {
                check_address("metadata address", document, self.loopback)?;
                Keys::published(document, issuer)
            }
            _ => return Err(self.nowhere("its keys", "endpoints.jwks")),
        };
        let mut jwt = JwtVerifier::keys(keys)
            .rest_is_judged_besides()
            .algorithms(judge.profile.algorithms.iter().copied())
            .typ(judge.profile.typ)
            .shared_fetcher(fetch);
        let mut rules = judge.profile.issuers.iter();
        if rules.any(|rule| matches!(rule, IssuerRule::Template(_))) {
            jwt = jwt.keys_of_tenants();
        }
        for name in &judge.profile.past_claims {
            jwt = jwt.require_past(name);
        }
        let jwt = jwt.build()?;
        Ok(Signed { judge, jwt })
    }

    fn asked(&self, judge: Judge, fetch: Arc<dyn Fetch>) -> Result<Asked, ConfigurationError> {
        let endpoints = &self.provider.endpoints;
        let by_userinfo = judge.profile.kind == TokenKind::Userinfo;
        let (known, member, field): (_, Member, _) = if by_userinfo {
            (
                &endpoints.userinfo,
                |metadata| metadata.userinfo_endpoint,
                "endpoints.userinfo",
            )
        } else {
            (
                &endpoints.introspection,
                |metadata| metadata.introspection_endpoint,
                "endpoints.introspection",
            )
        };
        let endpoint = match (known, &self.provider.discovery, &endpoints.issuer) {
            (Some(address), _, _) => {
                Endpoint::Known(check_address("endpoint", address, self.loopback)?)
            }
            (None, Some(document), Some(issuer)) => Endpoint::Published(Box::new(Published {
                document: check_address("metadata address", document, self.loopback)?,
                issuer: issuer.clone(),
                member,
                loopback: self.loopback,
                fetch: Arc::clone(&fetch),
                seen: Mutex::new(Seen::default()),
            })),
            _ => return Err(self.nowhere("whom to ask about its tokens", field)),
        };
        let question = if by_userinfo {
            Question::Userinfo
        } else {
            Question::Introspection {
                credentials: self.credentials()?,
                profile: Box::new(self.provider.introspection.clone()),
            }
        };
        Ok(Asked {
            judge,
            question,
            endpoint,
            fetch,
            max_cache: self.max_cache,
            namespace: format!("urn:countersign:provider:{}", self.provider.name),
            permits: Asked::permits(),
            hold: HoldOff::default(),
        })
    }

    /// RFC 7662 §2.1: "the endpoint MUST also require some form of authorization".
    fn credentials(&self) -> Result<Option<ClientCredentials>, ConfigurationError> {
        let shape = &self.provider.introspection.request;
        let method = match shape.authentication {
            EndpointAuthentication::None => return Ok(None),
            EndpointAuthentication::ClientSecretBasic => ClientSecretMethod::ClientSecretBasic,
            EndpointAuthentication::TokenEndpoint => self.method_of_login()?,
        };
        let name = &self.provider.display_name;
        let (Some(id), Some(secret)) = (&self.provider.client_id, &self.secret) else {
            return Err(ConfigurationError::new(format!(
                "{name} is asked about its tokens by an application of yours: set its client_id \
                 and its secret"
            )));
        };
        if id.is_empty() || secret.reveal().is_empty() {
            return Err(ConfigurationError::new(
                "the client id or the client secret for introspection is empty: set both",
            ));
        }
        if method == ClientSecretMethod::ClientSecretPost && shape.token_in != TokenPlacement::Form
        {
            return Err(ConfigurationError::new(format!(
                "the preset of {name} sends the secret in a form and the token elsewhere: write \
                 authentication = \"client_secret_basic\" in [introspection.request]"
            )));
        }
        Ok(Some(ClientCredentials {
            id: id.clone(),
            secret: secret.clone(),
            method,
        }))
    }

    fn method_of_login(&self) -> Result<ClientSecretMethod, ConfigurationError> {
        let login = self.provider.login.as_ref();
        let methods = login.map(|login| login.client_authentication.as_slice());
        let usable = methods.map_or(Some(ClientSecretMethod::ClientSecretBasic), |methods| {
            methods.iter().find_map(|method| match method {
                TokenEndpointAuthMethod::ClientSecretBasic => {
                    Some(ClientSecretMethod::ClientSecretBasic)
                }
                TokenEndpointAuthMethod::ClientSecretPost => {
                    Some(ClientSecretMethod::ClientSecretPost)
                }
                _ => None,
            })
        });
        usable.ok_or_else(|| {
            ConfigurationError::new(format!(
                "the preset of {} names no way to authenticate with a secret at its introspection \
                 endpoint: write authentication = \"client_secret_basic\" in \
                 [introspection.request]",
                self.provider.display_name
            ))
        })
    }

    fn nowhere(&self, what: &str, field: &str) -> ConfigurationError {
        ConfigurationError::new(format!(
            "the preset of {} does not say where {what} are found: name {field}, or discovery and \
             endpoints.issuer",
            self.provider.display_name
        ))
    }
}

impl IntoVerifier for ProviderVerifierBuilder {
    type Verifier = ProviderVerifier;

    fn into_verifier(self) -> Result<ProviderVerifier, ConfigurationError> {
        self.build()
    }
}
