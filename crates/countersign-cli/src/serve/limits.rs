//! The options of `countersign serve` about how often callers may ask.

use clap::Args;
use countersign::{Limits, Quota};

/// How often callers may ask.
#[derive(Debug, Args)]
pub(super) struct LimitOptions {
    /// How often each user may ask, as in 100/min: a number, and s, min, hour or day. Who
    /// has no token counts by address [default: no limit]
    #[arg(long, value_name = "QUOTA")]
    rate_limit: Option<Quota>,

    /// How much of it may be used at once [default: all]
    #[arg(long, value_name = "REQUESTS", requires = "rate_limit", value_parser = clap::value_parser!(u32).range(1..))]
    rate_limit_burst: Option<u32>,

    /// How often each address may ask, whoever is there, before any token is looked at
    /// [default: no limit]
    #[arg(long, value_name = "QUOTA")]
    rate_limit_address: Option<Quota>,
}

impl LimitOptions {
    /// What was said, if anything was; wrong tokens are counted in any case.
    pub(super) fn limits(&self) -> Option<Limits> {
        if self.rate_limit.is_none() && self.rate_limit_address.is_none() {
            return None;
        }
        let mut limits = Limits::unless_said();
        if let Some(quota) = self.rate_limit {
            let burst = self.rate_limit_burst.unwrap_or(quota.at_once());
            limits = limits.per_user(quota.burst(burst));
        }
        if let Some(quota) = self.rate_limit_address {
            limits = limits.per_address(quota);
        }
        Some(limits)
    }

    /// An option that needs a network, if one was given.
    pub(super) fn network_option(&self) -> Option<&'static str> {
        self.rate_limit_address.map(|_| "--rate-limit-address")
    }
}
