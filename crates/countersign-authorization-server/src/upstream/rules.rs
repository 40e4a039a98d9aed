//! Who may log in. Nothing configured means nothing allowed, at providers where anybody
//! can have an account.

use super::domain::Organisation;
use super::error::UpstreamError;
use super::identity::UpstreamIdentity;

/// Who may log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Said in words.
    pub(super) everyone: bool,
    /// One of these, if there are any.
    pub(super) organisations: Vec<Organisation>,
    /// One of these, if there are any.
    pub(super) groups: Vec<String>,
    /// These, whatever else is required: the issuer, if it matters, and the subject.
    pub(super) identities: Vec<(Option<String>, String)>,
}

impl Rules {
    /// Whether nothing is said about who may log in.
    pub(super) const fn are_silent(&self) -> bool {
        !self.everyone && !self.restrict()
    }

    /// Whether somebody is kept out.
    pub(super) const fn restrict(&self) -> bool {
        !(self.organisations.is_empty() && self.groups.is_empty() && self.identities.is_empty())
    }

    /// Judges `identity`, whose organisations are `organisations`.
    pub(super) fn check(
        &self,
        identity: &UpstreamIdentity,
        organisations: &[Organisation],
    ) -> Result<(), UpstreamError> {
        let is_named = self.identities.iter().any(|(issuer, subject)| {
            let issuer = issuer.as_ref();
            *subject == identity.subject && issuer.is_none_or(|issuer| *issuer == identity.issuer)
        });
        if !self.restrict() || is_named {
            return Ok(());
        }
        if self.organisations.is_empty() && self.groups.is_empty() {
            return Err(UpstreamError::NotAllowed(
                "the person is not one of those who may log in",
            ));
        }
        let mut known = organisations.iter();
        if !self.organisations.is_empty() && !known.any(|one| self.organisations.contains(one)) {
            return Err(UpstreamError::NotAllowed(
                "the person is in none of the organisations that may log in",
            ));
        }
        let mut groups = identity.groups.iter();
        if !self.groups.is_empty() && !groups.any(|group| self.groups.contains(group)) {
            return Err(UpstreamError::NotAllowed(
                "the person is in none of the groups that may log in",
            ));
        }
        Ok(())
    }
}
