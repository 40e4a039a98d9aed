//! Where the key is that opens the records: in the keychain of the system where there is
//! one, else in a file beside them.

#[cfg(any(test, all(feature = "keychain", any(target_os = "macos", windows))))]
use std::{fmt::Debug, sync::Arc};

#[cfg(any(test, all(feature = "keychain", any(target_os = "macos", windows))))]
use countersign_oauth::Secret;
use countersign_store::SealingKeys;
use countersign_store::seal::SealingKeysError;

use super::folder::Folder;
use crate::random::{SystemGenerator, draw};
use crate::store::StoreError;

/// Where the key is.
#[derive(Clone, Debug)]
pub(super) enum KeyPlace {
    /// In a file of the folder, for its owner alone.
    File,
    /// In a keychain, under the name of the folder.
    #[cfg(any(test, all(feature = "keychain", any(target_os = "macos", windows))))]
    Keychain(Arc<dyn Keychain>),
}

/// Keeps secrets of one person by name. The errors are sentences without the secret.
#[cfg(any(test, all(feature = "keychain", any(target_os = "macos", windows))))]
pub(super) trait Keychain: Debug + Send + Sync {
    /// The secret `name`; nothing if there is none.
    fn read(&self, name: &str) -> Result<Option<Secret>, String>;

    /// Keeps `text` as the secret `name`.
    fn write(&self, name: &str, text: &Secret) -> Result<(), String>;
}

impl KeyPlace {
    /// The keychain of the system, if there is one.
    pub(super) fn usual() -> Self {
        #[cfg(all(feature = "keychain", any(target_os = "macos", windows)))]
        return Self::Keychain(Arc::new(super::system_keychain::SystemKeychain));
        #[cfg(not(all(feature = "keychain", any(target_os = "macos", windows))))]
        Self::File
    }

    /// The keys of `folder`; made if there are none yet and `may_make` them.
    pub(super) fn read(
        &self,
        folder: &Folder,
        may_make: bool,
    ) -> Result<Option<SealingKeys>, StoreError> {
        match self {
            Self::File => keys_in_file(folder, may_make),
            #[cfg(any(test, all(feature = "keychain", any(target_os = "macos", windows))))]
            Self::Keychain(keychain) => keys_in(keychain.as_ref(), folder, may_make),
        }
    }
}

fn fresh() -> Result<[u8; 32], StoreError> {
    draw(&SystemGenerator)
        .map_err(|_| StoreError::Unusable("the system gives no random bytes".to_owned()))
}

fn failed(error: SealingKeysError) -> StoreError {
    StoreError::Unusable(error.to_string())
}

/// The keys in the file of `folder`; made if there are none and `may_make` them.
fn keys_in_file(folder: &Folder, may_make: bool) -> Result<Option<SealingKeys>, StoreError> {
    let path = folder.key_file();
    if !path.exists() {
        if !may_make {
            return Ok(None);
        }
        if let Ok(keys) = SealingKeys::create_file(&path, fresh()?) {
            return Ok(Some(keys));
        }
        // Another process was quicker, or the next step says what is wrong.
    }
    SealingKeys::from_file(&path).map(Some).map_err(failed)
}

