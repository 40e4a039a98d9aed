//! The data directory: what the embedded authorization server keeps, for the server
//! and for the commands that manage it. They may run at the same time.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::Args;
use countersign::audit::Sink;
use countersign::authorization_server::accounts::AccountError;
use countersign::authorization_server::overview::Portion;
use countersign::authorization_server::store::{Cursor, SealingKeys};
use countersign::authorization_server::{Accounts, AuthorizationServer, Storage, Unavailable};

use crate::file;
use crate::log::LogOption;
use crate::management_log::ManagementLog;

/// Where it is if nothing else is said.
const USUAL: &str = "countersign-data";

/// The database in it.
pub(crate) const DATABASE: &str = "countersign.db";

/// Which data directory, and how to print what is in it.
#[derive(Debug, Args)]
pub(crate) struct DataOptions {
    #[command(flatten)]
    pub(crate) directory: DataDirectory,

    /// Print JSON; times are in seconds since 1970
    #[arg(long, global = true, display_order = 800)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) log: LogOption,
}

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataDirectory {
    /// The folder in which the authorization server keeps its data
    #[arg(
        long = "data-dir",
        value_name = "DIR",
        default_value = USUAL,
        global = true,
        display_order = 700
    )]
    path: PathBuf,

    /// Its database, such as that of a server of your own, instead of --data-dir
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "path",
        global = true,
        display_order = 701
    )]
    database: Option<PathBuf>,

    /// The keys that seal parts of the database, in a file that exists
    /// [default: made beside the database, with .keys behind its name]
    #[arg(long, value_name = "FILE", global = true, display_order = 702)]
    sealing_keys_file: Option<PathBuf>,

    /// Where what commands do is noted, once the database was opened.
    #[arg(skip)]
    pub(crate) log: ManagementLog,
}

/// What to do if the folder is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMissing {
    /// Make it.
    Create,
    /// Say so: an empty answer about the wrong folder would mislead.
    Refuse,
}

/// The data, opened to be managed.
pub(crate) struct Data {
    pub(crate) server: AuthorizationServer,
    pub(crate) accounts: Accounts,
    database: PathBuf,
    keys: PathBuf,
}

impl DataDirectory {
    /// What people see of it.
    pub(crate) fn shown(&self) -> impl Display {
        self.database.as_deref().unwrap_or(&self.path).display()
    }

    /// The options that name it, as far as it is not the usual one.
    pub(crate) fn options(&self) -> Vec<(&'static str, &Path)> {
        let usual = Path::new(USUAL);
        let path = Some(&*self.path).filter(|path| *path != usual && self.database.is_none());
        let options = [
            ("--data-dir", path),
            ("--database", self.database.as_deref()),
            ("--sealing-keys-file", self.sealing_keys_file.as_deref()),
        ];
        let given = |(name, value): (_, Option<_>)| Some((name, value?));
        options.into_iter().filter_map(given).collect()
    }

    /// Where the key of the audit log in the database is.
    pub(crate) fn audit_key_file(&self) -> PathBuf {
        Storage::audit_key_file(&self.database())
    }

    pub(crate) fn database(&self) -> PathBuf {
        let database = self.database.clone();
        database.unwrap_or_else(|| self.path.join(DATABASE))
    }

    /// Opens the database and its sealing keys; makes them if there are none.
    pub(crate) async fn storage(&self, if_missing: IfMissing) -> anyhow::Result<Storage> {
        match &self.database {
            Some(database) if if_missing == IfMissing::Refuse && !database.exists() => {
                bail!("{}: there is no such file or folder", database.display())
            }
            Some(_) => {}
            None => self.prepare(if_missing)?,
        }
        let Some(keys) = &self.sealing_keys_file else {
            return Ok(Storage::sqlite(self.database()).await?);
        };
        let keys = SealingKeys::from_file(keys)?;
        Ok(Storage::sqlite_sealed(self.database(), keys).await?)
    }

