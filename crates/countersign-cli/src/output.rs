//! Writing for people and programs.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign::oauth::display_text::is_deceptive;
use serde::Serialize;

/// Longer, and a person wonders what is going on.
const MOMENT: Duration = Duration::from_secs(3);

/// One line on standard output.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Text of a server on standard output: as it is for a program, and without what a
/// terminal could obey for people.
pub(crate) fn foreign(text: &str) -> io::Result<()> {
    if io::stdout().is_terminal() {
        line(&harmless(text))
    } else {
        line(text)
    }
}

/// Whether a person has been told something.
static HAS_SPOKEN: AtomicBool = AtomicBool::new(false);

/// One line on standard error.
pub(crate) fn note(text: &str) {
    HAS_SPOKEN.store(true, Ordering::Relaxed);
    // Nobody is left to tell if this fails.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// What `work` makes. If nobody was told anything for a moment, whoever is at the terminal
/// learns that this waits for `whom`.
pub(crate) async fn waiting_for<T>(whom: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = tokio::time::sleep(MOMENT) => {}
    }
    if io::stderr().is_terminal() && !HAS_SPOKEN.load(Ordering::Relaxed) {
        note(&format!("Waiting for {}; Ctrl-C gives up.", harmless(whom)));
    }
    work.await
}

/// A document as indented JSON on standard output.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(&escaped(&serde_json::to_string_pretty(document)?))?)
}

/// One line of JSON as it was written, on standard output: byte for byte for a program, and
/// without what a terminal could obey for people.
pub(crate) fn json_line(text: &str) -> io::Result<()> {
    if io::stdout().is_terminal() {
        line(&escaped(text))
    } else {
        line(text)
    }
}

/// The same JSON, in which a terminal finds nothing to obey: RFC 8259 §7 has only the
/// controls below the blank escaped, and some terminals obey others.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_deceptive(character) {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

/// Text without control characters other than line feeds and tabs, and without what turns
/// the direction of writing.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .filter(|character| !is_deceptive(*character) || matches!(character, '\n' | '\t'))
        .collect()
}

/// The same, in one line.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h10_a_terminal_has_nothing_to_obey() {
        assert_eq!(harmless("a\u{1b}[2J\rb\u{9b}1m\n\tc"), "a[2Jb1m\n\tc");
        assert_eq!(harmless("a\u{202e}b\u{2066}c\u{e0041}"), "abc");
        assert_eq!(one_line("a\nb\tc\u{9b}"), "a b c");
    }

    #[test]
    fn h10_json_has_nothing_to_obey_either_and_says_the_same() {
        let document = serde_json::json!({
            "a\u{9b}2J": "\u{1b}[2J\u{7f}\u{85}\u{202e}\u{e0041}", "own": ["ü", 1],
        });
        let text = escaped(&serde_json::to_string_pretty(&document).unwrap());
        let obeyed = text.chars().find(|one| is_deceptive(*one) && *one != '\n');
        assert_eq!(obeyed, None, "{text}");
        assert!(text.contains("\\u009b2J") && text.contains("\\udb40\\udc41"));
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, document);
    }
}
