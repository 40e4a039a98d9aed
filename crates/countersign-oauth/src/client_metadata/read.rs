//! Reading the members of client metadata, one after the other: RFC 7591 §2.
//!
//! A member that is `null` or an empty text is treated as omitted.

use serde_json::{Map, Value};

use super::{ClientMetadata, ClientMetadataError, ClientRules, keys};
use crate::client_authentication::TokenEndpointAuthMethod;
use crate::display_text::DisplayText;
use crate::grant_type::GrantType;
use crate::redirect_uri::{ApplicationType, InvalidRedirectUri, MAX_REDIRECT_URIS, RedirectUri};
use crate::scope::ScopeSet;
use crate::web_uri::{FetchableUri, PageUri};

use ClientMetadataError as Error;

/// The largest number of contacts, and the longest text before it is cleaned.
const MAX_CONTACTS: usize = 10;
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Where metadata comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A registration here: what is not offered is refused, so that the client learns it.
    Registration,
    /// A document for every server: what is not offered here is passed over.
    Document,
}

type Members = Map<String, Value>;

pub(crate) fn read(
    members: &Members,
    source: Source,
    rules: &ClientRules,
) -> Result<ClientMetadata, Error> {
    let redirect_uris = redirect_uris(members)?;
    let application_type = match text(members, "application_type") {
        Ok(None) => None,
        Ok(Some(text)) => Some(ApplicationType::parse(text).ok_or(Error::ApplicationType)?),
        Err(NotText) => return Err(Error::ApplicationType),
    };
    let application_type = rules.redirect.check(&redirect_uris, application_type)?;
    let method = auth_method(members, source, rules)?;
    let grant_types = grant_types(members, source, rules)?;
    check_response_types(members, source, &grant_types)?;
    let has = |grant_type| grant_types.contains(&grant_type);
    if has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode)
        || (has(GrantType::ClientCredentials) || has(GrantType::TokenExchange))
            && !method.is_confidential()
    {
        return Err(Error::Contradiction);
    }
    if has(GrantType::AuthorizationCode) && redirect_uris.is_empty() {
        return Err(InvalidRedirectUri::Missing.into());
    }
    let (jwks, jwks_uri) = client_keys(members, method, rules)?;
    Ok(ClientMetadata {
        redirect_uris,
        token_endpoint_auth_method: method,
        grant_types,
        application_type,
        client_name: display(members, "client_name")?,
        client_uri: page(members, "client_uri")?,
        logo_uri: page(members, "logo_uri")?,
        tos_uri: page(members, "tos_uri")?,
        policy_uri: page(members, "policy_uri")?,
        contacts: contacts(members)?,
        scope: scope(members, source, rules)?,
        jwks,
        jwks_uri,
        dpop_bound_access_tokens: dpop_bound(members)?,
        software_id: display(members, "software_id")?,
        software_version: display(members, "software_version")?,
    })
}

fn redirect_uris(members: &Members) -> Result<Vec<RedirectUri>, InvalidRedirectUri> {
    let Some(uris) = strings(members, "redirect_uris").map_err(|_| InvalidRedirectUri::NotText)?
    else {
        return Ok(Vec::new());
    };
    if uris.len() > MAX_REDIRECT_URIS {
        return Err(InvalidRedirectUri::TooMany);
    }
    uris.into_iter().map(RedirectUri::parse).collect()
}

/// RFC 7591 §2: "If unspecified or omitted, the default is 'client_secret_basic'".
/// A document cannot have a secret, so that there the default is `none`.
fn auth_method(
    members: &Members,
    source: Source,
    rules: &ClientRules,
) -> Result<TokenEndpointAuthMethod, Error> {
    let text = text(members, "token_endpoint_auth_method").map_err(|_| Error::AuthMethod)?;
    let method = match (text, source) {
        (None, Source::Registration) => TokenEndpointAuthMethod::ClientSecretBasic,
        (None, Source::Document) => TokenEndpointAuthMethod::None,
        (Some(text), _) => TokenEndpointAuthMethod::parse(text).ok_or(Error::AuthMethod)?,
    };
    let shared = source == Source::Document && method.has_secret();
    if shared || !rules.auth_methods.contains(&method) {
        return Err(Error::AuthMethod);
    }
    Ok(method)
}

/// RFC 7591 §2: "If omitted, the default behavior is that the client will use
/// only the 'authorization_code' Grant Type". Grant types that do not exist here
/// are passed over, as §2 permits, except those that must not be used at all.
fn grant_types(
    members: &Members,
    source: Source,
    rules: &ClientRules,
) -> Result<Vec<GrantType>, Error> {
    let Some(names) = strings(members, "grant_types").map_err(|_| Error::GrantTypes)? else {
        return Ok(vec![GrantType::AuthorizationCode]);
    };
    let mut grant_types = Vec::new();
    for name in names {
        let offered = GrantType::parse(name).filter(|known| rules.grant_types.contains(known));
        let is_refused =
            matches!(name, "password" | "implicit") || GrantType::parse(name).is_some();
        match offered {
            Some(grant_type) => grant_types.push(grant_type),
            None if is_refused && source == Source::Registration => return Err(Error::GrantTypes),
            None => {}
        }
    }
    grant_types.sort_unstable();
    grant_types.dedup();
    if grant_types.is_empty() {
        return Err(Error::GrantTypes);
    }
    Ok(grant_types)
}

