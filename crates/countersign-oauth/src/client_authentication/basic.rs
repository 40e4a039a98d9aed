//! `client_secret_basic`: RFC 6749 §2.3.1 over RFC 7617 §2.
//!
//! Id and secret are each form-encoded before they are joined with a colon, so
//! that an id may have a colon. Many clients skip the encoding; for ids and
//! secrets of unreserved characters, as they are issued here, it changes nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Secret;
use crate::form;

/// The longest header value that is looked at, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// The id and the secret of a header value; nothing if it is malformed.
pub(super) fn parse(value: &[u8]) -> Option<(String, Secret)> {
    let text = std::str::from_utf8(value).ok()?;
    if text.len() > MAX_BYTES {
        return None;
    }
    let (scheme, credentials) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(credentials.trim_start_matches(' ')).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (id, secret) = decoded.split_at(colon);
    // Each is one value of a form (RFC 6749 §2.3.1 and appendix B).
    let id = form::decode(id).ok()?;
    let secret = form::decode(secret.get(1..)?).ok()?;
    (!id.is_empty() && !secret.is_empty()).then(|| (id, Secret::new(secret)))
}
