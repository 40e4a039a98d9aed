//! Dynamic registration: RFC 7591 §3.1 and §3.2.1.

use serde::Serialize;
use serde_json::Value;

use super::{
    ClientMetadata, ClientMetadataError, ClientRules, MAX_REGISTRATION_BYTES, Source, read,
};
use crate::grant_type::GrantType;
use crate::jose::decode_unverified;
use crate::{ClientId, Secret, UnixTime, json};

impl ClientMetadata {
    /// Reads a registration request (RFC 7591 §3.1). Ids, secrets and tokens in it
    /// are ignored; those are made by the server.
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError`] names the member that is refused.
    pub fn parse_registration(
        body: &[u8],
        rules: &ClientRules,
    ) -> Result<Self, ClientMetadataError> {
        if body.len() > MAX_REGISTRATION_BYTES {
            return Err(ClientMetadataError::TooLong);
        }
        let members = json::parse_object(body).map_err(ClientMetadataError::Json)?;
        match members.get("software_statement") {
            None | Some(Value::Null) => {}
            // RFC 7591 §2.3: "The software statement […] MUST be digitally signed".
            Some(Value::String(statement)) if decode_unverified(statement).is_ok() => {
                return Err(ClientMetadataError::SoftwareStatementUnapproved);
            }
            Some(_) => return Err(ClientMetadataError::SoftwareStatementInvalid),
        }
        read(&members, Source::Registration, rules)
    }
}

/// A secret that was made for a client; only its hash is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientSecret {
    /// The secret.
    pub secret: Secret,
    /// When it expires; never if absent.
    pub expires_at: Option<UnixTime>,
}

impl ClientSecret {
    /// A secret that expires at `expires_at`.
    pub const fn new(secret: Secret, expires_at: Option<UnixTime>) -> Self {
        Self { secret, expires_at }
    }
}

/// The answer to a registration (RFC 7591 §3.2.1), sent with 201 and `no-store`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegistrationResponse<'a> {
    /// The id that was made for the client.
    pub client_id: &'a ClientId,
    /// When.
    pub issued_at: UnixTime,
    /// The secret, shown this once.
    pub secret: Option<&'a ClientSecret>,
    /// "All registered metadata about this client", as it was stored.
    pub metadata: &'a ClientMetadata,
}

#[derive(Serialize)]
struct Document<'a> {
    client_id: &'a str,
    client_id_issued_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u64>,
    response_types: &'a [&'static str],
    #[serde(flatten)]
    metadata: &'a ClientMetadata,
}

impl<'a> RegistrationResponse<'a> {
    /// The answer for a client that was stored as `metadata` under `client_id`.
    pub const fn new(
        client_id: &'a ClientId,
        issued_at: UnixTime,
        secret: Option<&'a ClientSecret>,
        metadata: &'a ClientMetadata,
    ) -> Self {
        Self {
            client_id,
            issued_at,
            secret,
            metadata,
        }
    }

    /// The body, as JSON text. It holds the secret in clear: it is sent, never logged.
    pub fn to_json(&self) -> Secret {
        let uses_codes = self.metadata.allows(GrantType::AuthorizationCode);
        let document = Document {
            client_id: self.client_id.as_str(),
            client_id_issued_at: self.issued_at.as_secs(),
            client_secret: self.secret.map(|made| made.secret.reveal()),
            // RFC 7591 §3.2.1: "or 0 if it will not expire".
            client_secret_expires_at: self
                .secret
                .map(|made| made.expires_at.map_or(0, UnixTime::as_secs)),
            response_types: if uses_codes { &["code"] } else { &[] },
            metadata: self.metadata,
        };
        Secret::new(serde_json::to_string(&document).unwrap_or_default())
    }
}
