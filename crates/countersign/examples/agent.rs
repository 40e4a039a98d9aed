//! A small agent: it offers the tools of two servers to a model, calls what the model
//! chooses at the server that has it, and gives the answer back, until the model is done.
//!
//! `cargo run -p countersign --example agent`

use anyhow::{Context, Result, bail};
use countersign::client::Client;
use countersign::protocol::JsonObject;
use countersign::{Http, Server, tool};
use serde_json::json;

/// So many calls are enough for one task.
const MOST_CALLS: usize = 10;

/// What a model wants next.
pub(crate) enum Step {
    /// To call a tool, by the name that it was offered under.
    Call(String, JsonObject),
    /// Nothing more: this is the answer.
    Done(String),
}

/// Whoever chooses: it is told which tools there are, and what was answered so far.
pub(crate) trait Model {
    /// The next step.
    fn next(&mut self, tools: &[String], answers: &[String]) -> Step;
}

/// Lets `model` use `servers`, each with a name, until it is done.
pub(crate) async fn run(servers: &[(&str, Client)], model: &mut impl Model) -> Result<String> {
    let mut offered = Vec::new();
    for (name, client) in servers {
        for tool in client.tools().await? {
            // Two servers may have a tool of the same name.
            offered.push(format!("{name}.{}", tool.name));
        }
    }
    let mut answers = Vec::new();
    for _ in 0..MOST_CALLS {
        let (tool, arguments) = match model.next(&offered, &answers) {
            Step::Call(tool, arguments) => (tool, arguments),
            Step::Done(answer) => return Ok(answer),
        };
        // What a model says is not to be trusted: only what was offered is called.
        if !offered.contains(&tool) {
            answers.push(format!("There is no tool {tool}"));
            continue;
        }
        let (server, tool) = tool.split_once('.').context("a name without server")?;
        let client = servers.iter().find(|(name, _)| *name == server);
        let (_, client) = client.context("a server that is not there")?;
        // A failure is an answer too: the model may try something else.
        let answer = client.call::<serde_json::Value>(tool, arguments).await;
        answers.push(answer.map_or_else(|error| error.to_string(), |value| value.to_string()));
    }
    bail!("the model is not done after {MOST_CALLS} calls")
}

/// The temperature in a city, in degrees Celsius.
#[tool]
async fn temperature(city: String) -> String {
    city.len().to_string()
}

/// Converts degrees Celsius to Fahrenheit.
#[tool]
async fn fahrenheit(celsius: f64) -> f64 {
    celsius.mul_add(1.8, 32.0)
}

/// Two servers in this process; real ones are `Client::connect(…)`.
pub(crate) async fn servers() -> Result<Vec<(&'static str, Client)>> {
    let mut servers = Vec::new();
    for (name, server) in [
        ("weather", Server::new("Weather").tool(temperature)),
        ("units", Server::new("Units").tool(fahrenheit)),
    ] {
        let app = server.into_app(&Http::bind("127.0.0.1:8000"))?;
        servers.push((name, Client::in_memory(&app).await?));
    }
    Ok(servers)
}

/// Stands for a language model: it wants the temperature of Oslo in Fahrenheit.
pub(crate) struct Scripted;

impl Model for Scripted {
    fn next(&mut self, _: &[String], answers: &[String]) -> Step {
        let call = |tool: &str, arguments: serde_json::Value| {
            let arguments = arguments.as_object().cloned().unwrap_or_default();
            Step::Call(tool.to_owned(), arguments)
        };
        match answers {
            [] => call("weather.temperature", json!({"city": "Oslo"})),
            [celsius] => {
                let celsius: f64 = celsius.parse().unwrap_or_default();
                call("units.fahrenheit", json!({"celsius": celsius}))
            }
            [.., last] => Step::Done(format!("It is {last} °F in Oslo")),
        }
    }
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    println!("{}", run(&servers().await?, &mut Scripted).await?);
    Ok(())
}
