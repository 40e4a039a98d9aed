//! Where an audit log is: in files, or in the database of an authorization server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use countersign::audit::json_lines::existing_key_file;
use countersign::audit::verify::{self, Report};
use countersign::audit::{Entry, Follow, Search};
use countersign::authorization_server::Storage;
use countersign::authorization_server::audit::StoreSink;
use countersign::authorization_server::store::sqlite::{Folder, IfMissing};
use countersign::authorization_server::store::{Journal, SqliteOptions, SqliteStore};

/// How many records are read at once.
const PAGE: u32 = 1_000;

/// Where it is.
pub(super) enum Place {
    Files(PathBuf),
    Database(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(file) => write!(f, "{}", file.display()),
            Self::Database(file) => write!(f, "in {}", file.display()),
        }
    }
}

impl Place {
    /// Hands each record that `search` finds to `found`, with its line, the oldest first;
    /// answers how many lines cannot be read.
    pub(super) async fn each(
        &self,
        search: &Search,
        mut found: impl FnMut(&Entry, &str) -> io::Result<()>,
    ) -> io::Result<u64> {
        let path = match self {
            Self::Files(file) => return search.files(file, found),
            Self::Database(path) => path,
        };
        let (store, mut behind, mut unread) = (opened(path).await?, 0, 0);
        loop {
            let page = store.journal_lines(behind, PAGE).await;
            let page = page.map_err(io::Error::other)?;
            let Some(last) = page.last() else {
                return Ok(unread);
            };
            behind = last.seq;
            for line in &page {
                match Entry::parse(&line.text) {
                    Some(entry) if search.finds(&entry.record) => found(&entry, &line.text)?,
                    Some(_) => {}
                    None => unread += 1,
                }
            }
        }
    }

    /// What finds out whether it is as it was written; `key` is the file of the key if it is
    /// elsewhere.
    pub(super) async fn verify(&self, key: Option<&Path>) -> io::Result<Report> {
        let path = match self {
            Self::Files(file) => return verify::files(file, key),
            Self::Database(path) => path,
        };
        let store = opened(path).await?;
        let key = match key {
            Some(key) => key.to_owned(),
            None => Storage::audit_key_file(path),
        };
        let key = existing_key_file(key)?;
        let report = StoreSink::verify(&store, &key).await;
        report.map_err(io::Error::other)
    }

    /// What is added behind the record `seq`.
    pub(super) async fn follow(&self, seq: u64) -> io::Result<Following> {
        Ok(match self {
            Self::Files(file) => Following::Files(Follow::behind(file, seq)?),
            Self::Database(path) => Following::Database(Box::new(opened(path).await?), seq),
        })
    }
}

/// Waits for more.
pub(super) enum Following {
    Files(Follow),
    Database(Box<SqliteStore>, u64),
}

impl Following {
    /// What was added since it was asked last.
    pub(super) async fn added(&mut self) -> io::Result<Vec<(Entry, String)>> {
        let (store, behind) = match self {
            Self::Files(follow) => return follow.added(),
            Self::Database(store, behind) => (store, behind),
        };
        let page = store.journal_lines(*behind, PAGE).await;
        let page = page.map_err(io::Error::other)?;
        *behind = page.last().map_or(*behind, |last| last.seq);
        let lines = page.into_iter();
        let read = lines.filter_map(|line| Some((Entry::parse(&line.text)?, line.text)));
        Ok(read.collect())
    }
}

/// The database at `path`, which must be there and have an audit log.
async fn opened(path: &Path) -> io::Result<SqliteStore> {
    let none = || {
        let sentence = "there is no log; countersign serve --audit-store writes one";
        io::Error::new(io::ErrorKind::NotFound, sentence)
    };
    if !path.exists() {
        return Err(none());
    }
    let options = SqliteOptions::new(path).folder(Folder::OwnerWrites);
    let store = SqliteStore::open_with(options.if_missing(IfMissing::Refuse)).await;
    let store = store.map_err(io::Error::other)?;
    let end = store.journal_end().await.map_err(io::Error::other)?;
    // Nothing was noted yet if there is a key alone.
    match end.is_some() || Storage::audit_key_file(path).exists() {
        true => Ok(store),
        false => Err(none()),
    }
}
