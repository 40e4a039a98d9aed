//! How people log in at a provider.

use std::collections::BTreeMap;

use countersign_oauth::Lifetime;
use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use serde::{Deserialize, Deserializer};

use super::fill::Filler;
use super::identity::IdentityProfile;
use super::pointer::Pointer;
use super::rules::is_protocol_parameter;
use super::token_request::RevocationProfile;
use crate::where_in_file::Fault;

/// How people log in: an authorization code (RFC 6749 §4.1), and what is peculiar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LoginProfile {
    /// The scopes that are asked unless the operator says otherwise.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What stands between them in requests and answers: a blank (RFC 6749 §3.3), or a
    /// comma.
    #[serde(default = "blank")]
    pub scope_separator: char,
    /// The parameter that they are asked with.
    #[serde(default = "scope")]
    pub scope_parameter: String,
    /// What the provider wants before scopes of one's own, such as
    /// `api://{client_id}/`; put before in requests, taken off in answers. A scope that
    /// contains `://` has it already.
    #[serde(default)]
    pub scope_prefix: Option<String>,
    /// Scopes that the prefix is not put before.
    #[serde(default)]
    pub unprefixed_scopes: Vec<String>,
    /// How the provider calls a scope in its answers, and how it was asked.
    #[serde(default)]
    pub scope_aliases: BTreeMap<String, String>,
    /// A proof key is sent, always S256 (RFC 7636 §4).
    #[serde(default = "yes")]
    pub pkce: bool,
    /// A nonce is sent and comes back in the ID token (OpenID Connect Core 1.0 §3.1.2.1).
    #[serde(default)]
    pub nonce: bool,
    /// The provider always says in its answer who it is: without `iss` the answer is
    /// refused (RFC 9207 §2.4). An `iss` that is sent is compared in any case.
    #[serde(default)]
    pub sends_iss: bool,
    /// How our application can authenticate; the first is used unless the operator says
    /// otherwise. `none` is a public application.
    pub client_authentication: Vec<TokenEndpointAuthMethod>,
    /// Whom assertions of our application are made for (RFC 7523 §3), unless the operator
    /// says otherwise.
    #[serde(default)]
    pub assertion_audience: AssertionAudience,
    /// What becomes of the resource indicator.
    #[serde(default)]
    pub resource: ResourceParameter,
    /// Parameters added to the authorization request.
    #[serde(default)]
    pub authorize_parameters: BTreeMap<String, String>,
    /// What people can be asked for in any case.
    #[serde(default)]
    pub prompt: PromptProfile,
    /// Parameters added to each token request, refreshes too.
    #[serde(default)]
    pub token_parameters: BTreeMap<String, String>,
    /// Who logged in.
    pub identity: IdentityProfile,
    /// How tokens are given back.
    #[serde(default)]
    pub revocation: RevocationProfile,
    /// Where the parts of a token response are.
    #[serde(default)]
    pub token_response: TokenResponseProfile,
}

/// What the provider knows of `prompt` (OpenID Connect Core 1.0 §3.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PromptProfile {
    /// The values that it knows.
    pub values: Vec<String>,
    /// Whether one request can have several.
    pub several: bool,
}

/// A fresh login.
const LOGIN: &str = "login";
/// A choice among the accounts that are logged in.
const SELECT_ACCOUNT: &str = "select_account";
/// Nothing is to be asked.
const NONE: &str = "none";

impl Default for PromptProfile {
    fn default() -> Self {
        Self {
            values: [LOGIN, "consent", SELECT_ACCOUNT].map(str::to_owned).into(),
            several: true,
        }
    }
}

