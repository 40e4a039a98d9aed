//! Whose task it is (SEP-2663): a task belongs to the caller who began it, and is what
//! its tool is, so that whoever may not call the tool has not its result either.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use countersign_resource_server::Caller;

use super::table::Owner;

/// Tasks that are remembered; the oldest is forgotten first, and its owner too
/// can no longer ask for it then.
const CAPACITY: usize = 10_000;

/// The owners of the tasks of one handler.
#[derive(Debug, Default)]
pub(super) struct TaskOwners(Mutex<Owners>);

#[derive(Debug, Default)]
struct Owners {
    tasks: HashMap<String, Begun>,
    oldest: VecDeque<String>,
}

/// By whom a task was begun, and with which tool.
#[derive(Debug)]
struct Begun {
    owner: Owner,
    tool: Box<str>,
}

impl TaskOwners {
    /// `caller` began the task `id` with `tool`. A task that is known keeps its owner.
    pub(super) fn note(&self, caller: &Caller, tool: &str, id: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.tasks.contains_key(id) {
            return;
        }
        if state.oldest.len() >= CAPACITY
            && let Some(oldest) = state.oldest.pop_front()
        {
            state.tasks.remove(&oldest);
        }
        let owner = Owner::of(caller);
        let tool = tool.into();
        state.tasks.insert(id.to_owned(), Begun { owner, tool });
        state.oldest.push_back(id.to_owned());
    }

    /// The tool with which `caller` began the task `id`; nothing for the task of another
    /// and for no task.
    pub(super) fn tool_of(&self, caller: &Caller, id: &str) -> Option<Box<str>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = state.tasks.get(id)?;
        begun.owner.is(caller).then(|| begun.tool.clone())
    }
}
