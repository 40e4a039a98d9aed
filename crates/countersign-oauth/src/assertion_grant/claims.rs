//! The checks that both kinds share: RFC 7523 §3.

use serde_json::{Map, Value};

use super::{AssertionGrantError, AssertionGrantRules, OnceUsable};
use crate::UnixTime;
use crate::claims::MAX_SUBJECT_BYTES;
use crate::claims::numeric_date::{self, Round};
use crate::client_authentication::assertion::MAX_TOKEN_ID_BYTES;
use crate::dpop::Thumbprint;

/// Whether an assertion has to say when it was issued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IssuedAt {
    Required,
    Optional,
}

impl AssertionGrantRules<'_> {
    /// Checks the claims that RFC 7523 §3 is about, but the subject.
    pub(super) fn check(
        &self,
        claims: &Map<String, Value>,
        issued_at: IssuedAt,
        now: UnixTime,
    ) -> Result<OnceUsable, AssertionGrantError> {
        if text(claims, "iss") != Some(self.issuer) {
            return Err(AssertionGrantError::Issuer);
        }
        if !claims.get("cnf").is_none_or(|cnf| self.is_proven(cnf)) {
            return Err(AssertionGrantError::SenderConstrained);
        }
        let aud = match claims.get("aud") {
            Some(Value::Array(one)) if one.len() == 1 => one.first(),
            other => other,
        };
        if aud.and_then(Value::as_str) != Some(self.audience.as_str()) {
            return Err(AssertionGrantError::Audience);
        }
        let expires_at = self.check_times(claims, issued_at, now)?;
        let id = text(claims, "jti");
        let id = id
            .filter(|id| (1..=MAX_TOKEN_ID_BYTES).contains(&id.len()))
            .ok_or(AssertionGrantError::TokenId)?;
        Ok(OnceUsable {
            jti: id.to_owned(),
            forget_at: expires_at.saturating_add(self.leeway),
        })
    }

    /// Whether `cnf` binds the assertion to the key that was proven (RFC 9449 §6.1), and to
    /// nothing besides, which would go unchecked.
    fn is_proven(&self, cnf: &Value) -> bool {
        let Some(members) = cnf.as_object().filter(|members| members.len() == 1) else {
            return false;
        };
        let bound = text(members, "jkt").and_then(|jkt| Thumbprint::parse(jkt).ok());
        bound.is_some() && bound.as_ref() == self.proven
    }

    fn check_times(
        &self,
        claims: &Map<String, Value>,
        issued_at: IssuedAt,
        now: UnixTime,
    ) -> Result<UnixTime, AssertionGrantError> {
        let date = |name: &str, round| numeric_date::parse(claims.get(name)?.as_number()?, round);
        let exp = date("exp", Round::Down).ok_or(AssertionGrantError::ExpiryMissing)?;
        if now >= exp.saturating_add(self.leeway) {
            return Err(AssertionGrantError::Expired);
        }
        if exp > now.saturating_add(self.max_validity) {
            return Err(AssertionGrantError::ValidTooLong);
        }
        let latest = now.saturating_add(self.leeway);
        let has_begun = |name: &str| match claims.get(name) {
            None => name == "nbf" || issued_at == IssuedAt::Optional,
            Some(_) => date(name, Round::Up).is_some_and(|start| start <= latest),
        };
        if !has_begun("nbf") || !has_begun("iat") {
            return Err(AssertionGrantError::NotYetValid);
        }
        Ok(exp)
    }
}

/// The subject: unique only together with the issuer.
pub(super) fn subject(claims: &Map<String, Value>) -> Result<String, AssertionGrantError> {
    let sub = text(claims, "sub").filter(|sub| {
        (1..=MAX_SUBJECT_BYTES).contains(&sub.len()) && !sub.contains(char::is_control)
    });
    sub.map(str::to_owned).ok_or(AssertionGrantError::Subject)
}

pub(super) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}
