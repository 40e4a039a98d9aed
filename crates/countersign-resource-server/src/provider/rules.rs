//! What every preset has to keep to, whatever its values are.

use std::collections::BTreeMap;

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::scope::ScopeToken;
use url::Url;

use super::variable::{has_its_host, has_tls_or_is_local};
use super::{
    ApiOrigin, IdentityProfile, IdentitySource, IssuerRule, LoginProfile, Provider, TokenKind,
    TokenPlacement, TokenProfile, TokenRequest,
};
use crate::where_in_file::Fault;

/// Parameters that are written by the flow itself: RFC 6749 §4.1, RFC 7636 §4,
/// RFC 8707 §2, RFC 9101 §5, OpenID Connect Core 1.0 §3.1.2.1, RFC 7521 §4.2.
const PROTOCOL_PARAMETERS: [&str; 23] = [
    "access_token",
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "iss",
    "nonce",
    "password",
    "redirect_uri",
    "refresh_token",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Whether `name`, in lower case, is one of them.
pub(super) fn is_protocol_parameter(name: &str) -> bool {
    PROTOCOL_PARAMETERS.contains(&name)
}

/// The longest name on a button, in bytes.
const MAX_NAME: usize = 40;
/// The longest description, in characters.
const MAX_WORDS: usize = 200;

type Checked = Result<(), Fault>;

fn refuse(field: impl Into<String>, sentence: impl Into<String>) -> Checked {
    Err(Fault::new(field, sentence))
}

/// What does not depend on values.
pub(super) fn check_outline(outline: &Provider) -> Checked {
    let name = &outline.name;
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let framed = name.starts_with('-') || name.ends_with('-');
    if !(1..=32).contains(&name.len()) || !name.bytes().all(legal) || framed {
        return refuse(
            "name",
            "a name has up to 32 lower-case letters, digits and hyphens: it is part of an address",
        );
    }
    check_words("display_name", &outline.display_name)?;
    if outline.display_name.contains(['{', '}']) || outline.display_name.len() > MAX_NAME {
        return refuse(
            "display_name",
            "a name for a button has up to 40 characters and no variables",
        );
    }
    check_address("documentation", &outline.documentation)?;
    if outline.login.is_none() && outline.tokens.is_none() {
        return refuse(
            "login",
            "without [login] and without [tokens] the file is of no use",
        );
    }
    Ok(())
}

/// One line for people.
pub(super) fn check_words(field: &str, words: &str) -> Checked {
    let length = words.chars().count();
    if words.trim() != words || !(1..=MAX_WORDS).contains(&length) {
        return refuse(field, "write one line of up to 200 characters");
    }
    if words.contains(char::is_control) {
        return refuse(field, "write one line without control characters");
    }
    Ok(())
}

/// What a filled provider keeps to.
pub(super) fn check(provider: &Provider) -> Checked {
    if let Some(discovery) = &provider.discovery {
        check_address("discovery", discovery)?;
        if provider.endpoints.issuer.is_none() {
            return refuse(
                "endpoints.issuer",
                "with a metadata document the issuer has to be named, byte for byte: the \
                 document is refused if it says another (RFC 8414 §3.3)",
            );
        }
    }
    if let Some(issuer) = &provider.endpoints.issuer {
        check_issuer("endpoints.issuer", issuer)?;
    }
    for (field, address) in provider.endpoints.named() {
        if let Some(address) = address {
            check_address(field, address)?;
        }
    }
    check_request("introspection.request", &provider.introspection.request)?;
    for (index, origin) in provider.api.origins.iter().enumerate() {
        check_origin(&format!("api.origins.{index}"), origin)?;
    }
    if let Some(login) = &provider.login {
        check_login(provider, login)?;
    }
    if let Some(tokens) = &provider.tokens {
        check_tokens(provider, tokens)?;
    }
    Ok(())
}

/// RFC 6749 §3.1: no fragment, TLS; a query is possible.
fn check_address(field: &str, address: &str) -> Checked {
    let legal =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    let Ok(url) = Url::parse(address) else {
        return refuse(field, format!("{address:?} is not an address"));
    };
    if !address.bytes().all(legal) || !url.username().is_empty() || url.password().is_some() {
        return refuse(
            field,
            format!("{address:?} has a user name, a fragment, or characters to be encoded"),
        );
    }
    if !has_its_host(address, &url) {
        return refuse(
            field,
            format!("{address:?} has no host, or not in lower case, or a port that is needless"),
        );
    }
    let path = address.split('?').next().unwrap_or_default();
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return refuse(field, format!("{address:?} has a way up in its path"));
    }
    if !has_tls_or_is_local(&url) {
        return refuse(
            field,
            format!(
                "{address:?} has no TLS: it must begin with https:// (http:// only on this machine)"
            ),
        );
    }
    Ok(())
}

