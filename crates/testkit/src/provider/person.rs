//! People who have accounts at the fake providers.

use serde_json::Value;

/// Somebody with an account. Every provider knows `alice`, `bob` and `mallory`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "tests make people of their own")]
pub struct Person {
    /// Under what the login page and the tests know this person; also the login
    /// name where a provider has such names.
    pub key: String,
    /// What all forms of the subject are made of; never shown as it is by most.
    pub number: u64,
    /// The display name.
    pub name: String,
    /// The e-mail address, if the provider knows one.
    pub email: Option<String>,
    /// Whether the provider has verified the address.
    pub email_verified: bool,
    /// The organisation's domain that runs the account (`hd` at Google).
    pub domain: Option<String>,
    /// The groups or roles of the person.
    pub groups: Vec<String>,
    /// What the person may do (`permissions` at Auth0).
    pub permissions: Vec<String>,
    /// The tenant or organisation the account lives in, a UUID.
    pub tenant: String,
}

/// The tenant of `alice` and `bob`.
pub const HOME_TENANT: &str = "11111111-2222-4333-8444-555555555555";

/// The tenant of `mallory`.
pub const OTHER_TENANT: &str = "99999999-8888-4777-8666-555555555555";

impl Person {
    /// Somebody called `key` without address, groups or organisation.
    pub fn new(key: &str, number: u64) -> Self {
        Self {
            key: key.to_owned(),
            number,
            name: key.to_owned(),
            email: None,
            email_verified: false,
            domain: None,
            groups: Vec::new(),
            permissions: Vec::new(),
            tenant: HOME_TENANT.to_owned(),
        }
    }

    /// `alice` of corp.example with a verified address and the group `staff`.
    pub fn alice() -> Self {
        Self {
            name: "Alice Example".to_owned(),
            email: Some("alice@corp.example".to_owned()),
            email_verified: true,
            domain: Some("corp.example".to_owned()),
            groups: vec!["staff".to_owned()],
            permissions: vec!["read:notes".to_owned()],
            ..Self::new("alice", 583_231)
        }
    }

    /// `bob` of elsewhere.example with a verified address and no group.
    pub fn bob() -> Self {
        Self {
            name: "Bob Example".to_owned(),
            email: Some("bob@elsewhere.example".to_owned()),
            email_verified: true,
            ..Self::new("bob", 583_232)
        }
    }

    /// `mallory`, who claims the address of alice without having verified it, and
    /// lives in another tenant.
    pub fn mallory() -> Self {
        Self {
            name: "Alice Example".to_owned(),
            email: Some("alice@corp.example".to_owned()),
            tenant: OTHER_TENANT.to_owned(),
            ..Self::new("mallory", 666_666)
        }
    }
}

/// How a provider writes who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectStyle {
    /// A JSON integer.
    Number,
    /// Digits as text, as long as those of the real one: 18 for a snowflake, 21 at Google.
    Digits(usize),
    /// A UUID.
    Uuid,
    /// A prefix and 24 hexadecimal digits.
    Prefixed(&'static str),
}

impl SubjectStyle {
    /// The subject of `person`.
    pub fn subject(self, person: &Person) -> Value {
        let number = person.number;
        match self {
            Self::Number => number.into(),
            Self::Digits(width) => format!("1{number:0width$}", width = width - 1).into(),
            Self::Uuid => format!("{number:08x}-0000-4000-8000-{number:012x}").into(),
            Self::Prefixed(prefix) => format!("{prefix}{number:024x}").into(),
        }
    }
}
