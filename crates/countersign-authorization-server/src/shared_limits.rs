//! Limits that several servers have in common, counted in the store.
//!
//! A budget has a counter for each period. At any moment what the last period had counts as
//! far as it is not longer ago than a period, in proportion: so nobody has two periods'
//! worth around the end of one. Each request costs reads of two counters and a hit; what is
//! refused is only read.

use std::fmt;
use std::sync::Arc;

use countersign_oauth::time::Clock;
use countersign_oauth::{Lifetime, UnixTime};
use countersign_resource_server::limit::{LimitStore, LimitStoreLost, SharedBudget, Taking};
use countersign_store::{CounterKey, Store, StoreError};
use futures_util::future::try_join_all;

/// Counts in a store: what [`countersign_resource_server::Limits::shared`] takes.
///
/// The burst of a quota is that of each server; all together have the quota.
#[derive(Clone)]
pub struct SharedLimits {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl SharedLimits {
    /// Counts in `store`, in periods of `clock`: all servers should have the same time.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    async fn count(&self, counter: &CounterKey, now: UnixTime) -> Result<u64, StoreError> {
        let hits = self.store.hits(counter, now).await?;
        Ok(hits.map_or(0, |hits| hits.count))
    }

    async fn try_take(
        &self,
        budget: SharedBudget<'_>,
        cost: u32,
    ) -> Result<Option<Lifetime>, StoreError> {
        let now = self.clock.now();
        let period = budget.quota.period_secs();
        let (number, gone) = (now.as_secs() / period, now.as_secs() % period);
        let this = counter_of(budget, number);
        let last = counter_of(budget, number.saturating_sub(1));
        let before = self.count(&last, now).await?;
        let most = u64::from(budget.quota.most());
        let used = self
            .count(&this, now)
            .await?
            .saturating_add(u64::from(cost));
        // What is left of the last period, rounded up.
        let left = |gone: u64| (before * (period - gone)).div_ceil(period);
        if used + left(gone) > most {
            let enough = (gone..period).find(|gone| used + left(*gone) <= most);
            let wait = enough.unwrap_or(period) - gone;
            return Ok(Some(Lifetime::from_secs(wait.max(1))));
        }
        // Counters know single hits alone; those of one request share a commit. A counter
        // is needed until the end of the next period.
        let window = Lifetime::from_secs(period.saturating_mul(2));
        let hits = (0..cost).map(|_| self.store.hit(&this, window, now));
        let counts = try_join_all(hits).await?;
        let count = counts.iter().map(|hits| hits.count).max().unwrap_or(0);
        // Others may have come at the same moment.
        let is_over = count + left(gone) > most;
        Ok(is_over.then_some(Lifetime::from_secs(1)))
    }
}

fn counter_of(budget: SharedBudget<'_>, period: u64) -> CounterKey {
    let parts = [
        budget.budget.as_str(),
        budget.issuer,
        budget.name,
        budget.component,
        budget.quota.period_word(),
        &period.to_string(),
    ];
    CounterKey::new("shared limit", &parts)
}

impl LimitStore for SharedLimits {
    fn take<'a>(&'a self, budget: SharedBudget<'a>, cost: u32) -> Taking<'a> {
        Box::pin(async move {
            let taken = self.try_take(budget, cost).await;
            taken.map_err(|error| {
                tracing::warn!(%error, "the store of the shared limits does not answer");
                LimitStoreLost::default()
            })
        })
    }
}

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLimits").finish_non_exhaustive()
    }
}
