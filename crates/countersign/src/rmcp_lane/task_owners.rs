//! Whose task it is (SEP-2663): a task belongs to the caller who began it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use countersign_resource_server::Caller;

use super::table::Owner;
use crate::protocol::ErrorData;

/// Tasks that are remembered; the oldest is forgotten first, and its owner too
/// can no longer ask for it then.
const CAPACITY: usize = 10_000;

/// The owners of the tasks of one handler.
#[derive(Debug, Default)]
pub(super) struct TaskOwners(Mutex<Owners>);

#[derive(Debug, Default)]
struct Owners {
    owners: HashMap<String, Owner>,
    oldest: VecDeque<String>,
}

impl TaskOwners {
    /// `caller` began the task `id`. A task that is known keeps its owner.
    pub(super) fn note(&self, caller: &Caller, id: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.owners.contains_key(id) {
            return;
        }
        if state.oldest.len() >= CAPACITY
            && let Some(oldest) = state.oldest.pop_front()
        {
            state.owners.remove(&oldest);
        }
        state.owners.insert(id.to_owned(), Owner::of(caller));
        state.oldest.push_back(id.to_owned());
    }

    /// Whether the task `id` belongs to `caller`.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602, the same for the task of another and for no task.
    pub(super) fn check(&self, caller: &Caller, id: &str) -> Result<(), ErrorData> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.owners.get(id) {
            Some(owner) if owner.is(caller) => Ok(()),
            _ => Err(ErrorData::invalid_params("Unknown task", None)),
        }
    }
}
