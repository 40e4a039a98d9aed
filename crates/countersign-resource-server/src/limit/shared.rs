//! Limits that several servers have in common.
//!
//! What is over the limit of this process is refused without asking, so that a flood
//! reaches the store from none of them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use countersign_oauth::Lifetime;
use thiserror::Error;

use super::exceeded::Budget;
use super::quota::Quota;

/// A budget that several servers have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SharedBudget<'a> {
    /// Whose it is.
    pub budget: Budget,
    /// The issuer who vouches for them.
    pub issuer: &'a str,
    /// The subject, the client or the id of the key.
    pub name: &'a str,
    /// The component, if it is for one.
    pub component: &'a str,
    /// How much there is.
    pub quota: Quota,
}

/// The store that limits are shared in does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Error)]
#[error("the store of the shared limits does not answer")]
#[non_exhaustive]
pub struct LimitStoreLost;

/// Some of a budget being taken. `None` if there was enough, else when to try again.
pub type Taking<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Lifetime>, LimitStoreLost>> + Send + 'a>>;

/// Counts for several servers.
pub trait LimitStore: fmt::Debug + Send + Sync + 'static {
    /// Takes `cost` from `budget`. What is refused uses nothing up.
    fn take<'a>(&'a self, budget: SharedBudget<'a>, cost: u32) -> Taking<'a>;
}

/// What is done while the store of shared limits does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum WhenLost {
    /// Each server counts for itself, so that all together let through as many times the
    /// limit as there are servers.
    #[default]
    CountHere,
    /// Everything is answered 503.
    Refuse,
}
