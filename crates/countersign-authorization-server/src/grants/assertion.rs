//! Tokens for whom another issuer vouches: RFC 7523 §2.1 and §3,
//! draft-ietf-oauth-identity-assertion-authz-grant §4.
//!
//! The id of the assertion is used up in the write that makes the tokens, so that a
//! refused assertion stays good, and one that was used is refused on every node and after
//! a restart. There is never a refresh token: whoever vouched is asked again.

use std::net::IpAddr;

use countersign_oauth::assertion_grant::{
    AssertionGrantError, IdentityAssertion, OnceUsable, WorkloadAssertion,
};
use countersign_oauth::dpop::ProofError;
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::jose::{VerifiedJws, decode_unverified};
use countersign_oauth::requested_scope::ScopeRefusal;
use countersign_oauth::token_request::JwtBearerRequest;
use countersign_oauth::{ResourceUri, ScopeSet, Secret, json, requested_scope, resource_indicator};
use countersign_resource_server::ProofRefusal;
use countersign_store::{Conflict, Found, GrantId, GrantState, Key, Record, Write};
use serde_json::Value;

use super::Refused;
use crate::accounts::Accounts;
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::Granted;
use crate::issue::Refreshable;
use crate::machines::{IdentityProvider, KnownWorkload, Trusted, Workloads};
use crate::possession::Proof;
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// How often it is tried to make an account that somebody else makes at the same time.
const TRIES: usize = 3;

/// What is to be issued once.
struct Once<'a> {
    client: &'a Client,
    issuer: &'a str,
    once: &'a OnceUsable,
    resource: ResourceUri,
    scope: ScopeSet,
    proof: Option<&'a Proof>,
}

impl Inner {
    pub(super) async fn grant_for_assertion(
        &self,
        client: &Client,
        request: &JwtBearerRequest,
        proof: Option<&Proof>,
        address: Option<IpAddr>,
    ) -> Result<Secret, Refused> {
        let unread = Refused::Grant("the assertion is no signed token");
        // What it says about itself only selects whose keys and rules count.
        let Ok(unverified) = decode_unverified(request.assertion.reveal()) else {
            return Err(unread);
        };
        let is_identity = IdentityAssertion::is_meant(unverified.header().typ.as_deref());
        let Ok(claims) = json::parse_object(unverified.payload()) else {
            return Err(unread);
        };
        let issuer = claims
            .get("iss")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let unknown = || Refused::Unknown("nobody who is trusted issued the assertion");
        if is_identity {
            let provider = self.machines.identity_provider(issuer);
            let provider = provider.ok_or_else(unknown)?;
            self.grant_for_person(client, request, provider, (proof, address))
                .await
        } else {
            let workloads = self.machines.workloads_of(issuer).ok_or_else(unknown)?;
            self.grant_for_workload(client, request, workloads, (proof, address))
                .await
        }
    }

    async fn grant_for_person(
        &self,
        client: &Client,
        request: &JwtBearerRequest,
        provider: &IdentityProvider,
        (proof, address): (Option<&Proof>, Option<IpAddr>),
    ) -> Result<Secret, Refused> {
        let method = client.facts.metadata.token_endpoint_auth_method;
        if !method.is_confidential() {
            return Err(Refused::GrantType);
        }
        let trusted = &provider.trusted;
        let verified = self.verified(trusted, &request.assertion, address).await?;
        let proven = proof.map(Proof::key);
        let rules = trusted.rules(&self.settings, proven.as_ref());
        let assertion = IdentityAssertion::check(&verified, &rules, &client.id, self.now())?;
        // Another tenant may have somebody else with the same subject.
        if assertion.tenant != provider.tenant {
            return Err(AssertionGrantError::Tenant.into());
        }
        let named = [assertion.resource.as_str()];
        let resource = resource_indicator::select(named, &self.settings.resources);
        // EM-03: this is about the assertion, not about the request.
        let resource = resource.ok().flatten().ok_or(Refused::Grant(
            "the resource of the assertion is none of this server",
        ))?;
        let requested = request.resource.iter().map(String::as_str);
        resource_indicator::select(requested, std::slice::from_ref(&resource))?;
        let scope = self.scope_of_person(client, request, provider, &assertion)?;
        let once = Once {
            client,
            issuer: &trusted.issuer,
            once: &assertion.once,
            proof,
            resource,
            scope,
        };
        let accounts = self.interaction.accounts();
        let accounts = accounts.ok_or(Refused::Unavailable(Unavailable::Login))?;
        self.welcome_by_assertion(accounts, provider, &assertion, &once)
            .await
    }

    /// What was asked for, cut to what the assertion, the operator and the client allow.
    fn scope_of_person(
        &self,
        client: &Client,
        request: &JwtBearerRequest,
        provider: &IdentityProvider,
        assertion: &IdentityAssertion,
    ) -> Result<ScopeSet, ScopeRefusal> {
        let mut allowed = client.facts.metadata.allowed_scopes(&self.settings.scopes);
        for bound in [&provider.scopes, &assertion.scope].into_iter().flatten() {
            allowed = allowed.intersection(bound);
        }
        let said = request.scope.as_ref().or(assertion.scope.as_ref());
        let asked = said.unwrap_or(&self.settings.default_scopes);
        let scope = asked.intersection(&allowed);
        if scope.is_empty() && !asked.is_empty() {
            return Err(ScopeRefusal::NotAllowed);
        }
        Ok(scope)
    }

