//! Writing for people and programs.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

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

/// One line on standard error.
pub(crate) fn note(text: &str) {
    // Nobody is left to tell if this fails.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// A document as indented JSON on standard output.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(&serde_json::to_string_pretty(document)?)?)
}

/// Text without control characters other than line feeds and tabs.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h10_a_terminal_has_nothing_to_obey() {
        assert_eq!(harmless("a\u{1b}[2J\rb\u{9b}1m\n\tc"), "a[2Jb1m\n\tc");
    }
}
