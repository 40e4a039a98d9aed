//! Names of accounts, in the one spelling in which they are compared.
//!
//! Only ASCII is accepted: two names that look alike on a page would be two people
//! to the server and one to whoever reads them.

use std::fmt;

use thiserror::Error;

/// How long a name may be, in characters.
const LONGEST: usize = 64;

/// A name with which an account logs in: 1 to 64 small letters, digits and `.`, `_`,
/// `-`, `@`, `+`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AccountName(String);

/// Why a text is no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error(
    "a name has 1 to 64 letters (a to z), digits and . _ - @ +, and begins with a letter or digit"
)]
#[non_exhaustive]
pub struct InvalidAccountName;

impl AccountName {
    /// Reads `text` as a person types it: blanks around it do not count, and neither
    /// does the difference between small and capital letters.
    ///
    /// # Errors
    ///
    /// [`InvalidAccountName`] if it is empty, too long, or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidAccountName> {
        let text = text.trim_matches(' ');
        let first = text.bytes().next().ok_or(InvalidAccountName)?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
        if text.len() > LONGEST || !first.is_ascii_alphanumeric() || !text.bytes().all(is_allowed) {
            return Err(InvalidAccountName);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// As [`AccountName::parse`], and the names of people who log in elsewhere as well:
    /// the name of the provider, a colon, and a name as above, such as `github:583231`.
    ///
    /// # Errors
    ///
    /// [`InvalidAccountName`] if it is neither.
    pub fn parse_any(text: &str) -> Result<Self, InvalidAccountName> {
        let Some((provider, person)) = text.split_once(':') else {
            return Self::parse(text);
        };
        let (provider, person) = (Self::parse(provider)?, Self::parse(person)?);
        Ok(Self(format!("{provider}:{person}")))
    }

    /// Whether it is the name of somebody who logs in elsewhere.
    pub(super) fn is_of_upstream(&self) -> bool {
        self.0.contains(':')
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
