//! What happened on the wire to a request, for whoever waits for its answer: between
//! the two, the SDK knows JSON-RPC errors alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ClientError;
use crate::protocol::RequestId;

/// Why a request has no answer.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// Its stream broke before the answer, and it is to be sent again as a new request.
    Broken,
    /// This.
    Because(ClientError),
}

/// The failures that nobody has been told of. There is one at most for each request
/// that somebody waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(Arc<Mutex<HashMap<RequestId, Failure>>>);

impl Failures {
    pub(super) fn note(&self, id: RequestId, failure: Failure) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.insert(id, failure);
    }

    pub(super) fn take(&self, id: &RequestId) -> Option<Failure> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(id)
    }
}
