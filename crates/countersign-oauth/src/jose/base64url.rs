//! base64url without padding: RFC 7515 §2, RFC 4648 §5 and §3.5.
//!
//! One value has one spelling: padding, white space, the other alphabet and
//! non-zero unused bits in the last character are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that `text` spells, or nothing if it is no canonical spelling.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The spelling of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
