//! The claims of the access tokens that are issued here: RFC 9068 §2.
//!
//! Signing is [`sign_compact`](crate::jose::sign_compact); what a token must say
//! to be accepted is [`claims`](crate::claims).

use serde_json::{Map, Value};
use thiserror::Error;

use crate::actor::Actor;
use crate::dpop::Thumbprint;
use crate::{ClientId, Issuer, Lifetime, ResourceUri, ScopeSet, UnixTime};

/// `typ` of an access token (RFC 9068 §2.1).
pub const TYP: &str = "at+jwt";

/// Claims that only this server writes; a user's additions cannot replace them.
const RESERVED: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "azp",
    "scope",
    "scp",
    "scopes",
    "cnf",
    "act",
    "may_act",
    "token_use",
];

/// A claim that a user of the library may not set.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error(
    "the claims iss, sub, aud, exp, nbf, iat, jti, client_id, scope and their kin are set by the server"
)]
#[non_exhaustive]
pub struct ReservedClaim;

/// What an access token says (RFC 9068 §2.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessTokenClaims {
    /// Who issues it.
    pub iss: Issuer,
    /// Whom it is about; the client itself for client credentials (RFC 9068 §2.2).
    pub sub: String,
    /// The one resource it is for (RFC 8707 §2).
    pub aud: ResourceUri,
    /// The client it is issued to.
    pub client_id: ClientId,
    /// When it is issued.
    pub iat: UnixTime,
    /// How long it is valid from then on.
    pub lifetime: Lifetime,
    /// Its id, by which it can be revoked; at least 128 random bits.
    pub jti: String,
    /// What it permits; left out if empty.
    pub scope: ScopeSet,
    /// The key that it is bound to, as `cnf` (RFC 9449 §6.1); none for a bearer token.
    pub jkt: Option<Thumbprint>,
    /// Who acts for the subject (RFC 8693 §4.1); left out if nobody does.
    pub act: Option<Actor>,
    /// What a user of the library adds.
    pub added: AddedClaims,
}

/// Claims that a user of the library adds (RFC 9068 §2.2.3).
#[derive(Clone, Debug, Default)]
pub struct AddedClaims(Map<String, Value>);

impl AddedClaims {
    /// Adds the claim `name`, in the place of an earlier one of that name.
    ///
    /// # Errors
    ///
    /// [`ReservedClaim`] for the claims that the server decides about.
    pub fn add(&mut self, name: impl Into<String>, value: Value) -> Result<(), ReservedClaim> {
        let name = name.into();
        if RESERVED.contains(&name.as_str()) {
            return Err(ReservedClaim);
        }
        self.0.insert(name, value);
        Ok(())
    }
}

impl AccessTokenClaims {
    /// The claims that RFC 9068 §2.2 requires. Subject and token id are texts of
    /// this server, the lifetime begins at `iat`.
    pub fn new(
        iss: Issuer,
        sub: impl Into<String>,
        aud: ResourceUri,
        client_id: ClientId,
        iat: UnixTime,
        lifetime: Lifetime,
        jti: impl Into<String>,
    ) -> Self {
        Self {
            iss,
            sub: sub.into(),
            aud,
            client_id,
            iat,
            lifetime,
            jti: jti.into(),
            scope: ScopeSet::new(),
            jkt: None,
            act: None,
            added: AddedClaims::default(),
        }
    }

    /// When the token expires.
    pub const fn exp(&self) -> UnixTime {
        self.iat.saturating_add(self.lifetime)
    }

    /// The payload of the token, as JSON text.
    pub fn to_json(&self) -> String {
        let mut payload = Map::new();
        let mut set = |name: &str, value: Value| payload.insert(name.to_owned(), value);
        set("iss", self.iss.as_str().into());
        set("sub", self.sub.as_str().into());
        set("aud", self.aud.as_str().into());
        set("client_id", self.client_id.as_str().into());
        set("iat", self.iat.as_secs().into());
        set("exp", self.exp().as_secs().into());
        set("jti", self.jti.as_str().into());
        if !self.scope.is_empty() {
            set("scope", self.scope.to_string().into());
        }
        if let Some(jkt) = &self.jkt {
            set("cnf", serde_json::json!({ "jkt": jkt.as_str() }));
        }
        if let Some(act) = &self.act {
            payload.insert("act".to_owned(), act.to_value());
        }
        payload.extend(self.added.0.clone());
        Value::Object(payload).to_string()
    }
}