    /// Makes the folder if it is to be made.
    fn prepare(&self, if_missing: IfMissing) -> anyhow::Result<()> {
        match (fs::metadata(&self.path), if_missing) {
            (Ok(metadata), _) if !metadata.is_dir() => {
                bail!("{}: this is a file, not a folder", self.path.display())
            }
            (Ok(_), _) => Ok(()),
            (Err(error), IfMissing::Refuse) if error.kind() == io::ErrorKind::NotFound => bail!(
                "there is no data in {}: countersign serve makes it, or say with --data-dir \
                 where it is",
                self.path.display()
            ),
            (Err(error), IfMissing::Create) if error.kind() == io::ErrorKind::NotFound => {
                make(&self.path).map_err(|error| file::unreadable(&self.path, &error))
            }
            (Err(error), _) => Err(file::unreadable(&self.path, &error)),
        }
    }

    /// Opens the data of the usual server, without doing anything that is noted.
    pub(crate) async fn look_into(&self, if_missing: IfMissing) -> anyhow::Result<Data> {
        let storage = self.storage(if_missing).await?;
        self.data(storage, None, crate::ISSUER, crate::RESOURCE)
    }

    /// Opens the data to manage it. What is done is noted in the audit log in the database,
    /// if it has one.
    pub(crate) async fn open(&self, if_missing: IfMissing) -> anyhow::Result<Data> {
        self.open_as(if_missing, crate::ISSUER, crate::RESOURCE)
            .await
    }

    /// Opens the data of a server whose issuer is `issuer`, with tokens for `resource`.
    pub(crate) async fn open_as(
        &self,
        if_missing: IfMissing,
        issuer: &str,
        resource: &str,
    ) -> anyhow::Result<Data> {
        let storage = self.storage(if_missing).await?;
        let log = self.log.begin(&storage, self.audit_key_file()).await?;
        self.data(storage, log, issuer, resource)
    }

    fn data(
        &self,
        storage: Storage,
        log: Option<Arc<dyn Sink>>,
        issuer: &str,
        resource: &str,
    ) -> anyhow::Result<Data> {
        let builder = AuthorizationServer::builder(issuer).resource(resource);
        let builder = match log {
            Some(log) => builder.audit(log),
            None => builder,
        };
        let server = builder.storage(storage).build()?;
        let accounts = server.people().map(|people| people.accounts().clone());
        let keys = self.sealing_keys_file.clone();
        let database = self.database();
        Ok(Data {
            accounts: accounts.ok_or_else(|| anyhow!("there are no accounts"))?,
            server,
            keys: keys.unwrap_or_else(|| Storage::sealing_keys_file(&database)),
            database,
        })
    }
}

impl Data {
    /// Makes sure that what is sealed can be opened.
    pub(crate) async fn check_sealing_keys(&self) -> anyhow::Result<()> {
        match self.server.signing_keys().await {
            Err(Unavailable::Seal) => bail!(
                "the sealing keys in {} do not open what is in {}: put the right file back",
                self.keys.display(),
                self.database.display()
            ),
            other => Ok(other.map(drop)?),
        }
    }
}

/// Every entry of a list that comes in portions.
pub(crate) async fn all<T>(
    mut portion: impl AsyncFnMut(Option<Cursor>) -> Result<Portion<T>, Unavailable>,
) -> Result<Vec<T>, Unavailable> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let next = portion(after).await?;
        entries.extend(next.entries);
        match next.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(entries),
        }
    }
}

/// What went wrong with the account `name`.
pub(crate) fn about_account(name: &str, error: AccountError) -> anyhow::Error {
    match error {
        AccountError::Unknown => {
            anyhow!("there is no account {name}: countersign users list shows those there are")
        }
        AccountError::NameTaken => anyhow!("there is an account {name} already"),
        AccountError::Changed => {
            anyhow!("the account {name} was changed by somebody else in this moment: try again")
        }
        other => other.into(),
    }
}

/// Makes the folder for its owner alone. It ignores itself, so that nothing of it is
/// committed by accident.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    let mut ignore = fs::OpenOptions::new();
    ignore.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut ignore, 0o600);
    match ignore.open(path.join(".gitignore")) {
        Ok(mut ignore) => ignore.write_all(b"*\n"),
        // Another command was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
