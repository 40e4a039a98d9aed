//! Logging people in at a provider they already have an account with: RFC 6749 §4.1 and
//! OpenID Connect Core 1.0 §3.1, with us as the client.
//!
//! An [`Upstream`] is one [`Provider`] with our application there and the rules about who
//! may log in. Nothing is asked before somebody logs in, so a provider that is down keeps
//! no server from starting. Everything goes through one [`Fetch`], guarded unless another
//! is handed in.
//!
//! | step | file |
//! |---|---|
//! | mistakes stop the start | `builder.rs` |
//! | where the endpoints are | `endpoint.rs`, `discovery.rs` |
//! | the person is sent to the provider | `authorization_url.rs` |
//! | code and refresh token become tokens | `token_endpoint.rs`, `credentials.rs`, `token_response.rs` |
//! | who it is | `sources.rs`, `identity.rs` |
//! | whether they may | `rules.rs`, `domain.rs` |
//! | tokens are given back | `token_requests.rs` |
//!
//! What a state is bound to, accounts and pages are not here.

mod ask;
mod attempt;
mod authorization_url;
mod builder;
mod credentials;
mod discovery;
mod domain;
mod endpoint;
mod error;
mod identity;
mod rules;
mod sources;
mod token_endpoint;
mod token_requests;
mod token_response;
mod tokens;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use countersign_oauth::{ResourceUri, Secret, UnixTime};
use countersign_resource_server::IssuerKeys;
use countersign_resource_server::fetch::Fetch;
use countersign_resource_server::provider::{ListProfile, LoginProfile, Provider};

pub(crate) use attempt::AttemptSecrets;
pub use builder::UpstreamBuilder;
pub use countersign_resource_server::provider::AssertionAudience;
pub use error::UpstreamError;
pub use identity::{Email, UpstreamIdentity};
pub use tokens::UpstreamTokens;

use crate::random::Random;
use ask::Asker;
use credentials::Credentials;
use discovery::Discovery;
use rules::Rules;
use token_endpoint::Redemption;

/// A provider where people log in, and our application there. Cloning is cheap.
///
/// ```
/// use std::collections::BTreeMap;
/// use countersign_authorization_server::Upstream;
/// use countersign_authorization_server::oauth::Secret;
/// use countersign_resource_server::provider::Preset;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let values = BTreeMap::from([("client_id".to_owned(), "my-app".to_owned())]);
/// let github = Preset::named("github").ok_or("it is built in")?.fill(&values)?;
/// let upstream = Upstream::builder(github, "my-app")
///     .secret(Secret::new("from-a-file"))
///     .allow_group("583231") // the id of an organisation there
///     .build()?;
/// assert_eq!(upstream.name(), "github");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Upstream(Arc<Inner>);

struct Inner {
    provider: Provider,
    login: LoginProfile,
    credentials: Credentials,
    scopes: Vec<String>,
    authorize_parameters: BTreeMap<String, String>,
    token_parameters: BTreeMap<String, String>,
    rules: Rules,
    asker: Asker,
    api_fetch: Arc<dyn Fetch>,
    discovery: Option<Discovery>,
    keys: Mutex<Option<(String, IssuerKeys)>>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("provider", &self.0.provider.name)
            .field("credentials", &self.0.credentials)
            .field("scopes", &self.0.scopes)
            .field("rules", &self.0.rules)
            .finish_non_exhaustive()
    }
}

/// Somebody who logged in, and what the provider issued for it.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) identity: UpstreamIdentity,
    pub(crate) tokens: UpstreamTokens,
}

impl Upstream {
    /// Begins with a `provider` and the id of our application there.
    pub fn builder(provider: Provider, client_id: impl Into<String>) -> UpstreamBuilder {
        UpstreamBuilder::new(provider, client_id.into())
    }

    /// The provider.
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// The name of the provider, part of the address that people come back to.
    pub fn name(&self) -> &str {
        &self.0.provider.name
    }

    /// What people know the provider as.
    pub fn display_name(&self) -> &str {
        &self.0.provider.display_name
    }

    /// The id of our application.
    pub fn client_id(&self) -> &str {
        &self.0.credentials.client.client_id
    }

    /// The scopes that are asked from the provider, without what it wants before them.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// What sends the requests of tools.
    pub(crate) fn api_fetch(&self) -> &dyn Fetch {
        self.0.api_fetch.as_ref()
    }

    /// Exchanges the `code` that came back to `redirect_uri` at the time `now`, and finds
    /// out who logged in. `attempt` and `resource` are those of
    /// [`Self::authorization_url`].
    ///
    /// # Errors
    ///
    /// [`UpstreamError`]; nothing of the answer is to be kept then. The tokens of somebody
    /// who may not in are given back.
    pub(crate) async fn redeem_code(
        &self,
        attempt: &AttemptSecrets,
        redirect_uri: &str,
        code: &Secret,
        resource: Option<&ResourceUri>,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Arrival, UpstreamError> {
        let redemption = Redemption {
            attempt,
            redirect_uri,
            code,
        };
        let answer = self.exchange(redemption, resource, now, random).await?;
        let identity = match self.identify(&answer, attempt, now, random).await {
            Ok(identity) => identity,
            Err(error) => {
                if matches!(error, UpstreamError::NotAllowed(_)) {
                    self.give_back(&answer.tokens, now, random).await;
                }
                return Err(error);
            }
        };
        let mut tokens = answer.tokens;
        // RFC 6749 §5.1: absent "if identical to the scope requested by the client".
        let asked = self.0.scopes.join(" ");
        tokens.scope = tokens.scope.or((!asked.is_empty()).then_some(asked));
        Ok(Arrival { identity, tokens })
    }

    /// Revokes tokens that nobody will use. That it failed is for the log alone.
    pub(crate) async fn give_back(
        &self,
        tokens: &UpstreamTokens,
        now: UnixTime,
        random: &dyn Random,
    ) {
        if let Err(error) = self.revoke(tokens, now, random).await {
            let provider = self.name();
            tracing::warn!(%error, provider, "tokens that nobody uses were not revoked");
        }
    }

    /// Exchanges a refresh token at the time `now`. What comes back always has one: the
    /// new one, or the one that goes on being good (RFC 6749 §6).
    ///
    /// # Errors
    ///
    /// [`UpstreamError::is_invalid_grant`] if it is good no more.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &Secret,
        resource: Option<&ResourceUri>,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<UpstreamTokens, UpstreamError> {
        let answer = self
            .exchange_refresh_token(refresh_token, resource, now, random)
            .await?;
        let mut tokens = answer.tokens;
        tokens
            .refresh_token
            .get_or_insert_with(|| refresh_token.clone());
        Ok(tokens)
    }
}

impl Inner {
    /// The list of addresses, if a rule depends on it: where the provider names
    /// organisations itself, addresses say nothing.
    fn needed_email_list(&self) -> Option<&ListProfile> {
        let identity = &self.login.identity;
        let is_needed = !self.rules.organisations.is_empty() && identity.domain.is_none();
        identity.email_list.as_ref().filter(|_| is_needed)
    }

    /// The list of groups, if a rule depends on it.
    fn needed_group_list(&self) -> Option<&ListProfile> {
        let list = self.login.identity.group_list.as_ref();
        list.filter(|_| !self.rules.groups.is_empty())
    }
}

/// Whether `name` can be part of an address and of the names of accounts.
pub(crate) fn is_provider_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(fits)
}
