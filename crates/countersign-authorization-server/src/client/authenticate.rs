//! Authenticating a client at the token endpoint and its siblings: RFC 6749 §2.3,
//! RFC 7523 §3.

use std::net::IpAddr;

use countersign_oauth::client_authentication::assertion::AssertionRules;
use countersign_oauth::client_authentication::{ClientProof, PresentedClient};
use countersign_oauth::form::Form;
use countersign_oauth::jose::Algorithm;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::{ClientId, Secret, UnixTime};
use countersign_store::{Conflict, Key, Record};

use super::{Client, ClientFacts};
use crate::audit::{AuditEvent, ClientRefusal};
use crate::exchange::Incoming;
use crate::server::Inner;
use crate::settings::AssertionAudience;
use crate::unavailable::Unavailable;

/// What assertions may be signed with.
pub(crate) const ASSERTION_ALGORITHMS: [Algorithm; 6] = [
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::EdDSA,
    Algorithm::RS256,
    Algorithm::PS256,
];

/// Why a request is not answered as one of a client.
#[derive(Debug)]
pub(crate) enum Unauthenticated {
    /// The client is told this code; with a challenge if it used the header.
    Refused {
        code: TokenErrorCode,
        used_header: bool,
    },
    /// Too many have failed; they are counted until then.
    Throttled(UnixTime),
    /// Nothing could be decided.
    Unavailable(Unavailable),
}

impl<E: Into<Unavailable>> From<E> for Unauthenticated {
    fn from(error: E) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Inner {
    /// The client that sent this request, with the method it registered.
    pub(crate) async fn authenticate(
        &self,
        incoming: &Incoming,
        form: &Form,
    ) -> Result<Client, Unauthenticated> {
        let used_header = incoming.authorization().next().is_some();
        let presented = match PresentedClient::parse(incoming.authorization(), form) {
            Ok(presented) => presented,
            Err(error) => {
                let throttled = self
                    .count_failed_authentication(None, incoming.address)
                    .await?;
                return Err(self.unauthenticated(None, error.into(), used_header, throttled));
            }
        };
        let id = presented.client_id();
        let blocked = self.secrets_are_refused(&presented, incoming.address);
        if let Some(until) = blocked.await? {
            let refusal = ClientRefusal::Throttled;
            return Err(self.unauthenticated(Some(id), refusal, used_header, Some(until)));
        }
        let refusal = match self.verify_client(&presented, incoming.address).await? {
            Ok(client) => return Ok(client),
            Err(refusal) => refusal,
        };
        let throttled = self
            .count_failed_authentication(Some(&presented), incoming.address)
            .await?;
        Err(self.unauthenticated(Some(id), refusal, used_header, throttled))
    }

    fn unauthenticated(
        &self,
        id: Option<&ClientId>,
        refusal: ClientRefusal,
        used_header: bool,
        throttled: Option<UnixTime>,
    ) -> Unauthenticated {
        self.audit
            .note(AuditEvent::ClientRefused(id.cloned(), refusal));
        match (throttled, refusal) {
            (Some(until), _) => Unauthenticated::Throttled(until),
            (None, ClientRefusal::Presented(error)) => Unauthenticated::Refused {
                code: error.code(),
                used_header,
            },
            (None, _) => Unauthenticated::Refused {
                code: TokenErrorCode::InvalidClient,
                used_header,
            },
        }
    }

    /// The client that is presented. Whether it exists changes neither how often the
    /// store is asked nor how much is hashed.
    async fn verify_client(
        &self,
        presented: &PresentedClient,
        address: Option<IpAddr>,
    ) -> Result<Result<Client, ClientRefusal>, Unavailable> {
        let id = presented.client_id();
        let found = self.find_client_for(id, address).await?;
        let facts = found.as_ref().map(|client| &client.facts);
        let has_secret = match presented.proof() {
            ClientProof::SecretBasic(secret) | ClientProof::SecretPost(secret) => {
                ClientFacts::has_secret(facts, secret, self.now())
            }
            ClientProof::None | ClientProof::PrivateKeyJwt(_) => false,
        };
        let Some(client) = found else {
            return Ok(Err(ClientRefusal::Unknown));
        };
        let registered = client.facts.metadata.token_endpoint_auth_method;
        if let Err(error) = presented.check_method(registered) {
            return Ok(Err(error.into()));
        }
        let proved = match presented.proof() {
            ClientProof::None => Ok(()),
            ClientProof::SecretBasic(_) | ClientProof::SecretPost(_) => {
                has_secret.then_some(()).ok_or(ClientRefusal::Secret)
            }
            ClientProof::PrivateKeyJwt(assertion) => {
                self.verify_assertion(&client, assertion, address).await?
            }
        };
        Ok(proved.map(|()| client))
    }

    async fn verify_assertion(
        &self,
        client: &Client,
        assertion: &Secret,
        address: Option<IpAddr>,
    ) -> Result<Result<(), ClientRefusal>, Unavailable> {
        let Some(keys) = self.keys_of(client, address).await? else {
            return Ok(Err(ClientRefusal::Keys));
        };
        let settings = &self.settings;
        let mut rules = AssertionRules::new(settings.issuer.clone(), settings.lifetimes.leeway);
        if settings.assertion_audience == AssertionAudience::DangerTokenEndpointToo {
            rules = rules.danger_accept_token_endpoint(settings.address("/token"));
        }
        // A signature costs a core some time: few at once, and fewer of one address.
        let Some(_turn) = self.verifications.turn(address).await else {
            return Err(Unavailable::Slow);
        };
        let now = self.now();
        let verified = rules.verify(assertion, &client.id, &keys, &ASSERTION_ALGORITHMS, now);
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => return Ok(Err(error.into())),
        };
        // RFC 7523 §3, 7: the id is used up last, so that a refused assertion keeps it.
        let id: &ClientId = &verified.client_id;
        let key = Key::assertion_id(id.as_str(), &verified.jti);
        let record = Record::new(key, now).expiring(verified.forget_at);
        match self
            .store
            .insert(record, now)
            .await
            .map_err(Unavailable::from)
        {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.conflict() == Some(Conflict::Exists) => {
                Ok(Err(ClientRefusal::AssertionReplayed))
            }
            Err(error) => Err(error),
        }
    }
}
