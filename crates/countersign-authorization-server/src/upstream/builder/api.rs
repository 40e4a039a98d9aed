//! What sends the requests of tools.

use std::sync::Arc;

use countersign_oauth::Lifetime;
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::fetch::{Fetch, Fetcher};

use super::UpstreamBuilder;

/// How long a request of a tool may take, unless it has a fetcher of its own.
const PATIENCE: Lifetime = Lifetime::from_secs(30);
/// How large an answer to a tool may be, unless it has a fetcher of its own.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

impl UpstreamBuilder {
    /// Sends the requests of tools through `fetch`, such as a [`Fetcher`] with more time;
    /// else through the one of [`UpstreamBuilder::fetcher`], or a guarded one with 30
    /// seconds and 8 MiB for an answer.
    pub fn api_fetcher(mut self, fetch: impl Fetch) -> Self {
        self.api_fetch = Some(Arc::new(fetch));
        self
    }

    pub(super) fn fetch_of_tools(&self) -> Result<Arc<dyn Fetch>, ConfigurationError> {
        if let Some(fetch) = self.api_fetch.as_ref().or(self.fetch.as_ref()) {
            return Ok(Arc::clone(fetch));
        }
        let fetcher = Fetcher::builder()
            .timeout(PATIENCE)
            .max_body_bytes(MAX_BODY_BYTES);
        let fetcher = if self.loopback {
            fetcher.danger_allow_loopback()
        } else {
            fetcher
        };
        Ok(Arc::new(fetcher.build()?))
    }
}
