//! The `resource` parameter: RFC 8707 §2.
//!
//! A token is for one resource. Scheme and host are compared without regard to
//! case (RFC 3986 §6.2.2.1) and a bare origin equals the same with `/`
//! (§6.2.3), because clients write both; everything else byte for byte. What
//! is selected is our own spelling, never that of the request.

use thiserror::Error;

use crate::ResourceUri;

/// Why a target is refused; to the client it is `invalid_target` (RFC 8707 §2).
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// Not an absolute https URI without fragment and user name.
    #[error("resource must be an absolute https URI without fragment and user name")]
    Malformed,
    /// No resource of this server.
    #[error("resource is not one that this server issues tokens for")]
    Unknown,
    /// Two different resources in one request.
    #[error("resource names several resources; ask for one token for each")]
    Several,
}

/// The resource among `known` that a request asks for; nothing if it does not say.
///
/// `requested` are all values of the parameter, which may be repeated.
///
/// # Errors
///
/// [`InvalidTarget`] if a value is malformed, unknown, or another than the first.
pub fn select<'a>(
    requested: impl IntoIterator<Item = &'a str>,
    known: &[ResourceUri],
) -> Result<Option<ResourceUri>, InvalidTarget> {
    let mut selected: Option<&ResourceUri> = None;
    for text in requested {
        let asked = ResourceUri::parse(text).map_err(|_| InvalidTarget::Malformed)?;
        let ours = known
            .iter()
            .find(|ours| is_same(ours, &asked))
            .ok_or(InvalidTarget::Unknown)?;
        if selected.is_some_and(|selected| selected != ours) {
            return Err(InvalidTarget::Several);
        }
        selected = Some(ours);
    }
    Ok(selected.cloned())
}

/// Whether both name one resource: scheme and host without regard to case, a bare origin
/// as with `/`, everything else byte for byte.
pub(crate) fn is_same(ours: &ResourceUri, asked: &ResourceUri) -> bool {
    let rest = |uri: &ResourceUri| {
        let rest = uri.as_str().get(uri.origin().len()..).unwrap_or_default();
        if rest == "/" {
            String::new()
        } else {
            rest.to_owned()
        }
    };
    ours.origin().eq_ignore_ascii_case(asked.origin()) && rest(ours) == rest(asked)
}
