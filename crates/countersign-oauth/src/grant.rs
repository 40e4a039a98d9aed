//! The life of a grant: what somebody allowed a client, from the request to its end.
//!
//! RFC 6749 §4.1 as states: each step is one atomic call of the store, and a step
//! that is not in the table below is refused. `Revoked` is the end.

use std::fmt;

use thiserror::Error;

/// How far a grant has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever decides by the state of a grant must look at every state"
)]
pub enum GrantState {
    /// Somebody is being asked.
    Pending,
    /// Somebody agreed; no code was issued yet.
    Consented,
    /// A code was issued and not redeemed yet.
    CodeIssued,
    /// Tokens were issued.
    Active,
    /// Nothing of this grant is accepted any more.
    Revoked,
}

/// What happens to a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the table of steps must name every step"
)]
pub enum GrantStep {
    /// The person agreed.
    Consent,
    /// A code is issued (RFC 6749 §4.1.2).
    IssueCode,
    /// The code is redeemed (RFC 6749 §4.1.3).
    RedeemCode,
    /// A refresh token is rotated (RFC 6749 §6).
    Refresh,
    /// Denial, revocation (RFC 7009 §2.1) or a replay (RFC 9700 §4.14.2).
    Revoke,
}

/// A step that a grant in this state cannot take.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a grant that is {state} cannot take this step")]
#[non_exhaustive]
pub struct IllegalStep {
    /// How far the grant had come.
    pub state: GrantState,
    /// What should have happened to it.
    pub step: GrantStep,
}

impl GrantState {
    /// Every state there is, in order.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Consented,
        Self::CodeIssued,
        Self::Active,
        Self::Revoked,
    ];

    /// The state after `step`.
    ///
    /// # Errors
    ///
    /// [`IllegalStep`] if a grant in this state cannot take it.
    pub const fn after(self, step: GrantStep) -> Result<Self, IllegalStep> {
        match (self, step) {
            (Self::Pending, GrantStep::Consent) => Ok(Self::Consented),
            (Self::Consented, GrantStep::IssueCode) => Ok(Self::CodeIssued),
            (Self::CodeIssued, GrantStep::RedeemCode) | (Self::Active, GrantStep::Refresh) => {
                Ok(Self::Active)
            }
            // Revoking what is revoked changes nothing (RFC 7009 §2.2).
            (_, GrantStep::Revoke) => Ok(Self::Revoked),
            (state, step) => Err(IllegalStep { state, step }),
        }
    }

    /// The name under which a store keeps it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Consented => "consented",
            Self::CodeIssued => "code_issued",
            Self::Active => "active",
            Self::Revoked => "revoked",
        }
    }

    /// The state that is kept under `text`; nothing for a name of none.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for GrantState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
