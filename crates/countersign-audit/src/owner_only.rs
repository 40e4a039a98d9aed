//! Files that only their owner may use.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// The permission bits, if they let anybody in besides the owner.
#[cfg(unix)]
pub(crate) fn looser_mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Elsewhere access is governed by lists that are inherited from the folder.
#[cfg(not(unix))]
pub(crate) fn looser_mode(_: &Metadata) -> Option<u32> {
    None
}

/// Opens `path` as `options` say; a new file is its owner's alone, whatever the umask.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
