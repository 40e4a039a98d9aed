//! Identity providers on loopback that behave like the real ones.
//!
//! One engine serves them all: what makes GitHub differ from Google is written
//! down in a [`Behaviour`], one constructor for each in `catalogue`. A provider
//! checks what the real one checks (redirect URI, PKCE, client authentication,
//! single use and age of codes, scopes) and can be told to misbehave.
//!
//! ```no_run
//! # async fn example() {
//! use testkit::FakeProvider;
//!
//! let github = FakeProvider::github()
//!     .redirect_uri("https://as.test/callback/github")
//!     .start()
//!     .await;
//! let preset = github.localised("authorization = \"https://github.com/login/oauth/authorize\"");
//! // … an authorization request built from the preset …
//! # let location = preset;
//! let callback = github.approve(&location, "alice").await;
//! # }
//! ```
//!
//! Each origin of the real provider is one loopback origin here, so that a
//! request to the wrong host fails as it would outside.

mod authorization;
mod bearer;
pub mod behaviour;
mod breakage;
mod builder;
mod catalogue;
mod client_authentication;
mod engine;
mod fact;
mod issue;
mod metadata;
mod misbehaviour;
mod page;
mod person;
mod registered;
mod request;
mod scopes;
mod state;
mod token;
mod visit;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use engine::Core;
use state::{Application, Asked, Refresh};

pub use behaviour::{Behaviour, Endpoint};
pub use breakage::Breakage;
pub use builder::FakeProviderBuilder;
pub use fact::{Fact, Shape, group_number};
pub use misbehaviour::{Misbehaviour, OTHER_CLIENT_ID, OTHER_ISSUER};
pub use person::{HOME_TENANT, OTHER_TENANT, Person, SubjectStyle};
pub use request::SeenRequest;
pub use visit::ErrorPage;

use crate::fake_server::FakeIssuerServer;
use crate::issuer::TestIssuer;

/// A provider that is running; it stops when it is dropped.
pub struct FakeProvider {
    core: Arc<Core>,
    servers: Vec<FakeIssuerServer>,
    client_id: String,
    client_secret: Option<String>,
}

