//! The keychain of macOS and the credential manager of Windows.

use countersign_oauth::Secret;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store;
#[cfg(windows)]
use windows_native_keyring_store::Store;

use super::key::Keychain;

/// What our entries are filed under.
const SERVICE: &str = "countersign";

/// The keychain of the person who runs this.
#[derive(Debug)]
pub(super) struct SystemKeychain;

fn entry(name: &str) -> Result<Entry, Error> {
    Store::new()?.build(SERVICE, name, None)
}

impl Keychain for SystemKeychain {
    fn read(&self, name: &str) -> Result<Option<Secret>, String> {
        match entry(name).and_then(|entry| entry.get_password()) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn write(&self, name: &str, text: &Secret) -> Result<(), String> {
        let written = entry(name).and_then(|entry| entry.set_password(text.reveal()));
        written.map_err(|error| error.to_string())
    }
}
