//! How often one address may ask for what: the requests themselves, whatever becomes of
//! them. Counted in memory, before the body is read.
//!
//! What is tried at the endpoints has budgets besides (`budgets.rs`); these are for floods.
//! Addresses behind which everybody may be, those of this machine and of private networks,
//! have none.

use std::net::IpAddr;

use countersign_oauth::Lifetime;
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::limit::network::of_one_stranger;
use countersign_resource_server::limit::{Limiter, Limits, Quota};

use crate::paths::Endpoint;

/// How often one address, or an IPv6 /64, may ask for what; an IPv6 /48 ten times as often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EndpointBudgets {
    /// The metadata (RFC 8414).
    pub metadata: Quota,
    /// The public keys.
    pub jwks: Quota,
    /// Authorization requests.
    pub authorize: Quota,
    /// Requests for tokens.
    pub token: Quota,
    /// Registrations of clients, and attempts.
    pub register: Quota,
    /// Revocations.
    pub revoke: Quota,
    /// Questions of resource servers about tokens: all those for one of them come from its
    /// address.
    pub introspect: Quota,
    /// The endpoint that says whether a token is good.
    pub status: Quota,
    /// Answers on the consent page.
    pub consent: Quota,
    /// People who come back from a provider.
    pub callback: Quota,
    /// The page of the application on which people sign in elsewhere, and ID tokens that are
    /// posted there: each costs the verification of a signature.
    pub sign_in: Quota,
    /// All other pages and forms: login, account, setup.
    pub pages: Quota,
}

impl Default for EndpointBudgets {
    fn default() -> Self {
        Self {
            metadata: Quota::per_minute(3_000),
            jwks: Quota::per_minute(3_000),
            authorize: Quota::per_minute(1_500),
            token: Quota::per_minute(3_000),
            register: Quota::per_minute(600),
            revoke: Quota::per_minute(3_000),
            introspect: Quota::per_minute(30_000),
            status: Quota::per_minute(1_500),
            consent: Quota::per_minute(600),
            callback: Quota::per_minute(600),
            sign_in: Quota::per_minute(600),
            pages: Quota::per_minute(1_500),
        }
    }
}

/// The kinds that have a budget of their own.
const KINDS: usize = 12;

/// For how many addresses each has room.
const ADDRESSES: usize = 1 << 16;

/// The budgets at work.
#[derive(Debug)]
pub(crate) struct EndpointLimits([Limiter; KINDS]);

impl EndpointLimits {
    /// # Errors
    ///
    /// [`ConfigurationError`] for a budget of nothing.
    pub(crate) fn new(budgets: &EndpointBudgets) -> Result<Self, ConfigurationError> {
        let limiter = |quota: Quota| {
            let limits = Limits::none().per_address(quota).room_for(ADDRESSES);
            limits.build()
        };
        Ok(Self([
            limiter(budgets.metadata)?,
            limiter(budgets.jwks)?,
            limiter(budgets.authorize)?,
            limiter(budgets.token)?,
            limiter(budgets.register)?,
            limiter(budgets.revoke)?,
            limiter(budgets.introspect)?,
            limiter(budgets.status)?,
            limiter(budgets.consent)?,
            limiter(budgets.callback)?,
            limiter(budgets.sign_in)?,
            limiter(budgets.pages)?,
        ]))
    }

    /// Counts a request for `path`, which leads to `endpoint`; how long to wait if there
    /// are too many.
    pub(crate) fn arrive(
        &self,
        endpoint: Endpoint,
        path: &str,
        address: Option<IpAddr>,
    ) -> Option<Lifetime> {
        let address = of_one_stranger(address)?;
        let [
            metadata,
            jwks,
            authorize,
            token,
            register,
            revoke,
            introspect,
            status,
            consent,
            callback,
            sign_in,
            pages,
        ] = &self.0;
        let limiter = match endpoint {
            Endpoint::Metadata => metadata,
            Endpoint::Jwks => jwks,
            Endpoint::Authorize => authorize,
            Endpoint::Token => token,
            Endpoint::Register => register,
            Endpoint::Revoke => revoke,
            Endpoint::Introspect => introspect,
            Endpoint::Status => status,
            Endpoint::Page if path.ends_with("/consent") => consent,
            Endpoint::Page if path.contains("/callback/") => callback,
            Endpoint::SignIn => sign_in,
            Endpoint::Page => pages,
        };
        let arrived = limiter.arrive(Some(address));
        arrived.err().map(|exceeded| exceeded.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn g17_consent_callback_and_other_pages_have_limits_of_their_own() {
        let budgets = EndpointBudgets {
            consent: Quota::per_hour(1),
            callback: Quota::per_hour(2),
            pages: Quota::per_hour(3),
            ..EndpointBudgets::default()
        };
        let limits = EndpointLimits::new(&budgets).unwrap();
        let address = "192.0.2.1".parse().ok();
        for (path, most) in [
            ("/consent", 1),
            ("/auth/callback/github", 2),
            ("/login", 3),
            ("/account/revoke", 0),
        ] {
            let arrive = || limits.arrive(Endpoint::Page, path, address);
            let passed = (0..10).take_while(|_| arrive().is_none()).count();
            assert_eq!(passed, most, "{path}");
        }
    }

    #[test]
    fn a_budget_of_nothing_stops_the_start() {
        let budgets = EndpointBudgets {
            jwks: Quota::per_minute(0),
            ..EndpointBudgets::default()
        };
        assert!(EndpointLimits::new(&budgets).is_err());
    }
}
