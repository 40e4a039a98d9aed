//! What a record is.

use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What a record is. Records of different kinds never share a key.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name under which a backend keeps it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The kind that is kept under `text`; nothing for a name of no kind.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A registered client (RFC 7591 §2).
    Client = "client",
    /// A client ID metadata document that was fetched, under its URL.
    MetadataDocument = "metadata_document",
    /// A token that allows a registration (RFC 7591 §3).
    InitialAccessToken = "initial_access_token",
    /// An authorization request that waits for login or consent (RFC 6749 §4.1.1).
    PendingAuthorization = "pending_authorization",
    /// An authorization code (RFC 6749 §4.1.2).
    AuthorizationCode = "authorization_code",
    /// What somebody allowed a client: codes and tokens hang on it.
    Grant = "grant",
    /// A refresh token (RFC 6749 §6).
    RefreshToken = "refresh_token",
    /// An access token (RFC 6749 §1.4), opaque or signed.
    AccessToken = "access_token",
    /// The id of an assertion that may be used once (RFC 7523 §3, `jti`).
    AssertionId = "assertion_id",
    /// A local account, under its subject.
    Account = "account",
    /// The name with which an account logs in; points at the account.
    AccountName = "account_name",
    /// The session of a browser.
    BrowserSession = "browser_session",
    /// What somebody has consented to for a client, remembered.
    Consent = "consent",
    /// A link that works once: first-run setup, a new password.
    OneTimeLink = "one_time_link",
    /// A login at an upstream provider that was approved and is under way, with the
    /// nonce and the proof key sealed (RFC 6749 §10.12, RFC 7636 §4.1).
    UpstreamAttempt = "upstream_attempt",
    /// Who somebody is at an upstream provider; points at their account.
    UpstreamIdentity = "upstream_identity",
    /// A signing key: the public half in the body, the private half sealed.
    SigningKey = "signing_key",
    /// The tokens that an upstream provider issued for a grant, sealed.
    UpstreamTokens = "upstream_tokens",
    /// An API key, under its id: a digest of the whole key in the body.
    ApiKey = "api_key",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_kind_alone() {
        assert_eq!(Kind::parse("Grant"), None);
        assert_eq!(Kind::parse(""), None);
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        }
    }
}
