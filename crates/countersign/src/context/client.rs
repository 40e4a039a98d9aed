//! What the client says about itself. None of it is verified.

use super::{Context, Link};
use crate::protocol::{ClientCapabilities, Implementation};

impl Context {
    /// The name and version that the client gives itself.
    ///
    /// # Security
    ///
    /// Anybody can write any name here. For who is calling see [`Self::caller`].
    pub fn client_info(&self) -> Option<Implementation> {
        if self.protocol_version().has_initialize() {
            match &self.0.link {
                Link::Session(peer) => Some(peer.peer_info()?.client_info.clone()),
                Link::Direct(_) => None,
            }
        } else {
            self.meta().client_info()
        }
    }

    /// What the client can be asked; nothing for legacy clients without a session.
    pub fn client_capabilities(&self) -> ClientCapabilities {
        let declared = if self.protocol_version().has_initialize() {
            match &self.0.link {
                Link::Session(peer) => peer.peer_info().map(|info| info.capabilities.clone()),
                Link::Direct(_) => None,
            }
        } else {
            self.meta().client_capabilities()
        };
        declared.unwrap_or_default()
    }
}
