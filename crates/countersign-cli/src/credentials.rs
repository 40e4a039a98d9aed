//! What `call` and `list` show to a server.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use countersign::oauth::Secret;
use countersign::oauth_client::OAuth;

use crate::person::{ClientOptions, Way, presenter};
use crate::span::Wait;
use crate::token_option::TokenOption;

/// How long a person may take who did not ask for a login.
const WAIT: Wait = Wait(Duration::from_secs(300));

/// A token, or a login.
#[derive(Debug, Args)]
pub(crate) struct Credentials {
    #[command(flatten)]
    token: TokenOption,

    /// Do not ask to log in
    #[arg(long)]
    no_login: bool,

    #[command(flatten)]
    client: ClientOptions,
}

/// What is shown.
pub(crate) enum Shown {
    Nothing,
    Token(Secret),
    Login(OAuth),
}

impl Credentials {
    /// The token that was passed, else what is kept for the server at `url`, else a login
    /// when the server asks for it.
    pub(crate) async fn read(self, url: &str) -> anyhow::Result<Shown> {
        if let Some(token) = self.token.read()? {
            return Ok(Shown::Token(token));
        }
        let asked = !self.no_login && is_somebody_here();
        let presenter = match asked {
            true => Some(presenter(Way::Browser, WAIT)?),
            false => None,
        };
        let Ok(oauth) = self.client.oauth(url, &[], presenter, Way::Browser, None) else {
            // Nobody can be logged in at such an address; what is wrong with it is said
            // by whoever connects.
            return Ok(Shown::Nothing);
        };
        if !asked && oauth.logged_in().await?.is_none() {
            return Ok(Shown::Nothing);
        }
        Ok(Shown::Login(oauth))
    }
}

/// Whether somebody is at the terminal who can be asked.
fn is_somebody_here() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
