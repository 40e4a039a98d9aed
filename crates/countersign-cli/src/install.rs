//! `countersign install`: the line with which each of the popular clients learns of a
//! server. The clients find out the rest by themselves: how to register, where to log in.
//!
//! The lines go into a shell, or into a link that another program opens. So a name or an
//! address that could be more than that is refused, besides being quoted.

use anyhow::{anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use url::{Host, Url};

use crate::shell::quoted;
use crate::{output, table};

/// Some clients make the names of tools of it, which have an end.
const LONGEST_NAME: usize = 64;

/// Print the line that adds an MCP server to each of the popular clients
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is changed and nobody is asked: paste the line of your client, or open its link.
The client sends you to a browser to log in: Claude Code and Gemini CLI by /mcp, Codex when
the server is added or by `codex mcp login NAME`. Gemini CLI keeps the server for the folder
that it is in; `--scope user` keeps it for all.

Examples:
  countersign install https://example.com/mcp
  countersign install http://localhost:8000/mcp --name notes")]
pub(crate) struct Install {
    /// The address of the server, such as https://example.com/mcp
    url: String,

    /// What the server is called in the client: letters, digits, `-` and `_`
    /// [default: made of the host]
    #[arg(long)]
    name: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    client: &'static str,
    line: String,
}

impl Install {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let url = address(&self.url)?;
        let name = match self.name {
            Some(name) => name,
            None => of_host(&url),
        };
        judge(&name)?;
        let lines = lines(&name, url.as_str())?;
        if self.json {
            return output::json(&lines);
        }
        let rows = lines.into_iter();
        let rows = rows.map(|line| [line.client.to_owned(), line.line]);
        Ok(table::print_bare(rows.collect())?)
    }
}

/// The address of a server, which is no secret and nothing that a shell obeys.
fn address(text: &str) -> anyhow::Result<Url> {
    let refused = || {
        anyhow!(
            "the address is none for clients: it begins with https:// or http://, and has no user, no password and no fragment"
        )
    };
    let url = Url::parse(text).map_err(|_| refused())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "https" | "http") || has_user || url.fragment().is_some() {
        return Err(refused());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!,=&%+".contains(&byte);
    if !text.bytes().all(plain) {
        bail!(
            "the address has a character that a shell could obey, or that is none of an address: write it as %XX"
        );
    }
    Ok(url)
}

fn of_host(url: &Url) -> String {
    let host = match url.host() {
        Some(Host::Domain(domain)) => domain.to_owned(),
        Some(Host::Ipv4(address)) => format!("mcp-{address}"),
        Some(Host::Ipv6(address)) => format!("mcp-{address}"),
        None => String::new(),
    };
    let fits = |character: char| character.is_ascii_alphanumeric();
    let name = host.replace(|character| !fits(character), "-");
    let name = name.trim_matches('-');
    name.get(..LONGEST_NAME).unwrap_or(name).to_owned()
}

/// A name that is one word everywhere: in a shell, in a link, in a file, and no option.
fn judge(name: &str) -> anyhow::Result<()> {
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !begins || name.len() > LONGEST_NAME || !name.bytes().all(fits) {
        bail!(
            "the name of a server is made of letters, digits, - and _, begins with a letter or digit, and is at most {LONGEST_NAME} long: choose one with --name"
        );
    }
    Ok(())
}

fn lines(name: &str, url: &str) -> anyhow::Result<Vec<Line>> {
    let quoted_url = quoted(url);
    let config = STANDARD.encode(json!({ "url": url }).to_string());
    let cursor = Url::parse_with_params(
        "cursor://anysphere.cursor-deeplink/mcp/install",
        [("name", name), ("config", &config)],
    )?;
    let code = json!({ "name": name, "type": "http", "url": url }).to_string();
    let by_http = |program: &str| format!("{program} mcp add --transport http {name} {quoted_url}");
    Ok([
        ("Claude Code", by_http("claude")),
        ("Codex", format!("codex mcp add {name} --url {quoted_url}")),
        ("Cursor", cursor.to_string()),
        ("Gemini CLI", by_http("gemini")),
        ("VS Code", format!("code --add-mcp {}", quoted(&code))),
    ]
    .map(|(client, line)| Line { client, line })
    .into())
}
