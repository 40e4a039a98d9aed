//! Records as they are sealed: JSON with a version, at the place that their name says.

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::{ClientId, Issuer, ResourceUri, ScopeSet, Secret, UnixTime};
use countersign_store::seal::Place;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::store::{StoredClient, StoredTokens, TokenKey, TokenType};

/// Changes with the format. Records of another version are like none: a person logs in
/// again.
const VERSION: u32 = 1;

/// What the names of both kinds begin with.
pub(super) const TOKENS: &str = "tokens-";
const CLIENT: &str = "client-";

/// What the records are sealed for, besides their names.
const PURPOSE: &str = "countersign client record 1";

/// The name of the tokens under `key`.
pub(super) fn name_of_tokens(key: &TokenKey) -> String {
    let parts = [
        key.issuer.as_str(),
        key.resource.as_str(),
        key.client.as_str(),
    ];
    let digest = Place::new("countersign client tokens 1", &parts.map(str::as_bytes));
    format!("{TOKENS}{}", digest.to_text())
}

/// The name of the client that is registered with `issuer`.
pub(super) fn name_of_client(issuer: &Issuer) -> String {
    let parts = [issuer.as_str().as_bytes()];
    let digest = Place::new("countersign client registration 1", &parts);
    format!("{CLIENT}{}", digest.to_text())
}

/// Where the record `name` is sealed: under another name it does not open.
pub(super) fn place_of(name: &str) -> Place {
    Place::new(PURPOSE, &[name.as_bytes()])
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensRecord {
    version: u32,
    issuer: String,
    resource: String,
    client: String,
    access_token: Hidden,
    token_type: String,
    obtained_at: u64,
    expires_at: Option<u64>,
    refresh_token: Option<Hidden>,
    scopes: String,
    dpop_key: Option<Hidden>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientRecord {
    version: u32,
    issuer: String,
    client_id: String,
    client_secret: Option<Hidden>,
    secret_expires_at: Option<u64>,
    token_endpoint_auth_method: TokenEndpointAuthMethod,
    redirect_uris: Vec<String>,
    registration_client_uri: Option<String>,
    registration_access_token: Option<Hidden>,
}

/// A secret on its way into a record or out of it. It is plain text there: the record is
/// sealed.
struct Hidden(Secret);

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.reveal())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

fn hidden(secret: &Secret) -> Hidden {
    Hidden(secret.clone())
}

fn secret(hidden: Hidden) -> Secret {
    hidden.0
}

/// The text of the tokens under `key`.
pub(super) fn write_tokens(key: &TokenKey, tokens: &StoredTokens) -> Zeroizing<Vec<u8>> {
    let record = TokensRecord {
        version: VERSION,
        issuer: key.issuer.as_str().to_owned(),
        resource: key.resource.as_str().to_owned(),
        client: key.client.as_str().to_owned(),
        access_token: hidden(&tokens.access_token),
        token_type: tokens.token_type.as_str().to_owned(),
        obtained_at: tokens.obtained_at.as_secs(),
        expires_at: tokens.expires_at.map(UnixTime::as_secs),
        refresh_token: tokens.refresh_token.as_ref().map(hidden),
        scopes: tokens.scopes.to_string(),
        dpop_key: tokens.dpop_key.as_ref().map(hidden),
    };
    Zeroizing::new(serde_json::to_vec(&record).unwrap_or_default())
}

/// Reads the tokens in the record `name`; nothing if they belong elsewhere.
pub(super) fn read_tokens(name: &str, text: &[u8]) -> Option<(TokenKey, StoredTokens)> {
    let record: TokensRecord = serde_json::from_slice(text).ok()?;
    let key = TokenKey::new(
        Issuer::parse(&record.issuer).ok()?,
        ResourceUri::parse(&record.resource).ok()?,
        ClientId::parse(&record.client).ok()?,
    );
    if record.version != VERSION || name_of_tokens(&key) != name {
        return None;
    }
    let tokens = StoredTokens {
        access_token: secret(record.access_token),
        token_type: TokenType::parse(&record.token_type)?,
        obtained_at: UnixTime::from_secs(record.obtained_at),
        expires_at: record.expires_at.map(UnixTime::from_secs),
        refresh_token: record.refresh_token.map(secret),
        scopes: ScopeSet::parse(&record.scopes).ok()?,
        dpop_key: record.dpop_key.map(secret),
    };
    Some((key, tokens))
}

/// The text of `client`.
pub(super) fn write_client(client: &StoredClient) -> Zeroizing<Vec<u8>> {
    let record = ClientRecord {
        version: VERSION,
        issuer: client.issuer.as_str().to_owned(),
        client_id: client.client_id.as_str().to_owned(),
        client_secret: client.client_secret.as_ref().map(hidden),
        secret_expires_at: client.secret_expires_at.map(UnixTime::as_secs),
        token_endpoint_auth_method: client.token_endpoint_auth_method,
        redirect_uris: client.redirect_uris.clone(),
        registration_client_uri: client.registration_client_uri.clone(),
        registration_access_token: client.registration_access_token.as_ref().map(hidden),
    };
    Zeroizing::new(serde_json::to_vec(&record).unwrap_or_default())
}

/// Reads the client in the record `name`; nothing if it belongs elsewhere.
pub(super) fn read_client(name: &str, text: &[u8]) -> Option<StoredClient> {
    let record: ClientRecord = serde_json::from_slice(text).ok()?;
    let issuer = Issuer::parse(&record.issuer).ok()?;
    if record.version != VERSION || name_of_client(&issuer) != name {
        return None;
    }
    Some(StoredClient {
        issuer,
        client_id: ClientId::parse(&record.client_id).ok()?,
        client_secret: record.client_secret.map(secret),
        secret_expires_at: record.secret_expires_at.map(UnixTime::from_secs),
        token_endpoint_auth_method: record.token_endpoint_auth_method,
        redirect_uris: record.redirect_uris,
        registration_client_uri: record.registration_client_uri,
        registration_access_token: record.registration_access_token.map(secret),
    })
}
