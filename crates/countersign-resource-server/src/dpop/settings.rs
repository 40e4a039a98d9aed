//! What a server asks of proofs.

use std::fmt;

use aws_lc_rs::digest;
use countersign_oauth::dpop::{ALGORITHMS, NONCE_LIFETIME};
use countersign_oauth::jose::{Algorithm, AlgorithmFamily};
use countersign_oauth::{Lifetime, Secret};

use crate::{ConfigurationError, random};

/// The shortest secret that several nodes may share, in bytes.
const SHORTEST_SECRET: usize = 32;

/// A nonce older than this would make proofs worth stealing.
const LONGEST_LIFETIME: Lifetime = Lifetime::from_hours(1);

/// Whether tokens have to be bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DpopPresence {
    Accepted,
    Required,
}

/// Proof of possession (RFC 9449): which tokens need it, and what proofs have to be like.
///
/// ```
/// use countersign_resource_server::{Dpop, Gate};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let gate = Gate::builder().dpop(Dpop::required())?;
/// # Ok(())
/// # }
/// ```
///
/// A proof carries a nonce of this process, which is good for five minutes, and counts once.
/// So one that was seen by somebody else is worth nothing, neither now nor after a restart.
#[derive(Clone)]
pub struct Dpop {
    pub(crate) presence: DpopPresence,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) nonce_lifetime: Lifetime,
    /// The key that nonces are recognised by, and the name of this process in them. None if
    /// nonces are not asked for.
    pub(crate) nonce_key: Option<([u8; 32], [u8; 8])>,
    shared: Option<Secret>,
    asks_for_nonces: bool,
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("presence", &self.presence)
            .field("algorithms", &self.algorithms)
            .field("nonce_lifetime", &self.nonce_lifetime)
            .field("asks_for_nonces", &self.asks_for_nonces)
            .finish_non_exhaustive()
    }
}

impl Dpop {
    /// Tokens that are bound to a key are accepted with a proof of it, and others as bearer
    /// tokens.
    pub fn accepted() -> Self {
        Self {
            presence: DpopPresence::Accepted,
            algorithms: ALGORITHMS.to_vec(),
            nonce_lifetime: NONCE_LIFETIME,
            nonce_key: None,
            shared: None,
            asks_for_nonces: true,
        }
    }

    /// Every access token has to be bound to a key. API keys are none, and stay as they are.
    pub fn required() -> Self {
        Self {
            presence: DpopPresence::Required,
            ..Self::accepted()
        }
    }

    /// What proofs may be signed with: every asymmetric algorithm that is implemented,
    /// unless this is called.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How long a nonce is good: five minutes unless set, from one second to an hour.
    #[must_use]
    pub const fn nonce_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.nonce_lifetime = lifetime;
        self
    }

    /// Several nodes behind one address know the nonces of each other by this secret, which
    /// has at least 32 bytes. Without it a client that is sent to another node needs another
    /// nonce each time.
    ///
    /// # Security
    ///
    /// Each node remembers the proofs that it saw itself. Whoever gets hold of a proof while
    /// its nonce is good can use it once at every *other* node; a shorter
    /// [`nonce_lifetime`](Self::nonce_lifetime) narrows that.
    #[must_use]
    pub fn shared_nonces(mut self, secret: Secret) -> Self {
        self.shared = Some(secret);
        self
    }

    /// Asks for no nonces, for clients that cannot use them.
    ///
    /// # Security
    ///
    /// Proofs are then good for five minutes by the clock of the client, can be made in
    /// advance (RFC 9449 §11.2), and one of a client whose clock is ahead can be used again
    /// after a restart.
    #[must_use]
    pub const fn danger_without_nonces(mut self) -> Self {
        self.asks_for_nonces = false;
        self
    }

    /// The same, checked, with a key of this process.
    pub(crate) fn settled(mut self) -> Result<Self, ConfigurationError> {
        let is_mac = |one: &Algorithm| one.family() == AlgorithmFamily::Hmac;
        if self.algorithms.is_empty() || self.algorithms.iter().any(is_mac) {
            return Err(ConfigurationError::new(
                "proofs of possession are signed with a private key: name algorithms such as \
                 ES256, and no HMAC",
            ));
        }
        let lifetime = self.nonce_lifetime;
        if lifetime == Lifetime::ZERO || lifetime > LONGEST_LIFETIME {
            return Err(ConfigurationError::new(
                "a nonce for proofs of possession is good for 1 to 3600 seconds",
            ));
        }
        if !self.asks_for_nonces {
            self.nonce_key = None;
            return Ok(self);
        }
        let key = match &self.shared {
            None => random::bytes()?,
            Some(secret) if secret.reveal().len() < SHORTEST_SECRET => {
                return Err(ConfigurationError::new(
                    "the secret that nodes share for their nonces is too short: use at least 32 \
                     random characters",
                ));
            }
            Some(secret) => digested(secret),
        };
        self.nonce_key = Some((key, random::bytes()?));
        Ok(self)
    }
}

fn digested(secret: &Secret) -> [u8; 32] {
    let mut key = [0; 32];
    let hash = digest::digest(&digest::SHA256, secret.reveal().as_bytes());
    key.copy_from_slice(hash.as_ref());
    key
}
