//! Who somebody is, from what a provider says.

use std::collections::BTreeMap;

use countersign_oauth::jose::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fill::{Filler, algorithms, default_algorithms};
use super::pointer::Pointer;
use super::template::Template;
use crate::where_in_file::Fault;

/// How to find out who logged in. An identity is the pair of issuer and subject;
/// everything else is for people to read and for rules about who may in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct IdentityProfile {
    /// Where it is said.
    pub source: IdentitySource,
    /// The issuer: what `iss` of a token must be, or the name of the provider where
    /// there is none.
    #[serde(default)]
    pub issuer: IssuerRule,
    /// Under which name accounts are kept instead of the issuer, where customers of a
    /// provider share one issuer although each has people of its own.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The subject: a text or an integer that is never given to anybody else.
    pub subject: Pointer,
    /// A name for people.
    #[serde(default)]
    pub name: Option<Pointer>,
    /// The e-mail address. Never an identity.
    #[serde(default)]
    pub email: Option<Pointer>,
    /// `true` if the provider has verified the address.
    #[serde(default)]
    pub email_verified: Option<Pointer>,
    /// The organisation: a domain, or the provider's id of it.
    #[serde(default)]
    pub domain: Option<Pointer>,
    /// The groups, a text or a list of texts.
    #[serde(default)]
    pub groups: Option<Pointer>,
    /// What names the application that the answer is for; compared with the client id.
    #[serde(default)]
    pub application: Option<ApplicationPin>,
    /// Claims of the source that must be there with this text.
    #[serde(default)]
    pub required_claims: BTreeMap<String, String>,
    /// The accepted signatures, where the source is signed.
    #[serde(default = "default_algorithms", deserialize_with = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// A list of e-mail addresses, where the provider has it elsewhere.
    #[serde(default)]
    pub email_list: Option<ListProfile>,
    /// A list of groups, where the provider has it elsewhere.
    #[serde(default)]
    pub group_list: Option<ListProfile>,
}

/// Where it is said who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever logs people in must know each source"
)]
pub enum IdentitySource {
    /// The claims of the ID token (OpenID Connect Core 1.0 §3.1.3.7).
    IdToken,
    /// The answer of the userinfo endpoint.
    Userinfo,
    /// The answer of the introspection endpoint.
    Introspection,
    /// The claims of the access token, a JWT.
    AccessToken,
}

impl IdentitySource {
    /// Whether it carries a signature of the provider.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::IdToken | Self::AccessToken)
    }
}

/// Which issuer is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever compares an issuer must know each rule"
)]
pub enum IssuerRule {
    /// The one of the provider: [`Endpoints::issuer`](super::Endpoints::issuer), which
    /// its metadata document repeats.
    #[default]
    OfMetadata,
    /// This one.
    Fixed(String),
    /// One per tenant: `{claim:tid}` stands for the claim `tid` of the same token.
    Template(String),
}

impl From<String> for IssuerRule {
    fn from(text: String) -> Self {
        if text.contains("{claim:") {
            Self::Template(text)
        } else {
            Self::Fixed(text)
        }
    }
}

impl IssuerRule {
    /// The issuer that a token with `claims` must have, compared byte for byte;
    /// `metadata` is that of the provider. Nothing if a claim that the template needs
    /// is missing or is more than letters, digits, hyphens and underscores.
    pub fn expected(&self, claims: &Map<String, Value>, metadata: Option<&str>) -> Option<String> {
        match self {
            Self::OfMetadata => metadata.map(str::to_owned),
            Self::Fixed(issuer) => Some(issuer.clone()),
            Self::Template(text) => Template::parse(text).ok()?.with_claims(claims),
        }
    }

    /// The rule with values; nothing if it names an optional variable that has none.
    pub(super) fn filled(
        mut self,
        field: &str,
        filler: &Filler<'_>,
    ) -> Result<Option<Self>, Fault> {
        if let Self::Fixed(issuer) = self {
            let mut issuer = Some(issuer);
            filler.optional_url(field, &mut issuer)?;
            return Ok(issuer.map(Self::Fixed));
        }
        self.fill(field, filler)?;
        Ok(Some(self))
    }

    pub(super) fn fill(&mut self, field: &str, filler: &Filler<'_>) -> Result<(), Fault> {
        match self {
            Self::OfMetadata => Ok(()),
            Self::Fixed(issuer) => filler.url(field, issuer),
            Self::Template(issuer) => filler.issuer_template(field, issuer),
        }
    }
}

/// What names the application that a token was issued to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ApplicationPin {
    /// A text that is the client id, or a list of texts that contains it.
    pub pointer: Pointer,
}

impl ApplicationPin {
    /// Whether `document` says that it is for the application `client_id`.
    pub fn admits(&self, document: &Value, client_id: &str) -> bool {
        match self.pointer.find(document) {
            Some(Value::Array(several)) => several
                .iter()
                .any(|one| one.as_str().is_some_and(|one| one == client_id)),
            _ => self.pointer.text(document).as_deref() == Some(client_id),
        }
    }
}

/// A second question, asked with GET and the access token as Bearer, that is answered
/// with a JSON list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ListProfile {
    /// Where it is asked.
    pub endpoint: String,
    /// The list in the answer; the answer itself unless set.
    #[serde(default)]
    pub items: Pointer,
    /// The text in an item.
    pub value: Pointer,
    /// Members of an item that must be `true`, or the item is passed over.
    #[serde(default)]
    pub only_if: Vec<Pointer>,
    /// The scope that the question needs. It is asked from the provider only if a rule
    /// about who may in needs the answer.
    #[serde(default)]
    pub scope: Option<String>,
}

impl ListProfile {
    /// The texts in `answer`; nothing if there is no list where one should be.
    pub fn values(&self, answer: &Value) -> Option<Vec<String>> {
        let items = self.items.find(answer)?.as_array()?;
        let wanted = |item: &&Value| {
            let holds = |flag: &Pointer| flag.find(item) == Some(&Value::Bool(true));
            self.only_if.iter().all(holds)
        };
        let values = items.iter().filter(wanted);
        Some(values.filter_map(|item| self.value.text(item)).collect())
    }

    fn fill(&mut self, field: &str, filler: &Filler<'_>) -> Result<(), Fault> {
        filler.url(&format!("{field}.endpoint"), &mut self.endpoint)?;
        filler.optional_text(&format!("{field}.scope"), &mut self.scope)
    }
}

impl IdentityProfile {
    pub(super) fn fill(&mut self, filler: &Filler<'_>) -> Result<(), Fault> {
        self.issuer.fill("login.identity.issuer", filler)?;
        filler.optional_text("login.identity.namespace", &mut self.namespace)?;
        filler.entries("login.identity.required_claims", &mut self.required_claims)?;
        if let Some(list) = &mut self.email_list {
            list.fill("login.identity.email_list", filler)?;
        }
        if let Some(list) = &mut self.group_list {
            list.fill("login.identity.group_list", filler)?;
        }
        Ok(())
    }
}
