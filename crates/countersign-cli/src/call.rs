//! `countersign call`.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use countersign::client::{Client, Connect};
use countersign::protocol::{CallToolResult, ContentBlock, ResourceContents};

use crate::credentials::{Credentials, Shown};
use crate::exit::ToolFailed;
use crate::log::LogOption;
use crate::span::Wait;
use crate::{argument, output};

/// No server takes longer to say that it is there.
const LONGEST_GREETING: Duration = Duration::from_secs(30);

/// A tool that says how far it is may work so long.
const LONGEST_CALL: Duration = Duration::from_secs(24 * 3_600);

/// Of what a tool says about its progress, so much is shown.
const LONGEST_LINE: usize = 200;

/// Call a tool of an MCP server and print what it answers
#[derive(Debug, Args)]
#[command(after_help = "\
Without a token you are logged in, if you are at a terminal and the server asks for it.

Examples:
  countersign call http://localhost:8000/mcp greet name=World
  countersign call http://localhost:8000/mcp greet name=World --token-file token.txt
  countersign call https://example.com/mcp plot points:='[[0,1],[2,3]]' --json")]
pub(crate) struct Call {
    /// The address of the server, such as http://localhost:8000/mcp
    url: String,

    /// The name of the tool
    tool: String,

    /// Its arguments: name=value, read as the tool's schema says, or name:=json
    #[arg(value_name = "NAME=VALUE")]
    arguments: Vec<String>,

    #[command(flatten)]
    credentials: Credentials,

    /// Print JSON: the structured output, or the whole result if there is none
    #[arg(long)]
    json: bool,

    /// Send the token over plain http to another machine, where others can read it
    #[arg(long)]
    danger_plain_http: bool,

    /// Give up on a tool that says nothing for this time, not even how far it is
    #[arg(long, value_name = "TIME", default_value = "10m")]
    timeout: Wait,

    #[command(flatten)]
    pub(crate) log: LogOption,
}

impl Call {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let Wait(timeout) = self.timeout;
        let furthest = Mutex::new(f64::NEG_INFINITY);
        let server = server(&self.url, self.credentials, self.danger_plain_http).await?;
        let server = server
            .timeout(timeout)
            .connect_timeout(timeout.min(LONGEST_GREETING))
            .overall_cap(LONGEST_CALL)
            .on_progress(move |it| {
                // What is told at once may arrive in another order.
                let mut furthest = furthest.lock().unwrap_or_else(PoisonError::into_inner);
                if it.progress > *furthest {
                    *furthest = it.progress;
                    tell(it.progress, it.total, it.message.as_deref());
                }
            });
        let answer = output::waiting_for(&self.url, async {
            let client = server.await?;
            let answer = call(&client, &self.tool, &self.arguments).await;
            client.close().await;
            answer
        });
        print(&answer.await?, self.json)
    }
}

/// How far a tool is, for whoever is at the terminal.
fn tell(done: f64, total: Option<f64>, message: Option<&str>) {
    if !io::stderr().is_terminal() {
        return;
    }
    let mut line = done.to_string();
    if let Some(total) = total {
        line.push_str(&format!("/{total}"));
    }
    if let Some(message) = message {
        line.push_str(&format!(" {message}"));
    }
    let line: String = output::one_line(&line).chars().take(LONGEST_LINE).collect();
    output::note(&line);
}

/// The server that `call` and `list` ask.
pub(crate) async fn server(
    url: &str,
    credentials: Credentials,
    danger_plain_http: bool,
) -> anyhow::Result<Connect> {
    let mut connect = Client::connect(url);
    connect = match credentials.read(url).await? {
        Shown::Nothing => connect,
        Shown::Token(token) => connect.bearer(token),
        Shown::Login(oauth) => connect.authorizer(oauth),
    };
    if danger_plain_http {
        connect = connect.danger_plain_http();
    }
    Ok(connect)
}

async fn call(client: &Client, tool: &str, words: &[String]) -> anyhow::Result<CallToolResult> {
    // A tool that is not listed may still exist: the server says so, or what it needs.
    let tools = if words.is_empty() {
        Vec::new()
    } else {
        client.tools().await?
    };
    let listed = tools.iter().find(|listed| listed.name == tool);
    let arguments = argument::parse(words, listed.map(|tool| tool.input_schema.as_ref()))?;
    Ok(client.call_tool(tool, arguments).await?)
}

fn print(result: &CallToolResult, json: bool) -> anyhow::Result<()> {
    let failed = result.is_error == Some(true);
    let mut text: Vec<_> = result.content.iter().map(shown).collect();
    if json {
        match &result.structured_content {
            Some(structured) => output::json(structured)?,
            None => output::json(result)?,
        }
    } else if text.is_empty()
        && let Some(structured) = &result.structured_content
    {
        text.push(serde_json::to_string_pretty(structured)?);
    }
    if failed {
        let words = text.join("\n");
        let words = if words.is_empty() {
            "the tool failed"
        } else {
            &words
        };
        return Err(ToolFailed(words.into()).into());
    }
    if !json {
        for block in text {
            output::foreign(&block)?;
        }
    }
    Ok(())
}

/// Text as it is; of anything else, what it is.
fn shown(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => format!("[image, {}]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[audio, {}]", audio.mime_type),
        ContentBlock::ResourceLink(link) => format!("[resource {}]", link.uri),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { uri, .. } => format!("[resource {uri}]"),
            _ => "[resource]".into(),
        },
        _ => "[content of another kind]".into(),
    }
}
