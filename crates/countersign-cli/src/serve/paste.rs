//! The two lines to paste for a first call.

use std::env;
use std::path::Path;

use super::Accepted;
use super::options::Serve;
use super::verifying::Verifying;
use crate::shell::quoted;
use crate::{AUDIENCE, ISSUER, RESOURCE};

/// What to do, and what to type for it in another terminal, in the folder of this one.
/// `bound` is whether tokens have to be bound to a key, which those of `countersign token`
/// are not.
pub(super) fn lines(url: &str, options: &Serve, accepted: &Accepted, bound: bool) -> Vec<String> {
    let program = program();
    let call = format!("{program} call {} greet name=World", quoted(url));
    let what = |what: &str| format!("\n{what} from another terminal:\n");
    if bound && !matches!(accepted, Accepted::Nothing) {
        return vec![what("Log in and call a tool"), call];
    }
    let mint = match accepted {
        Accepted::Nothing => return vec![what("Call a tool"), call],
        Accepted::Ours(_) => ours(url, options),
        Accepted::Others(verifying) => others(verifying),
        Accepted::Configured => None,
    };
    let Some(mint) = mint else {
        return vec![
            what("With a token in token.txt, call a tool"),
            format!("{call} --token-file token.txt"),
        ];
    };
    let mut words = vec![program, "token".to_owned()];
    words.extend(mint);
    words.extend(["--subject", "hello@world.com"].map(str::to_owned));
    let scopes = options.required_scopes().join(",");
    if !scopes.is_empty() {
        words.extend(["--scopes".to_owned(), quoted(&scopes)]);
    }
    let first = match accepted {
        Accepted::Ours(_) => "Or try a tool at once",
        _ => "Call a tool",
    };
    vec![
        what(first),
        format!("TOKEN=$({})", words.join(" ")),
        format!("{call} --token \"$TOKEN\""),
    ]
}

/// What names the server whose tokens are to be made.
fn ours(url: &str, options: &Serve) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for (option, value) in options.data.options() {
        words.extend([option.to_owned(), quoted(&value.display().to_string())]);
    }
    if url != RESOURCE {
        words.extend(["--audience".to_owned(), quoted(url)]);
    }
    Some(words)
}

/// What names the key, issuer and audience, if there is a private key.
fn others(verifying: &Verifying) -> Option<Vec<String>> {
    let key = verifying.private_key()?;
    let mut words = vec!["--key".to_owned(), quoted(&key.display().to_string())];
    for (option, value, usual) in [
        ("--issuer", &verifying.issuer, ISSUER),
        ("--audience", &verifying.audience, AUDIENCE),
    ] {
        if let Some(value) = value
            && value != usual
        {
            words.extend([option.to_owned(), quoted(value)]);
        }
    }
    Some(words)
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
