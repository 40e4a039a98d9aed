//! What ties the records of one request together.

use crate::Text;

/// The id of a request, in the extensions of a request: whoever answers it later notes
/// under the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Text);

impl RequestId {
    /// Reads an id that somebody in front gave: 1 to 64 letters, digits, `.`, `_`, `:`
    /// or `-`. Nothing else is taken over into a log.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        ((1..=64).contains(&text.len()) && text.bytes().all(is_plain))
            .then(|| Self(Text::copy(text)))
    }

    /// The `number`-th request of the run `run`: a text drawn at the start of the process.
    pub fn numbered(run: &str, number: u64) -> Self {
        Self(format!("{run}-{number:x}").into())
    }

    /// For a record.
    pub fn text(&self) -> Text {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h10_an_id_with_signs_that_a_log_could_stumble_over_is_not_taken() {
        let long = "a".repeat(65);
        for text in ["", "a b", "a\nb", "\"", "é", long.as_str()] {
            assert_eq!(RequestId::parse(text), None, "{text:?}");
        }
        for text in ["1", "8f14e45f-ceea-4d07-a3a0-1d0f6b1f3c11", "a.b:c_d"] {
            assert_eq!(RequestId::parse(text).unwrap().text().as_str(), text);
        }
    }
}
