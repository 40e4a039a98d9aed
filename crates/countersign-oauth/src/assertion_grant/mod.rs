//! Assertions of others as grants: RFC 7523 §2.1 and §3.
//!
//! Two kinds, which exclude each other by their `typ` (RFC 8725 §3.11). An *identity
//! assertion* is made by the identity provider of a company for one of its people, one
//! client and one authorization server
//! (draft-ietf-oauth-identity-assertion-authz-grant). A *workload* is a program to which
//! the platform that it runs on gives a token.
//!
//! The signature is verified before, with keys of the issuer alone. Whether an id was
//! used before is for the store, and asked last, so that a refused assertion does not use
//! up its id.

mod claim_rule;
mod claims;
mod error;
mod identity;
mod workload;

pub use claim_rule::{ClaimRule, ClaimRuleError};
pub use error::AssertionGrantError;
pub use identity::{IDENTITY_ASSERTION_TYPE, IdentityAssertion};
pub use workload::WorkloadAssertion;

use crate::dpop::Thumbprint;
use crate::{Issuer, Lifetime};

/// What is expected of every assertion of one issuer.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever checks must decide about each of these"
)]
pub struct AssertionGrantRules<'a> {
    /// Who must have issued it, byte for byte.
    pub issuer: &'a str,
    /// This authorization server: the only audience (RFC 7523 §3, 3).
    pub audience: &'a Issuer,
    /// How far the clocks may differ.
    pub leeway: Lifetime,
    /// How long an assertion may be valid from now on (RFC 7523 §3, 4).
    pub max_validity: Lifetime,
    /// The key that whoever presents it has proven (RFC 9449 §4.3), if any.
    pub proven: Option<&'a Thumbprint>,
}

/// What every assertion without fault has.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OnceUsable {
    /// Its id, unique for its issuer (RFC 7523 §3, 7).
    pub jti: String,
    /// From then on the assertion is refused anyhow, and its id can be forgotten.
    pub forget_at: crate::UnixTime,
}
