//! A provider that is known by its endpoints alone.

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::provider::{IssuerRule, Pointer};
use url::Url;

use super::{OAuthProxy, Proof, ProviderLogin};

/// A provider whose userinfo endpoint says who logged in.
const BY_USERINFO: &str = r#"
name = "oauth"
display_name = "your provider"
documentation = "https://www.rfc-editor.org/rfc/rfc6749"

[variables.authorize_url]
description = "the authorization endpoint"
kind = "url"
example = "https://auth.example.com/oauth/authorize"

[variables.token_url]
description = "the token endpoint"
kind = "url"
example = "https://auth.example.com/oauth/token"

[variables.userinfo_url]
description = "the endpoint that says whom an access token is about: say .userinfo(…)"
kind = "url"
example = "https://auth.example.com/userinfo"

[endpoints]
authorization = "{authorize_url}"
token = "{token_url}"
userinfo = "{userinfo_url}"

[login]
client_authentication = ["client_secret_basic", "client_secret_post", "none"]

[login.identity]
source = "userinfo"
issuer = "{token_url}"
subject = "/sub"
name = "/name"
email = "/email"
email_verified = "/email_verified"
groups = "/groups"

[safety]
audience_bound = false
open_registration = true
"#;

/// A provider whose ID tokens say who logged in.
const BY_ID_TOKEN: &str = r#"
name = "oauth"
display_name = "your provider"
documentation = "https://openid.net/specs/openid-connect-core-1_0.html"

[variables.authorize_url]
description = "the authorization endpoint"
kind = "url"
example = "https://auth.example.com/oauth/authorize"

[variables.token_url]
description = "the token endpoint"
kind = "url"
example = "https://auth.example.com/oauth/token"

[variables.issuer]
description = "the issuer of ID tokens"
kind = "url"
example = "https://auth.example.com"

[variables.jwks_url]
description = "the keys of ID tokens"
kind = "url"
example = "https://auth.example.com/jwks"

[endpoints]
issuer = "{issuer}"
authorization = "{authorize_url}"
token = "{token_url}"
jwks = "{jwks_url}"

[login]
scopes = ["openid"]
nonce = true
client_authentication = ["client_secret_basic", "client_secret_post", "none"]

[login.identity]
source = "id_token"
subject = "/sub"
name = "/name"
email = "/email"
email_verified = "/email_verified"
groups = "/groups"

[safety]
audience_bound = false
open_registration = true
"#;

/// Begun as [`OAuth2Provider`].
#[derive(Clone, Copy, Debug)]
pub enum OAuth2 {}

/// People log in at an OAuth 2.0 provider that is known by its endpoints.
///
/// ```
/// use countersign::{OAuth2Provider, Server};
///
/// let server = Server::new("Notes").auth(
///     OAuth2Provider::new(
///         "https://auth.company.com/oauth/authorize",
///         "https://auth.company.com/oauth/token",
///         ["read:data", "write:data", "admin"],
///     )
///     .userinfo("https://auth.company.com/userinfo", "/sub")
///     .client("notes", "from-a-file")
///     .allow_domain("company.com")
///     .in_memory(),
/// );
/// ```
///
/// OAuth 2.0 alone does not say who logged in, so that [`ProviderLogin::userinfo`] or
/// [`ProviderLogin::id_token`] has to.
pub type OAuth2Provider = ProviderLogin<OAuth2>;

impl OAuth2Provider {
    /// The authorization endpoint, the token endpoint, and the scopes that are asked.
    pub fn new<I>(authorize_url: impl Into<String>, token_url: impl Into<String>, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::of_text(BY_USERINFO)
            .set("authorize_url", authorize_url)
            .set("token_url", token_url)
            .scopes(scopes)
    }
}

impl OAuthProxy {
    /// Begins with a provider that is known by its endpoints: the authorization endpoint,
    /// the token endpoint, the id and the secret of our application. Who logged in is
    /// said by [`Self::userinfo`] or [`Self::id_token`].
    pub fn new(
        authorization_endpoint: impl Into<String>,
        token_endpoint: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        Self::of_text(BY_USERINFO)
            .set("authorize_url", authorization_endpoint)
            .set("token_url", token_endpoint)
            .client(client_id, client_secret)
    }
}

/// For providers that are known by their endpoints ([`OAuthProxy::new`],
/// [`OAuth2Provider`]).
impl<Kind> ProviderLogin<Kind> {
    /// The endpoint that says whom an access token is about, asked with GET and the token
    /// as Bearer; `subject` is the JSON pointer (RFC 6901) to the subject in its answer,
    /// such as `/sub` or `/user/id`. The subject must never be given to somebody else.
    pub fn userinfo(self, endpoint: impl Into<String>, subject: &str) -> Self {
        let pointer = Pointer::parse(subject).map_err(|error| {
            ConfigurationError::new(format!("the subject of userinfo {subject:?}: {error}"))
        });
        self.set("userinfo_url", endpoint)
            .change_provider(move |provider| {
                let pointer = pointer?;
                if let Some(login) = &mut provider.login {
                    login.identity.subject = pointer;
                    // People are kept apart from those of other providers by where they
                    // log in, whatever path the endpoints have.
                    let token = provider.endpoints.token.as_deref();
                    let origin = token.and_then(|address| Url::parse(address).ok());
                    if let Some(origin) = origin {
                        let origin = origin.origin().ascii_serialization();
                        login.identity.issuer = IssuerRule::Fixed(origin);
                    }
                }
                Ok(())
            })
    }

    /// The provider issues ID tokens (OpenID Connect Core 1.0 §2): their `iss`, byte for
    /// byte, and the address of the keys that they are signed with.
    pub fn id_token(mut self, issuer: impl Into<String>, jwks_url: impl Into<String>) -> Self {
        let by_id_token = Self::of_text(BY_ID_TOKEN);
        if self.preset.is_ok() {
            self.preset = by_id_token.preset;
        }
        self.set("issuer", issuer).set("jwks_url", jwks_url)
    }

    /// How the provider is called: `name` in the address that people come back to
    /// (lower-case letters, digits and hyphens), `display_name` on pages. Without it,
    /// `oauth` and "your provider".
    pub fn named(self, name: impl Into<String>, display_name: impl Into<String>) -> Self {
        let (name, display_name) = (name.into(), display_name.into());
        self.change_provider(move |provider| {
            let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let framed = name.bytes().next().is_some_and(legal)
                && name.bytes().next_back().is_some_and(legal);
            let inner = name.bytes().all(|byte| legal(byte) || byte == b'-');
            if !framed || !inner || name.len() > 40 {
                return Err(ConfigurationError::new(format!(
                    "{name:?} is no name of a provider: write up to 40 lower-case letters, digits \
                     and hyphens"
                )));
            }
            let shown = display_name.trim();
            let plain = shown == display_name && !shown.contains(char::is_control);
            if !plain || !(1..=60).contains(&shown.chars().count()) {
                return Err(ConfigurationError::new(
                    "the display name of a provider is one line of up to 60 characters",
                ));
            }
            provider.name = name;
            provider.display_name = display_name;
            Ok(())
        })
    }
}

impl OAuth2Provider {
    /// The provider knows our application as a public one, without a secret.
    pub fn without_secret(mut self) -> Self {
        self.proof = Proof::Public;
        self
    }
}
