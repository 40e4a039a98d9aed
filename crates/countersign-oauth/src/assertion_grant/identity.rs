//! Identity assertions, ID-JAGs: draft-ietf-oauth-identity-assertion-authz-grant §3.

use serde_json::Value;

use super::claims::{IssuedAt, subject, text};
use super::{AssertionGrantError, AssertionGrantRules, OnceUsable};
use crate::jose::VerifiedJws;
use crate::{ClientId, ScopeSet, UnixTime, json};

/// `typ` of an identity assertion.
pub const IDENTITY_ASSERTION_TYPE: &str = "oauth-id-jag+jwt";

/// An identity assertion without fault, except that its id may have been used before and
/// that its resource may be none of this server.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct IdentityAssertion {
    /// Whom it is about; unique only together with the issuer.
    pub subject: String,
    /// The tenant of the issuer that the subject belongs to; nothing if it has none. The
    /// subject is unique only together with it.
    pub tenant: Option<String>,
    /// The resource that it is for, as written.
    pub resource: String,
    /// What the identity provider allows at most; nothing if it does not say.
    pub scope: Option<ScopeSet>,
    /// An e-mail address, for people to read. Never an identity.
    pub email: Option<String>,
    /// Its id.
    pub once: OnceUsable,
}

impl IdentityAssertion {
    /// Whether `typ` says that the token is an identity assertion.
    pub fn is_meant(typ: Option<&str>) -> bool {
        let typ = typ.map(|typ| {
            let prefix = typ.get(.."application/".len());
            let is_long = prefix.is_some_and(|it| it.eq_ignore_ascii_case("application/"));
            let rest = typ.get("application/".len()..).filter(|_| is_long);
            rest.unwrap_or(typ)
        });
        typ.is_some_and(|typ| typ.eq_ignore_ascii_case(IDENTITY_ASSERTION_TYPE))
    }

    /// Checks the assertion that `client`, which is authenticated, presents. Its
    /// signature is verified; `now` is the time of the request.
    ///
    /// # Errors
    ///
    /// [`AssertionGrantError`] says which rule is broken.
    pub fn check(
        verified: &VerifiedJws,
        rules: &AssertionGrantRules<'_>,
        client: &ClientId,
        now: UnixTime,
    ) -> Result<Self, AssertionGrantError> {
        if !Self::is_meant(verified.header().typ.as_deref()) {
            return Err(AssertionGrantError::Type);
        }
        let claims = json::parse_object(verified.payload())?;
        let once = rules.check(&claims, IssuedAt::Required, now)?;
        let subject = subject(&claims)?;
        if text(&claims, "client_id") != Some(client.as_str()) {
            return Err(AssertionGrantError::Client);
        }
        let tenant = match claims.get("tenant") {
            None => None,
            Some(Value::String(tenant)) => Some(tenant.clone()),
            Some(_) => return Err(AssertionGrantError::Tenant),
        };
        let resource = match claims.get("resource") {
            Some(Value::Array(one)) if one.len() == 1 => one.first(),
            other => other,
        };
        let resource = resource
            .and_then(Value::as_str)
            .ok_or(AssertionGrantError::Resource)?;
        let scope = match claims.get("scope") {
            None => None,
            Some(Value::String(text)) => {
                Some(ScopeSet::parse(text).map_err(|_| AssertionGrantError::Scope)?)
            }
            Some(_) => return Err(AssertionGrantError::Scope),
        };
        Ok(Self {
            subject,
            tenant,
            resource: resource.to_owned(),
            scope,
            email: text(&claims, "email").map(str::to_owned),
            once,
        })
    }
}
