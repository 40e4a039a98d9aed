//! The database file and its folder: whose they are, and whether they are still there.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Folder, IfMissing, OpenError, SqliteOptions, mounts};
use crate::owner_only;

/// How a database file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where its header has the number of the schema and that of the application.
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;
const HEADER_LEN: usize = 100;

/// What the header of a database file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) user_version: u32,
    pub(super) application_id: u32,
}

/// Makes the folder and the file if they are missing and may be made, and refuses what
/// others could read, change or have put there. Answers what the file says it is;
/// nothing if it is empty.
pub(super) fn prepare(options: &SqliteOptions) -> Result<Option<Header>, OpenError> {
    let path = options.path.as_path();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    prepare_folder(folder, options)?;
    if let Some(network) = mounts::network_file_system(folder) {
        return Err(OpenError::at(
            folder,
            &format!(
                "the folder is on a network share ({network}), where SQLite cannot lock: \
                 use a local disk"
            ),
        ));
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) => check_file(path, &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if options.if_missing == IfMissing::Refuse {
                return Err(OpenError::at(path, "there is no such file"));
            }
            let mut create = OpenOptions::new();
            create.write(true).create_new(true);
            owner_only::on_creation(&mut create);
            match create.open(path) {
                Ok(_) => {}
                // Another process was quicker.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    check_file(path, &about(path)?)?;
                }
                Err(error) => {
                    return Err(OpenError::at(path, &format!("it cannot be made: {error}")));
                }
            }
        }
        Err(error) => return Err(OpenError::at(path, &error.to_string())),
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let companion = companion(path, suffix);
        if let Ok(metadata) = fs::symlink_metadata(&companion) {
            check_file(&companion, &metadata)?;
        }
    }
    // SQLite would open what it cannot write to, and fail at the first write.
    OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|error| OpenError::at(path, &format!("it cannot be written to: {error}")))?;
    let header = read_header(path)?;
    if header.is_none() && options.if_missing == IfMissing::Refuse {
        return Err(OpenError::at(path, "it is empty"));
    }
    Ok(header)
}

fn about(path: &Path) -> Result<Metadata, OpenError> {
    fs::symlink_metadata(path).map_err(|error| OpenError::at(path, &error.to_string()))
}

/// The file that SQLite keeps beside the database under `suffix`.
fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn prepare_folder(folder: &Path, options: &SqliteOptions) -> Result<(), OpenError> {
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                && options.if_missing == IfMissing::Create =>
        {
            create_folder(folder)
                .and_then(|()| fs::metadata(folder))
                .map_err(|error| {
                    OpenError::at(folder, &format!("the folder cannot be made: {error}"))
                })?
        }
        Err(error) => return Err(OpenError::at(folder, &error.to_string())),
    };
    if !metadata.is_dir() {
        return Err(OpenError::at(folder, "it is not a folder"));
    }
    match (owner_only::looser_mode(&metadata), options.folder) {
        (Some(mode), Folder::OwnerOnly) => Err(OpenError::at(
            folder,
            &format!("others may enter the folder (mode {mode:04o}): run chmod 700 on it"),
        )),
        (Some(mode), Folder::OwnerWrites) if mode & 0o022 != 0 => Err(OpenError::at(
            folder,
            &format!("others may write to the folder (mode {mode:04o}): run chmod 700 on it"),
        )),
        _ => Ok(()),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn check_file(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    let problem = if metadata.is_dir() {
        "it is a folder".to_owned()
    } else if metadata.is_symlink() {
        "it is a symbolic link: name the file itself".to_owned()
    } else if !metadata.is_file() {
        "it is not a regular file".to_owned()
    } else if let Some(mode) = owner_only::looser_mode(metadata) {
        format!("others may use the file (mode {mode:04o}): run chmod 600 on it")
    } else if metadata.permissions().readonly() {
        "the file is read-only: run chmod 600 on it".to_owned()
    } else if links(metadata) > 1 {
        "the file has a second name (a hard link): remove it".to_owned()
    } else {
        return Ok(());
    };
    Err(OpenError::at(path, &problem))
}

fn read_header(path: &Path) -> Result<Option<Header>, OpenError> {
    let failed = |error: io::Error| OpenError::at(path, &format!("it cannot be read: {error}"));
    let mut header = Vec::with_capacity(HEADER_LEN);
    File::open(path)
        .and_then(|file| file.take(HEADER_LEN as u64).read_to_end(&mut header))
        .map_err(failed)?;
    if header.is_empty() {
        return Ok(None);
    }
    let number =
        |at: usize| -> Option<u32> { Some(u32::from_be_bytes(*header.get(at..)?.first_chunk()?)) };
    match (
        header.starts_with(MAGIC),
        number(USER_VERSION_AT),
        number(APPLICATION_ID_AT),
    ) {
        (true, Some(user_version), Some(application_id)) => Ok(Some(Header {
            user_version,
            application_id,
        })),
        _ => Err(OpenError::at(path, "it is not an SQLite database")),
    }
}

/// Which file was opened, so that it is noticed when another takes its place: SQLite
/// would go on writing to the one that nobody sees any more.
#[derive(Clone, Debug)]
pub(super) struct FileIdentity {
    path: PathBuf,
    number: FileNumber,
}

impl FileIdentity {
    pub(super) fn of(path: &Path) -> Result<Self, OpenError> {
        let metadata =
            fs::metadata(path).map_err(|error| OpenError::at(path, &error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            number: file_number(&metadata),
        })
    }

    /// Why the file is not there any more. One system call, a microsecond.
    pub(super) fn check(&self) -> Result<(), String> {
        match fs::metadata(&self.path) {
            Ok(metadata) if file_number(&metadata) == self.number => Ok(()),
            Ok(_) => Err("the database file was replaced by another; restart to use it".to_owned()),
            Err(error) => Err(format!("the database file is gone: {error}")),
        }
    }
}

#[cfg(unix)]
type FileNumber = (u64, u64);
#[cfg(not(unix))]
type FileNumber = ();

#[cfg(unix)]
fn file_number(metadata: &Metadata) -> FileNumber {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Elsewhere a file that is open cannot be replaced.
#[cfg(not(unix))]
fn file_number(_: &Metadata) -> FileNumber {}

#[cfg(unix)]
fn links(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_: &Metadata) -> u64 {
    1
}
