//! The built-in providers, as the command lists them, and their table in the documents.

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command;
use crate::workspace::Workspace;

/// Where the table stands.
pub(crate) const DOCUMENT: &str = "docs/providers/README.md";
const BEGIN: &str = "<!-- providers -->\n";
const END: &str = "<!-- /providers -->\n";

/// What stands where there is nothing.
const NOTHING: &str = "–";

/// The parts of `countersign providers list --json` that are read.
#[derive(Deserialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    display_name: String,
    variables: Vec<Variable>,
    pub(crate) login: Option<Login>,
    accepted_tokens: Option<Tokens>,
    open_registration: bool,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    default: Option<String>,
    optional: bool,
}

#[derive(Deserialize)]
pub(crate) struct Login {
    identity_from: String,
    proof_key: bool,
    nonce: bool,
    client_authentication: Vec<String>,
    knows_verified_emails: bool,
    knows_domains: bool,
    knows_groups: bool,
    revokes: Option<bool>,
}

#[derive(Deserialize)]
struct Tokens {
    judged_by: String,
}

/// What the command lists.
pub(crate) fn listed(workspace: &Workspace) -> Result<Vec<Listed>> {
    let printed = countersign(workspace, &["providers", "list", "--json"])?;
    Ok(serde_json::from_str(&printed)?)
}

/// What the command says about `file`; an error if it refuses it.
pub(crate) fn judged(workspace: &Workspace, file: &str) -> Result<String> {
    countersign(workspace, &["providers", "check", file])
}

fn countersign(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    let mut all = vec!["run", "--quiet", "--locked", "-p", "countersign-cli", "--"];
    all.extend(arguments);
    command::stdout(&mut command::cargo(&workspace.root, &all))
}

/// Writes the table into the document. True, because nothing can be wrong then.
pub(crate) fn write(workspace: &Workspace) -> Result<bool> {
    let document = workspace.required_text(DOCUMENT)?;
    let written = with_table(&document, &table(&listed(workspace)?))?;
    if written == document {
        println!("{DOCUMENT} is as the presets say");
    } else {
        fs::write(workspace.root.join(DOCUMENT), written)?;
        println!("{DOCUMENT} written");
    }
    Ok(true)
}

/// `document` with `table` between the marks.
pub(crate) fn with_table(document: &str, table: &str) -> Result<String> {
    let (before, rest) = document
        .split_once(BEGIN)
        .with_context(|| format!("{DOCUMENT} has no line {}", BEGIN.trim()))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("{DOCUMENT} has no line {}", END.trim()))?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// A row for each provider.
pub(crate) fn table(providers: &[Listed]) -> String {
    let mut table = String::from(
        "| provider | name | identity from | login bound by | application | rules about | revoked there | tokens accepted directly | open to anybody | to set |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for provider in providers {
        let login = provider.login.as_ref();
        let of_login = |cell: fn(&Login) -> String| login.map_or_else(String::new, cell);
        let tokens = provider.accepted_tokens.as_ref();
        let cells = [
            format!("[{}]({}.md)", provider.display_name, provider.name),
            format!("`{}`", provider.name),
            of_login(|login| {
                login
                    .identity_from
                    .replace('_', " ")
                    .replace("id token", "ID token")
            }),
            of_login(|login| named(&[(login.proof_key, "proof key"), (login.nonce, "nonce")])),
            of_login(applications),
            of_login(|login| {
                let by_email = login.knows_verified_emails && !login.knows_domains;
                named(&[
                    (login.knows_domains, "organization"),
                    (by_email, "e-mail domain"),
                    (login.knows_groups, "groups"),
                    (true, "people"),
                ])
            }),
            of_login(|login| {
                let told = match login.revokes {
                    Some(true) => "yes",
                    Some(false) => "",
                    None => "if its metadata says where",
                };
                told.to_owned()
            }),
            tokens.map_or_else(String::new, |tokens| format!("by {}", tokens.judged_by)),
            if provider.open_registration {
                "yes".to_owned()
            } else {
                String::new()
            },
            to_set(&provider.variables),
        ];
        let cells = cells.map(|cell| {
            if cell.is_empty() {
                NOTHING.to_owned()
            } else {
                cell
            }
        });
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}

/// How the application at the provider can authenticate.
fn applications(login: &Login) -> String {
    let has = |wanted: &str| login.client_authentication.iter().any(|one| one == wanted);
    named(&[
        (
            has("client_secret_basic") || has("client_secret_post"),
            "secret",
        ),
        (has("private_key_jwt"), "private key"),
        (has("none"), "public"),
    ])
}

fn to_set(variables: &[Variable]) -> String {
    let cells = variables.iter().map(|variable| {
        if variable.optional || variable.default.is_some() {
            format!("(`{}`)", variable.name)
        } else {
            format!("`{}`", variable.name)
        }
    });
    cells.collect::<Vec<_>>().join(" ")
}

fn named(cells: &[(bool, &str)]) -> String {
    let holding = cells.iter().filter(|(holds, _)| *holds);
    holding
        .map(|(_, name)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Listed {
        Listed {
            name: "mine".to_owned(),
            display_name: "Mine".to_owned(),
            variables: vec![
                Variable {
                    name: "domain".to_owned(),
                    default: None,
                    optional: false,
                },
                Variable {
                    name: "audience".to_owned(),
                    default: None,
                    optional: true,
                },
            ],
            login: Some(Login {
                identity_from: "id_token".to_owned(),
                proof_key: true,
                nonce: false,
                client_authentication: vec!["client_secret_post".to_owned(), "none".to_owned()],
                knows_verified_emails: true,
                knows_domains: false,
                knows_groups: true,
                revokes: None,
            }),
            accepted_tokens: None,
            open_registration: true,
        }
    }

    #[test]
    fn a_row_says_what_a_file_says() {
        let table = table(&[provider()]);
        let row = table.lines().nth(2).unwrap_or_default();
        assert_eq!(
            row,
            "| [Mine](mine.md) | `mine` | ID token | proof key | secret, public | e-mail domain, \
             groups, people | if its metadata says where | – | yes | `domain` (`audience`) |"
        );
        let without = Listed {
            login: None,
            ..provider()
        };
        let other = super::table(&[without]);
        assert!(
            other.contains("| `mine` | – | – | – | – | – | – | yes |"),
            "{other}"
        );
    }

    #[test]
    fn a_table_is_put_between_its_marks() {
        let document = "a\n<!-- providers -->\nold\n<!-- /providers -->\nb\n";
        let written = with_table(document, "| new |\n").unwrap_or_default();
        assert_eq!(
            written,
            "a\n<!-- providers -->\n| new |\n<!-- /providers -->\nb\n"
        );
        assert!(with_table("a\n", "| new |\n").is_err());
        assert!(with_table("<!-- providers -->\n", "| new |\n").is_err());
    }
}
