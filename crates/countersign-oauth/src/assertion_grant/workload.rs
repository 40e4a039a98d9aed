//! Tokens of platforms for the programs that run on them: RFC 7523 §3.

use serde_json::{Map, Value};

use super::claims::{IssuedAt, subject};
use super::{AssertionGrantError, AssertionGrantRules, OnceUsable};
use crate::jose::VerifiedJws;
use crate::{UnixTime, json};

/// The token of a workload without fault, except that its id may have been used before,
/// and that nobody may know the workload.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct WorkloadAssertion {
    /// What the platform calls it; unique only together with the issuer.
    pub subject: String,
    /// All claims, for [`ClaimRule`](super::ClaimRule).
    pub claims: Map<String, Value>,
    /// Its id.
    pub once: OnceUsable,
}

impl WorkloadAssertion {
    /// Checks a token whose signature is verified; `now` is the time of the request.
    ///
    /// # Errors
    ///
    /// [`AssertionGrantError`] says which rule is broken.
    pub fn check(
        verified: &VerifiedJws,
        rules: &AssertionGrantRules<'_>,
        now: UnixTime,
    ) -> Result<Self, AssertionGrantError> {
        // Platforms write one of these or nothing; every other kind of token has its own.
        let typ = verified.header().typ.as_deref();
        let is = |name: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
        if typ.is_some() && !is("JWT") && !is("JOSE") {
            return Err(AssertionGrantError::Type);
        }
        let claims = json::parse_object(verified.payload())?;
        let once = rules.check(&claims, IssuedAt::Optional, now)?;
        Ok(Self {
            subject: subject(&claims)?,
            claims,
            once,
        })
    }
}
