//! The leg for authorization servers: the suite asks for a code and tokens, and what
//! it wants opened in a browser is opened here.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http;
use super::server::{FixtureServer, free_port};
use super::{Leg, Suite};
use crate::command;
use crate::totals::Totals;

/// Runs the scenarios of `revision` against `server`, which issues tokens for itself.
pub(super) fn leg(suite: &Suite, revision: &str, server: &FixtureServer) -> Result<Totals> {
    let required = listed(suite, revision)?;
    let issuer = format!("http://127.0.0.1:{}", server.port());
    let callback = free_port()?;
    let client = register(server.port(), callback)?;
    let arguments = [
        "authorization",
        "--spec-version",
        revision,
        "--url",
        &issuer,
        "--client-id",
        &client,
        "--resource",
        &format!("{issuer}/mcp"),
        "--port",
        &callback.to_string(),
    ];
    let mut opened = false;
    let leg = Leg {
        name: "authorization",
        revision,
        results_begin: "authorization-server-",
        required,
    };
    let totals = suite.leg(&leg, &arguments, |printed| {
        match to_open(printed, &issuer) {
            Some(url) if !opened => {
                opened = true;
                http::open(url)
            }
            _ => Ok(()),
        }
    })?;
    Ok(totals)
}

/// The scenarios that the suite has for `revision`: no list of requirements names
/// those of authorization servers.
fn listed(suite: &Suite, revision: &str) -> Result<BTreeSet<String>> {
    let arguments = ["list", "--authorization", "--spec-version", revision];
    let list = command::stdout(suite.command().args(arguments))?;
    let names = names(&list);
    if names.is_empty() {
        bail!("the suite has no scenario for authorization servers of {revision}");
    }
    Ok(names)
}

/// The names in lines such as `  - name [2025-11-25,2026-07-28]`.
pub(super) fn names(list: &str) -> BTreeSet<String> {
    list.lines()
        .filter_map(|line| line.trim().strip_prefix("- ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// The id of a public client that is sent back to `callback`, a port of 127.0.0.1.
fn register(port: u16, callback: u16) -> Result<String> {
    let client = json!({
        "client_name": "The conformance suite",
        "redirect_uris": [format!("http://127.0.0.1:{callback}/callback")],
        "token_endpoint_auth_method": "none",
    });
    let answer = http::send(port, "POST", "/register", &client.to_string())?;
    if answer.status != 201 {
        let body = answer.body.trim();
        bail!("the registration is answered {}: {body}", answer.status);
    }
    let registered: Value = serde_json::from_str(&answer.body)?;
    let id = registered.get("client_id").and_then(Value::as_str);
    Ok(id.context("a registration without client_id")?.to_owned())
}

/// The address that a person is asked to open, once its line is complete.
fn to_open<'a>(printed: &'a str, issuer: &str) -> Option<&'a str> {
    printed
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .find(|line| {
            line.strip_prefix(issuer)
                .is_some_and(|rest| rest.starts_with('/'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_listed_by_name() {
        let list = "Authorization server scenarios:\n  - b [2025-11-25]\n  - a\n";
        let names: Vec<String> = names(list).into_iter().collect();
        assert_eq!(names, ["a", "b"]);
        assert!(super::names("Authorization server scenarios:\n").is_empty());
    }

    #[test]
    fn an_address_is_opened_when_its_line_is_complete() {
        let issuer = "http://127.0.0.1:80";
        let printed = "against http://127.0.0.1:80\nhttp://127.0.0.1:80/authorize?a=b";
        assert_eq!(to_open(printed, issuer), None);
        let printed = format!("{printed}\n\nWaiting");
        let address = Some("http://127.0.0.1:80/authorize?a=b");
        assert_eq!(to_open(&printed, issuer), address);
        assert_eq!(to_open("http://127.0.0.1:8000/\n", issuer), None);
    }
}
