//! A short text that is cheap to hand over.

use std::fmt;
use std::sync::Arc;

/// How many characters of a text are kept.
pub const MOST_CHARACTERS: usize = 256;

/// Ends a text that was cut.
const CUT: char = '…';

/// One text of a record: at most [`MOST_CHARACTERS`] characters, the last of them `…` if
/// it was cut.
///
/// It is cut when it is made, so that what a stranger sends long does not stay in memory
/// long. A `&'static str` or an `Arc<str>` is not copied.
#[derive(Clone)]
pub struct Text(Kept);

#[derive(Clone)]
enum Kept {
    Fixed(&'static str),
    Shared(Arc<str>),
    Own(Box<str>),
}

impl Text {
    /// A copy of `text`.
    pub fn copy(text: &str) -> Self {
        Self(Kept::Own(kept(text).map_or_else(
            || text.into(),
            |kept| format!("{kept}{CUT}").into_boxed_str(),
        )))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Fixed(text) => text,
            Kept::Shared(text) => text,
            Kept::Own(text) => text,
        }
    }
}

/// What is kept of a text that is too long.
fn kept(text: &str) -> Option<&str> {
    // Nothing that has so few bytes has more characters.
    if text.len() <= MOST_CHARACTERS {
        return None;
    }
    let mut ends = text.char_indices().map(|(at, _)| at);
    let last = ends.nth(MOST_CHARACTERS - 1)?;
    ends.next()?;
    text.get(..last)
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        match kept(text) {
            None => Self(Kept::Fixed(text)),
            Some(_) => Self::copy(text),
        }
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        match kept(&text) {
            None => Self(Kept::Shared(text)),
            Some(_) => Self::copy(&text),
        }
    }
}

impl From<&Arc<str>> for Text {
    fn from(text: &Arc<str>) -> Self {
        Arc::clone(text).into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        match kept(&text) {
            None => Self(Kept::Own(text.into_boxed_str())),
            Some(_) => Self::copy(&text),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        for sign in ["a", "é", "𝄞"] {
            let most = sign.repeat(MOST_CHARACTERS);
            assert_eq!(Text::from(most.clone()).as_str(), most);
            let longer = sign.repeat(MOST_CHARACTERS + 1);
            let cut = format!("{}…", sign.repeat(MOST_CHARACTERS - 1));
            assert_eq!(Text::from(longer.clone()).as_str(), cut);
            assert_eq!(Text::copy(&longer).as_str(), cut);
            assert_eq!(Text::from(Arc::<str>::from(longer)).as_str(), cut);
        }
    }
}
