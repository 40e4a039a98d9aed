//! The data directory: what the embedded authorization server keeps, for the server
//! and for the commands that manage it. They may run at the same time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use countersign::authorization_server::accounts::{AccountError, AccountOverview};
use countersign::authorization_server::overview::Portion;
use countersign::authorization_server::store::Cursor;
use countersign::authorization_server::{Accounts, AuthorizationServer, Storage, Unavailable};

use crate::file;
use crate::log::LogOption;

/// Where it is if nothing else is said.
const USUAL: &str = "countersign-data";

/// The database in it.
const DATABASE: &str = "countersign.db";

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

/// `--data-dir`.
#[derive(Debug, Args)]
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
}

impl DataDirectory {
    /// As it was written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is the usual one.
    pub(crate) fn is_usual(&self) -> bool {
        self.path == Path::new(USUAL)
    }

    fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Opens the database and its sealing keys; makes them if there are none.
    pub(crate) async fn storage(&self, if_missing: IfMissing) -> anyhow::Result<Storage> {
        match (fs::metadata(&self.path), if_missing) {
            (Ok(metadata), _) if !metadata.is_dir() => {
                bail!("{}: this is a file, not a folder", self.path.display())
            }
            (Ok(_), _) => {}
            (Err(error), IfMissing::Refuse) if error.kind() == io::ErrorKind::NotFound => bail!(
                "there is no data in {}: countersign serve makes it, or say with --data-dir \
                 where it is",
                self.path.display()
            ),
            (Err(error), IfMissing::Create) if error.kind() == io::ErrorKind::NotFound => {
                make(&self.path).map_err(|error| file::unreadable(&self.path, &error))?;
            }
            (Err(error), _) => return Err(file::unreadable(&self.path, &error)),
        }
        Ok(Storage::sqlite(self.database()).await?)
    }

    /// Opens the data to manage it.
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
        let builder = AuthorizationServer::builder(issuer).resource(resource);
        let storage = self.storage(if_missing).await?;
        let server = builder.storage(storage).build()?;
        let accounts = server.people().map(|people| people.accounts().clone());
        Ok(Data {
            accounts: accounts.ok_or_else(|| anyhow!("there are no accounts"))?,
            server,
            database: self.database(),
        })
    }
}

impl Data {
    /// The account that logs in as `name`.
    pub(crate) async fn account(&self, name: &str) -> Result<Option<AccountOverview>, Unavailable> {
        let accounts = all(|after| self.accounts.list(after)).await?;
        Ok(accounts.into_iter().find(|account| account.name == name))
    }

    /// Makes sure that what is sealed can be opened.
    pub(crate) async fn check_sealing_keys(&self) -> anyhow::Result<()> {
        match self.server.signing_keys().await {
            Err(Unavailable::Seal) => bail!(
                "the sealing keys in {} do not open what is in {}: put the right file back",
                Storage::sealing_keys_file(&self.database).display(),
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

/// Makes the folder for its owner alone.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
