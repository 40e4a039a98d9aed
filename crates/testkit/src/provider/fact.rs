//! What the answers of a provider say: a table of members and facts.

use countersign_oauth::UnixTime;
use serde_json::{Map, Value, json};

use super::behaviour::{Behaviour, Endpoint};
use super::person::Person;

/// The members of a JSON object, each with what it says. `/` in a name leads into
/// an object within (`authed_user/access_token`).
pub type Shape = Vec<(&'static str, Fact)>;

/// Something that an answer can say. What is not known is left out of the answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fact {
    /// Always the same.
    Is(Value),
    /// The issuer.
    Issuer,
    /// Who the person is, as the provider writes it.
    Subject,
    /// The number of the person as an integer.
    Number,
    /// The login name.
    Login,
    /// The display name.
    Name,
    /// The e-mail address.
    Email,
    /// Whether it is verified.
    EmailVerified,
    /// The same as text, `"true"` or `"false"`.
    EmailVerifiedText,
    /// The domain of the organisation.
    Domain,
    /// The groups, unless there are none.
    Groups,
    /// The permissions, also if there are none.
    Permissions,
    /// The tenant of the person.
    Tenant,
    /// The application.
    ClientId,
    /// Whom the token is for.
    Audience,
    /// The same as an array.
    Audiences,
    /// The granted scopes as text between these.
    Scopes(&'static str),
    /// The granted scopes as an array.
    ScopeList,
    /// The granted scopes that belong to an API, without the prefix (Entra: `scp`).
    ApiScopes,
    /// When it was issued.
    IssuedAt,
    /// When it expires.
    ExpiresAt,
    /// The same as text.
    ExpiresAtText,
    /// In how many seconds it expires.
    ExpiresIn,
    /// The same as text.
    ExpiresInText,
    /// When the person logged in.
    AuthTime,
    /// What the authorization request had for it.
    Nonce,
    /// An id of the token.
    TokenId,
    /// `at_hash` of the access token (OpenID Connect Core §3.1.3.6).
    AccessTokenHash,
    /// The access token.
    AccessToken,
    /// The refresh token, if there is one.
    RefreshToken,
    /// The ID token, if there is one.
    IdToken,
    /// The address of an endpoint.
    Url(Endpoint),
    /// An object made of facts.
    Object(Shape),
    /// An array of one object made of facts.
    List(Shape),
    /// The fact, but only if this scope was granted.
    IfScope(&'static str, Box<Self>),
}

impl Fact {
    /// Always `value`.
    pub fn is(value: impl Into<Value>) -> Self {
        Self::Is(value.into())
    }
}

/// What there is to tell about.
#[derive(Clone, Debug)]
pub(super) struct Scene<'a> {
    pub(super) behaviour: &'a Behaviour,
    pub(super) person: &'a Person,
    pub(super) client_id: &'a str,
    pub(super) scopes: &'a [String],
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) nonce: Option<&'a str>,
    pub(super) auth_time: UnixTime,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: Option<UnixTime>,
    pub(super) now: UnixTime,
    pub(super) token_id: &'a str,
    pub(super) access_token: Option<&'a str>,
    pub(super) refresh_token: Option<&'a str>,
    pub(super) id_token: Option<&'a str>,
    pub(super) urls: &'a dyn Urls,
}

/// Finds addresses.
pub(super) trait Urls: std::fmt::Debug {
    /// The address of an endpoint as clients are told it.
    fn url(&self, endpoint: Endpoint) -> Option<String>;
}

impl Scene<'_> {
    /// The object that `shape` describes.
    pub(super) fn object(&self, shape: &Shape) -> Value {
        let mut object = Map::new();
        for (path, fact) in shape {
            if let Some(value) = self.value(fact) {
                put(&mut object, path, value);
            }
        }
        Value::Object(object)
    }

    pub(super) fn value(&self, fact: &Fact) -> Option<Value> {
        let person = self.person;
        Some(match fact {
            Fact::Is(value) => value.clone(),
            Fact::Issuer => self.issuer.clone()?.into(),
            Fact::Subject => self.behaviour.subject.subject(person),
            Fact::Number => person.number.into(),
            Fact::Login => person.key.clone().into(),
            Fact::Name => person.name.clone().into(),
            Fact::Email => person.email.clone()?.into(),
            Fact::EmailVerified => person
                .email
                .is_some()
                .then_some(person.email_verified)?
                .into(),
            Fact::EmailVerifiedText => person.email_verified.to_string().into(),
            Fact::Domain => person.domain.clone()?.into(),
            Fact::Groups if person.groups.is_empty() => return None,
            Fact::Groups => person.groups.clone().into(),
            Fact::Permissions => person.permissions.clone().into(),
            Fact::Tenant => person.tenant.clone().into(),
            Fact::ClientId => self.client_id.into(),
            Fact::Audience => self.audience.clone()?.into(),
            Fact::Audiences => json!([self.audience.clone()?]),
            Fact::Scopes(separator) => self.scopes.join(separator).into(),
            Fact::ScopeList => self.scopes.to_vec().into(),
            Fact::ApiScopes => self.api_scopes()?.into(),
            Fact::IssuedAt => self.issued_at.as_secs().into(),
            Fact::ExpiresAt => self.expires_at?.as_secs().into(),
            Fact::ExpiresAtText => self.expires_at?.as_secs().to_string().into(),
            Fact::ExpiresIn => self.expires_at?.since(self.now).as_secs().into(),
            Fact::ExpiresInText => self
                .expires_at?
                .since(self.now)
                .as_secs()
                .to_string()
                .into(),
            Fact::AuthTime => self.auth_time.as_secs().into(),
            Fact::Nonce => self.nonce?.into(),
            Fact::TokenId => self.token_id.into(),
            Fact::AccessTokenHash => half_hash(self.access_token?).into(),
            Fact::AccessToken => self.access_token?.into(),
            Fact::RefreshToken => self.refresh_token?.into(),
            Fact::IdToken => self.id_token?.into(),
            Fact::Url(endpoint) => self.urls.url(*endpoint)?.into(),
            Fact::Object(shape) => self.object(shape),
            Fact::List(shape) => json!([self.object(shape)]),
            Fact::IfScope(scope, fact) => {
                let granted = self.scopes.iter().any(|granted| granted == scope);
                return granted.then(|| self.value(fact)).flatten();
            }
        })
    }

    fn api_scopes(&self) -> Option<String> {
        let prefix = self.behaviour.scopes.api_prefix?;
        let prefix = prefix.replace("{client_id}", self.client_id);
        let names: Vec<&str> = self
            .scopes
            .iter()
            .filter_map(|scope| scope.strip_prefix(&prefix))
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('/') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = object
                .entry(first)
                .or_insert_with(|| Value::Object(Map::new()));
            put(inner.as_object_mut().expect("an object"), rest, value);
        }
    }
}

/// The left half of the SHA-256 of `token` (OpenID Connect Core §3.1.3.6).
fn half_hash(token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    let half: Vec<u8> = digest.as_ref().iter().take(16).copied().collect();
    crate::issuer::key::base64url(half)
}
