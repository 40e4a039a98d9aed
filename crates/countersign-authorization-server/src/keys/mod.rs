//! Signing keys: kept sealed in the store, published before they sign, and
//! published on until the last token they signed has expired.

mod keyring;
mod stored;

pub(crate) use keyring::Keyring;
