//! What all machines are told.

use std::fmt;
use std::sync::Arc;

use countersign_oauth::client_authentication::{
    OwnClient, OwnProof, TokenEndpointAuthMethod as Method,
};
use countersign_oauth::jose::{AlgorithmFamily, SigningKey};
use countersign_oauth::received_offer::ReceivedOffer;
use countersign_oauth::time::Clock;
use countersign_oauth::{ClientId, Issuer, ResourceUri, ScopeSet, Secret};
use countersign_resource_server::clock::SystemClock;
use countersign_resource_server::fetch::Fetch;
use url::Url;

use super::Machine;
use super::grant::Grant;
use crate::ask::Asker;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::reach::Reach;

/// With what a client proves itself; the method with a secret is that of the server.
#[derive(Clone)]
pub(super) enum Proof {
    None,
    Secret(Secret),
    Key(Arc<SigningKey>),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Secret(_) => "Secret",
            Self::Key(_) => "Key",
        })
    }
}

/// A client and whom its credentials are for.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) client_id: ClientId,
    pub(super) proof: Proof,
    /// Nothing is sent to another; the first that is found if absent.
    pub(super) issuer: Option<Issuer>,
}

/// What was said.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) server: String,
    pub(super) client_id: String,
    pub(super) proof: Proof,
    pub(super) issuer: Option<String>,
    pub(super) any_issuer: bool,
    pub(super) bound: bool,
    pub(super) scopes: Vec<String>,
    pub(super) fetch: Option<Arc<dyn Fetch>>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) private_networks: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("server", &self.server)
            .field("client_id", &self.client_id)
            .field("issuer", &self.issuer)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// We, as a client of whom `discovery` found.
    pub(super) fn client_for(&self, discovery: &Discovery) -> Result<OwnClient, OAuthError> {
        self.client_at(&discovery.issuer, &discovery.offer)
    }

    /// We, as a client of `issuer` with this `offer`.
    pub(super) fn client_at(
        &self,
        issuer: &Issuer,
        offer: &ReceivedOffer,
    ) -> Result<OwnClient, OAuthError> {
        let offers = |method| match &offer.auth_methods {
            Some(methods) => methods.contains(&method),
            None => method == Method::ClientSecretBasic,
        };
        let proof = match &self.proof {
            Proof::None => OwnProof::None,
            Proof::Key(key) => OwnProof::PrivateKeyJwt(Arc::clone(key)),
            Proof::Secret(secret) if offers(Method::ClientSecretBasic) => {
                OwnProof::SecretBasic(secret.clone())
            }
            Proof::Secret(secret) if offers(Method::ClientSecretPost) => {
                OwnProof::SecretPost(secret.clone())
            }
            Proof::Secret(_) => {
                return Err(OAuthError::Configuration(format!(
                    "the authorization server {issuer} takes no client secret: use a private key"
                )));
            }
        };
        // CC-01: a method that is not offered is not tried.
        if matches!(self.proof, Proof::Key(_))
            && offer.auth_methods.is_some()
            && !offers(Method::PrivateKeyJwt)
        {
            return Err(OAuthError::Configuration(format!(
                "the authorization server {issuer} takes no assertions of clients: use a client \
                 secret"
            )));
        }
        Ok(OwnClient::new(self.client_id.as_str(), proof))
    }
}

impl Settings {
    pub(super) const fn new(server: String, client_id: String, proof: Proof) -> Self {
        Self {
            server,
            client_id,
            proof,
            issuer: None,
            any_issuer: false,
            bound: false,
            scopes: Vec::new(),
            fetch: None,
            clock: None,
            private_networks: false,
        }
    }