/// RFC 8414 §2: no query. Braces are possible, because some providers write a template.
fn check_issuer(field: &str, issuer: &str) -> Checked {
    if issuer.contains('?') {
        return refuse(field, format!("{issuer:?} has a query, an issuer has none"));
    }
    check_address(field, &issuer.replace(['{', '}'], ""))
}

fn check_rule(provider: &Provider, field: &str, rule: &IssuerRule, source: &str) -> Checked {
    match rule {
        IssuerRule::OfMetadata if provider.endpoints.issuer.is_none() => refuse(
            field,
            format!("say which issuer {source} has: here, or as endpoints.issuer"),
        ),
        IssuerRule::OfMetadata => Ok(()),
        IssuerRule::Fixed(issuer) => check_issuer(field, issuer),
        // The names of claims have a colon and stand in the path.
        IssuerRule::Template(issuer) => check_issuer(field, issuer),
    }
}

fn check_request(field: &str, request: &TokenRequest) -> Checked {
    let name = &request.token_parameter;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(legal) {
        return refuse(
            format!("{field}.token_parameter"),
            "a parameter is named with letters, digits and underscores",
        );
    }
    if request.method == http::Method::GET && request.token_in != TokenPlacement::Bearer {
        return refuse(
            format!("{field}.token_in"),
            "a GET request has no body, and a token in the address would be logged: write \
             token_in = \"bearer\", or another method",
        );
    }
    let authenticates = request.authentication != super::EndpointAuthentication::None;
    if request.token_in == TokenPlacement::Bearer && authenticates {
        return refuse(
            format!("{field}.authentication"),
            "a request has one credential: where the token is it, write authentication = \
             \"none\"",
        );
    }
    Ok(())
}

pub(super) fn check_origin(field: &str, origin: &ApiOrigin) -> Checked {
    let text = origin.as_str();
    let (address, wildcard) = match text.split_once("://*.") {
        Some((scheme, parent)) => (format!("{scheme}://{parent}"), Some(parent)),
        None => (text.to_owned(), None),
    };
    check_address(field, &address)?;
    // The origin of a URL is written without what this one might have besides.
    let is_origin = Url::parse(&address)
        .is_ok_and(|url| url.origin().ascii_serialization() == address && !address.contains('*'));
    if !is_origin {
        return refuse(
            field,
            "an origin is scheme, host and port in lower case without slash, such as \
             https://api.example.com",
        );
    }
    if wildcard.is_some_and(|parent| !parent.contains('.')) {
        return refuse(
            field,
            "*. stands before a domain of the provider, such as *.googleapis.com",
        );
    }
    Ok(())
}

fn check_login(provider: &Provider, login: &LoginProfile) -> Checked {
    let endpoints = &provider.endpoints;
    for (field, address) in [
        ("endpoints.authorization", &endpoints.authorization),
        ("endpoints.token", &endpoints.token),
    ] {
        if address.is_none() && provider.discovery.is_none() {
            return refuse(field, "a login needs this address, or discovery");
        }
    }
    check_scopes(login)?;
    if login.client_authentication.is_empty() {
        return refuse(
            "login.client_authentication",
            "name at least one method, such as client_secret_basic",
        );
    }
    let public = login
        .client_authentication
        .contains(&TokenEndpointAuthMethod::None);
    if public && !login.pkce {
        return refuse(
            "login.pkce",
            "a public application is protected by its proof key alone: write pkce = true, or \
             take none off client_authentication",
        );
    }
    check_parameters(
        "login.authorize_parameters",
        login,
        &login.authorize_parameters,
    )?;
    check_parameters("login.token_parameters", login, &login.token_parameters)?;
    check_request("login.revocation.request", &login.revocation.request)?;
    if login.revocation.tokens.is_empty() {
        return refuse(
            "login.revocation.tokens",
            "name refresh_token, access_token or both",
        );
    }
    if login.token_response.token_types.is_empty() {
        return refuse(
            "login.token_response.token_types",
            "name at least one type, such as bearer",
        );
    }
    check_identity(provider, login)
}

