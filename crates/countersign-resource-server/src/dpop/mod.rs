//! Proof of possession at the resource server: RFC 9449 §4.3, §7 and §9.
//!
//! A token that is bound to a key is accepted with a fresh proof of that key and in no other
//! way. What one proof shows by itself is judged in [`countersign_oauth::dpop`]; here is what
//! needs memory: nonces, and proofs that were seen.
//!
//! A proof is worth something once. Those of this run are remembered as long as their nonce
//! is good; those of an earlier run carry a nonce of that run, which nobody knows any more.

mod memory;
mod settings;

use countersign_oauth::UnixTime;
use countersign_oauth::bearer::Scheme;
use countersign_oauth::dpop::{
    Expected, NonceError, Nonces, PROOF_FIELD, ProofError, Proven, Target, WINDOW, check,
    sole_proof,
};
use countersign_oauth::jose::Algorithm;
use http::HeaderValue;
use thiserror::Error;

pub use settings::Dpop;
pub(crate) use settings::DpopPresence;

use crate::ConfigurationError;
use crate::gate::RequestHead;
use memory::ProofMemory;

/// Why a proof does not count. For the log and the audit; the client is told that the proof
/// is not good, or that it needs another nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofRefusal {
    /// The proof fails a check of RFC 9449 §4.3.
    #[error(transparent)]
    Invalid(#[from] ProofError),
    /// Everything else about the proof is good, and its nonce is not (RFC 9449 §9).
    #[error(transparent)]
    Nonce(#[from] NonceError),
}

/// Judges the proofs of one resource, or of one token endpoint.
#[derive(Debug)]
pub struct ProofJudge {
    presence: DpopPresence,
    algorithms: Vec<Algorithm>,
    /// As challenges write them.
    algs: String,
    /// None if nonces are not asked for.
    nonces: Option<Nonces>,
    memory: ProofMemory,
    /// Scheme and authority of the resource, as clients know it.
    origin: String,
}

/// A proof that passed every check but the last: whether it came before.
#[derive(Debug)]
pub struct Fresh {
    proven: Proven,
    /// From when it counts: its nonce was given out then, or it was made then.
    since: UnixTime,
}

impl Fresh {
    /// What it proves.
    pub const fn proven(&self) -> &Proven {
        &self.proven
    }
}

impl ProofJudge {
    /// Whether tokens that are bound to no key are not taken.
    pub fn is_required(&self) -> bool {
        self.presence == DpopPresence::Required
    }

    pub(crate) const fn presence(&self) -> DpopPresence {
        self.presence
    }

    /// What challenges say that proofs may be signed with.
    pub(crate) fn algs(&self) -> &str {
        &self.algs
    }

    /// What proofs may be signed with.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Checks the proof of a request that presents `token`; none at a token endpoint.
    ///
    /// # Errors
    ///
    /// [`ProofRefusal`] says which check of RFC 9449 §4.3 fails.
    ///
    /// # Security
    ///
    /// Whether the proof came before is not known yet: whoever calls this has to remember it.
    pub fn check(
        &self,
        request: &RequestHead<'_>,
        token: Option<&str>,
        now: UnixTime,
    ) -> Result<Fresh, ProofRefusal> {
        let fields = request.headers().get_all(PROOF_FIELD).iter();
        let proof = sole_proof(fields.map(HeaderValue::as_bytes))?.ok_or(ProofError::Missing)?;
        let target = self.target(request)?;
        let mut expected =
            Expected::new(request.method().as_str(), &target, now).algorithms(&self.algorithms);
        expected.access_token = token;
        let proven = check(proof, &expected)?;
        let since = match &self.nonces {
            Some(nonces) => nonces.check(proven.nonce.as_deref(), now)?,
            None => proven.iat,
        };
        Ok(Fresh { proven, since })
    }

    /// Remembers a proof that came with a good token, so that strangers cannot fill the
    /// memory. RFC 9449 §11.1: a second one is refused.
    pub(crate) fn remember(&self, fresh: &Fresh, now: UnixTime) -> Result<(), ProofRefusal> {
        if self.memory.is_forgotten(fresh.since) {
            // It may have come before; a nonce of now says that it did not.
            return Err(match self.nonces {
                Some(_) => NonceError::Stale.into(),
                None => ProofError::Replayed.into(),
            });
        }
        let is_first = self
            .memory
            .insert(fresh.proven.fingerprint(), fresh.since, now);
        is_first.then_some(()).ok_or(ProofError::Replayed.into())
    }

    /// A nonce for the next proof, if nonces are asked for.
    pub fn nonce(&self, now: UnixTime) -> Option<HeaderValue> {
        let nonce = self.nonces.as_ref()?.issue(now);
        HeaderValue::from_str(&nonce).ok()
    }

    /// The same, if that of a good proof has not long to live (RFC 9449 §8.2).
    pub fn next_nonce(&self, fresh: &Fresh, now: UnixTime) -> Option<HeaderValue> {
        let is_due = self.nonces.as_ref()?.is_due(fresh.since, now);
        is_due.then(|| self.nonce(now)).flatten()
    }

    /// The address of the request as the client wrote it. Never from the `Host` header: the
    /// resource knows where it is.
    fn target(&self, request: &RequestHead<'_>) -> Result<Target, ProofError> {
        let (prefix, path) = (request.prefix(), request.path());
        let address = format!("{}{prefix}{path}", self.origin);
        Target::parse(&address).map_err(|_| ProofError::Address)
    }

    /// Whether tokens of this kind have to come in the scheme `DPoP`.
    pub(crate) fn refuses(&self, scheme: Scheme) -> bool {
        scheme == Scheme::Bearer && self.presence == DpopPresence::Required
    }
}

impl Dpop {
    /// A judge of proofs for addresses of `origin`, such as `https://as.example.com`, in a
    /// process that began at `now`.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn into_judge(self, origin: &str, now: UnixTime) -> Result<ProofJudge, ConfigurationError> {
        Ok(self.settled()?.judge(origin, now))
    }

    /// The same, of settings that were checked.
    pub(crate) fn judge(self, origin: &str, now: UnixTime) -> ProofJudge {
        let names: Vec<&str> = self.algorithms.iter().map(|one| one.as_str()).collect();
        let nonces = self
            .nonce_key
            .map(|(key, process)| Nonces::new(&key, process, now).lifetime(self.nonce_lifetime));
        let (kept, forgotten) = match &nonces {
            Some(_) => (self.nonce_lifetime, None),
            // Made before this process began, so that an earlier one may have seen it.
            None => (WINDOW, Some(now)),
        };
        ProofJudge {
            presence: self.presence,
            algs: names.join(" "),
            algorithms: self.algorithms,
            nonces,
            memory: ProofMemory::new(kept, forgotten),
            origin: origin.to_owned(),
        }
    }
}
