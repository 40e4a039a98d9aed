//! Under what a record is kept.

use std::fmt;

use countersign_oauth::ApiKeyId;

use crate::secret_hash::digest_text;
use crate::{ClientId, GrantId, Kind, SecretHash, Subject};

/// The kind of a record and its id among those of its kind.
///
/// There is one constructor for each kind. Those of kinds that are secrets take a
/// [`SecretHash`], so that a plain code or token cannot become a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    kind: Kind,
    id: String,
}

impl Key {
    fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
        }
    }

    /// A registered client.
    pub fn client(id: &ClientId) -> Self {
        Self::new(Kind::Client, id.as_str())
    }

    /// The client ID metadata document at `url`.
    pub fn metadata_document(url: &str) -> Self {
        Self::new(Kind::MetadataDocument, url)
    }

    /// A token that allows a registration.
    pub fn initial_access_token(hash: SecretHash) -> Self {
        Self::new(Kind::InitialAccessToken, hash.to_text())
    }

    /// An authorization request that waits, under the hash of its transaction secret.
    pub fn pending_authorization(hash: SecretHash) -> Self {
        Self::new(Kind::PendingAuthorization, hash.to_text())
    }

    /// An authorization code.
    pub fn authorization_code(hash: SecretHash) -> Self {
        Self::new(Kind::AuthorizationCode, hash.to_text())
    }

    /// A grant.
    pub fn grant(id: &GrantId) -> Self {
        Self::new(Kind::Grant, id.as_str())
    }

    /// A refresh token.
    pub fn refresh_token(hash: SecretHash) -> Self {
        Self::new(Kind::RefreshToken, hash.to_text())
    }

    /// An access token, under the hash of its whole text.
    pub fn access_token(hash: SecretHash) -> Self {
        Self::new(Kind::AccessToken, hash.to_text())
    }

    /// RFC 7523 §3: the `jti` of an assertion is unique for its `issuer`.
    pub fn assertion_id(issuer: &str, jti: &str) -> Self {
        Self::new(
            Kind::AssertionId,
            digest_text("countersign assertion id 1", &[issuer, jti]),
        )
    }

    /// The `jti` of an assertion that is a grant (RFC 7523 §2.1), made by another `issuer`:
    /// never that of a client, whatever it is called.
    pub fn assertion_grant_id(issuer: &str, jti: &str) -> Self {
        Self::new(
            Kind::AssertionId,
            digest_text("countersign assertion grant id 1", &[issuer, jti]),
        )
    }

    /// RFC 9449 §11.1: the `jti` of a proof is unique for the key with this `thumbprint`.
    pub fn proof_id(thumbprint: &str, jti: &str) -> Self {
        Self::new(
            Kind::AssertionId,
            digest_text("countersign proof id 1", &[thumbprint, jti]),
        )
    }

    /// A local account.
    pub fn account(subject: &Subject) -> Self {
        Self::new(Kind::Account, subject.as_str())
    }

    /// The name with which an account logs in, in the one spelling in which names are
    /// compared.
    pub fn account_name(name: &str) -> Self {
        Self::new(Kind::AccountName, name)
    }

    /// The session of a browser, under the hash of its cookie.
    pub fn browser_session(hash: SecretHash) -> Self {
        Self::new(Kind::BrowserSession, hash.to_text())
    }

    /// What `subject` has consented to for `client`.
    pub fn consent(subject: &Subject, client: &ClientId) -> Self {
        Self::new(
            Kind::Consent,
            digest_text(
                "countersign consent 1",
                &[subject.as_str(), client.as_str()],
            ),
        )
    }

    /// A link that works once, under the hash of its secret part.
    pub fn one_time_link(hash: SecretHash) -> Self {
        Self::new(Kind::OneTimeLink, hash.to_text())
    }

    /// A login at an upstream provider, under the hash of its `state` (RFC 6749 §4.1.1).
    pub fn upstream_attempt(hash: SecretHash) -> Self {
        Self::new(Kind::UpstreamAttempt, hash.to_text())
    }

    /// Whoever `issuer` calls `subject` (OpenID Connect Core §2: the two together are
    /// unique and never given to somebody else).
    pub fn upstream_identity(issuer: &str, subject: &str) -> Self {
        Self::new(
            Kind::UpstreamIdentity,
            digest_text("countersign upstream identity 1", &[issuer, subject]),
        )
    }

    /// The signing key with this `kid` (RFC 7517 §4.5).
    pub fn signing_key(kid: &str) -> Self {
        Self::new(Kind::SigningKey, kid)
    }

    /// The tokens that the upstream provider named `provider` issued for `grant`.
    pub fn upstream_tokens(grant: &GrantId, provider: &str) -> Self {
        Self::new(
            Kind::UpstreamTokens,
            digest_text("countersign upstream tokens 1", &[grant.as_str(), provider]),
        )
    }

    /// The API key with this id, which is no secret.
    pub fn api_key(id: &ApiKeyId) -> Self {
        Self::new(Kind::ApiKey, id.as_str())
    }

    /// For backends alone: the key of a record that is read back.
    ///
    /// # Security
    ///
    /// It accepts any `id`. Whoever calls it outside a backend can bypass
    /// [`SecretHash`].
    pub fn danger_read_back(kind: Kind, id: impl Into<String>) -> Self {
        Self::new(kind, id)
    }

    /// What the record is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The id: a name, or the hash of a secret in base64url.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Key {
    /// The kind, and the id cut short: ids can be as long as whoever chose them liked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short: String = self.id.chars().take(8).collect();
        write!(f, "Key({} {short:?}…)", self.kind)
    }
}
