//! Hashing of passwords: argon2id (RFC 9106), off the threads that answer requests.
//!
//! Each hash takes memory and a core, so few run at once and few wait; whoever comes
//! then is told to come back. Nothing else of the server becomes slow.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use countersign_oauth::Secret;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::password::Password;
use super::throttle::Trier;
use crate::random::{Random, draw};
use crate::unavailable::Unavailable;

/// How many hashes run at once.
const AT_ONCE: usize = 4;

/// How many run or wait.
const WAITING: usize = 64;

/// How many of them strangers leave to browsers that logged in before: whoever makes
/// many strangers try at once keeps nobody out who is at home.
const LEFT_BY_STRANGERS: usize = 16;

/// What trying one password costs (RFC 9106 §3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HashingCost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes, that is how much of it could be done at the same time.
    pub lanes: u32,
}

impl Default for HashingCost {
    /// The first choice of the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes,
    /// 1 lane.
    fn default() -> Self {
        Self {
            memory: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

/// The most that a stored hash may ask for: a record that was tampered with shall not
/// take all memory, or a core for ever. 1 GiB, 100 passes, 16 lanes.
const DEAREST: HashingCost = HashingCost {
    memory: 1 << 20,
    passes: 100,
    lanes: 16,
};

/// What is stored of a password. Its `Debug` shows nothing.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    cost: HashingCost,
    salt: String,
    hash: String,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}

/// Hashes passwords, few at once.
pub(super) struct Hasher {
    cost: HashingCost,
    running: Semaphore,
    waiting: Semaphore,
    /// How many hashes were made.
    #[cfg(test)]
    hashes: std::sync::atomic::AtomicUsize,
}

impl Hasher {
    pub(super) const fn new(cost: HashingCost) -> Self {
        Self {
            cost,
            running: Semaphore::const_new(AT_ONCE),
            waiting: Semaphore::const_new(WAITING),
            #[cfg(test)]
            hashes: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Whether `stored` was made at the cost of new hashes.
    pub(super) fn is_of_today(&self, stored: &PasswordHash) -> bool {
        stored.cost == self.cost
    }

    #[cfg(test)]
    pub(super) fn hashes(&self) -> usize {
        self.hashes.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// The hash of a new password.
    pub(super) async fn hash(
        &self,
        password: &Password,
        random: &dyn Random,
    ) -> Result<PasswordHash, Unavailable> {
        let salt = draw::<16>(random)?;
        let hash = self
            .run(self.cost, password.secret(), salt.to_vec())
            .await?;
        Ok(PasswordHash {
            cost: self.cost,
            salt: STANDARD_NO_PAD.encode(salt),
            hash: STANDARD_NO_PAD.encode(hash),
        })
    }

    /// Whether `presented` is the password of `stored`. Without `stored` it is not,
    /// after as much work.
    pub(super) async fn matches(
        &self,
        stored: Option<&PasswordHash>,
        presented: &Secret,
        trier: &Trier<'_>,
    ) -> Result<bool, Unavailable> {
        let is_stranger = matches!(trier, Trier::Stranger(_));
        if is_stranger && self.waiting.available_permits() <= LEFT_BY_STRANGERS {
            return Err(Unavailable::Login);
        }
        let Some(stored) = stored else {
            self.run(self.cost, presented, vec![0; 16]).await?;
            return Ok(false);
        };
        let decode = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| Unavailable::Login);
        let (salt, expected) = (decode(&stored.salt)?, decode(&stored.hash)?);
        let hash = self.run(stored.cost, presented, salt).await?;
        Ok(verify_slices_are_equal(&hash, &expected).is_ok())
    }

    async fn run(
        &self,
        cost: HashingCost,
        password: &Secret,
        salt: Vec<u8>,
    ) -> Result<[u8; 32], Unavailable> {
        #[cfg(test)]
        self.hashes
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let busy = |_| Unavailable::Login;
        let _place = self.waiting.try_acquire().map_err(busy)?;
        let _turn = self
            .running
            .acquire()
            .await
            .map_err(|_| Unavailable::Login)?;
        let password = password.clone();
        let work = tokio::task::spawn_blocking(move || digest(cost, &password, &salt));
        work.await.map_err(|_| Unavailable::Login)?
    }
}

fn digest(cost: HashingCost, password: &Secret, salt: &[u8]) -> Result<[u8; 32], Unavailable> {
    let is_affordable = cost.memory <= DEAREST.memory
        && cost.passes <= DEAREST.passes
        && cost.lanes <= DEAREST.lanes;
    if !is_affordable {
        return Err(Unavailable::Login);
    }
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32));
    let params = params.map_err(|_| Unavailable::Login)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0; 32];
    argon2
        .hash_password_into(password.reveal().as_bytes(), salt, &mut hash)
        .map_err(|_| Unavailable::Login)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn g13_g15_strangers_who_come_all_at_once_leave_room_for_whoever_was_here_before() {
        let cost = HashingCost {
            memory: 32,
            passes: 1,
            lanes: 1,
        };
        let hasher = Hasher::new(cost);
        let password = Secret::new("a password");
        let (stranger, device) = (Trier::Stranger(None), Trier::Device("browser"));
        let strangers = u32::try_from(WAITING - LEFT_BY_STRANGERS).unwrap();
        let crowd = hasher.waiting.try_acquire_many(strangers).unwrap();
        let refused = hasher.matches(None, &password, &stranger).await;
        assert!(matches!(refused, Err(Unavailable::Login)));
        assert!(hasher.matches(None, &password, &device).await.is_ok());
        drop(crowd);
        assert!(hasher.matches(None, &password, &stranger).await.is_ok());
        let all = u32::try_from(WAITING).unwrap();
        let _crowd = hasher.waiting.try_acquire_many(all).unwrap();
        let refused = hasher.matches(None, &password, &device).await;
        assert!(matches!(refused, Err(Unavailable::Login)));
    }
}