fn check_scopes(login: &LoginProfile) -> Checked {
    if !matches!(login.scope_separator, ' ' | ',') {
        return refuse(
            "login.scope_separator",
            "scopes are separated by a blank or by a comma",
        );
    }
    if login
        .token_response
        .scope_separator
        .is_some_and(|one| !matches!(one, ' ' | ','))
    {
        return refuse(
            "login.token_response.scope_separator",
            "scopes are separated by a blank or by a comma",
        );
    }
    let lists = [
        ("login.scopes", &login.scopes),
        ("login.unprefixed_scopes", &login.unprefixed_scopes),
    ];
    for (field, scopes) in lists {
        for (index, scope) in scopes.iter().enumerate() {
            check_scope(login, &format!("{field}.{index}"), scope)?;
        }
    }
    for (name, scope) in &login.scope_aliases {
        let field = format!("login.scope_aliases.{name}");
        check_scope(login, &field, name)?;
        check_scope(login, &field, scope)?;
    }
    if let Some(prefix) = &login.scope_prefix {
        check_scope(login, "login.scope_prefix", prefix)?;
    }
    let parameter = &login.scope_parameter;
    if parameter != "scope" && is_protocol_parameter(&parameter.to_ascii_lowercase()) {
        return refuse(
            "login.scope_parameter",
            format!("{parameter} has another meaning"),
        );
    }
    if parameter.is_empty() || !parameter.bytes().all(is_parameter_byte) {
        return refuse("login.scope_parameter", "this is no name of a parameter");
    }
    Ok(())
}

/// RFC 6749 §3.3, and the separator cannot be part of a scope.
fn check_scope(login: &LoginProfile, field: &str, scope: &str) -> Checked {
    if let Err(error) = ScopeToken::parse(scope) {
        return refuse(field, format!("{scope:?}: {error}"));
    }
    if scope.contains(login.scope_separator) {
        return refuse(
            field,
            format!("{scope:?} is several: write them one by one"),
        );
    }
    Ok(())
}

const fn is_parameter_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn check_parameters(
    field: &str,
    login: &LoginProfile,
    parameters: &BTreeMap<String, String>,
) -> Checked {
    for (name, value) in parameters {
        let field = format!("{field}.{name}");
        if login.writes_parameter(name) {
            return refuse(
                field,
                format!("{name} is written by the flow itself and cannot be replaced"),
            );
        }
        if name.is_empty() || !name.bytes().all(is_parameter_byte) {
            return refuse(field, "this is no name of a parameter");
        }
        if value.is_empty() || value.contains(char::is_control) {
            return refuse(field, "write one line, or leave the parameter out");
        }
    }
    Ok(())
}

