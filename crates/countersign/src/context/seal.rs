//! The seal of a request state: AES-256-GCM, bound to who asked for what.
//!
//! The client carries the state from one round to the next and is not trusted
//! with it: it cannot read it, change it, use it for another caller, method,
//! component or other arguments, nor keep it past its expiry. What the state
//! says is the business of [`super::inputs`].

use std::sync::OnceLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{Context as Digest, SHA256};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_resource_server::oauth::Secret;
use countersign_resource_server::{Caller, ConfigurationError};
use serde_json::Value;

use crate::random;

/// Changes with the format, so that a state of an older release is refused.
const VERSION: u8 = 1;
/// Nothing longer is looked at, and nothing longer is sent.
pub(crate) const LONGEST_STATE: usize = 64 * 1024;
/// The least length of a given key, in bytes.
const SHORTEST_KEY: usize = 32;

/// The nonce of a sealed state: different for each.
pub(crate) type StateId = [u8; NONCE_LEN];

/// Seals and opens request states. Without a given key it draws one at first use,
/// which lasts as long as the process.
#[derive(Debug, Default)]
pub(crate) struct Sealer(OnceLock<Option<RandomizedNonceKey>>);

/// The seal is broken, or it is the seal of another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl Sealer {
    /// Derives the key from `secret`, which the nodes of the server `name` share.
    pub(crate) fn use_secret(&self, secret: &Secret, name: &str) -> Result<(), ConfigurationError> {
        let text = secret.reveal().as_bytes();
        if text.len() < SHORTEST_KEY {
            return Err(ConfigurationError::new(format!(
                "the request state key is shorter than {SHORTEST_KEY} bytes: generate a longer one"
            )));
        }
        let key = derive(text, name)
            .ok_or_else(|| ConfigurationError::new("the request state key cannot be used"))?;
        self.0
            .set(Some(key))
            .map_err(|_| ConfigurationError::new("the request state key is given twice"))
    }

    fn key(&self) -> Option<&RandomizedNonceKey> {
        self.0
            .get_or_init(|| derive(&random::bytes::<32>().ok()?, ""))
            .as_ref()
    }

    /// Seals `payload` for the requests of `binding`. `None` if the random
    /// generator fails.
    pub(crate) fn seal(&self, payload: Vec<u8>, binding: &Binding) -> Option<String> {
        let mut sealed = payload;
        let nonce = self
            .key()?
            .seal_in_place_append_tag(Aad::from(binding.0), &mut sealed)
            .ok()?;
        let mut bytes = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(nonce.as_ref());
        bytes.append(&mut sealed);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The payload of `text`, if it was sealed here for the requests of `binding`.
    pub(crate) fn open(&self, text: &str, binding: &Binding) -> Result<(StateId, Vec<u8>), Broken> {
        if text.len() > LONGEST_STATE {
            return Err(Broken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Broken)?;
        let Some((&VERSION, rest)) = bytes.split_first() else {
            return Err(Broken);
        };
        let (id, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Broken)?;
        let mut sealed = sealed.to_vec();
        let opened = self
            .key()
            .ok_or(Broken)?
            .open_in_place(
                Nonce::assume_unique_for_key(*id),
                Aad::from(binding.0),
                &mut sealed,
            )
            .map_err(|_| Broken)?
            .len();
        sealed.truncate(opened);
        Ok((*id, sealed))
    }
}

/// RFC 5869: the secret may be text of any shape, so the key is derived from it; and
/// it may be that of other servers too, which have keys of their own by their names.
fn derive(secret: &[u8], name: &str) -> Option<RandomizedNonceKey> {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"countersign")
        .extract(secret)
        .expand(&[b"request state ", name.as_bytes()], HKDF_SHA256)
        .ok()?
        .fill(&mut *key)
        .ok()?;
    RandomizedNonceKey::new(&AES_256_GCM, &*key).ok()
}

/// What a state is good for: a digest of the caller and of everything in the
/// request except the answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Binding([u8; 32]);

impl Binding {
    /// Requests of `caller` for `method` on the component `name` with `arguments`,
    /// the JSON text of an object; empty text is an empty object.
    ///
    /// The arguments are compared as JSON, because a client may write the same
    /// object in another order when it repeats its request.
    pub(crate) fn new(caller: &Caller, method: &str, name: &[u8], arguments: &[u8]) -> Self {
        let mut digest = Digest::new(&SHA256);
        field(&mut digest, b"countersign request state 2");
        match caller.principal() {
            None => digest.update(b"a"),
            Some(principal) => {
                digest.update(b"p");
                field(&mut digest, principal.source.as_str().as_bytes());
                field(&mut digest, principal.issuer.as_bytes());
                field(&mut digest, principal.subject.as_bytes());
                match &principal.client {
                    None => digest.update(b"-"),
                    Some(client) => {
                        digest.update(b"c");
                        field(&mut digest, client.as_bytes());
                    }
                }
            }
        }
        field(&mut digest, method.as_bytes());
        field(&mut digest, name);
        match serde_json::from_slice(arguments) {
            Ok(Value::Null) => digest_json(&mut digest, &Value::Object(serde_json::Map::new())),
            Ok(value) => digest_json(&mut digest, &value),
            Err(_) if arguments.is_empty() => {
                digest_json(&mut digest, &Value::Object(serde_json::Map::new()));
            }
            Err(_) => field(&mut digest, arguments),
        }
        Self(finish(digest))
    }

    /// Tickets of the user `subject` of `issuer`.
    pub(super) fn ticket(issuer: &str, subject: &str) -> Self {
        let mut digest = Digest::new(&SHA256);
        field(&mut digest, b"countersign url ticket 1");
        field(&mut digest, issuer.as_bytes());
        field(&mut digest, subject.as_bytes());
        Self(finish(digest))
    }
}

/// The digest of a question, by which its answer is recognised.
pub(crate) fn digest_of(value: &Value) -> String {
    let mut digest = Digest::new(&SHA256);
    digest_json(&mut digest, value);
    URL_SAFE_NO_PAD.encode(finish(digest))
}

fn finish(digest: Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

/// A field with its length before it, so that no two lists of fields look alike.
fn field(digest: &mut Digest, bytes: &[u8]) {
    digest.update(&(bytes.len() as u64).to_be_bytes());
    digest.update(bytes);
}

fn digest_json(digest: &mut Digest, value: &Value) {
    match value {
        Value::Null => digest.update(b"n"),
        Value::Bool(true) => digest.update(b"t"),
        Value::Bool(false) => digest.update(b"f"),
        Value::Number(number) => {
            digest.update(b"d");
            field(digest, number.to_string().as_bytes());
        }
        Value::String(text) => {
            digest.update(b"s");
            field(digest, text.as_bytes());
        }
        Value::Array(items) => {
            digest.update(b"a");
            digest.update(&(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| digest_json(digest, item));
        }
        Value::Object(members) => {
            digest.update(b"o");
            digest.update(&(members.len() as u64).to_be_bytes());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in members {
                field(digest, name.as_bytes());
                digest_json(digest, value);
            }
        }
    }
}
