//! `countersign login`.

use clap::Args;
use countersign::oauth_client::person::LoggedIn;
use serde_json::{Map, Value, json};

use crate::log::LogOption;
use crate::person::{ClientOptions, Way, presenter};
use crate::span::Wait;
use crate::{output, when};

/// Log in at an MCP server, so that `call` and `list` can act for you
#[derive(Debug, Args)]
#[command(after_help = "\
The tokens are kept encrypted, for you alone; `countersign logout` revokes them.

Examples:
  countersign login https://example.com/mcp
  countersign login https://example.com/mcp --no-browser
  countersign login https://example.com/mcp --device --wait 10m
  countersign login https://example.com/mcp --scopes notes,notes:delete")]
pub(crate) struct Login {
    /// The address of the server, such as https://example.com/mcp
    url: String,

    /// Ask for these scopes besides those that the server asks for, separated by commas or
    /// blanks
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    scopes: Vec<String>,

    /// Open no browser: print the address, and take the one at which it ends up
    #[arg(long)]
    no_browser: bool,

    /// Log in on another device, with a code
    #[arg(long, conflicts_with = "no_browser")]
    device: bool,

    /// How long you may take to log in
    #[arg(long, value_name = "TIME", default_value = "5m")]
    wait: Wait,

    /// Give up on a server that does not answer within this time
    #[arg(long, value_name = "TIME", default_value = "20s")]
    timeout: Wait,

    #[command(flatten)]
    client: ClientOptions,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(crate) log: LogOption,
}

impl Login {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let way = match (self.no_browser, self.device) {
            (true, _) => Way::Unopened,
            (_, true) => Way::Device,
            _ => Way::Browser,
        };
        let presenter = presenter(way, self.wait)?;
        let scopes = self.scopes.iter().flat_map(|names| names.split(' '));
        let scopes: Vec<String> = scopes
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let timeout = Some(self.timeout);
        let client = &self.client;
        let oauth = client.oauth(&self.url, &scopes, Some(presenter), way, timeout)?;
        let logged_in = output::waiting_for(&self.url, oauth.login()).await?;
        if self.json {
            return output::json(&as_json(&self.url, &logged_in));
        }
        output::foreign(&format!("Logged in at {}.", self.url))?;
        output::foreign(shown(&logged_in).trim_end())?;
        Ok(())
    }
}

/// What is known about a login, a line for each.
pub(crate) fn shown(logged_in: &LoggedIn) -> String {
    let ends = match logged_in.expires_at {
        Some(end) => format!("{} UTC", when::minute(end)),
        None => "when the server says so".to_owned(),
    };
    let ends = if logged_in.can_refresh {
        format!("{ends}, refreshed by itself")
    } else {
        format!("{ends}, then you log in again")
    };
    let proof = match logged_in.is_bound {
        true => "bound to a key on this machine (DPoP): worth nothing elsewhere",
        false => "none: whoever has the token can use it",
    };
    let scopes = logged_in.scopes.to_string();
    let mut text = String::new();
    for (name, value) in [
        ("issuer", logged_in.issuer.as_str()),
        ("client", logged_in.client_id.as_str()),
        ("scopes", if scopes.is_empty() { "-" } else { &scopes }),
        ("proof", proof),
        ("ends", &ends),
    ] {
        text.push_str(&format!("  {name:<7} {value}\n"));
    }
    text
}

/// The same for programs.
pub(crate) fn as_json(url: &str, logged_in: &LoggedIn) -> Map<String, Value> {
    let scopes = logged_in.scopes.iter().map(|scope| scope.as_str());
    let members = [
        ("server", json!(url)),
        ("issuer", json!(logged_in.issuer.as_str())),
        ("client_id", json!(logged_in.client_id.as_str())),
        ("scopes", scopes.collect()),
        (
            "expires_at",
            json!(logged_in.expires_at.map(|end| end.as_secs())),
        ),
        ("can_refresh", json!(logged_in.can_refresh)),
        ("is_bound_to_key", json!(logged_in.is_bound)),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    members.into_iter().collect()
}
