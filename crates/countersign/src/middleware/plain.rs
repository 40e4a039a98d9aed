//! Text of strangers in a log: checklist H10, one event is one line.

use std::fmt;

/// Text that clients may have chosen: shown without control characters, line
/// separators and marks that turn the direction of writing, and cut off.
pub(crate) struct Plain<'a> {
    text: &'a str,
    longest: usize,
}

/// Names and identifiers, at most 256 characters of them.
pub(crate) const fn plain(text: &str) -> Plain<'_> {
    Plain { text, longest: 256 }
}

impl Plain<'_> {
    /// At most `longest` characters of it.
    pub(crate) const fn up_to(self, longest: usize) -> Self {
        Self { longest, ..self }
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.text.chars();
        for character in characters.by_ref().take(self.longest) {
            let hidden = character.is_control()
                || matches!(
                    character,
                    '\u{200b}'..='\u{200f}'
                        | '\u{2028}'..='\u{202e}'
                        | '\u{2060}'..='\u{2069}'
                        | '\u{feff}'
                );
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                _ if hidden => write!(f, "{}", character.escape_default())?,
                _ => write!(f, "{character}")?,
            }
        }
        if characters.next().is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}
