//! How access tokens of a provider are judged where they are accepted directly.

use std::collections::BTreeMap;

use countersign_oauth::claims::TypPolicy;
use countersign_oauth::jose::Algorithm;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::fill::{Filler, algorithms, default_algorithms};
use super::identity::{ApplicationPin, IssuerRule};
use super::pointer::Pointer;
use crate::where_in_file::Fault;

/// How access tokens are judged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenProfile {
    /// Who says what a token is good for.
    pub kind: TokenKind,
    /// The accepted issuers.
    #[serde(default = "of_metadata")]
    pub issuers: Vec<IssuerRule>,
    /// The accepted signatures of a JWT.
    #[serde(default = "default_algorithms", deserialize_with = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// The accepted `typ` of a JWT.
    #[serde(default, deserialize_with = "typ")]
    pub typ: TypPolicy,
    /// Who the token is for.
    #[serde(default)]
    pub audience: AudienceRule,
    /// What names the application that the token was issued to.
    #[serde(default)]
    pub application: Option<ApplicationPin>,
    /// Claims that must be there with this text.
    #[serde(default)]
    pub required_claims: BTreeMap<String, String>,
    /// Claims of a JWT that must be times that have passed, such as `auth_time`.
    #[serde(default)]
    pub past_claims: Vec<String>,
    /// The subject.
    #[serde(default = "sub")]
    pub subject: Pointer,
    /// The client that the token was issued to; the first of these that is there.
    #[serde(default = "clients")]
    pub client: Vec<Pointer>,
    /// When it ends, in seconds since 1970 as a number or as digits.
    #[serde(default = "exp")]
    pub expires_at: Pointer,
    /// What it allows.
    #[serde(default)]
    pub scopes: ScopeSource,
}

/// Who says what a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever judges tokens must know each kind"
)]
pub enum TokenKind {
    /// The token itself, with a signature (RFC 9068).
    Jwt,
    /// The introspection endpoint (RFC 7662).
    Introspection,
    /// The userinfo endpoint, which answers if the token is good.
    Userinfo,
}

/// Who a token must be for: one of these has to be among what it names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AudienceRule {
    /// Where the token or the answer names it: a text or a list of texts.
    pub pointer: Pointer,
    /// Our resource identifier is accepted (RFC 8707 §2).
    pub resource: bool,
    /// These are accepted.
    pub values: Vec<String>,
}

impl Default for AudienceRule {
    fn default() -> Self {
        Self {
            pointer: Pointer::member("aud"),
            resource: false,
            values: Vec::new(),
        }
    }
}

impl AudienceRule {
    /// Whether anything is compared.
    pub const fn is_empty(&self) -> bool {
        !self.resource && self.values.is_empty()
    }
}

/// What a token allows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ScopeSource {
    /// Where the token or the answer names scopes: a text or a list of texts.
    pub pointers: Vec<Pointer>,
    /// All of them count; otherwise the first that is there.
    pub merge: bool,
    /// What stands between scopes in one text: a blank or a comma.
    pub separator: char,
    /// The header of the answer that names them instead; its separator is a comma with
    /// or without a blank.
    pub header: Option<String>,
}

impl Default for ScopeSource {
    fn default() -> Self {
        Self {
            pointers: vec![Pointer::member("scope"), Pointer::member("scp")],
            merge: false,
            separator: ' ',
            header: None,
        }
    }
}

impl ScopeSource {
    /// The scopes that `document` names. What is neither text nor list of texts names
    /// none.
    pub fn scopes(&self, document: &Value) -> Vec<String> {
        let split = |text: &str| -> Vec<String> {
            let names = text.split([' ', self.separator]);
            names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let mut found = Vec::new();
        for value in self.pointers.iter().filter_map(|one| one.find(document)) {
            match value {
                Value::String(text) => found.extend(split(text)),
                Value::Array(several) => {
                    let names = several.iter().filter_map(Value::as_str);
                    found.extend(names.map(str::to_owned));
                }
                _ => {}
            }
            if !self.merge {
                break;
            }
        }
        found
    }
}

impl TokenProfile {
    /// True if the part is still of use: an audience or an issuer that depends on an
    /// optional value may be missing, and then nothing would be compared.
    pub(super) fn fill(&mut self, filler: &Filler<'_>) -> Result<bool, Fault> {
        let named_issuers = !self.issuers.is_empty();
        let mut issuers = Vec::with_capacity(self.issuers.len());
        for (index, issuer) in std::mem::take(&mut self.issuers).into_iter().enumerate() {
            issuers.extend(issuer.filled(&format!("tokens.issuers.{index}"), filler)?);
        }
        self.issuers = issuers;
        let named_values = !self.audience.values.is_empty();
        filler.list("tokens.audience.values", &mut self.audience.values)?;
        filler.entries("tokens.required_claims", &mut self.required_claims)?;
        let has_audience = !named_values || !self.audience.is_empty() || self.application.is_some();
        let has_issuer = !named_issuers || !self.issuers.is_empty();
        Ok(has_audience && has_issuer)
    }
}

fn of_metadata() -> Vec<IssuerRule> {
    vec![IssuerRule::OfMetadata]
}

fn sub() -> Pointer {
    Pointer::member("sub")
}

fn exp() -> Pointer {
    Pointer::member("exp")
}

fn clients() -> Vec<Pointer> {
    ["client_id", "azp"].map(Pointer::member).to_vec()
}

fn typ<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TypPolicy, D::Error> {
    match &*String::deserialize(deserializer)? {
        "at+jwt" => Ok(TypPolicy::AccessToken),
        "jwt" => Ok(TypPolicy::JwtOrAccessToken),
        _ => Err(de::Error::custom(
            "typ is \"at+jwt\" (RFC 9068) or \"jwt\" (also JWT, or none)",
        )),
    }
}
