//! Limits that several servers have in common.
//!
//! What is over the limit of this process is refused without asking, so that a flood
//! reaches the store from none of them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use countersign_oauth::Lifetime;
use thiserror::Error;

use super::exceeded::{Budget, Exceeded};
use super::limiter::Limiter;
use super::quota::Quota;
use crate::{Caller, Unavailable};

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

impl<'a> SharedBudget<'a> {
    /// A budget for everything that `name`, for whom `issuer` vouches, does.
    pub const fn new(budget: Budget, issuer: &'a str, name: &'a str, quota: Quota) -> Self {
        Self {
            budget,
            issuer,
            name,
            component: "",
            quota,
        }
    }
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

/// Why a shared limit lets a request not through.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "each has its own answer")]
pub enum Refused {
    /// 429.
    Exceeded(Exceeded),
    /// 503.
    Unavailable(Unavailable),
}

impl Limiter {
    /// Counts a request, which [`Limiter::charge`] let through, in the store that several
    /// servers have in common. What is refused there uses up nothing here.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn share(&self, caller: &Caller, component: Option<&str>) -> Result<(), Refused> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        for charge in self.charges(caller, component) {
            // Who has no name is counted here alone.
            let Some((issuer, name)) = charge.whom else {
                continue;
            };
            let of = match charge.budget {
                Budget::Component => charge.component,
                _ => "",
            };
            let quota = charge.limit.quota;
            let budget = SharedBudget {
                component: of,
                ..SharedBudget::new(charge.budget, issuer, name, quota)
            };
            match store.take(budget, charge.cost).await {
                Ok(None) => {}
                Ok(Some(wait)) => {
                    let wait = wait.as_secs().saturating_mul(1_000_000_000);
                    let exceeded = charge.exceeded(wait);
                    self.give_back(caller, component);
                    return Err(Refused::Exceeded(exceeded));
                }
                Err(lost) if self.when_lost == WhenLost::CountHere => {
                    tracing::warn!(%lost, "counting in this process alone");
                    return Ok(());
                }
                Err(lost) => {
                    tracing::warn!(%lost, "refusing what cannot be counted");
                    return Err(Refused::Unavailable(Unavailable::new(
                        "the store of the shared limits",
                        Lifetime::from_secs(1),
                    )));
                }
            }
        }
        Ok(())
    }
}
