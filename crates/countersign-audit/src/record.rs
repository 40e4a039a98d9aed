//! One thing that happened.

use std::net::IpAddr;

use crate::Text;

/// What became of what somebody wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "searches name each of them")]
pub enum Outcome {
    /// It was allowed.
    Allowed,
    /// It was refused.
    Refused,
    /// It could not be decided, or could not be done.
    Failed,
    /// Nobody asked; it is good to know.
    #[default]
    Noted,
}

impl Outcome {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Refused, Self::Failed, Self::Noted];

    /// Its word in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Noted => "noted",
        }
    }

    /// The outcome of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == word)
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "sinks treat each of them")]
pub enum Severity {
    /// The daily business.
    #[default]
    Info,
    /// Worth a look when somebody looks anyway, such as a refusal.
    Notice,
    /// Somebody should look.
    Warning,
    /// Somebody should look now.
    Alert,
}

impl Severity {
    /// Each of them, the least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Notice, Self::Warning, Self::Alert];

    /// Its word in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
    }

    /// The severity of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == word)
    }
}

/// One thing that happened: who, by which means, wanted what, and what became of it.
///
/// It never has a secret in it, nor what a call said or answered. Each text is cut
/// ([`Text`]); what somebody else chose is escaped where a sink writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// Which event it is, such as `request_refused`; it stays the same over versions.
    pub event: Text,
    /// What became of it.
    pub outcome: Outcome,
    /// How much it matters.
    pub severity: Severity,
    /// The event in words, for people.
    pub sentence: Text,
    /// The subject (`sub`) of who did it.
    pub subject: Option<Text>,
    /// Who vouches for the subject (`iss`).
    pub issuer: Option<Text>,
    /// The name of the authentication source that the credential came by.
    pub source: Option<Text>,
    /// The id of the OAuth client that acted.
    pub client: Option<Text>,
    /// The id of the grant.
    pub grant: Option<Text>,
    /// The method of the protocol, such as `tools/call`; of a plain HTTP request `GET`.
    pub method: Option<Text>,
    /// What kind of component it was about: `tool`, `resource`, `prompt`, `route`.
    pub component_kind: Option<Text>,
    /// The name of the component, or the address of the resource.
    pub component: Option<Text>,
    /// Why, as one stable word for programs, such as `insufficient_scope`.
    pub reason: Option<Text>,
    /// Why exactly, in words for people; these may change from version to version.
    pub detail: Option<Text>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The same for all records of one request.
    pub request: Option<Text>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The name of the upstream provider.
    pub provider: Option<Text>,
    /// For which grant type tokens were issued (RFC 6749 §1.3).
    pub grant_type: Option<Text>,
    /// The id of the key that it is about: one that signs, or an API key.
    pub key: Option<Text>,
    /// The scopes, separated by blanks: those that were granted, or that are missing.
    pub scopes: Option<Text>,
}

/// A method that sets one text.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: impl Into<Text>) -> Self {
                self.$name = Some($name.into());
                self
            }
        )*
    };
}

impl Record {
    /// `event` at the time `at` (milliseconds since 1970), in words `sentence`.
    pub fn new(event: impl Into<Text>, sentence: impl Into<Text>, at: u64) -> Self {
        Self {
            at,
            event: event.into(),
            outcome: Outcome::default(),
            severity: Severity::default(),
            sentence: sentence.into(),
            subject: None,
            issuer: None,
            source: None,
            client: None,
            grant: None,
            method: None,
            component_kind: None,
            component: None,
            reason: None,
            detail: None,
            status: None,
            request: None,
            address: None,
            provider: None,
            grant_type: None,
            key: None,
            scopes: None,
        }
    }

    /// With this outcome.
    #[must_use]
    pub const fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// With this severity.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    texts! {
        /// Done by this subject.
        subject,
        /// Vouched for by this issuer.
        issuer,
        /// Authenticated by the source of this name.
        source,
        /// By the client of this id.
        client,
        /// About the grant of this id.
        grant,
        /// By this method.
        method,
        /// For this reason, one stable word.
        reason,
        /// For this reason, in words for people. Never a secret.
        detail,
        /// Belonging to the request of this id.
        request,
        /// About the provider of this name.
        provider,
        /// For this grant type.
        grant_type,
        /// About the key of this id.
        key,
        /// With these scopes, separated by blanks.
        scopes,
    }

    /// About the component `name` of this `kind` (`tool`, `resource`, `prompt`, `route`).
    #[must_use]
    pub fn component(mut self, kind: impl Into<Text>, name: impl Into<Text>) -> Self {
        self.component_kind = Some(kind.into());
        self.component = Some(name.into());
        self
    }

    /// Answered with this HTTP status.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Coming from this address.
    #[must_use]
    pub const fn address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }
}
