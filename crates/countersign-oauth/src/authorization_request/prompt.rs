//! The `prompt` parameter: OpenID Connect Core §3.1.2.1.

use std::fmt;

/// One value of `prompt`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever asks the person must decide about each"
)]
pub enum Prompt {
    /// Nothing may be asked: the request succeeds or fails at once.
    None,
    /// The person must log in again.
    Login,
    /// Consent must be asked again.
    Consent,
    /// The person must be able to choose an account.
    SelectAccount,
}

/// What the client wants the person to be asked, whatever was remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Prompts(u8);

impl Prompts {
    /// Reads the values, which are separated by blanks. Nothing if one of them is
    /// unknown, or if `none` stands beside another ("If this parameter contains
    /// none with any other value, an error is returned").
    pub fn parse(text: &str) -> Option<Self> {
        let mut prompts = Self::default();
        for value in text.split(' ') {
            let prompt = match value {
                "none" => Prompt::None,
                "login" => Prompt::Login,
                "consent" => Prompt::Consent,
                "select_account" => Prompt::SelectAccount,
                _ => return None,
            };
            prompts.0 |= Self::bit(prompt);
        }
        let alone = prompts.0 == Self::bit(Prompt::None);
        (alone || !prompts.contains(Prompt::None)).then_some(prompts)
    }

    /// Whether the client asked for `prompt`.
    pub const fn contains(self, prompt: Prompt) -> bool {
        self.0 & Self::bit(prompt) != 0
    }

    /// The values as they are written.
    fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (Prompt::None, "none"),
            (Prompt::Login, "login"),
            (Prompt::Consent, "consent"),
            (Prompt::SelectAccount, "select_account"),
        ]
        .into_iter()
        .filter(move |(prompt, _)| self.contains(*prompt))
        .map(|(_, name)| name)
    }

    const fn bit(prompt: Prompt) -> u8 {
        match prompt {
            Prompt::None => 1,
            Prompt::Login => 2,
            Prompt::Consent => 4,
            Prompt::SelectAccount => 8,
        }
    }
}

/// The text that [`Prompts::parse`] reads; empty without a value.
impl fmt::Display for Prompts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.names().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
