//! The rules of a preset about one token, whoever vouches for what it says.

use countersign_oauth::claims::MAX_SUBJECT_BYTES;
use countersign_oauth::{ScopeSet, ScopeToken};
use serde_json::{Map, Value};

use crate::Reason;
use crate::provider::{Pointer, TokenProfile};

const APPLICATION: Reason = Reason::Other("the token was issued to another application");
const REQUIRED: Reason = Reason::Other("a claim that the preset requires is absent or another");
const SUBJECT: Reason = Reason::Other("the token names no subject");
const TYPES: Reason = Reason::Other("the audience is neither a text nor a list of texts");

/// The rules, with the values of this server.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) profile: TokenProfile,
    /// The issuer of the metadata document.
    pub(super) issuer: Option<String>,
    /// The application that tokens are issued to, if the preset compares it.
    pub(super) client_id: Option<String>,
    /// What a token may name as its audience.
    pub(super) audiences: Vec<String>,
}

/// What was found out about a token.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) subject: String,
    pub(super) client: Option<String>,
    pub(super) audience: Vec<String>,
    pub(super) scopes: ScopeSet,
}

impl Judge {
    /// Whether `issuer` is one of the provider, for a token with these claims.
    pub(super) fn knows_issuer(&self, issuer: &str, claims: &Map<String, Value>) -> bool {
        let rules = self.profile.issuers.iter();
        let mut expected = rules.filter_map(|rule| rule.expected(claims, self.issuer.as_deref()));
        expected.any(|expected| expected == issuer)
    }

    /// The issuer of a document that names none.
    pub(super) fn first_issuer(&self) -> Option<String> {
        let rules = self.profile.issuers.iter();
        let mut expected =
            rules.filter_map(|rule| rule.expected(&Map::new(), self.issuer.as_deref()));
        expected.next()
    }

    /// Judges what is said about a token: for whom it is, and about whom.
    pub(super) fn check(&self, document: &Map<String, Value>) -> Result<Findings, Reason> {
        let required = self.profile.required_claims.iter();
        for (name, expected) in required {
            if document.get(name).and_then(Value::as_str) != Some(expected) {
                return Err(REQUIRED);
            }
        }
        let whole = Value::Object(document.clone());
        let audience = self.check_audience(&whole)?;
        self.check_application(&whole)?;
        let subject = self.profile.subject.text(&whole).ok_or(SUBJECT)?;
        if subject.len() > MAX_SUBJECT_BYTES || subject.contains(char::is_control) {
            return Err(SUBJECT);
        }
        let client = self.profile.client.iter().find_map(|one| one.text(&whole));
        Ok(Findings {
            subject,
            client,
            audience,
            scopes: scopes(self.profile.scopes.scopes(&whole)),
        })
    }

    /// RFC 8707 §2, RFC 9068 §4: the token must be for us.
    fn check_audience(&self, document: &Value) -> Result<Vec<String>, Reason> {
        let rule = &self.profile.audience;
        let standard = Pointer::member("aud");
        let named = names(rule.pointer.find(document))?;
        let ours = |one: &String| self.audiences.contains(one);
        if !rule.is_empty() && !named.iter().any(ours) {
            return Err(Reason::Audience);
        }
        // RFC 7519 §4.1.3: who is not named in `aud` where it is present must refuse the
        // token, also if the preset looks for the audience elsewhere.
        let standard = names(standard.find(document))?;
        let for_application = |one: &String| self.client_id.as_ref() == Some(one);
        if !standard.is_empty() && !standard.iter().any(|one| ours(one) || for_application(one)) {
            return Err(Reason::Audience);
        }
        Ok(if named.is_empty() { standard } else { named })
    }

    /// Without an audience a token still says which application it was issued to.
    fn check_application(&self, document: &Value) -> Result<(), Reason> {
        let Some(pin) = &self.profile.application else {
            return Ok(());
        };
        match &self.client_id {
            Some(client_id) if pin.admits(document, client_id) => Ok(()),
            _ => Err(APPLICATION),
        }
    }
}

/// The scopes with these names; what is outside the grammar (RFC 6749 §3.3) grants
/// nothing.
pub(super) fn scopes(names: Vec<String>) -> ScopeSet {
    let tokens = names.iter().filter_map(|name| ScopeToken::parse(name).ok());
    tokens.collect()
}

/// A text or a list of texts; nothing if there is none.
fn names(value: Option<&Value>) -> Result<Vec<String>, Reason> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(several)) => several
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or(TYPES),
        Some(_) => Err(TYPES),
    }
}
