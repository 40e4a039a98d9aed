//! Which scopes a request gets: RFC 6749 §3.3 and §6.
//!
//! A scope that is unknown, or that the client may not have, refuses the whole
//! request: a client that asked for too much learns it at once, and no person
//! is asked to consent to something that nobody meant.
//!
//! `offline_access` is passed over where it is not offered: clients ask for it to be
//! given a refresh token, which is decided by their grant types, and some ask every
//! server. RFC 6749 §3.3 permits to ignore a part of the scope.

use thiserror::Error;

use crate::ScopeSet;

/// The largest number of scopes in one request.
pub const MAX_SCOPES: usize = 100;

/// Why the scopes of a request are refused; to the client it is `invalid_scope`.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeRefusal {
    /// Outside the grammar of RFC 6749 §3.3.
    #[error("scope must be names separated by single blanks")]
    Malformed,
    /// More than [`MAX_SCOPES`].
    #[error("scope has too many names")]
    TooMany,
    /// A scope is unknown or not for this client.
    #[error("scope has a name that is unknown or not allowed for this client")]
    NotAllowed,
    /// More than was granted (RFC 6749 §6).
    #[error("scope is wider than what was granted")]
    WiderThanGranted,
}

/// Reads the parameter `scope`; an empty one was not sent.
///
/// # Errors
///
/// [`ScopeRefusal::Malformed`] or [`ScopeRefusal::TooMany`].
pub fn parse(text: Option<&str>) -> Result<Option<ScopeSet>, ScopeRefusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.split(' ').nth(MAX_SCOPES).is_some() {
        return Err(ScopeRefusal::TooMany);
    }
    let scopes = ScopeSet::parse(text).map_err(|_| ScopeRefusal::Malformed)?;
    Ok(Some(scopes))
}

/// The scopes of a new grant: what was requested if all of it is `allowed`,
/// else nothing; `default` cut to `allowed` if nothing was requested.
///
/// RFC 6749 §3.3: "If the client omits the scope parameter when requesting
/// authorization, the authorization server MUST either process the request
/// using a pre-defined default value or fail the request".
///
/// # Errors
///
/// [`ScopeRefusal::NotAllowed`] if a requested scope is not in `allowed`.
pub fn decide(
    requested: Option<&ScopeSet>,
    allowed: &ScopeSet,
    default: &ScopeSet,
) -> Result<ScopeSet, ScopeRefusal> {
    let default = || default.intersection(allowed);
    within(requested, allowed, default).ok_or(ScopeRefusal::NotAllowed)
}

/// The scopes of a token of a grant that exists: all that was `granted`, or the
/// part of it that was requested. What was granted itself does not change, so
/// that a later request may ask for all of it again (RFC 6749 §6).
///
/// # Errors
///
/// [`ScopeRefusal::WiderThanGranted`] if the request has a scope more.
pub fn narrow(requested: Option<&ScopeSet>, granted: &ScopeSet) -> Result<ScopeSet, ScopeRefusal> {
    within(requested, granted, || granted.clone()).ok_or(ScopeRefusal::WiderThanGranted)
}

/// What was requested, if it is within `bounds`, and `unsaid` if nothing was.
fn within(
    requested: Option<&ScopeSet>,
    bounds: &ScopeSet,
    unsaid: impl Fn() -> ScopeSet,
) -> Option<ScopeSet> {
    let Some(requested) = requested else {
        return Some(unsaid());
    };
    if bounds.is_superset(requested) {
        return Some(requested.clone());
    }
    let rest = requested.without_offline_access();
    if rest.is_empty() {
        return Some(unsaid());
    }
    bounds.is_superset(&rest).then_some(rest)
}
