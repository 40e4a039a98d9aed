//! From what was said to limits that work.

use tokio::time::Instant;

use super::limiter::{AddressLimit, ComponentLimit, Limit, Limiter};
use super::network::NETWORKS_AROUND;
use super::quota::Quota;
use super::slots::Slots;
use super::{Limits, OfComponent};
use crate::ConfigurationError;

impl Limits {
    /// The limits, at work from now on.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says which of them cannot be meant.
    pub fn build(self) -> Result<Limiter, ConfigurationError> {
        self.check()?;
        let keys = self.keys;
        let limit = |quota: Option<Quota>| quota.map(|quota| Limit::new(quota, keys));
        let component = |of: OfComponent| ComponentLimit {
            limit: limit(of.quota),
            cost: of.cost.unwrap_or(1),
            slots: of.concurrent.map(Slots::new),
        };
        let components = self.components.into_iter();
        Ok(Limiter {
            user: limit(self.user),
            client: limit(self.client),
            key: limit(self.key),
            address: self.address.map(|quota| AddressLimit {
                own: Limit::new(quota, keys),
                around: Limit::new(quota.times(NETWORKS_AROUND), keys),
            }),
            failures: limit(self.failures),
            components: components.map(|(name, of)| (name, component(of))).collect(),
            store: self.store,
            when_lost: self.when_lost,
            start: Instant::now(),
        })
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        let callers = [
            ("user", self.user),
            ("client", self.client),
            ("key", self.key),
        ];
        let before = [
            ("address", self.address),
            ("failed authentications", self.failures),
        ];
        let quotas = callers.iter().chain(&before);
        let of_components = self.components.iter().map(|(name, of)| (&**name, of.quota));
        for (name, quota) in quotas.copied().chain(of_components) {
            if quota.is_some_and(Quota::is_nothing) {
                return Err(ConfigurationError::new(format!(
                    "the limit `{name}` lets nothing through: set at least 1 request and a \
                     burst of at least 1, or leave it out"
                )));
            }
        }
        if self.keys == 0 {
            return Err(ConfigurationError::new(
                "limits with room for nobody: set room_for to at least 1",
            ));
        }
        for (name, of) in &self.components {
            if of.concurrent == Some(0) || of.cost == Some(0) {
                return Err(ConfigurationError::new(format!(
                    "`{name}` has a cost or a number of places of zero: set at least 1, or leave \
                     it out"
                )));
            }
            let cost = of.cost.unwrap_or(1);
            let least = callers.iter().filter_map(|(whose, quota)| {
                let burst = quota.as_ref()?.at_once();
                (cost > burst).then_some((whose, burst))
            });
            if let Some((whose, burst)) = least.min_by_key(|(_, burst)| *burst) {
                return Err(ConfigurationError::new(format!(
                    "`{name}` costs {cost}, and a {whose} never has more than {burst} at once: \
                     set a smaller cost, or a larger burst"
                )));
            }
        }
        Ok(())
    }
}