fn check_identity(provider: &Provider, login: &LoginProfile) -> Checked {
    let identity = &login.identity;
    let endpoints = &provider.endpoints;
    let found = |address: &Option<String>| address.is_some() || provider.discovery.is_some();
    let (has_place, place) = match identity.source {
        IdentitySource::IdToken | IdentitySource::AccessToken => {
            (found(&endpoints.jwks), "endpoints.jwks")
        }
        IdentitySource::Userinfo => (found(&endpoints.userinfo), "endpoints.userinfo"),
        IdentitySource::Introspection => {
            (found(&endpoints.introspection), "endpoints.introspection")
        }
    };
    if !has_place {
        return refuse(
            place,
            "the identity comes from there: name it, or discovery",
        );
    }
    let by_id_token = identity.source == IdentitySource::IdToken;
    if by_id_token && !login.scopes.iter().any(|scope| scope == "openid") {
        return refuse(
            "login.scopes",
            "there is an ID token only with the scope openid (OpenID Connect Core 1.0 §3.1.2.1)",
        );
    }
    if login.nonce && !by_id_token {
        return refuse(
            "login.nonce",
            "the nonce comes back in the ID token, and the identity is not taken from it",
        );
    }
    check_rule(
        provider,
        "login.identity.issuer",
        &identity.issuer,
        "an identity",
    )?;
    if matches!(identity.issuer, IssuerRule::Template(_)) && !identity.source.is_signed() {
        return refuse(
            "login.identity.issuer",
            "a claim can be part of the issuer only where the token is signed",
        );
    }
    if identity.subject.as_str().is_empty() {
        return refuse("login.identity.subject", "the whole document is no subject");
    }
    for (claim, value) in &identity.required_claims {
        check_compared(&format!("login.identity.required_claims.{claim}"), value)?;
    }
    if let Some(namespace) = &identity.namespace {
        check_issuer("login.identity.namespace", namespace)?;
    }
    check_lists(login, identity)
}

/// A text that something is compared with.
fn check_compared(field: &str, value: &str) -> Checked {
    if value.is_empty() || value.contains(char::is_control) {
        return refuse(field, "write a text in one line that it is compared with");
    }
    Ok(())
}

fn check_lists(login: &LoginProfile, identity: &IdentityProfile) -> Checked {
    for (field, list) in [
        ("login.identity.email_list", &identity.email_list),
        ("login.identity.group_list", &identity.group_list),
    ] {
        if let Some(list) = list {
            check_address(&format!("{field}.endpoint"), &list.endpoint)?;
            if let Some(scope) = &list.scope {
                check_scope(login, &format!("{field}.scope"), scope)?;
            }
        }
    }
    Ok(())
}

fn check_tokens(provider: &Provider, tokens: &TokenProfile) -> Checked {
    let bound = provider.safety.audience_bound;
    if !bound && tokens.application.is_none() {
        return refuse(
            "safety.audience_bound",
            "tokens that are not bound to an audience would be accepted from every other \
             application too (RFC 9700 §2.3): remove [tokens], so that the provider is a login \
             only, or name tokens.application",
        );
    }
    if bound && tokens.audience.is_empty() && tokens.application.is_none() {
        return refuse(
            "tokens.audience",
            "say what a token must name: resource = true, values, or tokens.application",
        );
    }
    let endpoints = &provider.endpoints;
    let (field, address) = match tokens.kind {
        TokenKind::Jwt => ("endpoints.jwks", &endpoints.jwks),
        TokenKind::Introspection => ("endpoints.introspection", &endpoints.introspection),
        TokenKind::Userinfo => ("endpoints.userinfo", &endpoints.userinfo),
    };
    if address.is_none() && provider.discovery.is_none() {
        return refuse(field, "tokens are judged with it: name it, or discovery");
    }
    if tokens.issuers.is_empty() {
        return refuse("tokens.issuers", "name at least one issuer");
    }
    for (index, issuer) in tokens.issuers.iter().enumerate() {
        let field = format!("tokens.issuers.{index}");
        check_rule(provider, &field, issuer, "a token")?;
        let template = matches!(issuer, IssuerRule::Template(_));
        if template && tokens.kind != TokenKind::Jwt {
            return refuse(
                field,
                "a claim can be part of the issuer only where the token is signed",
            );
        }
    }
    for (index, value) in tokens.audience.values.iter().enumerate() {
        check_compared(&format!("tokens.audience.values.{index}"), value)?;
    }
    for (claim, value) in &tokens.required_claims {
        check_compared(&format!("tokens.required_claims.{claim}"), value)?;
    }
    if tokens.scopes.header.is_some() && tokens.kind == TokenKind::Jwt {
        return refuse("tokens.scopes.header", "a JWT comes without an answer");
    }
    if !tokens.past_claims.is_empty() && tokens.kind != TokenKind::Jwt {
        return refuse("tokens.past_claims", "only a JWT has claims of its own");
    }
    if !matches!(tokens.scopes.separator, ' ' | ',') {
        return refuse(
            "tokens.scopes.separator",
            "scopes are separated by a blank or by a comma",
        );
    }
    Ok(())
}