    async fn welcome_by_assertion(
        &self,
        accounts: &Accounts,
        provider: &IdentityProvider,
        assertion: &IdentityAssertion,
        once: &Once<'_>,
    ) -> Result<Secret, Refused> {
        for last in 1..=TRIES {
            let email = assertion.email.as_deref();
            let issuer = provider.trusted.issuer.as_str();
            let arriving = accounts
                .of_assertion(&provider.name, issuer, &assertion.subject, email)
                .await?;
            if !arriving.account.is_enabled() {
                return Err(Refused::Grant("the account of the person is disabled"));
            }
            let subject = arriving.account.subject.as_str();
            match self.issue_once(once, subject, arriving.writes).await {
                // The same person arrived at the same time, and has an account now.
                Err(Refused::Unavailable(error))
                    if last < TRIES && error.conflict() == Some(Conflict::Exists) => {}
                answer => return answer,
            }
        }
        Err(Refused::Unavailable(Unavailable::Login))
    }

    async fn grant_for_workload(
        &self,
        client: &Client,
        request: &JwtBearerRequest,
        workloads: &Workloads,
        (proof, address): (Option<&Proof>, Option<IpAddr>),
    ) -> Result<Secret, Refused> {
        let trusted = &workloads.trusted;
        let verified = self.verified(trusted, &request.assertion, address).await?;
        let proven = proof.map(Proof::key);
        let rules = trusted.rules(&self.settings, proven.as_ref());
        let assertion = WorkloadAssertion::check(&verified, &rules, self.now())?;
        let fits = |known: &&KnownWorkload| {
            let mut claims = known.claims.iter();
            known.client == client.id && claims.all(|rule| rule.fits(&assertion.claims))
        };
        let workload = workloads.known.iter().find(fits).ok_or(Refused::Grant(
            "the claims of the assertion are those of no workload of this client",
        ))?;
        let requested = request.resource.iter().map(String::as_str);
        let resource = resource_indicator::select(requested, &workload.resources)?;
        let resource = resource.or_else(|| workload.resources.first().cloned());
        let resource = resource.ok_or(Refused::Grant("this server has no resource"))?;
        let allowed = client.facts.metadata.allowed_scopes(&self.settings.scopes);
        let allowed = allowed.intersection(&workload.scopes);
        let scope = requested_scope::decide(request.scope.as_ref(), &allowed, &allowed)?;
        let once = Once {
            client,
            issuer: &trusted.issuer,
            once: &assertion.once,
            proof,
            resource,
            scope,
        };
        self.issue_once(&once, &workload.subject, Vec::new()).await
    }

    /// Verifies the signature of `assertion` with the keys of `trusted`, in turn: it costs
    /// a core some time.
    async fn verified(
        &self,
        trusted: &Trusted,
        assertion: &Secret,
        address: Option<IpAddr>,
    ) -> Result<VerifiedJws, Refused> {
        let elsewhere = |error: countersign_resource_server::Unavailable| {
            Refused::Unavailable(Unavailable::Elsewhere(error.retry_after))
        };
        let now = self.now();
        trusted.keys.ready(now).await.map_err(elsewhere)?;
        let Some(_turn) = self.verifications.turn(address).await else {
            return Err(Unavailable::Slow.into());
        };
        let verified = trusted
            .keys
            .verify(assertion.reveal(), &trusted.algorithms, now);
        Ok(verified.await.map_err(elsewhere)??)
    }

    /// Uses up the assertion, and issues tokens to `subject`, in one write with `writes`.
    async fn issue_once(
        &self,
        once: &Once<'_>,
        subject: &str,
        writes: Vec<Write>,
    ) -> Result<Secret, Refused> {
        let now = self.now();
        let granted = Granted {
            id: GrantId::from_random(draw(self.random.as_ref())?),
            client: once.client.id.clone(),
            subject: subject.to_owned(),
            resource: once.resource.clone(),
            scope: once.scope.clone(),
            expires_at: now.saturating_add(self.settings.lifetimes.access_token),
            upstream: None,
            asserted_by: Some(once.issuer.to_owned()),
            act: None,
        };
        let scope = granted.scope.clone();
        let issued = self
            .issue_tokens(&granted, scope, Refreshable::No, once.proof)
            .await?;
        let used = Key::assertion_grant_id(once.issuer, &once.once.jti);
        let record = Record::new(used.clone(), now).expiring(once.once.forget_at);
        let mut all = vec![Write::Insert(record)];
        all.extend(writes);
        let grant = self.grant_record(&granted, GrantState::Active)?;
        all.push(Write::Insert(grant));
        all.extend(issued.writes);
        all.extend(self.keep_client_with(once.client));
        if let Err(error) = self.store.write(all, now).await.map_err(Unavailable::from) {
            let is_taken = error.conflict() == Some(Conflict::Exists);
            if is_taken && self.store.get(&used, now).await? != Found::Absent {
                return Err(Refused::Grant("the assertion was used before"));
            }
            if is_taken && self.is_used_up(once.proof).await? {
                return Err(ProofRefusal::from(ProofError::Replayed).into());
            }
            return Err(error.into());
        }
        let event = AuditEvent::TokensIssued(granted.client, granted.id, GrantType::JwtBearer);
        self.audit.note(event);
        Ok(issued.response.to_json())
    }
}

impl From<AssertionGrantError> for Refused {
    fn from(error: AssertionGrantError) -> Self {
        Self::Assertion(error)
    }
}
