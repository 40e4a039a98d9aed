//! What is stored about a grant, a code and a refresh token.

use countersign_oauth::actor::Actor;
use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::pkce::CodeChallenge;
use countersign_oauth::{ClientId, ResourceUri, ScopeSet, UnixTime};
use countersign_store::{GrantId, SecretHash, StoreError};
use serde::{Deserialize, Serialize};

/// What a person allowed a client, or what a client has of its own.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) id: GrantId,
    pub(crate) client: ClientId,
    pub(crate) subject: String,
    pub(crate) resource: ResourceUri,
    pub(crate) scope: ScopeSet,
    pub(crate) expires_at: UnixTime,
    /// The name of the provider at which the person logged in for it, and whose tokens
    /// are kept with it; nothing for local accounts and for clients of their own.
    pub(crate) upstream: Option<String>,
    /// The issuer of the assertion by which it was made (RFC 7523 §2.1), if it was.
    pub(crate) asserted_by: Option<String>,
    /// Who acts for the subject: on the way to a token of an exchange alone.
    pub(crate) act: Option<Actor>,
}

/// The body of a grant, and part of that of the tokens that hang on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GrantBody {
    pub(crate) client: ClientId,
    pub(crate) subject: String,
    pub(crate) resource: String,
    pub(crate) scope: String,
    /// The end of the grant, in seconds since 1970.
    pub(crate) expires_at: u64,
    /// The upstream provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<String>,
    /// The issuer of the assertion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asserted_by: Option<String>,
}

/// The body of an authorization code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CodeBody {
    #[serde(flatten)]
    pub(crate) grant: GrantBody,
    pub(crate) redirect_uri: String,
    pub(crate) redirect_uri_was_sent: bool,
    pub(crate) code_challenge: CodeChallenge,
    /// The key that whoever redeems it has to prove (`dpop_jkt`, RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dpop_jkt: Option<Thumbprint>,
}

/// The body of a refresh token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RefreshTokenBody {
    #[serde(flatten)]
    pub(crate) grant: GrantBody,
    /// The key that it is bound to, if it is one of a public client that proved one
    /// (RFC 9449 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jkt: Option<Thumbprint>,
    /// Its second answer or a later one, if the one with which it was given out was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<AnsweredAnew>,
}

/// An answer with a refresh token that had been given out before. The answer itself is
/// sealed on the refresh token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AnsweredAnew {
    /// When, in seconds since 1970.
    pub(crate) at: u64,
    /// The access token that came with it.
    pub(crate) access_token: SecretHash,
}

/// The body of an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessTokenBody {
    pub(crate) resource: String,
    pub(crate) scope: String,
    /// Who acts for the subject (RFC 8693 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Actor>,
    /// The key that it is bound to (RFC 9449 §6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jkt: Option<Thumbprint>,
}

impl Granted {
    pub(crate) fn body(&self) -> GrantBody {
        GrantBody {
            client: self.client.clone(),
            subject: self.subject.clone(),
            resource: self.resource.as_str().to_owned(),
            scope: self.scope.to_string(),
            expires_at: self.expires_at.as_secs(),
            upstream: self.upstream.clone(),
            asserted_by: self.asserted_by.clone(),
        }
    }

    /// What `body` says about the grant `id`.
    pub(crate) fn read(id: GrantId, body: &GrantBody) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("a stored grant cannot be read".to_owned());
        Ok(Self {
            id,
            client: body.client.clone(),
            subject: body.subject.clone(),
            resource: ResourceUri::parse(&body.resource).map_err(|_| corrupt())?,
            scope: ScopeSet::parse(&body.scope).map_err(|_| corrupt())?,
            expires_at: UnixTime::from_secs(body.expires_at),
            upstream: body.upstream.clone(),
            asserted_by: body.asserted_by.clone(),
            act: None,
        })
    }

    /// How the store files it.
    pub(crate) fn store_client(&self) -> countersign_store::ClientId {
        countersign_store::ClientId::new(self.client.as_str())
    }

    /// How the store files it.
    pub(crate) fn store_subject(&self) -> countersign_store::Subject {
        countersign_store::Subject::new(self.subject.as_str())
    }
}
