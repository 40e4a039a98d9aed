//! Platforms that give tokens to the programs that run on them.

use countersign_oauth::assertion_grant::{ClaimRule, ClaimRuleError};
use countersign_oauth::{ClientId, Lifetime, ResourceUri, ScopeSet};
use countersign_resource_server::{ApiKeyOwner, ConfigurationError};

use super::trusted_issuer::{Trusted, TrustedIssuer, issuer_settings};
use super::{our_resource, our_scopes};
use crate::settings::Settings;

/// How long the token of a workload may be valid: some platforms make them for a day.
const MAX_VALIDITY: Lifetime = Lifetime::from_hours(24);

/// A platform whose tokens for workloads are accepted (RFC 7523 §2.1), such as GitHub
/// Actions or a Kubernetes cluster.
///
/// A token is accepted once, if its audience is this server alone, if it has an id
/// (`jti`), and if its claims fit one of the [`Workload`]s.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is given to a server"]
pub struct WorkloadIssuer {
    issuer: TrustedIssuer,
    workloads: Vec<Workload>,
}

issuer_settings!(WorkloadIssuer);

/// A program that runs on a platform: by which claims it is known, and what it may have.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is given to an issuer"]
pub struct Workload {
    service: String,
    client: String,
    claims: Vec<Result<ClaimRule, (String, ClaimRuleError)>>,
    scopes: Vec<String>,
    resources: Vec<String>,
}

/// A platform that is ready for use.
#[derive(Debug)]
pub(crate) struct Workloads {
    pub(crate) trusted: Trusted,
    pub(crate) known: Vec<KnownWorkload>,
}

/// A program that is ready for use.
#[derive(Debug)]
pub(crate) struct KnownWorkload {
    /// What tokens call it: `service:NAME`.
    pub(crate) subject: String,
    pub(crate) client: ClientId,
    pub(crate) claims: Vec<ClaimRule>,
    pub(crate) scopes: ScopeSet,
    pub(crate) resources: Vec<ResourceUri>,
}

impl WorkloadIssuer {
    /// The platform with the issuer identifier `issuer`, byte for byte, such as
    /// `https://token.actions.githubusercontent.com`.
    ///
    /// # Security
    ///
    /// Everybody on the Internet can get a token of some platforms. The claims of the
    /// workloads are what keeps others out.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: TrustedIssuer::new(issuer),
            workloads: Vec::new(),
        }
    }

    /// Accepts the tokens of `workload`. Called again, it adds one; the first that fits
    /// counts.
    pub fn workload(mut self, workload: Workload) -> Self {
        self.workloads.push(workload);
        self
    }

    pub(super) fn open(&self, settings: &Settings) -> Result<Workloads, ConfigurationError> {
        if self.workloads.is_empty() {
            return Err(ConfigurationError::new(format!(
                "the issuer of workloads `{}` has none: say which are accepted with \
                 .workload(…)",
                self.issuer.issuer.escape_default()
            )));
        }
        let known = self.workloads.iter().map(|it| it.open(settings));
        Ok(Workloads {
            trusted: self.issuer.open(settings, MAX_VALIDITY)?,
            known: known.collect::<Result<_, _>>()?,
        })
    }
}

impl Workload {
    /// The workload that tokens call `service:` and `service`, such as `deployer`, and that
    /// asks as the client `client`, which an administrator registered with the grant type
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer`.
    pub fn new(service: impl Into<String>, client: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            client: client.into(),
            claims: Vec::new(),
            scopes: Vec::new(),
            resources: Vec::new(),
        }
    }

    /// Requires that the claim `name` is exactly `text`, such as `repository` and
    /// `acme/app`. A claim inside of another is named by a JSON Pointer (RFC 6901), such
    /// as `/kubernetes.io/namespace`. All that is required must fit.
    pub fn claim(mut self, name: &str, text: &str) -> Self {
        let rule = ClaimRule::is(name, text);
        self.claims
            .push(rule.map_err(|error| (name.to_owned(), error)));
        self
    }

    /// As [`Workload::claim`], where a `*` at the end stands for any rest, such as
    /// `repo:acme/app:*`.
    pub fn claim_like(mut self, name: &str, pattern: &str) -> Self {
        let rule = ClaimRule::like(name, pattern);
        self.claims
            .push(rule.map_err(|error| (name.to_owned(), error)));
        self
    }

    /// The scopes that it may have; none unless set.
    pub fn scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes = names.into_iter().map(Into::into).collect();
        self
    }

    /// The resource that its tokens may be for; every one of this server unless set.
    /// Called again, it adds one.
    pub fn resource(mut self, identifier: impl Into<String>) -> Self {
        self.resources.push(identifier.into());
        self
    }

    fn open(&self, settings: &Settings) -> Result<KnownWorkload, ConfigurationError> {
        let shown = self.service.escape_default();
        let refuse =
            |reason: String| ConfigurationError::new(format!("the workload `{shown}`: {reason}"));
        let owner = ApiKeyOwner::service(&self.service);
        let owner = owner.map_err(|error| refuse(error.to_string()))?;
        let client = ClientId::parse(&self.client).map_err(|error| refuse(error.to_string()))?;
        let claims = self.claims.iter().cloned().collect::<Result<Vec<_>, _>>();
        let claims = claims.map_err(|(name, error)| {
            refuse(format!("its claim `{}`: {error}", name.escape_default()))
        })?;
        if claims.is_empty() {
            return Err(refuse(
                "anybody on the platform would be taken for it: say by which claims it is known \
                 with .claim(…)"
                    .to_owned(),
            ));
        }
        let resources = match self.resources.as_slice() {
            [] => settings.resources.clone(),
            named => named
                .iter()
                .map(|text| our_resource(settings, text))
                .collect::<Result<_, _>>()?,
        };
        Ok(KnownWorkload {
            subject: owner.subject().as_ref().to_owned(),
            client,
            claims,
            scopes: our_scopes(settings, &self.scopes)?,
            resources,
        })
    }
}
