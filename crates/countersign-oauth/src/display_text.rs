//! Texts that strangers choose and people read: client names, RFC 7591 §5,
//! OAuth 2.1 §7.11.
//!
//! A client that registers itself writes its own name onto the consent page.
//! Escaping is for the page; here goes what escaping leaves: characters that
//! turn the direction of writing, that nobody sees, or that break lines.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many characters of a text are kept.
pub const MAX_CHARACTERS: usize = 100;

/// A cleaned text of one line, never empty. It is not escaped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct DisplayText(String);

impl DisplayText {
    /// Cleans `text`: blanks and line breaks of all kinds become single blanks,
    /// controls and invisible characters go, and at most [`MAX_CHARACTERS`]
    /// remain. Nothing if nothing visible is left.
    pub fn clean(text: &str) -> Option<Self> {
        let visible: String = text
            .chars()
            .map(|character| {
                if character.is_whitespace() {
                    ' '
                } else {
                    character
                }
            })
            .filter(|character| !is_invisible(*character))
            .collect();
        let mut cleaned = String::new();
        for word in visible.split(' ').filter(|word| !word.is_empty()) {
            if !cleaned.is_empty() {
                cleaned.push(' ');
            }
            cleaned.push_str(word);
        }
        let cut: String = cleaned.chars().take(MAX_CHARACTERS).collect();
        let cut = cut.trim_end();
        (!cut.is_empty()).then(|| Self(cut.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `character` makes a text look like another one wherever it is shown: controls,
/// what turns the direction of writing, separators of lines, and tags, which nobody sees.
/// Joiners and variation selectors are none, because people's own writing needs them.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0x061C | 0x200B | 0x200E..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF
            | 0xFFF9..=0xFFFB | 0xE0000..=0xE007F)
}

/// Controls, format characters (bidirectional marks, zero-width ones, tags),
/// fillers that look like nothing, variation selectors, private use, noncharacters.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
            | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
            | 0xFFF0..=0xFFFB | 0xFFFE..=0xFFFF | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
            | 0xE0000..=0x10_FFFF)
}

impl From<String> for DisplayText {
    /// Cleans what was stored once more; a text of which nothing is left is `?`.
    fn from(text: String) -> Self {
        Self::clean(&text).unwrap_or_else(|| Self("?".to_owned()))
    }
}

impl From<DisplayText> for String {
    fn from(text: DisplayText) -> Self {
        text.0
    }
}

impl fmt::Display for DisplayText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DisplayText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
