//! What a provider remembers: applications, people, codes, grants, tokens.

use std::collections::{BTreeMap, HashMap};

use countersign_oauth::UnixTime;
use countersign_oauth::pkce::CodeChallenge;

use super::behaviour::Endpoint;
use super::breakage::Broken;
use super::misbehaviour::Misbehaviour;
use super::person::Person;
use super::request::SeenRequest;

/// An application that is registered at the provider.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) client_id: String,
    /// None: a public one.
    pub(super) secret: Option<String>,
    /// A JWK Set with the public keys for `private_key_jwt`.
    pub(super) keys: Option<String>,
    pub(super) redirect_uris: Vec<String>,
}

/// Whether a refresh token will come with the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refresh {
    No,
    Yes,
    /// Unless the person has one already.
    IfFirst,
}

/// A login page that is shown.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<CodeChallenge>,
    pub(super) scopes: Vec<String>,
    pub(super) audience: Option<String>,
    /// The audience is an API that this parameter named.
    pub(super) audience_named: bool,
    pub(super) refresh: Refresh,
}

#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) grant: usize,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<CodeChallenge>,
    pub(super) expires_at: UnixTime,
    pub(super) used: bool,
}

/// What a person has allowed an application.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) person: String,
    pub(super) asked: Asked,
    pub(super) auth_time: UnixTime,
    pub(super) revoked: bool,
}

#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub(super) grant: usize,
    pub(super) token_id: String,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: Option<UnixTime>,
    pub(super) revoked: bool,
}

#[derive(Clone, Debug)]
pub(super) struct RefreshToken {
    pub(super) grant: usize,
    pub(super) used: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) applications: Vec<Application>,
    pub(super) people: Vec<Person>,
    pub(super) asked: HashMap<String, Asked>,
    pub(super) codes: HashMap<String, Code>,
    pub(super) grants: Vec<Grant>,
    pub(super) access: HashMap<String, AccessToken>,
    pub(super) refresh: HashMap<String, RefreshToken>,
    pub(super) misbehaviour: Vec<Misbehaviour>,
    pub(super) broken: BTreeMap<Endpoint, Broken>,
    pub(super) seen: Vec<SeenRequest>,
}

impl State {
    pub(super) fn application(&self, client_id: &str) -> Option<Application> {
        let mut all = self.applications.iter();
        all.find(|application| application.client_id == client_id)
            .cloned()
    }

    pub(super) fn person(&self, key: &str) -> Option<Person> {
        self.people.iter().find(|person| person.key == key).cloned()
    }

    /// The record of an access token that is live at `now`.
    pub(super) fn live(&self, token: &str, now: UnixTime) -> Option<AccessToken> {
        let record = self.access.get(token)?;
        let expired = record.expires_at.is_some_and(|end| now >= end);
        let revoked = record.revoked || self.grants.get(record.grant)?.revoked;
        (!expired && !revoked).then(|| record.clone())
    }

    pub(super) fn grant(&self, index: usize) -> &Grant {
        self.grants.get(index).expect("a grant that was made here")
    }

    /// Ends the access tokens of a grant, not the grant.
    pub(super) fn end_access(&mut self, index: usize) {
        let all = self.access.values_mut();
        let own = all.filter(|token| token.grant == index);
        own.for_each(|token| token.revoked = true);
    }

    pub(super) fn end_grant(&mut self, index: usize) {
        let grant = self.grants.get_mut(index);
        grant.expect("a grant that was made here").revoked = true;
    }
}
