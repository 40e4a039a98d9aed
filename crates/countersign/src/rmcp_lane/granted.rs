//! The decision of the front on its way to the handler.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_resource_server::policy::{Action, Denial, Permit};
use http::request::Parts;

/// A decision, and the action that it was made for. The front puts it into the
/// extensions of a request, so that no policy is asked twice and no rate limit
/// counts twice; a handler that finds none, or one for another action, asks again.
#[derive(Clone)]
pub(crate) struct Granted(Arc<Inner>);

struct Inner {
    method: Box<str>,
    component: Option<Box<str>>,
    /// The URI of a template that was asked for.
    requested: Option<Box<str>>,
    /// The permit; `Err` if the component must look unknown.
    decision: Mutex<Option<Result<Permit, AsUnknown>>>,
}

/// The caller may not even know of the component.
struct AsUnknown;

impl Granted {
    /// The `permit` for `action`.
    pub(crate) fn new(action: &Action<'_>, permit: Permit) -> Self {
        Self::decided(action, Ok(permit))
    }

    /// `action` is to be answered as on an unknown component, in the words of the lane.
    pub(crate) fn as_unknown(action: &Action<'_>) -> Self {
        Self::decided(action, Err(AsUnknown))
    }

    fn decided(action: &Action<'_>, decision: Result<Permit, AsUnknown>) -> Self {
        Self(Arc::new(Inner {
            method: action.method.into(),
            component: action.component.map(|component| component.name.into()),
            requested: requested(action).map(Into::into),
            decision: Mutex::new(Some(decision)),
        }))
    }

    /// Takes the decision in `parts` out, if it is about `action`.
    pub(super) fn take(parts: &Parts, action: &Action<'_>) -> Option<Result<Permit, Denial>> {
        let Self(inner) = parts.extensions.get()?;
        let same = *inner.method == *action.method
            && inner.component.as_deref() == action.component.map(|component| component.name)
            && inner.requested.as_deref() == requested(action);
        if !same {
            return None;
        }
        let decision = inner
            .decision
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        Some(decision.map_err(|AsUnknown| Denial::Unknown))
    }
}

fn requested<'a>(action: &Action<'a>) -> Option<&'a str> {
    action.component.and_then(|component| component.requested)
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("method", &self.0.method)
            .finish_non_exhaustive()
    }
}
