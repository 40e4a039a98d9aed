//! What somebody allowed a client, and how far it has come.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a grant has come; its steps are a rule of `countersign-oauth`.
///
/// `Revoked` is never written: it is what a grant whose record was revoked reads as.
pub use countersign_oauth::grant::GrantState;

/// The name of a grant: codes, refresh tokens and access tokens that carry it are
/// revoked together. It is no secret, and 128 bits from a generator make it unique.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(String);

impl GrantId {
    /// The id made of `drawn`, 16 fresh bytes from a cryptographic generator.
    pub fn from_random(drawn: [u8; 16]) -> Self {
        Self(drawn.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Takes `text` as it is, such as the id in a command or in a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_every_bit_that_was_drawn() {
        let mut drawn = [0; 16];
        drawn[0] = 0xf0;
        drawn[15] = 1;
        assert_eq!(
            GrantId::from_random(drawn).as_str(),
            "f0000000000000000000000000000001"
        );
    }

    #[test]
    fn a_name_leads_back_to_its_state_alone() {
        assert_eq!(GrantState::parse("ACTIVE"), None);
        assert_eq!(GrantState::parse("active"), Some(GrantState::Active));
        assert_eq!(
            GrantState::parse("code_issued"),
            Some(GrantState::CodeIssued)
        );
    }
}
