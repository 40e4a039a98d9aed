//! The permit of the front on its way to the handler that spends it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_resource_server::policy::{Action, Permit};
use http::request::Parts;

/// A permit, and the action that it was given for. The front puts it into the
/// extensions of a request, so that no policy is asked twice and no rate limit
/// counts twice; a handler that finds none, or one for another action, asks again.
#[derive(Clone)]
pub(crate) struct Granted(Arc<Inner>);

struct Inner {
    method: Box<str>,
    component: Option<Box<str>>,
    permit: Mutex<Option<Permit>>,
}

impl Granted {
    /// The `permit` for `action`.
    pub(crate) fn new(action: &Action<'_>, permit: Permit) -> Self {
        Self(Arc::new(Inner {
            method: action.method.into(),
            component: action.component.map(|component| component.name.into()),
            permit: Mutex::new(Some(permit)),
        }))
    }

    /// Takes the permit in `parts` out, if it is for `action`.
    pub(super) fn take(parts: &Parts, action: &Action<'_>) -> Option<Permit> {
        let Self(inner) = parts.extensions.get()?;
        let same = *inner.method == *action.method
            && inner.component.as_deref() == action.component.map(|component| component.name);
        if !same {
            return None;
        }
        inner
            .permit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("method", &self.0.method)
            .finish_non_exhaustive()
    }
}
