//! `countersign whoami`.

use anyhow::bail;
use clap::Args;
use countersign::client::{Client, ClientError};
use countersign::oauth_client::OAuth;
use countersign::oauth_client::person::LoggedIn;
use countersign::protocol::Tool;
use serde_json::{Map, Value};

use crate::log::LogOption;
use crate::login::{as_json, shown};
use crate::output;
use crate::person::{ClientOptions, Way};
use crate::span::Wait;

/// The tool that many servers have to say who calls.
const TOOL: &str = "whoami";

/// Members of its answer that name a person, the first that is there.
const NAMES: [&str; 5] = ["subject", "sub", "email", "username", "name"];

/// Show as whom this machine is logged in at an MCP server, and whether that counts
#[derive(Debug, Args)]
#[command(after_help = "\
The server is asked whether it accepts the login. Only it knows whom its tokens speak for:
the person is shown if it has a tool whoami that changes nothing and needs no arguments.

Examples:
  countersign whoami https://example.com/mcp
  countersign whoami https://example.com/mcp --offline")]
pub(crate) struct Whoami {
    /// The address of the server
    url: String,

    /// Do not ask the server: show what is kept on this machine
    #[arg(long)]
    offline: bool,

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

/// What the server says.
struct Answer {
    person: Option<String>,
    refusal: Option<ClientError>,
}

impl Whoami {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let timeout = Some(self.timeout);
        let oauth = self
            .client
            .oauth(&self.url, &[], None, Way::Browser, timeout)?;
        let url = &self.url;
        let Some(kept) = oauth.logged_in().await? else {
            bail!("nobody is logged in at {url}: log in with: countersign login {url}");
        };
        let answer = match self.offline {
            true => None,
            false => Some(output::waiting_for(url, ask(url, &oauth, self.timeout)).await),
        };
        // The tokens may have been refreshed by now.
        let logged_in = oauth.logged_in().await?.unwrap_or(kept);
        if self.json {
            output::json(&self.as_json(&logged_in, answer.as_ref()))?;
        } else {
            output::foreign(self.shown(&logged_in, answer.as_ref()).trim_end())?;
        }
        match answer.and_then(|answer| answer.refusal) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn shown(&self, logged_in: &LoggedIn, answer: Option<&Answer>) -> String {
        let mut text = format!("Logged in at {}.\n{}", self.url, shown(logged_in));
        let Some(answer) = answer else { return text };
        if let Some(person) = &answer.person {
            text.push_str(&format!(
                "  {:<7} {person}, says its tool {TOOL}\n",
                "person"
            ));
        }
        let says = match answer.refusal {
            None => "accepts this login",
            Some(_) => "does not accept this login, or cannot be asked",
        };
        text.push_str(&format!("  {:<7} {says}\n", "server"));
        text
    }

    fn as_json(&self, logged_in: &LoggedIn, answer: Option<&Answer>) -> Map<String, Value> {
        let mut document = as_json(&self.url, logged_in);
        let accepted = answer.map(|answer| answer.refusal.is_none());
        let person = answer.and_then(|answer| answer.person.clone());
        document.insert("accepted".to_owned(), accepted.into());
        document.insert("person".to_owned(), person.into());
        document
    }
}

/// Whether the server at `url` accepts the login, and for whom it takes it.
async fn ask(url: &str, oauth: &OAuth, timeout: Wait) -> Answer {
    let connect = Client::connect(url)
        .authorizer(oauth.clone())
        .timeout(timeout.0);
    let asked = async {
        let client = connect.await?;
        let person = person(&client).await;
        client.close().await;
        person
    };
    let (person, refusal) = match asked.await {
        Ok(person) => (person, None),
        Err(error) => (None, Some(error)),
    };
    Answer { person, refusal }
}

/// The tools are always asked for: some servers greet everybody.
async fn person(client: &Client) -> Result<Option<String>, ClientError> {
    if !client.has_tools() {
        return Ok(None);
    }
    let tools = client.tools().await?;
    if !tools.iter().any(may_be_called) {
        return Ok(None);
    }
    let answer = client.call_tool(TOOL, Map::new()).await?;
    if answer.is_error == Some(true) {
        return Ok(None);
    }
    let told = answer.structured_content.as_ref();
    let mut names = NAMES.iter().filter_map(|name| told?.get(name)?.as_str());
    Ok(names.next().map(name))
}

/// Whether `tool` says who calls, changes nothing and needs to be told nothing.
fn may_be_called(tool: &Tool) -> bool {
    let changes_nothing = tool.annotations.as_ref().and_then(|it| it.read_only_hint) == Some(true);
    let needs = tool.input_schema.get("required").and_then(Value::as_array);
    tool.name == TOOL && changes_nothing && needs.is_none_or(Vec::is_empty)
}

/// A name has an end.
fn name(text: &str) -> String {
    output::one_line(text).chars().take(200).collect()
}
