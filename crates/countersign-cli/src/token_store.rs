//! Where tokens are kept between runs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use countersign::oauth_client::FileStore;

/// `--store`.
#[derive(Debug, Args)]
pub(crate) struct TokenStoreOption {
    /// Keep tokens in this folder [default: COUNTERSIGN_TOKEN_STORE, else one of your own]
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "COUNTERSIGN_TOKEN_STORE",
        hide_env = true
    )]
    store: Option<PathBuf>,
}

impl TokenStoreOption {
    /// The store. Nothing is read or made yet.
    pub(crate) fn open(&self) -> anyhow::Result<Arc<FileStore>> {
        let named = self.store.clone();
        let named = named.filter(|folder| !folder.as_os_str().is_empty());
        let folder = named.or_else(usual).ok_or_else(|| {
            anyhow!("there is no home folder to keep tokens in: name one with --store")
        })?;
        Ok(Arc::new(FileStore::new(folder)))
    }
}

/// The folder of this person for what programs remember.
#[cfg(not(any(target_os = "macos", windows)))]
fn usual() -> Option<PathBuf> {
    // XDG Base Directory Specification: "All paths set in these environment variables
    // must be absolute."
    let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(std::env::home_dir()?.join(".local").join("state")));
    Some(state?.join("countersign").join("tokens"))
}

#[cfg(target_os = "macos")]
fn usual() -> Option<PathBuf> {
    let library = std::env::home_dir()?.join("Library");
    let support = library.join("Application Support");
    Some(support.join("countersign").join("tokens"))
}

#[cfg(windows)]
fn usual() -> Option<PathBuf> {
    Some(variable("LOCALAPPDATA")?.join("countersign").join("tokens"))
}

#[cfg(not(target_os = "macos"))]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the command, and its environment"
)]
fn variable(name: &str) -> Option<PathBuf> {
    let told = std::env::var_os(name).filter(|told| !told.is_empty())?;
    Some(PathBuf::from(told))
}