impl FakeProvider {
    /// Where its main endpoints are: `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        let first = self.core.origins.first();
        first.map(|(_, ours)| ours.clone()).unwrap_or_default()
    }

    /// All loopback origins, each with the real origin it stands for.
    pub fn origins(&self) -> &[(String, String)] {
        &self.core.origins
    }

    /// `text`, such as a preset or a URL, with every origin of the real provider
    /// replaced by the loopback origin that stands for it.
    pub fn localised(&self, text: &str) -> String {
        self.core.localised(text)
    }

    /// The issuer that the metadata document names, if the provider is one.
    pub fn issuer(&self) -> Option<String> {
        self.core.metadata_issuer()
    }

    /// The issuer of tokens about `person`.
    pub fn issuer_for(&self, person: &str) -> Option<String> {
        self.core.issuer(&self.person(person))
    }

    /// The loopback address of an endpoint, if the provider has it.
    pub fn url(&self, endpoint: Endpoint) -> Option<String> {
        let route = self.core.route(endpoint)?;
        Some(self.core.localised(&route.url))
    }

    /// The address of an endpoint at the real provider.
    pub fn real_url(&self, endpoint: Endpoint) -> Option<String> {
        Some(self.core.route(endpoint)?.url.clone())
    }

    /// The id of the registered application.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secret of the registered application; none if it is a public one.
    pub fn client_secret(&self) -> Option<&str> {
        self.client_secret.as_deref()
    }

    /// The values of the variables of its preset, `client_id` included.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let own = ("client_id".to_owned(), self.client_id.clone());
        let others = self.core.behaviour.variables.iter();
        let others = others.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        others.chain([own]).collect()
    }

    /// The keys that it signs with.
    pub fn keys(&self) -> &TestIssuer {
        &self.core.keys
    }

    /// Everything about how it behaves.
    pub fn behaviour(&self) -> &Behaviour {
        &self.core.behaviour
    }

    /// Registers one more redirect URI of the application.
    pub fn register_redirect_uri(&self, uri: &str) {
        let mut state = self.core.state();
        let mut all = state.applications.iter_mut();
        let own = all.find(|application| application.client_id == self.client_id);
        let own = own.expect("the application is registered");
        own.redirect_uris.push(uri.to_owned());
    }

    /// Gives somebody an account, or replaces who has that key.
    pub fn set_person(&self, person: Person) {
        let mut state = self.core.state();
        state.people.retain(|known| known.key != person.key);
        state.people.push(person);
    }

    /// Somebody with an account.
    pub fn person(&self, key: &str) -> Person {
        let known = self.core.state().person(key);
        known.unwrap_or_else(|| panic!("nobody here is called {key}"))
    }

    /// Who `person` is to the provider, as it writes subjects.
    pub fn subject(&self, person: &str) -> Value {
        self.core.behaviour.subject.subject(&self.person(person))
    }

    /// The same as text, also where the provider writes a number.
    pub fn subject_text(&self, person: &str) -> String {
        let subject = self.subject(person);
        subject
            .as_str()
            .map_or_else(|| subject.to_string(), str::to_owned)
    }

    /// Is wrong in this way too, from now on.
    pub fn misbehave(&self, how: Misbehaviour) {
        self.core.state().misbehaviour.push(how);
    }

    /// Behaves again.
    pub fn behave(&self) {
        self.core.state().misbehaviour.clear();
    }

    /// Puts an endpoint out of order until it is repaired.
    pub fn break_endpoint(&self, endpoint: Endpoint, breakage: Breakage) {
        self.put_out_of_order(endpoint, breakage, None);
    }

    /// Puts an endpoint out of order for the next `times` requests to it.
    pub fn break_times(&self, endpoint: Endpoint, breakage: Breakage, times: usize) {
        self.put_out_of_order(endpoint, breakage, Some(times));
    }

    fn put_out_of_order(&self, endpoint: Endpoint, breakage: Breakage, times: Option<usize>) {
        let broken = breakage::Broken { breakage, times };
        self.core.state().broken.insert(endpoint, broken);
    }

    /// Repairs an endpoint.
    pub fn repair(&self, endpoint: Endpoint) {
        self.core.state().broken.remove(&endpoint);
    }

    /// Repairs everything.
    pub fn repair_all(&self) {
        self.core.state().broken.clear();
    }

    /// Ends everything that `person` has allowed the application, as people can
    /// in their account there.
    pub fn revoke_grants_of(&self, person: &str) {
        for grant in &mut self.core.state().grants {
            grant.revoked |= grant.person == person;
        }
    }

    /// Whether an access or refresh token that was issued here is still good for
    /// something.
    pub fn is_live(&self, token: &str) -> bool {
        let state = self.core.state();
        let access = state.live(token, self.core.clock.now()).is_some();
        let refresh = state.refresh.get(token);
        access || refresh.is_some_and(|known| !known.used && !state.grant(known.grant).revoked)
    }

    /// All access tokens issued so far, in no order.
    pub fn access_tokens(&self) -> Vec<String> {
        self.core.state().access.keys().cloned().collect()
    }

    /// All refresh tokens issued so far, in no order.
    pub fn refresh_tokens(&self) -> Vec<String> {
        self.core.state().refresh.keys().cloned().collect()
    }

    /// An access token that `person` gave to another application of this provider
    /// (row A79), with `scopes`.
    pub fn token_of_other_application(&self, person: &str, scopes: &[&str]) -> String {
        let asked = Asked {
            client_id: OTHER_CLIENT_ID.to_owned(),
            redirect_uri: "https://other-application.test/callback".to_owned(),
            state: None,
            nonce: None,
            challenge: None,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            audience: Some(OTHER_CLIENT_ID.to_owned()),
            audience_named: false,
            refresh: Refresh::No,
        };
        self.direct(person, asked).access_token
    }

    /// An access token that `person` gave to the registered application, with
    /// `scopes`, for `audience` where the provider can say that.
    pub fn token_for(&self, person: &str, scopes: &[&str], audience: Option<&str>) -> String {
        let asked = self.asked_for(scopes, audience);
        self.direct(person, asked).access_token
    }

    fn asked_for(&self, scopes: &[&str], audience: Option<&str>) -> Asked {
        let otherwise = || match &self.core.behaviour.audience {
            behaviour::AudienceRule::Nobody => None,
            behaviour::AudienceRule::Client => Some(self.client_id.clone()),
            behaviour::AudienceRule::Fixed(fixed) => Some(fixed.clone()),
            behaviour::AudienceRule::Parameter(_, otherwise) => otherwise.clone(),
        };
        Asked {
            client_id: self.client_id.clone(),
            redirect_uri: "https://as.test/callback".to_owned(),
            state: None,
            nonce: None,
            challenge: None,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            audience: audience.map(str::to_owned).or_else(otherwise),
            audience_named: audience.is_some(),
            refresh: Refresh::No,
        }
    }

    /// An ID token about `person` for the registered application, if the provider
    /// issues such; with `scopes`.
    pub fn id_token_for(&self, person: &str, scopes: &[&str]) -> Option<String> {
        self.direct(person, self.asked_for(scopes, None)).id_token
    }

    fn direct(&self, person: &str, asked: Asked) -> issue::Issued {
        let person = self.person(person);
        let code = authorization::issue_code(&self.core, &person.key, asked);
        let code = self.core.state().codes.remove(&code);
        let grant = code.expect("it was just made").grant;
        issue::tokens(&self.core, grant, None, false).0
    }

    /// All requests so far, in the order they arrived.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.core.state().seen.clone()
    }

    /// The requests to one endpoint so far.
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<SeenRequest> {
        let mut seen = self.requests();
        seen.retain(|request| request.endpoint == Some(endpoint));
        seen
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.core.state().seen.clear();
    }

    /// Waits until `number` requests to `endpoint` have been answered.
    pub async fn asked(&self, endpoint: Endpoint, number: usize) {
        let mut answered = self.core.answered.subscribe();
        let enough = |_: &usize| self.requests_to(endpoint).len() >= number;
        // The sender is alive: `self` owns it.
        let _ = answered.wait_for(enough).await;
    }

    /// Fails the test if `text`, such as the token of an MCP client, arrived here
    /// in any request.
    pub fn assert_never_received(&self, text: &str) {
        for seen in self.requests() {
            assert!(
                !seen.contains(text),
                "{} received {text:?} at {}",
                self.core.behaviour.name,
                seen.request.path
            );
        }
    }

    /// Stops listening, as if the provider were down.
    pub async fn stop(&mut self) {
        for server in &mut self.servers {
            server.stop().await;
        }
    }
}

impl fmt::Debug for FakeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "FakeProvider({} at {})",
            self.core.behaviour.name,
            self.origin()
        )
    }
}

/// The other application of the provider, which belongs to somebody else.
fn other_application() -> Application {
    Application {
        client_id: OTHER_CLIENT_ID.to_owned(),
        secret: Some("secret-of-the-other-application".to_owned()),
        keys: None,
        redirect_uris: vec!["https://other-application.test/callback".to_owned()],
    }
}
