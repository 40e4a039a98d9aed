//! Tokens as they are kept: RFC 6749 §5.1.

use countersign_oauth::{Lifetime, ScopeSet, Secret, UnixTime};

/// The longest time before its end at which a token is replaced, in seconds.
const LONGEST_MARGIN: u64 = 60;

/// For so long a token is one that was just got.
const FRESH: Lifetime = Lifetime::from_secs(10);

/// How an access token is shown (RFC 6749 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever shows a token must decide about each type"
)]
pub enum TokenType {
    /// Whoever has it may use it (RFC 6750).
    Bearer,
    /// Only with a proof of the key that it is bound to (RFC 9449).
    Dpop,
}

impl TokenType {
    /// Reads `token_type`, which is compared without regard to case (RFC 6749 §5.1).
    /// Nothing for types that nobody here can show: those tokens must not be used
    /// (RFC 6749 §7.1).
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Bearer, Self::Dpop]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(text))
    }

    /// The scheme of `Authorization` with it, and its `token_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// The tokens of one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredTokens {
    /// The access token.
    pub access_token: Secret,
    /// How it is shown.
    pub token_type: TokenType,
    /// When they were got: the newest are asked first.
    pub obtained_at: UnixTime,
    /// When the access token ends; unknown if absent.
    pub expires_at: Option<UnixTime>,
    /// What gets new ones (RFC 6749 §6).
    pub refresh_token: Option<Secret>,
    /// What the access token permits.
    pub scopes: ScopeSet,
    /// The private key that the tokens are bound to (RFC 9449), in PKCS#8 as PEM.
    pub dpop_key: Option<Secret>,
}

impl StoredTokens {
    /// An access token that was got at `obtained_at` and permits `scopes`.
    pub const fn new(
        access_token: Secret,
        token_type: TokenType,
        scopes: ScopeSet,
        obtained_at: UnixTime,
    ) -> Self {
        Self {
            access_token,
            token_type,
            obtained_at,
            expires_at: None,
            refresh_token: None,
            scopes,
            dpop_key: None,
        }
    }

    /// How long before its end the access token is replaced: a fifth of its life, at most a
    /// minute.
    pub(crate) fn margin(&self) -> Lifetime {
        let life = self
            .expires_at
            .map_or(0, |end| end.since(self.obtained_at).as_secs());
        Lifetime::from_secs((life / 5).min(LONGEST_MARGIN))
    }

    /// Whether the access token is good for `margin` more at `now`. One that does not
    /// say when it ends is: the resource says so if not.
    pub fn lasts(&self, now: UnixTime, margin: Lifetime) -> bool {
        self.expires_at
            .is_none_or(|end| end > now.saturating_add(margin))
    }

    /// Whether it was just got, so that another one would be refused as well.
    pub(crate) fn is_fresh(&self, now: UnixTime) -> bool {
        now.since(self.obtained_at) < FRESH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i7_a_token_type_that_nobody_can_show_is_none() {
        for text in ["", "mac", "N_A", "Bearer ", "bearer token", "dpop+jwt"] {
            assert_eq!(TokenType::parse(text), None, "{text:?}");
        }
        assert_eq!(TokenType::parse("bearer"), Some(TokenType::Bearer));
        assert_eq!(TokenType::parse("DPOP"), Some(TokenType::Dpop));
    }

    #[test]
    fn a_token_lasts_until_the_margin_before_its_end() {
        let at = UnixTime::from_secs;
        let scopes = ScopeSet::new();
        let mut tokens = StoredTokens::new(Secret::new("t"), TokenType::Bearer, scopes, at(0));
        assert!(tokens.lasts(at(u64::MAX), Lifetime::from_secs(60)));
        tokens.expires_at = Some(at(100));
        assert!(tokens.lasts(at(39), Lifetime::from_secs(60)));
        assert!(!tokens.lasts(at(40), Lifetime::from_secs(60)));
    }

    #[test]
    fn cl_33_debug_shows_no_token_and_no_key() {
        let mut tokens = StoredTokens::new(
            Secret::new("canary-access"),
            TokenType::Bearer,
            ScopeSet::new(),
            UnixTime::from_secs(0),
        );
        tokens.refresh_token = Some(Secret::new("canary-refresh"));
        tokens.dpop_key = Some(Secret::new("canary-key"));
        assert!(!format!("{tokens:?}").contains("canary"));
    }
}
