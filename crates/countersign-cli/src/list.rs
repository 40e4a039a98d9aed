//! `countersign list`.

use std::fmt::Write;

use clap::Args;
use countersign::client::{Authentication, Client, ClientError, Connect, Guard};
use countersign::protocol::{
    Implementation, Prompt, ProtocolVersion, Resource, ResourceTemplate, Tool,
};
use serde::Serialize;

use crate::call::server;
use crate::credentials::Credentials;
use crate::log::LogOption;
use crate::output::{self, one_line};
use crate::span::Wait;

/// List the tools, resources and prompts of an MCP server, and how it authenticates
#[derive(Debug, Args)]
#[command(after_help = "\
What is listed is what the caller may use. Without a token you are logged in, if you are
at a terminal and the server asks for it.

Examples:
  countersign list http://localhost:8000/mcp
  countersign list http://localhost:8000/mcp --token-file token.txt --json")]
pub(crate) struct List {
    /// The address of the server, such as http://localhost:8000/mcp
    url: String,

    #[command(flatten)]
    credentials: Credentials,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Send the token over plain http to another machine, where others can read it
    #[arg(long)]
    danger_plain_http: bool,

    /// Give up on a server that does not answer within this time
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: Wait,

    #[command(flatten)]
    pub(crate) log: LogOption,
}

#[derive(Serialize)]
struct Listing {
    authentication: Authentication,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    offer: Option<Offer>,
}

#[derive(Serialize)]
struct Offer {
    server: Option<Implementation>,
    protocol_version: Option<ProtocolVersion>,
    tools: Vec<Tool>,
    resources: Vec<Resource>,
    resource_templates: Vec<ResourceTemplate>,
    prompts: Vec<Prompt>,
}

impl List {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let server = server(&self.url, self.credentials, self.danger_plain_http).await?;
        let server = server.timeout(self.timeout.0);
        let asking = async {
            let authentication = server.authentication().await?;
            Ok::<_, ClientError>((authentication, offer(server).await))
        };
        let (authentication, offer) = output::waiting_for(&self.url, asking).await?;
        // How to get in is worth printing also to those who are not let in.
        let (offer, refused) = match offer {
            Ok(offer) => (Some(offer), None),
            Err(error @ (ClientError::Unauthorized(_) | ClientError::Forbidden(_))) => {
                (None, Some(error))
            }
            Err(error) => return Err(error.into()),
        };
        let listing = Listing {
            authentication,
            offer,
        };
        if self.json {
            output::json(&listing)?;
        } else {
            output::foreign(listing.shown()?.trim_end())?;
        }
        refused.map_or(Ok(()), |error| Err(error.into()))
    }
}

async fn offer(server: Connect) -> Result<Offer, ClientError> {
    let client = server.await?;
    let offer = read(&client).await;
    client.close().await;
    offer
}

async fn read(client: &Client) -> Result<Offer, ClientError> {
    let mut offer = Offer {
        server: client.server(),
        protocol_version: client.protocol_version(),
        tools: Vec::new(),
        resources: Vec::new(),
        resource_templates: Vec::new(),
        prompts: Vec::new(),
    };
    if client.has_tools() {
        offer.tools = client.tools().await?;
    }
    if client.has_resources() {
        offer.resources = client.resources().await?;
        offer.resource_templates = client.resource_templates().await?;
    }
    if client.has_prompts() {
        offer.prompts = client.prompts().await?;
    }
    Ok(offer)
}

impl Listing {
    fn shown(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        if let Some(offer) = &self.offer {
            if let Some(server) = &offer.server {
                let (name, version) = (one_line(&server.name), one_line(&server.version));
                write!(text, "{name} {version}")?;
            }
            if let Some(version) = &offer.protocol_version {
                let separator = if text.is_empty() { "" } else { ", " };
                write!(text, "{separator}protocol {version}")?;
            }
            text.push_str("\n\n");
        }
        self.authentication_shown(&mut text)?;
        if let Some(offer) = &self.offer {
            offer.shown(&mut text)?;
        }
        Ok(text)
    }

    fn authentication_shown(&self, text: &mut String) -> std::fmt::Result {
        let told = &self.authentication;
        writeln!(
            text,
            "Authentication: {}",
            match told.guard {
                Guard::Open => "none",
                Guard::Optional => "a bearer token opens more",
                _ => "a bearer token is needed",
            }
        )?;
        let mut row = |name: &str, value: &str| match value {
            "" => Ok(()),
            value => writeln!(text, "  {name:<9} {value}"),
        };
        row("issuer", &told.authorization_servers.join(" "))?;
        row("scopes", &told.scopes.join(" "))?;
        row("resource", told.resource.as_deref().unwrap_or_default())?;
        row("metadata", told.metadata.as_deref().unwrap_or_default())?;
        if told.resource.is_some() && !told.resource_matches {
            writeln!(
                text,
                "  The resource is not this address: clients will not use the metadata."
            )?;
        }
        Ok(())
    }
}

impl Offer {
    fn shown(&self, text: &mut String) -> std::fmt::Result {
        let tools = self.tools.iter();
        let tools = tools.map(|tool| (tool.name.as_ref(), tool.description.as_deref()));
        section(text, "Tools", tools.collect())?;
        let resources = self.resources.iter();
        let resources = resources.map(|it| (it.uri.as_str(), it.description.as_deref()));
        section(text, "Resources", resources.collect())?;
        let templates = self.resource_templates.iter();
        let templates = templates.map(|it| (it.uri_template.as_str(), it.description.as_deref()));
        section(text, "Resource templates", templates.collect())?;
        let prompts = self.prompts.iter();
        let prompts = prompts.map(|it| (it.name.as_str(), it.description.as_deref()));
        section(text, "Prompts", prompts.collect())
    }
}

/// A heading, then a line for each item with the first line of its description. No name
/// that a server gives makes a line of its own.
fn section(text: &mut String, title: &str, rows: Vec<(&str, Option<&str>)>) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<(String, Option<&str>)> = rows
        .into_iter()
        .map(|(name, description)| (one_line(name), description))
        .collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    writeln!(text, "\n{title}:")?;
    for (name, description) in rows {
        let description = description.and_then(|text| text.lines().next());
        let row = format!("  {name:<width$}  {}", description.unwrap_or_default());
        writeln!(text, "{}", row.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h10_a_name_is_one_line_whatever_is_in_it() {
        let mut text = String::new();
        let rows = vec![
            ("a\n\nAuthentication: none\n", Some("first\nsecond")),
            ("b\u{1b}[2J\u{202e}", None),
        ];
        section(&mut text, "Tools", rows).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            ["", "Tools:", "  a  Authentication: none   first", "  b[2J"]
        );
    }
}