/// RFC 7591 §2.1: the response type `code` and the grant type `authorization_code`
/// go together.
fn check_response_types(
    members: &Members,
    source: Source,
    grant_types: &[GrantType],
) -> Result<(), Error> {
    let uses_codes = grant_types.contains(&GrantType::AuthorizationCode);
    let Some(names) = strings(members, "response_types").map_err(|_| Error::ResponseTypes)? else {
        return Ok(());
    };
    if source == Source::Registration && names.iter().any(|name| *name != "code") {
        return Err(Error::ResponseTypes);
    }
    if names.contains(&"code") == uses_codes {
        Ok(())
    } else {
        Err(Error::Contradiction)
    }
}

/// The keys of a client that signs assertions; those of another are judged and dropped.
fn client_keys(
    members: &Members,
    method: TokenEndpointAuthMethod,
    rules: &ClientRules,
) -> Result<(Option<Members>, Option<FetchableUri>), Error> {
    let jwks = match members.get("jwks") {
        None | Some(Value::Null) => None,
        Some(Value::Object(jwks)) => Some(jwks.clone()),
        Some(_) => return Err(Error::Jwks),
    };
    if let Some(jwks) = &jwks {
        keys::check(jwks)?;
    }
    let jwks_uri = text(members, "jwks_uri")
        .map_err(|_| Error::JwksUri)?
        .map(|uri| FetchableUri::parse(uri, rules.loopback).map_err(|_| Error::JwksUri))
        .transpose()?;
    // RFC 7591 §2: they "MUST NOT both be present in the same request or response".
    if jwks.is_some() && jwks_uri.is_some() {
        return Err(Error::Keys);
    }
    if method != TokenEndpointAuthMethod::PrivateKeyJwt {
        return Ok((None, None));
    }
    if jwks.is_none() && jwks_uri.is_none() {
        return Err(Error::Keys);
    }
    Ok((jwks, jwks_uri))
}

/// Scopes that are not for clients are dropped (RFC 7591 §2, `scope`); if none is
/// left the registration is refused, because no scope would mean all. `offline_access`
/// alone says nothing about what is meant, as if it were omitted.
fn scope(
    members: &Members,
    source: Source,
    rules: &ClientRules,
) -> Result<Option<ScopeSet>, Error> {
    let Some(text) = text(members, "scope").map_err(|_| Error::Scope)? else {
        return Ok(None);
    };
    let requested = ScopeSet::parse(text).map_err(|_| Error::Scope)?;
    let is_offered = rules.scopes.is_superset(&requested);
    if !is_offered && requested.without_offline_access().is_empty() {
        return Ok(None);
    }
    let scopes = requested.intersection(&rules.scopes);
    if scopes.is_empty() {
        return match source {
            Source::Registration => Err(Error::Scope),
            Source::Document => Ok(Some(scopes)),
        };
    }
    Ok(Some(scopes))
}

/// RFC 9449 §5.2: "If omitted, the default value is false."
fn dpop_bound(members: &Members) -> Result<bool, Error> {
    match members.get("dpop_bound_access_tokens") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(bound)) => Ok(*bound),
        Some(_) => Err(Error::DpopBound),
    }
}

fn contacts(members: &Members) -> Result<Vec<DisplayText>, Error> {
    let contacts = strings(members, "contacts").map_err(|_| Error::Text)?;
    let contacts = contacts.unwrap_or_default();
    if contacts.len() > MAX_CONTACTS {
        return Err(Error::Text);
    }
    Ok(contacts
        .into_iter()
        .filter_map(DisplayText::clean)
        .collect())
}

fn display(members: &Members, name: &str) -> Result<Option<DisplayText>, Error> {
    let text = text(members, name).map_err(|_| Error::Text)?;
    if text.is_some_and(|text| text.len() > MAX_TEXT_BYTES) {
        return Err(Error::Text);
    }
    Ok(text.and_then(DisplayText::clean))
}

fn page(members: &Members, name: &str) -> Result<Option<PageUri>, Error> {
    text(members, name)
        .map_err(|_| Error::PageUri)?
        .map(|uri| PageUri::parse(uri).map_err(|_| Error::PageUri))
        .transpose()
}

/// A member has another type than its specification says.
struct NotText;

fn text<'a>(members: &'a Members, name: &str) -> Result<Option<&'a str>, NotText> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(NotText),
    }
}

fn strings<'a>(members: &'a Members, name: &str) -> Result<Option<Vec<&'a str>>, NotText> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(texts)) => texts
            .iter()
            .map(|text| text.as_str().ok_or(NotText))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(NotText),
    }
}
