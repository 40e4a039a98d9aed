//! How a fake provider is put together before it starts.

use std::fmt;
use std::sync::{Arc, Mutex};

use countersign_oauth::time::Clock;
use tokio::sync::watch;

use super::FakeProvider;
use super::behaviour::Behaviour;
use super::engine::{Core, origin_of};
use super::person::Person;
use super::state::{Application, State};
use crate::clock::TestClock;
use crate::fake_server::FakeIssuerServer;
use crate::issuer::{ISSUER, TestIssuer};
use crate::random::SeededRandom;

/// A provider that is not running yet.
#[must_use]
pub struct FakeProviderBuilder {
    behaviour: Behaviour,
    clock: Arc<dyn Clock>,
    random: SeededRandom,
    client_id: String,
    client_secret: Option<String>,
    client_keys: Option<String>,
    redirect_uris: Vec<String>,
    names_real_origins: bool,
}

impl FakeProviderBuilder {
    /// A provider that behaves like this, with the application `countersign-test`
    /// and its secret, a clock at [`NOW`](crate::NOW), and no redirect URI.
    pub fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            clock: Arc::new(TestClock::new()),
            random: SeededRandom::new(0x1d),
            client_id: "countersign-test".to_owned(),
            client_secret: Some("upstream-secret-canary-of-the-application".to_owned()),
            client_keys: None,
            redirect_uris: Vec::new(),
            names_real_origins: false,
        }
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Draws codes and tokens from the sequence of `seed`; providers with the
    /// same one issue the same.
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = SeededRandom::new(seed);
        self
    }

    /// Registers a redirect URI of the application.
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        self.redirect_uris.push(uri.to_owned());
        self
    }

    /// Calls the application so.
    pub fn client_id(mut self, client_id: &str) -> Self {
        self.client_id = client_id.to_owned();
        self
    }

    /// Gives the application this secret.
    pub fn client_secret(mut self, secret: &str) -> Self {
        self.client_secret = Some(secret.to_owned());
        self
    }

    /// Registers the application as a public one, without a secret.
    pub fn public_client(mut self) -> Self {
        self.client_secret = None;
        self
    }

    /// Registers a JWK Set of public keys, for `private_key_jwt`, in place of the secret.
    pub fn client_keys(mut self, jwks: &str) -> Self {
        self.client_keys = Some(jwks.to_owned());
        self.client_secret = None;
        self
    }

    /// Names the real origins in documents and tokens, as the real provider does,
    /// instead of those on loopback. Whoever talks to it then has to be led there:
    /// [`FakeProvider::localised`] says where an address is.
    pub fn naming_real_origins(mut self) -> Self {
        self.names_real_origins = true;
        self
    }

    /// Changes how it behaves.
    pub fn behaving(mut self, change: impl FnOnce(&mut Behaviour)) -> Self {
        change(&mut self.behaviour);
        self
    }

    /// Starts it on loopback: one free port for each origin of the real provider.
    pub async fn start(mut self) -> FakeProvider {
        for route in &mut self.behaviour.routes {
            route.url = route.url.replace("{client_id}", &self.client_id);
        }
        let mut servers = Vec::new();
        let mut origins: Vec<(String, String)> = Vec::new();
        for route in &self.behaviour.routes {
            let real = origin_of(&route.url);
            if origins.iter().all(|(known, _)| known != real) {
                let server = FakeIssuerServer::start().await;
                origins.push((real.to_owned(), server.url("")));
                servers.push(server);
            }
        }
        let application = Application {
            client_id: self.client_id.clone(),
            secret: self.client_secret.clone(),
            keys: self.client_keys,
            redirect_uris: self.redirect_uris,
        };
        let core = Arc::new(Core {
            behaviour: self.behaviour,
            clock: self.clock,
            random: self.random,
            keys: TestIssuer::new(ISSUER),
            origins,
            names_real_origins: self.names_real_origins,
            answered: watch::Sender::new(0),
            state: Mutex::new(State {
                applications: vec![application, super::other_application()],
                people: vec![Person::alice(), Person::bob(), Person::mallory()],
                ..State::default()
            }),
        });
        for server in &servers {
            let (core, ours) = (Arc::clone(&core), server.url(""));
            server.answer_otherwise(move |request| core.answer(&ours, request));
        }
        FakeProvider {
            core,
            servers,
            client_id: self.client_id,
            client_secret: self.client_secret,
        }
    }
}

impl fmt::Debug for FakeProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeProviderBuilder({})", self.behaviour.name)
    }
}
