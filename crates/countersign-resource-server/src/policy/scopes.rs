//! The scopes of a component: RFC 6750 §3.1, `insufficient_scope`.

use super::{Action, Denial};
use crate::{Caller, WrongSource};

/// A caller needs every scope of the component. A token without any scope claim
/// has no scope: it fails wherever one is needed.
pub(super) fn check(caller: &Caller, action: &Action<'_>) -> Result<(), Denial> {
    let Some(component) = action.component else {
        return Ok(());
    };
    if component.scopes.is_empty() {
        return Ok(());
    }
    if caller.is_anonymous() {
        return Err(match component.sources {
            Some(rule) => Denial::WrongSource(WrongSource::nobody(rule, component.scopes)),
            None => Denial::Unauthenticated(component.scopes.clone()),
        });
    }
    if caller.scopes().is_superset(component.scopes) {
        Ok(())
    } else {
        Err(Denial::InsufficientScope(component.scopes.clone()))
    }
}
