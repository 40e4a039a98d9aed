//! Comparing a requested redirection URI with the registered ones:
//! RFC 9700 §2.1 ("exact string matching"), RFC 8252 §7.3 (ports of loopback).

use thiserror::Error;

use super::{ApplicationType, RedirectKind, RedirectUri};

/// Why no answer may be sent to a requested redirection URI. Nothing is
/// redirected then; the person sees a page (RFC 6749 §4.1.2.1).
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectMismatch {
    /// `redirect_uri` was not sent, and the client does not have exactly one.
    #[error("redirect_uri is missing and the client has not registered exactly one")]
    Missing,
    /// It is none of the registered ones.
    #[error("redirect_uri is none of those that the client registered")]
    NotRegistered,
    /// The application type of the client does not allow it.
    #[error("the application type of the client does not allow this redirect_uri")]
    NotForWeb,
}

/// An address to which answers for one client may be sent.
///
/// # Security
///
/// Made by [`match_redirect_uri`] alone, so that no answer goes anywhere else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedRedirect {
    uri: RedirectUri,
    was_sent: bool,
}

impl VerifiedRedirect {
    /// The address, with the bytes that the client requested.
    pub const fn uri(&self) -> &RedirectUri {
        &self.uri
    }

    /// Whether the request named it. Then the token request must repeat it
    /// (RFC 6749 §4.1.3).
    pub const fn was_sent(&self) -> bool {
        self.was_sent
    }
}

/// Finds out whether answers may go to `requested`.
///
/// `requested` is the parameter as it was sent, absent if it was not, and
/// `registered` what the client registered or published.
///
/// # Errors
///
/// [`RedirectMismatch`] if they may not.
pub fn match_redirect_uri(
    requested: Option<&str>,
    registered: &[RedirectUri],
    application_type: ApplicationType,
) -> Result<VerifiedRedirect, RedirectMismatch> {
    let uri = match (requested, registered) {
        (None, [only]) => only.clone(),
        (None, _) => return Err(RedirectMismatch::Missing),
        (Some(requested), _) => registered
            .iter()
            .find_map(|registered| matching(registered, requested))
            .ok_or(RedirectMismatch::NotRegistered)?,
    };
    if application_type == ApplicationType::Web && uri.kind() != RedirectKind::Web {
        return Err(RedirectMismatch::NotForWeb);
    }
    let was_sent = requested.is_some();
    Ok(VerifiedRedirect { uri, was_sent })
}

fn matching(registered: &RedirectUri, requested: &str) -> Option<RedirectUri> {
    if registered.as_str() == requested {
        return Some(registered.clone());
    }
    // RFC 8252 §7.3: "The authorization server MUST allow any port to be
    // specified at the time of the request for loopback IP redirect URIs".
    if registered.scheme() != "http" || registered.kind() != RedirectKind::Loopback {
        return None;
    }
    let requested = RedirectUri::parse(requested).ok()?;
    (requested.without_port() == registered.without_port()).then_some(requested)
}
