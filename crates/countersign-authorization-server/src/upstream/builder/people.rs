//! The rules about who may log in, judged before anybody does.

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::provider::{IssuerRule, LoginProfile};

use super::{UpstreamBuilder, fault};
use crate::upstream::domain::Organisation;
use crate::upstream::rules::Rules;

impl UpstreamBuilder {
    pub(super) fn rules(
        &self,
        name: &str,
        login: &LoginProfile,
    ) -> Result<Rules, ConfigurationError> {
        let identity = &login.identity;
        let mut organisations = Vec::with_capacity(self.organisations.len());
        for text in &self.organisations {
            organisations.push(Organisation::parse(text).ok_or_else(|| {
                let sentence = format!(
                    "allow_domain({text:?}) names no organisation: write a domain such as \
                     corp.example (names of other scripts as xn--…), or the provider's id of it"
                );
                fault(name, &sentence)
            })?);
        }
        let has_email = identity.email.is_some() && identity.email_verified.is_some();
        let names_organisations =
            identity.domain.is_some() || has_email || identity.email_list.is_some();
        if !organisations.is_empty() && !names_organisations {
            return Err(fault(
                name,
                "it says nothing about organisations that could be relied on: use allow_group or \
                 allow_subject instead of allow_domain",
            ));
        }
        if !self.groups.is_empty() && identity.groups.is_none() && identity.group_list.is_none() {
            return Err(fault(
                name,
                "it says nothing about groups: use allow_domain or allow_subject instead of \
                 allow_group",
            ));
        }
        let texts = self.identities.iter().map(|(_, subject)| subject);
        if self.groups.iter().chain(texts).any(String::is_empty) {
            return Err(fault(
                name,
                "a group or a subject that may log in is empty: remove it or set its value",
            ));
        }
        let has_tenants = matches!(identity.issuer, IssuerRule::Template(_));
        if has_tenants && self.identities.iter().any(|(issuer, _)| issuer.is_none()) {
            return Err(fault(
                name,
                "subjects are unique only within a tenant there: use allow_identity(issuer, \
                 subject) instead of allow_subject",
            ));
        }
        let rules = Rules {
            everyone: self.everyone,
            organisations,
            groups: self.groups.clone(),
            identities: self.identities.clone(),
        };
        if rules.everyone && rules.restrict() {
            return Err(fault(
                name,
                "everyone may log in, and only some may: leave out allow_everyone or the others",
            ));
        }
        if self.provider.safety.open_registration && rules.are_silent() {
            return Err(fault(
                name,
                "anybody in the world can have an account there: say who may log in here with \
                 allow_domain, allow_group or allow_subject, or say allow_everyone",
            ));
        }
        Ok(rules)
    }
}
