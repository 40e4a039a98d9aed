//! Binding tokens to a key of the client: RFC 9449 §5 and §8.
//!
//! A proof is judged after the client is authenticated and before anything is looked up, so
//! that one that is refused costs nobody anything. Its id is used up together with what is
//! issued for it, in the store: so it counts once, in all processes and after a restart.

use countersign_oauth::ResourceUri;
use countersign_oauth::dpop::{ProofError, Thumbprint, WINDOW};
use countersign_oauth::jose::Algorithm;
use countersign_resource_server::dpop::ProofJudge;
use countersign_resource_server::{ConfigurationError, ProofRefusal, RequestHead};
use countersign_store::{Conflict, Found, Key, Record, Write};
use http::{HeaderValue, Method};

use crate::client::Client;
use crate::exchange::Incoming;
use crate::grants::Refused;
use crate::server::Inner;
use crate::settings::Settings;
use crate::unavailable::Unavailable;

/// Judges the proofs of token requests.
#[derive(Debug)]
pub(crate) struct Possession {
    judge: ProofJudge,
    /// The path of the token endpoint, as clients know it.
    path: String,
}

/// A good proof that came with a token request.
#[derive(Debug)]
pub(crate) struct Proof {
    key: Thumbprint,
    used: Record,
    /// A nonce for the next one, if it needs another.
    pub(crate) next_nonce: Option<HeaderValue>,
}

impl Proof {
    /// The key that whoever sent the request has.
    pub(crate) fn key(&self) -> Thumbprint {
        self.key.clone()
    }

    /// Uses the proof up.
    pub(crate) fn used(&self) -> Write {
        Write::Insert(self.used.clone())
    }
}

impl Possession {
    /// What `settings` say about proofs, in a process that begins now; nothing if tokens
    /// are bearer tokens here.
    pub(crate) fn of(
        settings: &Settings,
        now: countersign_oauth::UnixTime,
    ) -> Result<Option<Self>, ConfigurationError> {
        let Some(dpop) = settings.dpop.clone() else {
            return Ok(None);
        };
        let endpoint = ResourceUri::parse(&settings.address("/token")).map_err(|error| {
            ConfigurationError::new(format!("the address of the token endpoint: {error}"))
        })?;
        Ok(Some(Self {
            judge: dpop.into_judge(endpoint.origin(), now)?,
            path: endpoint.path().to_owned(),
        }))
    }

    /// What proofs may be signed with.
    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        self.judge.algorithms()
    }
}

impl Inner {
    /// The proof that came with a request of `client`; nothing if there is none, and none is
    /// needed.
    pub(crate) async fn proof_of(
        &self,
        client: &Client,
        incoming: &Incoming,
    ) -> Result<Option<Proof>, Refused> {
        let Some(possession) = &self.possession else {
            return match client.facts.metadata.dpop_bound_access_tokens {
                true => Err(ProofRefusal::from(ProofError::Missing).into()),
                false => Ok(None),
            };
        };
        let judge = &possession.judge;
        if !incoming
            .headers
            .contains_key(countersign_oauth::dpop::PROOF_FIELD)
        {
            // RFC 9449 §5.2: "MUST reject token requests from the client that do not
            // contain the DPoP header".
            let is_needed = judge.is_required() || client.facts.metadata.dpop_bound_access_tokens;
            return match is_needed {
                true => Err(ProofRefusal::from(ProofError::Missing).into()),
                false => Ok(None),
            };
        }
        // A signature costs a core some time: few at once, and fewer of one address.
        let Some(_turn) = self.verifications.turn(incoming.address).await else {
            return Err(Unavailable::Slow.into());
        };
        let now = self.now();
        let head = RequestHead::new(&Method::POST, &possession.path, &incoming.headers);
        let fresh = judge.check(&head, None, now)?;
        let proven = fresh.proven();
        let key = Key::proof_id(proven.thumbprint.as_str(), &proven.jti);
        // The last second in which it would be good is that of its time and the window.
        let end = proven.iat.saturating_add(WINDOW);
        let end = end.saturating_add(countersign_oauth::Lifetime::from_secs(1));
        Ok(Some(Proof {
            key: proven.thumbprint.clone(),
            used: Record::new(key, now).expiring(end),
            next_nonce: judge.next_nonce(&fresh, now),
        }))
    }

    /// A nonce for the next proof of a client, if nonces are asked for.
    pub(crate) fn nonce_for_proofs(&self) -> Option<HeaderValue> {
        self.possession.as_ref()?.judge.nonce(self.now())
    }

    /// Whether `proof` was used before.
    pub(crate) async fn is_used_up(&self, proof: Option<&Proof>) -> Result<bool, Unavailable> {
        let Some(proof) = proof else {
            return Ok(false);
        };
        let found = self.store.get(&proof.used.key, self.now()).await?;
        Ok(found != Found::Absent)
    }

    /// Refuses a proof that was used before: whoever sends it has seen a request, and need
    /// not have the key, so that nothing of its owner may be revoked for it.
    pub(crate) async fn refuse_replay(&self, proof: Option<&Proof>) -> Result<(), Refused> {
        match self.is_used_up(proof).await? {
            true => Err(ProofRefusal::from(ProofError::Replayed).into()),
            false => Ok(()),
        }
    }

    /// Uses up a proof with which nothing is issued.
    pub(crate) async fn use_up_proof(&self, proof: Option<&Proof>) -> Result<(), Refused> {
        let Some(proof) = proof else {
            return Ok(());
        };
        let used = self.store.insert(proof.used.clone(), self.now()).await;
        used.map_err(|error| after_use(Unavailable::from(error), Some(proof)))
    }
}

/// Whether what could not be written is the proof: it was used before.
pub(crate) fn was_used(error: &Unavailable, proof: Option<&Proof>) -> Option<Refused> {
    let exists = error.conflict() == Some(Conflict::Exists);
    (exists && proof.is_some()).then(|| ProofRefusal::from(ProofError::Replayed).into())
}

/// The same, or that nothing could be decided.
pub(crate) fn after_use(error: Unavailable, proof: Option<&Proof>) -> Refused {
    was_used(&error, proof).unwrap_or(Refused::Unavailable(error))
}
