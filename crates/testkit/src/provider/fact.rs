//! What the answers of a provider say: a table of members and facts.

use countersign_oauth::UnixTime;
use serde_json::{Map, Value, json};

use super::behaviour::{Behaviour, Endpoint};
use super::person::Person;

/// The members of a JSON object, each with what it says. `/` in a name leads into
/// an object within (`authed_user/access_token`); a slash of the name itself is
/// written `~1` (as RFC 6901 §3 does).
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
    /// The tenant as a short id behind a `T` (Slack).
    Team,
    /// The application.
    ClientId,
    /// Whom the token is for.
    Audience,
    /// The same as an array.
    Audiences,
    /// The same as an array that also has the userinfo endpoint, if `openid` was
    /// granted (Auth0).
    AudiencesAndUserinfo,
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
    /// An address at the real provider, as clients are told it; `{tenant}` and
    /// `{client_id}` are filled in.
    At(&'static str),
    /// An object made of facts.
    Object(Shape),
    /// An array of one object made of facts.
    List(Shape),
    /// An array with one object for each group of the person.
    EachGroup(Shape),
    /// The name of the group, in [`Fact::EachGroup`].
    GroupName,
    /// The number of the group, in [`Fact::EachGroup`].
    GroupNumber,
    /// The same as text.
    GroupNumberText,
    /// When it expires, as a date (RFC 3339).
    ExpiresAtDate,
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
    /// What answers say was granted.
    pub(super) scopes: &'a [String],
    /// What was granted.
    pub(super) granted: &'a [String],
    /// In [`Fact::EachGroup`].
    pub(super) group: Option<&'a str>,
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
    pub(super) addresses: &'a dyn Addresses,
}

/// Addresses as clients are told them.
pub(super) trait Addresses: std::fmt::Debug {
    /// What stands for an address at the real provider.
    fn told(&self, real: &str) -> String;

    /// The address of an endpoint.
    fn endpoint(&self, endpoint: Endpoint) -> Option<String>;
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
            Fact::Team => {
                let short: String = person.tenant.chars().take(8).collect();
                format!("T{short}").into()
            }
            Fact::ClientId => self.client_id.into(),
            Fact::Audience => self.audience.clone()?.into(),
            Fact::Audiences => json!([self.audience.clone()?]),
            Fact::AudiencesAndUserinfo => {
                let openid = self.granted.iter().any(|scope| scope == "openid");
                let userinfo = self.addresses.endpoint(Endpoint::Userinfo);
                let mut all = vec![self.audience.clone()?];
                all.extend(userinfo.filter(|_| openid));
                all.into()
            }
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
            Fact::At(real) => self.address(real).into(),
            Fact::Object(shape) => self.object(shape),
            Fact::List(shape) => json!([self.object(shape)]),
            Fact::EachGroup(shape) => {
                let each = |group: &String| {
                    let mut scene = self.clone();
                    scene.group = Some(group);
                    scene.object(shape)
                };
                person.groups.iter().map(each).collect()
            }
            Fact::GroupName => self.group?.into(),
            Fact::GroupNumber => group_number(self.group?).into(),
            Fact::GroupNumberText => group_number(self.group?).to_string().into(),
            Fact::ExpiresAtDate => date(self.expires_at?).into(),
            Fact::IfScope(scope, fact) => {
                let granted = self.granted.iter().any(|granted| granted == scope);
                return granted.then(|| self.value(fact)).flatten();
            }
        })
    }

    fn address(&self, real: &str) -> String {
        let real = real.replace("{tenant}", &self.person.tenant);
        self.addresses
            .told(&real.replace("{client_id}", self.client_id))
    }

    fn api_scopes(&self) -> Option<String> {
        let prefix = self.behaviour.scopes.api_prefix?;
        let prefix = prefix.replace("{client_id}", self.client_id);
        let names: Vec<&str> = self
            .granted
            .iter()
            .filter_map(|scope| scope.strip_prefix(&prefix))
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('/') {
        None => {
            object.insert(path.replace("~1", "/"), value);
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

/// The number that every provider gives the group `name`.
pub fn group_number(name: &str) -> u64 {
    let digit = |sum: u64, byte: u8| sum.wrapping_mul(31).wrapping_add(u64::from(byte));
    name.bytes().fold(7, digit) % 1_000_000_000
}

/// `2027-01-15T08:00:00+00:00` (RFC 3339 §5.6), by the calendar of Gregory.
fn date(time: UnixTime) -> String {
    let (days, seconds) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    // Years begin in March here, so that the day that is sometimes missing is the last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (951_782_399, "2000-02-28T23:59:59+00:00"),
            (951_782_400, "2000-02-29T00:00:00+00:00"),
            (1_800_000_000, "2027-01-15T08:00:00+00:00"),
        ] {
            assert_eq!(date(UnixTime::from_secs(seconds)), text);
        }
    }
}
