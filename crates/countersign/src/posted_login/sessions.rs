//! Who is signed in, in this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use countersign_resource_server::oauth::UnixTime;

use super::judge::PostedIdentity;

/// At most so many people are signed in; whoever would be one more has to wait until
/// somebody's ID token has ended.
const MOST: usize = 100_000;

/// Logins, under the hash of the secret in the cookie.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

struct Session {
    identity: PostedIdentity,
    until: UnixTime,
}

impl Sessions {
    /// Keeps `identity` under `secret` until `until`; false if there is no room.
    pub(super) fn begin(
        &self,
        secret: &str,
        identity: PostedIdentity,
        until: UnixTime,
        now: UnixTime,
    ) -> bool {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST {
            sessions.retain(|_, session| now < session.until);
        }
        if sessions.len() >= MOST {
            return false;
        }
        sessions.insert(hash(secret), Session { identity, until });
        true
    }

    pub(super) fn find(&self, secret: &str, now: UnixTime) -> Option<PostedIdentity> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(&hash(secret))?;
        (now < session.until).then(|| session.identity.clone())
    }
}

fn hash(secret: &str) -> [u8; 32] {
    let digest = digest(&SHA256, secret.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}
