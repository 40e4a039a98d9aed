//! Files that only their owner may use.

use std::fs::{Metadata, OpenOptions};

/// The permission bits, if they let anybody in besides the owner.
#[cfg(unix)]
pub fn looser_mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Elsewhere access is governed by lists that are inherited from the folder.
#[cfg(not(unix))]
pub fn looser_mode(_: &Metadata) -> Option<u32> {
    None
}

/// Makes new files readable and writable for their owner alone, whatever the umask.
#[cfg(unix)]
pub fn on_creation(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// Elsewhere access is governed by lists that are inherited from the folder.
#[cfg(not(unix))]
pub fn on_creation(_: &mut OpenOptions) {}
