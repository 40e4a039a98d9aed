//! The pages of a provider: plain HTML, one button for each person.

use super::engine::DECISION_PATH;
use super::person::Person;
use super::state::Asked;
use crate::fake_server::ScriptedAnswer;

/// The id of the button of the person `key`.
pub(super) fn button_id(key: &str) -> String {
    format!("person-{key}")
}

/// The id of the button that refuses.
pub(super) const REFUSE_ID: &str = "refuse";

/// The page on which somebody says who they are and agrees.
pub(super) fn choose(name: &str, ticket: &str, asked: &Asked, people: &[Person]) -> ScriptedAnswer {
    let buttons: String = people
        .iter()
        .map(|person| {
            format!(
                "<p><button id=\"{}\" name=\"person\" value=\"{}\">Continue as {}</button></p>\n",
                escaped(&button_id(&person.key)),
                escaped(&person.key),
                escaped(&person.name)
            )
        })
        .collect();
    html(
        200,
        &format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Log in at {name}</title></head>\n\
             <body id=\"fake-provider\"><h1>Log in at {name}</h1>\n\
             <p>The application <code>{}</code> asks for <code>{}</code>.</p>\n\
             <form method=\"post\" action=\"{DECISION_PATH}\">\n\
             <input type=\"hidden\" name=\"ticket\" value=\"{}\">\n{buttons}\
             <p><button id=\"{REFUSE_ID}\" name=\"person\" value=\"\">Refuse</button></p>\n\
             </form></body></html>\n",
            escaped(&asked.client_id),
            escaped(&asked.scopes.join(" ")),
            escaped(ticket),
        ),
    )
}

/// A page that says what is wrong.
pub(super) fn error(status: u16, text: &str) -> ScriptedAnswer {
    html(
        status,
        &format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Error</title></head>\n\
             <body id=\"fake-provider-error\"><p>{}</p></body></html>\n",
            escaped(text)
        ),
    )
}

fn html(status: u16, page: &str) -> ScriptedAnswer {
    ScriptedAnswer::status(status)
        .header("content-type", "text/html; charset=utf-8")
        .header("cache-control", "no-store")
        .body(page.to_owned())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
