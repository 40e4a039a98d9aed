//! Without the feature `otel` nobody is told of requests.

use countersign_audit::Record;
use countersign_resource_server::ConfigurationError;
use http::{HeaderMap, StatusCode};

use crate::direct::Running;
use crate::metrics::Metrics;
use crate::registry::Registry;

/// There is none.
#[derive(Clone, Debug)]
pub(crate) enum Telemetry {}

impl Telemetry {
    pub(crate) const fn watch(&self, _: &Registry, _: &Metrics) -> Result<(), ConfigurationError> {
        match *self {}
    }
}

/// Nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operation;

impl Operation {
    pub(crate) const fn begin(_: Option<&Telemetry>, _: u64) -> Self {
        Self
    }

    pub(crate) const fn asked(&self, _: &str, _: &HeaderMap, _: Option<&str>) {}

    pub(crate) const fn speaks(&self, _: &str) {}

    pub(crate) const fn decided(&self, _: &Record) {}

    pub(crate) const fn answered(&self, _: StatusCode) {}

    pub(crate) const fn failed(&self, _: i32) {}

    pub(crate) const fn tool_failed(&self) {}

    pub(crate) fn around(&self, running: Running) -> Running {
        running
    }
}
