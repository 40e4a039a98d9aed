//! Keys of clients: RFC 7591 §2, `jwks` and `jwks_uri`.

use serde_json::{Map, Value};

use super::ClientMetadataError;
use crate::jose::{JwkSet, KeyOrigin};

/// The largest number of keys of one client.
pub const MAX_CLIENT_KEYS: usize = 20;

/// A set is accepted whole or not at all: a client that publishes a private key,
/// or one that is too weak, should learn it before it relies on the others.
pub(super) fn check(jwks: &Map<String, Value>) -> Result<(), ClientMetadataError> {
    let text = Value::Object(jwks.clone()).to_string();
    let parsed =
        JwkSet::parse(text.as_bytes(), KeyOrigin::Remote).map_err(|_| ClientMetadataError::Jwks)?;
    let count = parsed.set.keys().len();
    if !parsed.warnings.is_empty() || !(1..=MAX_CLIENT_KEYS).contains(&count) {
        return Err(ClientMetadataError::Jwks);
    }
    Ok(())
}
