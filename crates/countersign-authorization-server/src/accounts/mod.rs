//! Accounts: people who log in at this server with a name and a password, or elsewhere
//! (`upstream.rs`).
//!
//! RFC 6749 §3.1: "The authorization server MUST first verify the identity of the
//! resource owner." An account has a subject that is never given to anybody else,
//! a name in one spelling, and the argon2id hash of a password. The pages through
//! which people use accounts are in [`crate::people`]; administrators call this
//! module.

mod administer;
mod devices;
mod hashing;
mod log_in;
mod name;
mod password;
mod record;
mod sessions;
mod setup;
mod throttle;
mod upstream;

use std::fmt;
use std::sync::{Arc, OnceLock};

use countersign_oauth::time::Clock;
use countersign_oauth::{Lifetime, UnixTime};
use countersign_resource_server::{ConfigurationError, SystemClock};
use countersign_store::Store;

pub use administer::{AccountError, AccountOverview};
pub use hashing::HashingCost;
pub use log_in::{LoginAttempt, LoginOutcome};
pub use name::{AccountName, InvalidAccountName};
pub use password::{InvalidPassword, Password};
pub(crate) use record::Account;
pub(crate) use sessions::LoggedIn;
pub use throttle::LoginBudgets;
pub(crate) use upstream::Arriving;
pub use upstream::UpstreamOverview;

use crate::audit::{AccountChange, AuditEvent, AuditTrail};
use crate::grant_end::GrantEnder;
use crate::random::{Random, SystemGenerator};
use hashing::Hasher;

/// How long things of accounts are valid.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AccountLifetimes {
    /// A login that is not used.
    pub session_idle: Lifetime,
    /// A login, however much it is used.
    pub session: Lifetime,
    /// How long a browser is known after its last login.
    pub device: Lifetime,
    /// The link with which the first account is made.
    pub setup_link: Lifetime,
}

impl Default for AccountLifetimes {
    fn default() -> Self {
        Self {
            session_idle: Lifetime::from_hours(12),
            session: Lifetime::from_hours(7 * 24),
            device: Lifetime::from_hours(365 * 24),
            setup_link: Lifetime::from_hours(24),
        }
    }
}

/// The local accounts in a store. Clones are the same accounts.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hasher: Arc<Hasher>,
    lifetimes: AccountLifetimes,
    budgets: LoginBudgets,
    /// Known when the server is built; shared by all clones.
    server: Arc<OnceLock<OfServer>>,
}

/// The server whose accounts they are.
#[derive(Clone)]
struct OfServer {
    audit: AuditTrail,
    ender: Arc<GrantEnder>,
}

fn of_another() -> ConfigurationError {
    ConfigurationError::new(
        "the accounts belong to another authorization server already: make them anew for this \
         one, with Accounts::new",
    )
}

impl Accounts {
    /// The accounts in `store`, which is that of the server.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(SystemGenerator::default()),
            hasher: Arc::new(Hasher::new(HashingCost::default())),
            lifetimes: AccountLifetimes::default(),
            budgets: LoginBudgets::default(),
            server: Arc::default(),
        }
    }

    /// Makes them those of a server: what administrators do with them is noted by
    /// `audit`, and the grants of people end with `ender`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if they are those of another server.
    pub(crate) fn join(
        &self,
        audit: AuditTrail,
        ender: Arc<GrantEnder>,
    ) -> Result<(), ConfigurationError> {
        let joined = self.server.set(OfServer { audit, ender });
        joined.map_err(|_| of_another())
    }

    /// Whether they can be made those of a server.
    ///
    /// # Errors
    ///
    /// As [`Accounts::join`].
    pub(crate) fn check_free(&self) -> Result<(), ConfigurationError> {
        match self.server.get() {
            None => Ok(()),
            Some(_) => Err(of_another()),
        }
    }

    /// Reads the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Draws salts, subjects, cookies and links from `random`.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Hashes new passwords at `cost`, and those that are stored when their people log in
    /// the next time.
    #[must_use]
    pub fn hashing_cost(mut self, cost: HashingCost) -> Self {
        self.hasher = Arc::new(Hasher::new(cost));
        self
    }

    /// Changes how long things are valid.
    #[must_use]
    pub const fn lifetimes(mut self, lifetimes: AccountLifetimes) -> Self {
        self.lifetimes = lifetimes;
        self
    }

    /// Changes how many logins may be tried.
    #[must_use]
    pub const fn budgets(mut self, budgets: LoginBudgets) -> Self {
        self.budgets = budgets;
        self
    }

    /// Notes that an administrator did `change` with the account of `subject`.
    fn note(&self, subject: &str, change: AccountChange) {
        if let Some(server) = self.server.get() {
            let event = AuditEvent::AccountAdministered(subject.to_owned(), change);
            server.audit.note(event);
        }
    }

    pub(crate) fn random_source(&self) -> &dyn Random {
        self.random.as_ref()
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("lifetimes", &self.lifetimes)
            .field("budgets", &self.budgets)
            .finish_non_exhaustive()
    }
}
