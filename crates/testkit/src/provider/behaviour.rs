//! What makes one provider differ from another: named fields, no code.

use serde_json::Value;

use super::fact::{Fact, Shape};
use super::person::SubjectStyle;

/// What a request is about, whatever its address is at the real provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata document (OpenID Connect Discovery §4, RFC 8414 §3).
    Discovery,
    /// The authorization endpoint (RFC 6749 §3.1).
    Authorization,
    /// Where the login page posts who presses a button; not of any real provider.
    Decision,
    /// The token endpoint (RFC 6749 §3.2).
    Token,
    /// The userinfo endpoint (OpenID Connect Core §5.3), or what stands for it.
    Userinfo,
    /// The introspection endpoint (RFC 7662 §2).
    Introspection,
    /// The revocation endpoint (RFC 7009 §2).
    Revocation,
    /// The keys (RFC 7517 §5).
    Jwks,
    /// The keys as X.509 certificates in a JSON object.
    Certificates,
    /// What names the application that a token was issued to.
    Application,
    /// Something that a tool would call with the person's token.
    Api,
}

/// How an endpoint is asked and what it answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Service {
    /// Sends people to the login page.
    Authorization,
    /// Issues tokens.
    Token,
    /// The metadata document.
    Metadata,
    /// The JWK Set.
    Jwks,
    /// `{kid: PEM certificate}`.
    Certificates,
    /// GET or POST with the access token as bearer.
    Bearer {
        /// The answer: [`Fact::Object`], or a list.
        answer: Fact,
        /// A scope without which the answer is 403, if there is such a scope.
        scope: Option<&'static str>,
    },
    /// GET with the access token in the query (`access_token`); answers the shape,
    /// or 400 for a token that is not live.
    TokenInQuery {
        /// The answer.
        shape: Shape,
    },
    /// POST with client authentication and `token`; answers the shape, or
    /// `active: false` (RFC 7662 §2.2).
    Introspection {
        /// The answer for a live token.
        shape: Shape,
        /// Whether tokens of other applications are told about too.
        foreign_tokens: bool,
    },
    /// POST with client authentication and `token` (RFC 7009 §2.1).
    Revocation(RevocationRule),
    /// The access token as bearer revokes itself and what came with it (Slack).
    RevocationByBearer,
    /// GitHub's `/applications/{client_id}/token`: basic authentication and JSON
    /// `{"access_token": …}`; POST checks, DELETE revokes.
    ApplicationToken {
        /// The answer to POST.
        shape: Shape,
        /// Whether DELETE ends the whole grant.
        whole_grant: bool,
    },
}

/// What a revocation endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationRule {
    /// By the book: a refresh token takes its grant with it, an access token goes
    /// alone, an unknown one is no error (RFC 7009 §2).
    Standard,
    /// Access tokens are refused with `unsupported_token_type`.
    RefreshTokensAlone,
    /// Nobody authenticates, either token takes the whole grant with it, and an
    /// unknown one is an error (Google).
    Unauthenticated,
}

/// One address of a provider.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests make routes of their own")]
pub struct Route {
    /// What it is for.
    pub endpoint: Endpoint,
    /// The address at the real provider; `{client_id}` stands for the application.
    pub url: String,
    /// What it does.
    pub service: Service,
    /// Header lines of the answer.
    pub headers: Shape,
}

/// What a provider thinks of PKCE (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth way")]
pub enum PkceRule {
    /// Nobody gets a code without a challenge.
    Required,
    /// A challenge is optional, and checked if there was one. Public
    /// applications need one.
    Checked,
    /// The parameters mean nothing to the provider.
    Unknown,
}

/// Which redirect URIs fit those of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum RedirectRule {
    /// Byte for byte; others get a page (RFC 9700 §2.1).
    Exact,
    /// Folders below a registered one fit too; others are told to the
    /// registered address (GitHub).
    Subfolder,
}

/// When a refresh token is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshRule {
    /// Never.
    Never,
    /// With every code.
    Always,
    /// If this scope was granted.
    WithScope(&'static str),
    /// If the authorization request had the first parameter with this value, and
    /// the person has no such token for the application yet or the request had the
    /// second one too (Google: `access_type=offline`, `prompt=consent`).
    OnceWithParameter((&'static str, &'static str), (&'static str, &'static str)),
}

/// What happens to a refresh token when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// It stays as it is, and the answer repeats it.
    Repeated,
    /// It stays as it is, and the answer has none.
    Kept,
    /// The answer has another one, and the old one stays good too.
    Added,
    /// The answer has a successor. Using the old one again is refused.
    Replaced,
    /// The answer has a successor. Using the old one again is refused, and the access
    /// tokens before have ended (GitHub).
    ReplacedWithAccess,
    /// The answer has a successor. Using the old one again ends the grant.
    ReplacedOrEnded,
}

/// What an access token looks like.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AccessTokenFormat {
    /// A random text behind a prefix.
    Opaque(&'static str),
    /// A JWT.
    Jwt(JwtFormat),
    /// A JWT if the authorization request named an API, else a random text.
    JwtForNamedAudience(JwtFormat),
    /// A JWT if a scope of an API of the application was granted, else a random
    /// text: a token for an API of the provider itself.
    JwtForApiScope(JwtFormat),
}