/// The keys in `keychain`. A key file that is there goes on counting: its records would
/// be lost otherwise. It is made too where a keychain takes nothing, as in a session
/// without one; a keychain that *has* the key and does not give it is an error.
#[cfg(any(test, all(feature = "keychain", any(target_os = "macos", windows))))]
fn keys_in(
    keychain: &dyn Keychain,
    folder: &Folder,
    may_make: bool,
) -> Result<Option<SealingKeys>, StoreError> {
    if folder.key_file().exists() {
        return keys_in_file(folder, false);
    }
    let name = folder.full_name();
    let read = || {
        let text = keychain.read(&name).map_err(|why| {
            let advice = "unlock it, or log in at the machine itself";
            StoreError::Unusable(format!(
                "the keychain does not give its key: {why}; {advice}"
            ))
        })?;
        text.map(|text| SealingKeys::parse(&text).map_err(failed))
            .transpose()
    };
    if let Some(keys) = read()? {
        return Ok(Some(keys));
    }
    if !may_make {
        return Ok(None);
    }
    // Of two processes that begin together, one makes the key and the other reads it.
    let lock = folder.lock_file("key")?;
    let locked = lock.lock();
    locked.map_err(|error| StoreError::Unusable(format!("it cannot be locked: {error}")))?;
    if let Some(keys) = read()? {
        return Ok(Some(keys));
    }
    let text = SealingKeys::text_of(fresh()?);
    match keychain.write(&name, &text) {
        Ok(()) => SealingKeys::parse(&text).map(Some).map_err(failed),
        Err(why) => {
            tracing::warn!(
                why,
                "the keychain takes no key; it is kept in a file beside the tokens"
            );
            keys_in_file(folder, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    /// A keychain that can be locked.
    #[derive(Debug, Default)]
    struct Fake {
        kept: Mutex<HashMap<String, String>>,
        is_locked: Mutex<bool>,
        is_read_only: bool,
        written: Mutex<u32>,
    }

    impl Keychain for Fake {
        fn read(&self, name: &str) -> Result<Option<Secret>, String> {
            if *self.is_locked.lock().unwrap() {
                return Err("it is locked".to_owned());
            }
            let kept = self.kept.lock().unwrap();
            Ok(kept.get(name).map(|text| Secret::new(text.as_str())))
        }

        fn write(&self, name: &str, text: &Secret) -> Result<(), String> {
            if self.is_read_only {
                return Err("there is none".to_owned());
            }
            let mut kept = self.kept.lock().unwrap();
            kept.insert(name.to_owned(), text.reveal().to_owned());
            *self.written.lock().unwrap() += 1;
            Ok(())
        }
    }

    fn place() -> (tempfile::TempDir, Folder) {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("tokens"), true).unwrap();
        (home, folder.unwrap())
    }

    #[test]
    fn cl_33_with_a_keychain_there_is_no_key_beside_the_records() {
        let (_home, folder) = place();
        let keychain = Arc::new(Fake::default());
        let place = KeyPlace::Keychain(keychain.clone());
        assert!(place.read(&folder, false).unwrap().is_none());
        let made = place.read(&folder, true).unwrap().unwrap();
        let again = place.read(&folder, false).unwrap().unwrap();
        assert_eq!(made.newest_id(), again.newest_id());
        assert!(!folder.key_file().exists());
        let (_home, other) = self::place();
        assert!(
            place.read(&other, false).unwrap().is_none(),
            "another folder"
        );
    }

    #[test]
    fn of_those_who_make_the_key_at_the_same_time_all_get_the_same() {
        let (_home, folder) = place();
        let keychain = Arc::new(Fake::default());
        let made = thread::scope(|scope| {
            let one = || {
                let place = KeyPlace::Keychain(keychain.clone());
                place.read(&folder, true).unwrap().unwrap().newest_id()
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            let ids = all.into_iter().map(|one| one.join().unwrap());
            ids.collect::<Vec<_>>()
        });
        assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
        assert_eq!(*keychain.written.lock().unwrap(), 1);
    }

    #[test]
    fn a_locked_keychain_is_said_and_no_other_key_is_made() {
        let (_home, folder) = place();
        let keychain = Arc::new(Fake::default());
        let place = KeyPlace::Keychain(keychain.clone());
        place.read(&folder, true).unwrap();
        *keychain.is_locked.lock().unwrap() = true;
        for may_make in [false, true] {
            let said = place.read(&folder, may_make).unwrap_err().to_string();
            assert!(said.contains("it is locked; unlock it"), "{said}");
        }
        assert!(!folder.key_file().exists());
    }

    #[test]
    fn without_a_keychain_that_takes_it_the_key_is_in_a_file_and_stays_there() {
        let (_home, folder) = place();
        let none = KeyPlace::Keychain(Arc::new(Fake {
            is_read_only: true,
            ..Fake::default()
        }));
        let made = none.read(&folder, true).unwrap().unwrap();
        assert!(folder.key_file().exists());
        let later = KeyPlace::Keychain(Arc::new(Fake::default()));
        let read = later.read(&folder, true).unwrap().unwrap();
        assert_eq!(made.newest_id(), read.newest_id());
    }
}
