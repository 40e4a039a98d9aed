//! The two lines to paste for a first call.

use std::env;
use std::path::Path;

use super::options::Serve;
use super::verifying::Verifying;
use crate::{AUDIENCE, ISSUER};

/// What to do, and what to type for it in another terminal, in the folder of this one.
pub(super) fn lines(url: &str, options: &Serve, verifying: Option<&Verifying>) -> Vec<String> {
    let program = program();
    let call = format!("{program} call {} greet name=World", quoted(url));
    let what = |what: &str| format!("\n{what} from another terminal:\n");
    let Some(verifying) = verifying else {
        return vec![what("Call a tool"), call];
    };
    let Some(key) = verifying.private_key() else {
        return vec![
            what("With a token in token.txt, call a tool"),
            format!("{call} --token-file token.txt"),
        ];
    };
    let mut mint = format!(
        "{program} token --key {} --subject hello@world.com",
        quoted(&key.display().to_string())
    );
    let mut add = |option: &str, value: &str, usual: &str| {
        if value != usual {
            mint.push_str(&format!(" --{option} {}", quoted(value)));
        }
    };
    add(
        "issuer",
        verifying.issuer.as_deref().unwrap_or(ISSUER),
        ISSUER,
    );
    add(
        "audience",
        verifying.audience.as_deref().unwrap_or(AUDIENCE),
        AUDIENCE,
    );
    add("scopes", &options.required_scopes().join(","), "");
    vec![
        what("Call a tool"),
        format!("TOKEN=$({mint})"),
        format!("{call} --token \"$TOKEN\""),
    ]
}

/// This program, as it can be typed here.
fn program() -> String {
    let Ok(program) = env::current_exe() else {
        return "countersign".into();
    };
    let here = env::current_dir().unwrap_or_default();
    match program.strip_prefix(&here) {
        Ok(below) => quoted(&Path::new(".").join(below).display().to_string()),
        Err(_) => quoted(&program.display().to_string()),
    }
}

/// `word` as one word of a shell.
fn quoted(word: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:@,+=%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_split_are_quoted() {
        assert_eq!(
            quoted("http://localhost:8000/mcp"),
            "http://localhost:8000/mcp"
        );
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(x)"), "'$(x)'");
    }
}
