//! Which client may exchange which tokens for which.

use countersign_oauth::{ClientId, Lifetime, ResourceUri, ScopeSet};
use countersign_resource_server::ConfigurationError;

use super::{our_resource, our_scopes};
use crate::settings::Settings;

/// How long a token that was got by an exchange is valid, unless set.
const LIFETIME: Lifetime = Lifetime::from_mins(5);

/// Lets a client, typically a resource server that calls another one for its caller,
/// exchange the access tokens with which it is called (RFC 8693).
///
/// The token that it gets is about the same person, says in `act` that the client acts
/// for them, allows no more than the token that it was called with and than this rule, is
/// valid for five minutes, and ends with the grant of the token that it was called with.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is given to a server"]
pub struct TokenExchange {
    client: String,
    served: String,
    target: String,
    scopes: Vec<String>,
    lifetime: Lifetime,
}

/// One that is ready for use.
#[derive(Debug)]
pub(crate) struct ExchangeRule {
    pub(crate) client: ClientId,
    /// The resource that the client serves: the audience of what it is called with.
    pub(crate) served: ResourceUri,
    pub(crate) target: ResourceUri,
    pub(crate) scopes: ScopeSet,
    pub(crate) lifetime: Lifetime,
}

impl TokenExchange {
    /// Lets the confidential client `client`, which serves the resource `served`, exchange
    /// tokens for it for tokens for the resource `target`. Both resources are among those
    /// of this server. An administrator registered the client with the grant type
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    pub fn new(
        client: impl Into<String>,
        served: impl Into<String>,
        target: impl Into<String>,
    ) -> Self {
        Self {
            client: client.into(),
            served: served.into(),
            target: target.into(),
            scopes: Vec::new(),
            lifetime: LIFETIME,
        }
    }

    /// The scopes that such tokens may have at most; none unless set. A scope that the
    /// token which is exchanged has not is never issued.
    pub fn scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long such tokens are valid; five minutes unless set, and never longer than
    /// the token that is exchanged.
    pub const fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    pub(super) fn open(&self, settings: &Settings) -> Result<ExchangeRule, ConfigurationError> {
        let refuse = |reason: String| {
            let shown = self.client.escape_default();
            ConfigurationError::new(format!("the exchange of tokens by `{shown}`: {reason}"))
        };
        let served = our_resource(settings, &self.served)?;
        let target = our_resource(settings, &self.target)?;
        if served == target {
            return Err(refuse(
                "it would get tokens for the resource that it serves: name the one that it calls"
                    .to_owned(),
            ));
        }
        if self.lifetime == Lifetime::ZERO {
            return Err(refuse("its tokens would never be valid".to_owned()));
        }
        Ok(ExchangeRule {
            client: ClientId::parse(&self.client).map_err(|error| refuse(error.to_string()))?,
            served,
            target,
            scopes: our_scopes(settings, &self.scopes)?,
            lifetime: self.lifetime,
        })
    }
}
