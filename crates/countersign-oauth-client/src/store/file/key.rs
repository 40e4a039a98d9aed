//! Where the key is that opens the records.

use std::path::Path;

use countersign_store::SealingKeys;

use super::sealed::keys_in_file;
use crate::store::StoreError;

/// Where the key is.
#[derive(Clone, Debug)]
pub(super) enum KeyPlace {
    /// In a file of the folder, for its owner alone.
    File,
}

impl KeyPlace {
    /// The keys; made if there are none yet and `may_make` them. `file` is the key file
    /// of the folder.
    pub(super) fn read(
        &self,
        file: &Path,
        may_make: bool,
    ) -> Result<Option<SealingKeys>, StoreError> {
        match self {
            Self::File => keys_in_file(file, may_make),
        }
    }
}
