//! The answer to an introspection: RFC 7662 §2.2.

use countersign_oauth::claims::{ClaimsError, MAX_SUBJECT_BYTES};
use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::{ScopeSet, ScopeToken, UnixTime, json};
use serde_json::{Map, Value};

use super::UNREADABLE;
use crate::{Assertion, Reason};

/// What an answer must say.
#[derive(Debug)]
pub(super) struct Expectations {
    /// Ours; empty only if told so in words.
    pub(super) audiences: Vec<String>,
    /// The issuer, if configured.
    pub(super) issuer: Option<String>,
    /// The clients whose tokens are accepted; empty for all.
    pub(super) clients: Vec<String>,
    /// Stands for the issuer if neither answer nor configuration name one.
    pub(super) namespace: String,
}

const CLIENT: Reason = Reason::Other("the token was issued to a client that is not accepted");
const ISSUER: Reason = Reason::Other("the issuer of the token is not the configured one");
const KIND: Reason = Reason::Other("the token is not a bearer access token");
const SUBJECT: Reason = Reason::Other("the token names neither subject nor client");
const TYPES: Reason = Reason::Other("a member of the introspection answer has the wrong type");
const NOT_YET: Reason = Reason::Other("the token is not valid yet");

impl Expectations {
    /// `proven` is the key that came with the token.
    pub(super) fn check(
        &self,
        body: &[u8],
        proven: Option<&Thumbprint>,
        now: UnixTime,
    ) -> Result<Assertion, Reason> {
        let answer = json::parse_object(body).map_err(|_| UNREADABLE)?;
        // RFC 7662 §2.2: "active  REQUIRED.  Boolean indicator".
        match answer.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(Reason::Inactive),
            _ => return Err(UNREADABLE),
        }
        check_kind(&answer, proven)?;
        let audience = self.check_audience(&answer)?;
        let issuer = self.check_issuer(&answer)?;
        let client = text(&answer, "client_id")?;
        if !self.clients.is_empty()
            && !client.is_some_and(|client| self.clients.iter().any(|accepted| accepted == client))
        {
            return Err(CLIENT);
        }
        if time(&answer, "nbf")?.is_some_and(|start| now < start) {
            return Err(NOT_YET);
        }
        let issued_at = time(&answer, "iat")?;
        let expires_at = time(&answer, "exp")?;
        if expires_at.is_some_and(|end| end <= now) {
            return Err(Reason::Expired);
        }
        // RFC 7662 §2.2: `sub` is optional; a client acts for itself.
        let subject = text(&answer, "sub")?.or(client).ok_or(SUBJECT)?;
        if !(1..=MAX_SUBJECT_BYTES).contains(&subject.len()) || subject.contains(char::is_control) {
            return Err(SUBJECT);
        }
        let mut verified = Assertion::new(issuer, subject)
            .audience(audience)
            .scopes(scopes(&answer)?);
        if let Some(client) = client {
            verified = verified.client_id(client);
        }
        if let Some(time) = issued_at {
            verified = verified.issued_at(time);
        }
        if let Some(time) = expires_at {
            verified = verified.expires_at(time);
        }
        if let Some(key) = proven {
            verified = verified.bound_to(key.clone());
        }
        Ok(verified.claims(answer))
    }

    /// RFC 8707 §2, RFC 9068 §4: the token must be for us.
    fn check_audience(&self, answer: &Map<String, Value>) -> Result<Vec<String>, Reason> {
        let audience = match answer.get("aud") {
            None => Vec::new(),
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many
                .iter()
                .map(|one| one.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or(TYPES)?,
            Some(_) => return Err(TYPES),
        };
        let ours = |one: &String| self.audiences.contains(one);
        if self.audiences.is_empty() || audience.iter().any(ours) {
            Ok(audience)
        } else {
            Err(Reason::Audience)
        }
    }

    fn check_issuer(&self, answer: &Map<String, Value>) -> Result<String, Reason> {
        match (text(answer, "iss")?, &self.issuer) {
            (Some(named), Some(expected)) if named != expected => Err(ISSUER),
            (Some(named), _) => Ok(named.to_owned()),
            (None, Some(expected)) => Ok(expected.clone()),
            (None, None) => Ok(self.namespace.clone()),
        }
    }
}

/// An endpoint knows all tokens of its server, refresh tokens too. A token that is bound to
/// a key needs a proof of that key, which is `proven` (RFC 9449 §6.2).
pub(in crate::verifier) fn check_kind(
    answer: &Map<String, Value>,
    proven: Option<&Thumbprint>,
) -> Result<(), Reason> {
    let kind = text(answer, "token_type")?;
    let is = |name: &str| kind.is_some_and(|kind| kind.eq_ignore_ascii_case(name));
    let is_access = kind.is_none() || is("Bearer") || is("access_token");
    let is_bound = proven.is_some() && is("DPoP");
    let refresh = ["typ", "token_use"].iter().any(|name| {
        let kind = answer.get(*name).and_then(Value::as_str);
        kind.is_some_and(|kind| {
            ["refresh", "offline", "id"]
                .iter()
                .any(|other| kind.eq_ignore_ascii_case(other))
        })
    });
    if refresh || !(is_access || is_bound) {
        return Err(KIND);
    }
    let bound = match answer.get("cnf") {
        None => None,
        // RFC 7800 §3.1: a token with `cnf` needs a proof that nobody has asked for.
        Some(_) if proven.is_none() => return Err(KIND),
        Some(cnf) => Some(sole_thumbprint(cnf).ok_or(ClaimsError::ConfirmationInvalid)?),
    };
    match ClaimsError::of_binding(bound.as_ref(), proven) {
        None => Ok(()),
        Some(wrong) => Err(wrong.into()),
    }
}

/// As [`confirmed_key`](countersign_oauth::dpop::confirmed_key), of an answer.
fn sole_thumbprint(cnf: &Value) -> Option<Thumbprint> {
    let members = cnf.as_object().filter(|members| members.len() == 1)?;
    Thumbprint::parse(members.get("jkt")?.as_str()?).ok()
}

fn scopes(answer: &Map<String, Value>) -> Result<ScopeSet, Reason> {
    match answer.get("scope") {
        None => Ok(ScopeSet::new()),
        // What is outside the grammar (RFC 6749 §3.3) grants nothing.
        Some(Value::String(text)) => Ok(ScopeSet::parse(text).unwrap_or_default()),
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.as_str().ok_or(TYPES))
            .filter_map(|name| name.map(|name| ScopeToken::parse(name).ok()).transpose())
            .collect(),
        Some(_) => Err(TYPES),
    }
}

fn text<'a>(answer: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Reason> {
    match answer.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TYPES),
    }
}

/// RFC 7662 §2.2: "Integer timestamp".
fn time(answer: &Map<String, Value>, name: &str) -> Result<Option<UnixTime>, Reason> {
    match answer.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .map(|seconds| Some(UnixTime::from_secs(seconds)))
            .ok_or(TYPES),
    }
}
