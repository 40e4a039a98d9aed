//! Whether a folder is on a network share.
//!
//! Processes on different machines cannot share the memory by which SQLite coordinates
//! readers and writers of the log, and many shares only pretend to lock.

use std::path::{Path, PathBuf};

/// The types of file systems that other machines can reach.
const NETWORK: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "gfs2",
    "ocfs2",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.rclone",
];

/// The type of the file system of `folder`, if it is a network share. Nothing on systems
/// that do not say what is mounted.
pub(super) fn network_file_system(folder: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let folder = folder.canonicalize().ok()?;
    let kind = file_system_of(&mounts, &folder)?;
    NETWORK.contains(&kind).then(|| kind.to_owned())
}

/// The type of the file system that is mounted nearest above `folder`, the last one
/// where several are mounted in one place. `mounts` is as in proc(5), mountinfo.
fn file_system_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let place = unescape(before.split(' ').nth(4)?);
            let kind = after.split(' ').next()?;
            folder
                .starts_with(&place)
                .then(|| (place.components().count(), kind))
        })
        .max_by_key(|(depth, _)| *depth)
        .map(|(_, kind)| kind)
}

/// Blanks, tabs, line feeds and backslashes in a path are written as octal numbers.
fn unescape(path: &str) -> PathBuf {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let mut path = path.to_owned();
    for (escape, meant) in escapes {
        path = path.replace(escape, meant);
    }
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /srv rw,relatime shared:2 - nfs4 server:/export rw
31 30 8:2 / /srv/local rw,relatime - xfs /dev/sdb1 rw
32 21 0:41 / /mnt/two\\040words rw - cifs //server/share rw
33 21 8:3 / /again rw - ext4 /dev/sdc1 rw
34 21 0:42 / /again rw shared:3 master:1 - fuse.sshfs host: rw
";

    #[test]
    fn f12_the_nearest_mount_decides() {
        let cases = [
            ("/", "ext4"),
            ("/var/somebody", "ext4"),
            ("/srv", "nfs4"),
            ("/srv/data/deep", "nfs4"),
            ("/srvx", "ext4"),
            ("/srv/local/data", "xfs"),
            ("/mnt/two words/data", "cifs"),
            ("/mnt/two", "ext4"),
            ("/again/data", "fuse.sshfs"),
        ];
        for (folder, expected) in cases {
            let found = file_system_of(MOUNTS, Path::new(folder));
            assert_eq!(found, Some(expected), "{folder}");
        }
        assert_eq!(file_system_of("", Path::new("/")), None);
        assert_eq!(file_system_of("garbage\n - \n", Path::new("/")), None);
        for network in ["nfs4", "cifs", "fuse.sshfs"] {
            assert!(NETWORK.contains(&network));
        }
        for local in ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "apfs"] {
            assert!(!NETWORK.contains(&local));
        }
    }

    #[test]
    fn a_folder_of_this_machine_is_no_share() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network_file_system(folder.path()), None);
    }
}
