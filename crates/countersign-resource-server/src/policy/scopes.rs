//! The scopes of a component: RFC 6750 §3.1, `insufficient_scope`.

use super::{Action, Denial};
use crate::Caller;

/// A caller needs every scope of the component. A token without any scope claim
/// has no scope: it fails wherever one is needed.
pub(super) fn check(caller: &Caller, action: &Action<'_>) -> Result<(), Denial> {
    let Some(component) = action.component else {
        return Ok(());
    };
    if component.scopes.is_empty() {
        return Ok(());
    }
    if caller.access_token().is_none() {
        return Err(Denial::Unauthenticated(component.scopes.clone()));
    }
    if caller.scopes().is_superset(component.scopes) {
        Ok(())
    } else {
        Err(Denial::InsufficientScope(component.scopes.clone()))
    }
}
