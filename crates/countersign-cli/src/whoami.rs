//! `countersign whoami`.

use anyhow::bail;
use clap::Args;

use crate::log::LogOption;
use crate::login::{as_json, shown};
use crate::output;
use crate::person::{ClientOptions, Way};

/// Show as whom this machine is logged in at an MCP server
#[derive(Debug, Args)]
#[command(after_help = "\
The server is not asked: only it knows who its tokens speak for. Many servers have a tool
that says so, such as: countersign call https://example.com/mcp whoami

Example:
  countersign whoami https://example.com/mcp")]
pub(crate) struct Whoami {
    /// The address of the server
    url: String,

    #[command(flatten)]
    client: ClientOptions,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(crate) log: LogOption,
}

impl Whoami {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let oauth = self.client.oauth(&self.url, &[], None, Way::Browser)?;
        let Some(logged_in) = oauth.logged_in().await? else {
            bail!(
                "nobody is logged in at {url}: log in with: countersign login {url}",
                url = self.url
            );
        };
        if self.json {
            return output::json(&as_json(&self.url, &logged_in));
        }
        output::foreign(&format!("Logged in at {}.", self.url))?;
        output::foreign(shown(&logged_in).trim_end())?;
        Ok(())
    }
}
