//! Sentences in lines that fit a terminal.

const WIDTH: usize = 88;

/// A text under construction.
#[derive(Default)]
pub(super) struct Paper(String);

impl Paper {
    /// A title, after an empty line.
    pub(super) fn section(&mut self, title: &str) {
        self.gap();
        self.0.push_str(title);
        self.0.push('\n');
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.0.push('\n');
    }

    /// A sentence.
    pub(super) fn says(&mut self, sentence: &str) {
        self.wrapped(sentence, "", "");
    }

    /// One of several sentences.
    pub(super) fn item(&mut self, sentence: &str) {
        self.wrapped(sentence, "- ", "  ");
    }

    fn wrapped(&mut self, sentence: &str, first: &str, other: &str) {
        self.0.push_str(first);
        let mut length = first.len();
        let mut begun = false;
        for word in sentence.split(' ') {
            let width = word.chars().count();
            if begun && length + 1 + width > WIDTH {
                self.0.push('\n');
                self.0.push_str(other);
                length = other.len();
            } else if begun {
                self.0.push(' ');
                length += 1;
            }
            self.0.push_str(word);
            length += width;
            begun = true;
        }
        self.0.push('\n');
    }

    /// All of it.
    pub(super) fn text(&self) -> &str {
        self.0.trim_end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_goes_on_below_itself() {
        let mut paper = Paper::default();
        paper.says("Yes.");
        paper.gap();
        paper.item(&"word ".repeat(20));
        let text = paper.text().to_owned();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["Yes.", ""]);
        assert!(lines[2].starts_with("- word") && lines[2].len() <= WIDTH);
        assert!(lines[3].starts_with("  word"), "{text}");
    }
}
