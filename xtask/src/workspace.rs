//! What the checks look at: the files of the repository and Cargo's metadata.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command;

/// The repository.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) metadata: Metadata,
    /// Files known to git or new and not ignored, relative to the root, sorted.
    pub(crate) files: Vec<String>,
}

/// The parts of `cargo metadata` that are read.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
}

/// A package of the workspace or a dependency of one.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// The registry; nothing for a path.
    pub(crate) source: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build`, or nothing for a normal one.
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// Reads the metadata, without changing the lock file, and lists the files.
    pub(crate) fn load() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in the workspace")?
            .to_owned();
        let metadata = command::stdout(&mut command::cargo(
            &root,
            &["metadata", "--format-version", "1", "--locked"],
        ))?;
        let listed = command::stdout(&mut command::program(
            "git",
            &root,
            &["ls-files", "--cached", "--others", "--exclude-standard"],
        ))?;
        let mut files: Vec<String> = listed
            .lines()
            .filter(|file| root.join(file).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(Self {
            metadata: serde_json::from_str(&metadata)?,
            root,
            files,
        })
    }

    /// The packages of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.metadata
            .packages
            .iter()
            .filter(|package| self.metadata.workspace_members.contains(&package.id))
    }

    /// The Rust files.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &str> {
        self.files
            .iter()
            .map(String::as_str)
            .filter(|file| file.ends_with(".rs"))
    }

    /// The text of a file; nothing if it is not text.
    pub(crate) fn text(&self, file: &str) -> Result<Option<String>> {
        let bytes = fs::read(self.root.join(file)).with_context(|| file.to_owned())?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// The text of a file that must be there.
    pub(crate) fn required_text(&self, file: &str) -> Result<String> {
        self.text(file)?
            .with_context(|| format!("{file} is not text"))
    }
}
