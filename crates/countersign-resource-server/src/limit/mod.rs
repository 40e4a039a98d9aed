//! How often callers may do what: by user, by client, by API key, by address, and for
//! single components.
//!
//! What was done before: for everything but addresses, the caller is verified. What is
//! not done here: the endpoints of an authorization server have budgets of their own, and
//! sessions have theirs.
//!
//! A user is an issuer and a subject, byte for byte, as the verified token names them. No
//! name, e-mail address or header of a request makes another user of somebody.
//!
//! ```
//! use countersign_resource_server::limit::{Limits, Quota};
//!
//! let limits = Limits::new()
//!     .per_user(Quota::per_minute(100).burst(20))
//!     .per_address(Quota::per_minute(1_000))
//!     .cost("export", 10)
//!     .concurrent("export", 2);
//! # let _ = limits;
//! ```

mod build;
pub(crate) mod cell;
mod exceeded;
pub(crate) mod limiter;
pub mod network;
mod quota;
mod slots;
mod store;
pub(crate) mod table;
mod verifications;

use std::collections::HashMap;
use std::sync::Arc;

pub use exceeded::{Budget, Exceeded, TRY_LATER};
pub use limiter::Limiter;
pub use quota::{InvalidQuota, Quota};
pub use slots::Slot;
pub use store::{LimitStore, LimitStoreLost, Refused, SharedBudget, Taking, WhenLost};
pub use verifications::{Verification, Verifications};

/// What one component is limited to.
#[derive(Clone, Debug, Default)]
struct OfComponent {
    quota: Option<Quota>,
    cost: Option<u32>,
    concurrent: Option<usize>,
}

/// How often callers may do what. Nothing is checked before the server is built.
#[derive(Clone, Debug)]
pub struct Limits {
    user: Option<Quota>,
    client: Option<Quota>,
    key: Option<Quota>,
    address: Option<Quota>,
    failures: Option<Quota>,
    components: HashMap<Box<str>, OfComponent>,
    keys: usize,
    store: Option<Arc<dyn LimitStore>>,
    when_lost: WhenLost,
}

/// What each user may do unless something else is said.
const PER_USER: Quota = Quota::per_minute(100);
/// How often an address may fail to authenticate unless something else is said.
const FAILURES: Quota = Quota::per_minute(100);
/// For how many callers at the same time there is room.
const KEYS: usize = 1 << 17;

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// 100 requests per minute for each user, and 100 failed authentications per minute
    /// for each address.
    pub fn new() -> Self {
        Self::none()
            .per_user(PER_USER)
            .failed_authentications(FAILURES)
    }

    /// No limit at all, to begin with.
    pub fn none() -> Self {
        Self {
            user: None,
            client: None,
            key: None,
            address: None,
            failures: None,
            components: HashMap::new(),
            keys: KEYS,
            store: None,
            when_lost: WhenLost::default(),
        }
    }

    /// What there is where nobody said anything: a bound for guessing tokens, and no other.
    pub fn unless_said() -> Self {
        Self::none().failed_authentications(FAILURES)
    }

    /// Each user, whichever client they use. Callers without a credential count by their
    /// address.
    #[must_use]
    pub const fn per_user(mut self, quota: Quota) -> Self {
        self.user = Some(quota);
        self
    }

    /// Each OAuth client of an issuer, all its users together.
    #[must_use]
    pub const fn per_client(mut self, quota: Quota) -> Self {
        self.client = Some(quota);
        self
    }

    /// Each API key.
    #[must_use]
    pub const fn per_key(mut self, quota: Quota) -> Self {
        self.key = Some(quota);
        self
    }

    /// Each address, before anything about the request is verified: an IPv4 address, or an
    /// IPv6 /64; an IPv6 /48 may send ten times as much. Behind a proxy that is not
    /// trusted all clients have its address.
    #[must_use]
    pub const fn per_address(mut self, quota: Quota) -> Self {
        self.address = Some(quota);
        self
    }

    /// How often the credentials from one address may be wrong, for addresses that can be
    /// those of one stranger. Beyond it what is wrong is answered 429 rather than 401;
    /// whoever has the right credential is served, so that nobody is kept out by a
    /// neighbour. An expired token is not counted.
    #[must_use]
    pub const fn failed_authentications(mut self, quota: Quota) -> Self {
        self.failures = Some(quota);
        self
    }

    /// What each caller may do with one component, besides all else: the name of a tool
    /// or prompt, the URI or template of a resource.
    #[must_use]
    pub fn per_component(mut self, component: &str, quota: Quota) -> Self {
        self.component(component).quota = Some(quota);
        self
    }

    /// As how many requests of its caller a use of this component counts; one unless said
    /// otherwise.
    #[must_use]
    pub fn cost(mut self, component: &str, requests: u32) -> Self {
        self.component(component).cost = Some(requests);
        self
    }

    /// How often this component may run at the same time, for all callers together.
    #[must_use]
    pub fn concurrent(mut self, component: &str, at_once: usize) -> Self {
        self.component(component).concurrent = Some(at_once);
        self
    }

    /// For how many callers at the same time each limit has room, 131,072 unless said
    /// otherwise: sixteen bytes for each, taken when a limit is used for the first time.
    /// If more than that have something to wait for, newcomers wait too; nobody is let off.
    #[must_use]
    pub const fn room_for(mut self, callers: usize) -> Self {
        self.keys = callers;
        self
    }

    /// Counts users, clients, keys and components in `store` besides, so that several
    /// servers have one limit.
    #[must_use]
    pub fn shared(mut self, store: Arc<dyn LimitStore>, when_lost: WhenLost) -> Self {
        self.store = Some(store);
        self.when_lost = when_lost;
        self
    }

    /// The names of the components that are limited.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.components.keys().map(AsRef::as_ref)
    }

    fn component(&mut self, name: &str) -> &mut OfComponent {
        self.components.entry(name.into()).or_default()
    }
}