/// A kind of JWT.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the catalogue writes all of it down"
)]
pub struct JwtFormat {
    /// `typ` of the header, if it has one.
    pub typ: Option<&'static str>,
    /// Which of the provider's keys signs: `r1`, `e1` or `d1`.
    pub key: &'static str,
    /// The claims.
    pub claims: Shape,
}

/// What scopes mean to a provider.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the catalogue writes all of it down"
)]
pub struct ScopeRule {
    /// What separates scopes in requests.
    pub separators: Vec<char>,
    /// In which parameter they are asked for.
    pub parameter: &'static str,
    /// The scopes there are; empty if any text is one.
    pub known: Vec<&'static str>,
    /// Short names, and what the provider calls them in its answers.
    pub aliases: Vec<(&'static str, &'static str)>,
    /// What is granted if nothing is asked for; none if that is an error.
    pub default: Option<Vec<&'static str>>,
    /// Scopes that are left out of what answers say was granted.
    pub silent: Vec<&'static str>,
    /// A scope, and one that it contains and replaces.
    pub contained: Vec<(&'static str, &'static str)>,
    /// A scope is known if it begins with this and `{client_id}` or the name of
    /// an API of the application (Entra: `api://{client_id}/`).
    pub api_prefix: Option<&'static str>,
}

/// How failures of the token endpoint are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorStyle {
    /// 400 or 401 and the codes of RFC 6749 §5.2.
    Standard,
    /// 200 and codes of its own (GitHub).
    Status200,
    /// 200 and `ok: false` with codes of its own (Slack).
    OkFalse,
    /// As the standard, with numbers (Entra).
    Numbered,
}

/// How the token endpoint writes its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum AnswerFormat {
    /// JSON (RFC 6749 §5.1).
    Json,
    /// A form, unless the request accepts JSON (GitHub).
    FormUnlessJsonIsAccepted,
}

/// Everything about one provider.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the catalogue writes all of it down"
)]
pub struct Behaviour {
    /// The name, as that of its preset.
    pub name: &'static str,
    /// The values that the variables of its preset have here.
    pub variables: Vec<(&'static str, &'static str)>,
    /// The addresses. The first one is of the main origin.
    pub routes: Vec<Route>,
    /// The issuer; `{tenant}` stands for that of the person. None: no OpenID Connect.
    pub issuer: Option<String>,
    /// The issuer that the metadata document names, where it differs.
    pub metadata_issuer: Option<String>,
    /// The member `issuer` of the keys, where they have one (Microsoft).
    pub key_issuer: Option<String>,
    /// More members of the metadata document.
    pub metadata: Vec<(&'static str, Value)>,
    /// How applications may authenticate (RFC 7591 §2). A public one needs `none` here.
    pub client_authentication: Vec<&'static str>,
    /// Redirect URIs.
    pub redirect: RedirectRule,
    /// PKCE.
    pub pkce: PkceRule,
    /// Whether answers carry `iss` (RFC 9207 §2).
    pub sends_iss: bool,
    /// Scopes.
    pub scopes: ScopeRule,
    /// Parameters that are refused, and the text.
    pub refused_parameters: Vec<(&'static str, &'static str)>,
    /// Parameters without which an authorization request is refused.
    pub required_parameters: Vec<&'static str>,
    /// APIs there are. Others are refused; empty if any text is one.
    pub known_audiences: Vec<&'static str>,
    /// Whether wrong requests get a page instead of a redirect with an error.
    pub refuses_on_page: bool,
    /// The only tenant whose people may log in.
    pub tenant: Option<&'static str>,
    /// More parameters of the answer at the redirect URI.
    pub answer_parameters: Shape,
    /// Seconds for which a code is good.
    pub code_seconds: u64,
    /// Access tokens.
    pub access_token: AccessTokenFormat,
    /// Seconds for which an access token is good. None: until revoked.
    pub access_seconds: Option<u64>,
    /// The ID token, issued if `openid` was granted. None: never.
    pub id_token: Option<JwtFormat>,
    /// Which scope asks for an ID token.
    pub id_token_scope: Option<&'static str>,
    /// When refresh tokens are issued.
    pub refresh: RefreshRule,
    /// What happens when they are used.
    pub rotation: Rotation,
    /// The successful answer of the token endpoint.
    pub token_response: Shape,
    /// How it is written.
    pub answer_format: AnswerFormat,
    /// Failures of the token endpoint.
    pub errors: ErrorStyle,
    /// How subjects are written.
    pub subject: SubjectStyle,
    /// The `aud` of access tokens.
    pub audience: AudienceRule,
}

/// Whom an access token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudienceRule {
    /// Nobody is named.
    Nobody,
    /// The application.
    Client,
    /// Always this.
    Fixed(String),
    /// What this parameter of the authorization request names, else the text.
    Parameter(&'static str, Option<String>),
}
