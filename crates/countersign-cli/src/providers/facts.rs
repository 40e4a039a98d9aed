//! What is in the file of a provider, for programs and for the table in the documents.

use std::collections::BTreeSet;

use countersign::provider::{
    IdentitySource, IssuerRule, LoginProfile, Preset, Provider, ResourceParameter, TokenKind,
    TokenProfile, Variable,
};
use serde::Serialize;

/// A provider.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) documentation: String,
    pub(super) variables: Vec<VariableFacts>,
    pub(super) login: Option<LoginFacts>,
    pub(super) accepted_tokens: Option<TokenFacts>,
    pub(super) audience_bound: bool,
    pub(super) open_registration: bool,
    /// Where browsers of people are sent.
    pub(super) browser_hosts: Vec<String>,
    /// What the server itself asks.
    pub(super) server_hosts: Vec<String>,
    /// The metadata document names further ones.
    pub(super) discovers_more: bool,
    pub(super) api_origins: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct VariableFacts {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) description: String,
    pub(super) example: Option<String>,
    pub(super) default: Option<String>,
    pub(super) optional: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct LoginFacts {
    pub(super) scopes: Vec<String>,
    /// Asked besides if there is a rule about domains or groups.
    pub(super) scopes_for_rules: Vec<String>,
    pub(super) identity_from: &'static str,
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) proof_key: bool,
    pub(super) nonce: bool,
    pub(super) answers_name_the_issuer: bool,
    pub(super) client_authentication: Vec<&'static str>,
    pub(super) forwards_resource: bool,
    pub(super) knows_verified_emails: bool,
    pub(super) knows_domains: bool,
    pub(super) knows_groups: bool,
    /// Nothing if it is up to the metadata document.
    pub(super) revokes: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(super) struct TokenFacts {
    pub(super) judged_by: &'static str,
    pub(super) issuers: Vec<String>,
    pub(super) resource_is_an_audience: bool,
    pub(super) audiences: Vec<String>,
    pub(super) only_of_our_application: bool,
    pub(super) algorithms: Vec<&'static str>,
}

impl Facts {
    pub(super) fn of(preset: &Preset, provider: &Provider) -> Self {
        let endpoints = &provider.endpoints;
        let metadata = endpoints.issuer.as_deref().unwrap_or_default();
        let mut server: Vec<Option<&String>> = vec![provider.discovery.as_ref()];
        server.extend([
            endpoints.token.as_ref(),
            endpoints.userinfo.as_ref(),
            endpoints.introspection.as_ref(),
            endpoints.revocation.as_ref(),
            endpoints.jwks.as_ref(),
        ]);
        if let Some(login) = &provider.login {
            let lists = [&login.identity.email_list, &login.identity.group_list];
            let lists = lists.into_iter().flatten();
            server.extend(lists.map(|list| Some(&list.endpoint)));
        }
        Self {
            name: provider.name.clone(),
            display_name: provider.display_name.clone(),
            documentation: provider.documentation.clone(),
            variables: preset.variables().map(variable).collect(),
            login: provider
                .login
                .as_ref()
                .map(|login| LoginFacts::of(provider, login, metadata)),
            accepted_tokens: provider
                .tokens
                .as_ref()
                .map(|tokens| TokenFacts::of(tokens, metadata)),
            audience_bound: provider.safety.audience_bound,
            open_registration: provider.safety.open_registration,
            browser_hosts: hosts([endpoints.authorization.as_ref()]),
            server_hosts: hosts(server),
            discovers_more: provider.discovery.is_some(),
            api_origins: provider
                .api
                .origins
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }

    /// The variables without which nothing starts.
    pub(super) fn needed(&self) -> impl Iterator<Item = &str> {
        let needed = self
            .variables
            .iter()
            .filter(|variable| !variable.optional && variable.default.is_none());
        needed.map(|variable| variable.name.as_str())
    }
}

impl LoginFacts {
    fn of(provider: &Provider, login: &LoginProfile, metadata: &str) -> Self {
        let identity = &login.identity;
        let lists = [&identity.email_list, &identity.group_list];
        let mut scopes_for_rules: Vec<String> = lists
            .into_iter()
            .flatten()
            .filter_map(|list| list.scope.clone())
            .filter(|scope| !login.scopes.contains(scope))
            .collect();
        scopes_for_rules.dedup();
        let methods = login.client_authentication.iter();
        Self {
            scopes: login.scopes.clone(),
            scopes_for_rules,
            identity_from: match identity.source {
                IdentitySource::IdToken => "id_token",
                IdentitySource::Userinfo => "userinfo",
                IdentitySource::Introspection => "introspection",
                IdentitySource::AccessToken => "access_token",
            },
            issuer: identity
                .namespace
                .clone()
                .unwrap_or_else(|| issuer(&identity.issuer, metadata)),
            subject: identity.subject.as_str().to_owned(),
            proof_key: login.pkce,
            nonce: login.nonce,
            answers_name_the_issuer: login.sends_iss,
            client_authentication: methods.map(|method| method.as_str()).collect(),
            forwards_resource: login.resource == ResourceParameter::Forward,
            knows_verified_emails: identity.email_list.is_some()
                || (identity.email.is_some() && identity.email_verified.is_some()),
            knows_domains: identity.domain.is_some(),
            knows_groups: identity.groups.is_some() || identity.group_list.is_some(),
            revokes: match (&provider.endpoints.revocation, &provider.discovery) {
                (Some(_), _) => Some(true),
                (None, Some(_)) => None,
                (None, None) => Some(false),
            },
        }
    }
}

impl TokenFacts {
    fn of(tokens: &TokenProfile, metadata: &str) -> Self {
        let by_signature = tokens.kind == TokenKind::Jwt;
        let algorithms = tokens.algorithms.iter().filter(|_| by_signature);
        Self {
            judged_by: match tokens.kind {
                TokenKind::Jwt => "signature",
                TokenKind::Introspection => "introspection",
                TokenKind::Userinfo => "userinfo",
            },
            issuers: tokens
                .issuers
                .iter()
                .map(|rule| issuer(rule, metadata))
                .collect(),
            resource_is_an_audience: tokens.audience.resource,
            audiences: tokens.audience.values.clone(),
            only_of_our_application: tokens.application.is_some(),
            algorithms: algorithms.map(|algorithm| algorithm.as_str()).collect(),
        }
    }
}

fn variable((name, declared): (&str, &Variable)) -> VariableFacts {
    VariableFacts {
        name: name.to_owned(),
        kind: declared.kind.as_str(),
        description: declared.description.clone(),
        example: declared.example.clone(),
        default: declared.default.clone(),
        optional: declared.optional,
    }
}

fn issuer(rule: &IssuerRule, metadata: &str) -> String {
    match rule {
        IssuerRule::OfMetadata => metadata.to_owned(),
        IssuerRule::Fixed(text) | IssuerRule::Template(text) => text.clone(),
    }
}

/// The hosts of `addresses`, each once. An address that begins with a variable is
/// shown as it.
fn hosts<'a>(addresses: impl IntoIterator<Item = Option<&'a String>>) -> Vec<String> {
    let host = |address: &String| {
        let after_scheme = address.split_once("://").map(|(_, rest)| rest);
        let rest = after_scheme.unwrap_or(address);
        rest.split(['/', '?']).next().unwrap_or_default().to_owned()
    };
    let hosts: BTreeSet<String> = addresses.into_iter().flatten().map(host).collect();
    hosts.into_iter().collect()
}