impl PromptProfile {
    /// The value of `prompt` that asks for what is `configured`, and for what a client
    /// `wishes` besides, as far as the provider can: where it knows no fresh login, the
    /// person at least has to choose an account, and the other way round. A configured
    /// value without a wish stays as it is, and so does `none`.
    pub fn asking<'a>(&'a self, configured: Option<&'a str>, wishes: &[&'a str]) -> Option<String> {
        let known = |value: &str| self.values.iter().any(|one| one == value);
        let fulfilled = wishes.iter().filter_map(|wish| {
            let instead = match *wish {
                LOGIN => SELECT_ACCOUNT,
                SELECT_ACCOUNT => LOGIN,
                _ => wish,
            };
            [*wish, instead].into_iter().find(|value| known(value))
        });
        let fulfilled: Vec<&str> = fulfilled.collect();
        let mut values: Vec<&str> = configured.unwrap_or_default().split_whitespace().collect();
        if fulfilled.is_empty() || values.contains(&NONE) {
            return configured.map(str::to_owned);
        }
        values.extend(fulfilled);
        if self.several {
            let mut once: Vec<&str> = Vec::with_capacity(values.len());
            for value in values {
                if !once.contains(&value) {
                    once.push(value);
                }
            }
            return Some(once.join(" "));
        }
        let strictest = [LOGIN, SELECT_ACCOUNT];
        let strictest = strictest.into_iter().find(|one| values.contains(one));
        strictest.or(values.last().copied()).map(str::to_owned)
    }
}

/// Whom an assertion is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "an assertion has one audience, and these are the two in use"
)]
pub enum AssertionAudience {
    /// The issuer of the provider: nobody else can use an assertion that was led astray
    /// (draft-ietf-oauth-rfc7523bis §4).
    #[default]
    Issuer,
    /// The address of its token endpoint, for providers that know no other
    /// (RFC 7523 §3, OpenID Connect Core §9).
    TokenEndpoint,
}

/// What becomes of the resource indicator (RFC 8707 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "it is sent or it is not")]
pub enum ResourceParameter {
    /// It is sent to the provider.
    Forward,
    /// It is not: the provider does not know it, or refuses it.
    #[default]
    Strip,
}

/// Where the parts of a token response are (RFC 6749 §5.1), and what is peculiar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TokenResponseProfile {
    /// What must be `true` in an answer that is no error; for providers that answer
    /// errors with status 200.
    pub success: Option<Pointer>,
    /// The error code, where [`success`](Self::success) is not `true`.
    pub error: Pointer,
    /// Error codes of the provider's own that mean `invalid_grant` (RFC 6749 §5.2): the
    /// code or the refresh token is good no more.
    pub invalid_grant: Vec<String>,
    /// The access token.
    pub access_token: Pointer,
    /// The refresh token.
    pub refresh_token: Pointer,
    /// How long the access token lives, in seconds.
    pub expires_in: Pointer,
    /// The granted scopes.
    pub scope: Pointer,
    /// What stands between them besides blanks and the separator of requests.
    pub scope_separator: Option<char>,
    /// The ID token.
    pub id_token: Pointer,
    /// The type of the access token.
    pub token_type: Pointer,
    /// The types that mean a bearer token, compared without regard to case.
    pub token_types: Vec<String>,
    /// How long an access token lives for which the provider does not say it; without
    /// end unless set.
    #[serde(deserialize_with = "seconds")]
    pub default_lifetime: Option<Lifetime>,
}

impl Default for TokenResponseProfile {
    fn default() -> Self {
        Self {
            success: None,
            error: Pointer::member("error"),
            invalid_grant: Vec::new(),
            access_token: Pointer::member("access_token"),
            refresh_token: Pointer::member("refresh_token"),
            expires_in: Pointer::member("expires_in"),
            scope: Pointer::member("scope"),
            scope_separator: None,
            id_token: Pointer::member("id_token"),
            token_type: Pointer::member("token_type"),
            token_types: vec!["bearer".to_owned()],
            default_lifetime: None,
        }
    }
}

impl LoginProfile {
    /// Whether the flow itself writes the parameter `name`, in whatever case, so that no
    /// file and no operator can: `state`, `redirect_uri`, `code_challenge`, the scopes …
    pub fn writes_parameter(&self, name: &str) -> bool {
        // Whoever reads parameters without regard to case would read these too.
        let lower = name.to_ascii_lowercase();
        is_protocol_parameter(&lower) || name == self.scope_parameter
    }