    /// Sends requests on behalf of the server at `address`.
    pub(super) fn asker(&self, address: &str) -> Result<Asker, OAuthError> {
        let url = Url::parse(address)
            .map_err(|_| fault(&format!("`{}` is no absolute address", printable(address))))?;
        let mut reach = Reach::of(&url);
        if self.private_networks {
            reach = reach.danger_allow_private_networks();
        }
        let fetch: Arc<dyn Fetch> = match &self.fetch {
            Some(fetch) => Arc::clone(fetch),
            None => Arc::new(reach.fetcher()?),
        };
        let clock = self.clock.clone();
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::default()));
        Ok(Asker::new(fetch, reach, clock))
    }

    /// The client, and whom its credentials are for.
    pub(super) fn credentials(&self) -> Result<Credentials, OAuthError> {
        let client_id = ClientId::parse(&self.client_id)
            .map_err(|error| fault(&format!("the client id: {error}")))?;
        check_proof(&self.proof)?;
        let issuer = self.issuer.as_deref().map(Issuer::parse).transpose();
        let issuer = issuer.map_err(|error| fault(&format!("issuer(…): {error}")))?;
        match (&issuer, self.any_issuer, &self.proof) {
            (Some(_), true, _) => Err(fault(
                "issuer(…) says whom the credentials are for, and danger_any_issuer() that they \
                 are for anybody: leave one out",
            )),
            // An assertion names whom it is for, and is worth nothing to anybody else.
            (Some(_), false, _) | (None, true, _) | (None, false, Proof::Key(_)) => {
                Ok(Credentials {
                    client_id,
                    proof: self.proof.clone(),
                    issuer,
                })
            }
            (None, false, _) => Err(fault(
                "whoever runs the server could send the credentials anywhere: say with \
                 issuer(…) which authorization server they are for",
            )),
        }
    }

    pub(super) fn build(self, grant: Grant) -> Result<Machine, OAuthError> {
        let server = ResourceUri::parse(&self.server).map_err(|error| {
            let shown = printable(&self.server);
            fault(&format!("no tokens can be got for {shown}: {error}"))
        })?;
        let credentials = self.credentials()?;
        let scopes = ScopeSet::from_names(&self.scopes);
        let scopes = scopes.map_err(|error| fault(&format!("scopes(…): {error}")))?;
        let asker = self.asker(server.as_str())?;
        let grant = (grant, self.bound);
        Ok(Machine::new(server, asker, credentials, scopes, grant))
    }
}

fn check_proof(proof: &Proof) -> Result<(), OAuthError> {
    match proof {
        Proof::Secret(secret) if secret.reveal().is_empty() => {
            Err(fault("the client secret is empty: set it"))
        }
        Proof::Key(key) if key.algorithm().family() == AlgorithmFamily::Hmac => Err(fault(
            "the private key is a shared secret: set an RSA, EC or Ed25519 key",
        )),
        _ => Ok(()),
    }
}

pub(super) fn printable(text: &str) -> String {
    countersign_oauth::received_tokens::printable(text)
}

pub(super) fn fault(sentence: &str) -> OAuthError {
    OAuthError::Configuration(sentence.to_owned())
}

/// The settings that all machines have.
macro_rules! machine_settings {
    ($name:ident) => {
        impl $name {
            /// The issuer that the credentials are for. They are sent to no other.
            pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
                self.settings.issuer = Some(issuer.into());
                self
            }

            /// Sends the credentials to the authorization server that the server names
            /// first, whichever that is.
            ///
            /// # Security
            ///
            /// Whoever runs the server can get the credentials. For servers that you
            /// run yourself.
            pub const fn danger_any_issuer(mut self) -> Self {
                self.settings.any_issuer = true;
                self
            }

            /// Binds tokens to a key of this client (RFC 9449), so that a stolen one is
            /// worth nothing. Without this they are where the metadata of the server
            /// demands it. A server that binds none is an error then.
            pub const fn dpop(mut self) -> Self {
                self.settings.bound = true;
                self
            }

            /// Scopes that are asked for in any case, besides those that the server asks
            /// for.
            pub fn scopes<I>(mut self, scopes: I) -> Self
            where
                I: IntoIterator,
                I::Item: Into<String>,
            {
                let scopes = scopes.into_iter().map(Into::into);
                self.settings.scopes.extend(scopes);
                self
            }
        }

        super::settings::exchange_settings!($name);
    };
}

/// The settings of whatever sends requests.
macro_rules! exchange_settings {
    ($name:ident) => {
        impl $name {
            /// Sends all requests with `fetch` instead of the guarded fetcher.
            ///
            /// # Security
            ///
            /// Which networks may be reached is then up to `fetch`; addresses are judged
            /// by their text alone.
            pub fn fetch(
                mut self,
                fetch: std::sync::Arc<dyn countersign_resource_server::fetch::Fetch>,
            ) -> Self {
                self.settings.fetch = Some(fetch);
                self
            }

            /// Tells the time instead of the clock of the system.
            pub fn clock(
                mut self,
                clock: std::sync::Arc<dyn countersign_oauth::time::Clock>,
            ) -> Self {
                self.settings.clock = Some(clock);
                self
            }

            /// Lets the server and its authorization server be in private networks.
            ///
            /// # Security
            ///
            /// See [`Reach::danger_allow_private_networks`](crate::Reach::danger_allow_private_networks).
            pub const fn danger_allow_private_networks(mut self) -> Self {
                self.settings.private_networks = true;
                self
            }
        }
    };
}

pub(super) use {exchange_settings, machine_settings};
