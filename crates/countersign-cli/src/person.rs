//! Logging the person at this terminal in.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use countersign::oauth::{Lifetime, Secret};
use countersign::oauth_client::presenter::Browser;
use countersign::oauth_client::{OAuth, Presenter};

use crate::span::Wait;
use crate::token_store::TokenStoreOption;
use crate::{file, output};

/// Who this client is, where it has to be told.
#[derive(Debug, Args)]
pub(crate) struct ClientOptions {
    /// The id of a client that is registered with the authorization server already
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,

    /// A file with the secret of that client, which is sent to its authorization server alone
    #[arg(long, value_name = "FILE", requires_all = ["client_id", "issuer"])]
    client_secret_file: Option<PathBuf>,

    /// The authorization server with which that client is registered
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,

    /// The https address of the metadata document of a client; see `countersign cimd`
    #[arg(long, value_name = "URL")]
    client_metadata_url: Option<String>,

    /// Let the server and its authorization server be in private networks
    #[arg(long)]
    danger_private_networks: bool,

    #[command(flatten)]
    pub(crate) store: TokenStoreOption,
}

impl ClientOptions {
    /// The tokens for the server at `url`, from the store; `presenter` asks the person
    /// for new ones.
    pub(crate) fn oauth(
        &self,
        url: &str,
        scopes: &[String],
        presenter: Option<Arc<dyn Presenter>>,
        way: Way,
        timeout: Option<Wait>,
    ) -> anyhow::Result<OAuth> {
        let mut builder = OAuth::builder(url)
            .client_name("countersign")
            .scopes(scopes)
            .store(self.store.open()?);
        if let Some(id) = &self.client_id {
            builder = builder.client_id(id);
        }
        if let Some(path) = &self.client_secret_file {
            builder = builder.client_secret(Secret::new(file::text(path)?.trim()));
        }
        if let Some(issuer) = &self.issuer {
            builder = builder.issuer(issuer);
        }
        if let Some(url) = &self.client_metadata_url {
            builder = builder.client_metadata_url(url);
        }
        if self.danger_private_networks {
            builder = builder.danger_allow_private_networks();
        }
        if let Some(presenter) = presenter {
            builder = builder.presenter(presenter);
        }
        if way == Way::Device {
            builder = builder.on_device();
        }
        if let Some(Wait(timeout)) = timeout {
            builder = builder.timeout(Lifetime::from_secs(timeout.as_secs()));
        }
        Ok(builder.build()?)
    }
}

/// How a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the browser of this computer, or of another if there is none here.
    Browser,
    /// In a browser that somebody else opens.
    Unopened,
    /// On another device (RFC 8628).
    Device,
}

/// Asks the person at this terminal.
///
/// # Errors
///
/// If there is nobody to ask.
pub(crate) fn presenter(way: Way, wait: Wait) -> anyhow::Result<Arc<dyn Presenter>> {
    let has_browser = way == Way::Browser && is_there_a_browser();
    let has_terminal = io::stdin().is_terminal();
    if way == Way::Browser && !has_browser && !has_terminal {
        bail!(
            "there is neither a browser nor a terminal to log in with: run this at a terminal, or \
             use --no-browser and open the address that it prints, or use --device"
        );
    }
    let mut browser = Browser::new()
        .say(|sentence| output::note(&output::harmless(sentence)))
        .max_wait(wait.0);
    if !has_browser {
        browser = browser.unopened();
        if has_terminal || way == Way::Unopened {
            browser = browser.or_typed(move || {
                let mut line = String::new();
                let read = io::stdin().read_line(&mut line)?;
                // Ctrl-D; a program that is fed nothing is answered by its browser.
                if read == 0 && has_terminal {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(line)
            });
        }
    }
    Ok(Arc::new(browser))
}

/// Whether the system can show a browser to the person: not in a remote shell.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the command, and its environment"
)]
fn is_there_a_browser() -> bool {
    let has = |name: &str| std::env::var_os(name).is_some_and(|told| !told.is_empty());
    if cfg!(any(target_os = "macos", windows)) {
        !has("SSH_CONNECTION")
    } else {
        has("DISPLAY") || has("WAYLAND_DISPLAY")
    }
}