    /// How `scope` is asked from the provider.
    pub fn scope_on_the_wire(&self, scope: &str) -> String {
        match &self.scope_prefix {
            Some(prefix)
                if !scope.contains("://")
                    && !self.unprefixed_scopes.iter().any(|one| one == scope) =>
            {
                format!("{prefix}{scope}")
            }
            _ => scope.to_owned(),
        }
    }

    /// The value of the scope parameter that asks for `scopes`.
    pub fn scope_value<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) -> String {
        let scopes: Vec<_> = scopes
            .into_iter()
            .map(|scope| self.scope_on_the_wire(scope))
            .collect();
        scopes.join(self.scope_separator.encode_utf8(&mut [0; 4]))
    }

    /// The scopes that `value` of an answer names, as they were asked: without the
    /// prefix, and by the names that [`scope_aliases`](Self::scope_aliases) translates.
    /// Blanks and the provider's separators end a scope.
    pub fn granted_scopes(&self, value: &str) -> Vec<String> {
        let separator = self.token_response.scope_separator.unwrap_or(' ');
        let names = value.split([' ', self.scope_separator, separator]);
        let plain = |name: &str| {
            let name = self
                .scope_prefix
                .as_deref()
                .map_or(name, |prefix| name.strip_prefix(prefix).unwrap_or(name));
            self.scope_aliases
                .get(name)
                .cloned()
                .unwrap_or_else(|| name.to_owned())
        };
        names.filter(|name| !name.is_empty()).map(plain).collect()
    }

    pub(super) fn fill(&mut self, filler: &Filler<'_>) -> Result<(), Fault> {
        filler.list("login.scopes", &mut self.scopes)?;
        filler.optional_text("login.scope_prefix", &mut self.scope_prefix)?;
        filler.list("login.unprefixed_scopes", &mut self.unprefixed_scopes)?;
        filler.entries("login.scope_aliases", &mut self.scope_aliases)?;
        filler.entries("login.authorize_parameters", &mut self.authorize_parameters)?;
        filler.entries("login.token_parameters", &mut self.token_parameters)?;
        self.identity.fill(filler)
    }
}

const fn blank() -> char {
    ' '
}

fn scope() -> String {
    "scope".to_owned()
}

const fn yes() -> bool {
    true
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Lifetime>, D::Error> {
    Option::<u64>::deserialize(deserializer).map(|seconds| seconds.map(Lifetime::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_added_to_what_is_configured_as_far_as_the_provider_can() {
        let all = PromptProfile::default();
        let google = PromptProfile {
            values: vec!["consent".to_owned(), "select_account".to_owned()],
            several: true,
        };
        let one = PromptProfile {
            several: false,
            ..PromptProfile::default()
        };
        let nothing = PromptProfile {
            values: Vec::new(),
            several: true,
        };
        for (profile, configured, wishes, expected) in [
            (&all, None, &[][..], None),
            (&all, Some("a b&c"), &[], Some("a b&c")),
            (&all, None, &["login"], Some("login")),
            (&all, Some("consent"), &["login"], Some("consent login")),
            (&all, Some("login"), &["login"], Some("login")),
            (&all, Some("none"), &["login"], Some("none")),
            (
                &all,
                None,
                &["login", "select_account"],
                Some("login select_account"),
            ),
            (
                &google,
                Some("consent"),
                &["login"],
                Some("consent select_account"),
            ),
            (
                &google,
                Some("consent"),
                &["login", "select_account"],
                Some("consent select_account"),
            ),
            (&one, Some("select_account"), &["login"], Some("login")),
            (&one, Some("login"), &["select_account"], Some("login")),
            (&one, Some("consent"), &["login"], Some("login")),
            (&nothing, Some("consent"), &["login"], Some("consent")),
            (&nothing, None, &["login"], None),
        ] {
            let asked = profile.asking(configured, wishes);
            assert_eq!(asked.as_deref(), expected, "{configured:?} {wishes:?}");
        }
    }
}
