//! Which clients an operator wants, beyond the rules that hold for all.

use std::fmt;
use std::net::IpAddr;

use countersign_oauth::client_metadata::ClientMetadata;

use super::Client;

/// Objects to clients. It cannot let in one that the rules refuse.
pub trait ClientPolicy: fmt::Debug + Send + Sync + 'static {
    /// Whether `client`, however it became known, may be used. One that may not is
    /// unknown to every endpoint, from the next request on; tokens that it has stay
    /// good until they are revoked. It must not block.
    fn accepts(&self, client: &Client) -> bool {
        let _ = client;
        true
    }

    /// Whether a stranger at `address` may register a client that says `metadata`
    /// about itself, which was checked before. It must not block.
    fn accepts_registration(&self, metadata: &ClientMetadata, address: Option<IpAddr>) -> bool {
        let _ = (metadata, address);
        true
    }
}

/// Objects to none.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EveryClient;

impl ClientPolicy for EveryClient {}
