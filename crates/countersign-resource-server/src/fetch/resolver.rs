//! Names become addresses here, and only addresses that the rules permit leave.
//!
//! The connection is made to the addresses returned here, so an answer that
//! changes between the check and the connection has no effect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::FetchError;
use super::address::Reach;

/// More addresses than this are not looked at.
const MAX_ADDRESSES: usize = 16;

/// Which networks may be reached.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Networks {
    pub(crate) loopback: bool,
    pub(crate) private: bool,
}

impl Networks {
    pub(crate) fn permit(self, address: IpAddr) -> bool {
        match Reach::of(address) {
            Reach::Public => true,
            Reach::Loopback => self.loopback,
            Reach::Private => self.private,
            Reach::Special => false,
        }
    }
}

type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Where the addresses of a name come from.
pub(crate) trait Lookup: Send + Sync + 'static {
    fn addresses(&self, host: &str) -> Addresses;
}

/// The resolver of the operating system.
#[derive(Debug)]
pub(crate) struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(&self, host: &str) -> Addresses {
        let host = host.to_owned();
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(addresses
                .take(MAX_ADDRESSES + 1)
                .map(|address| address.ip())
                .collect())
        })
    }
}

/// Lets only permitted addresses through.
pub(crate) struct GuardedResolver {
    networks: Networks,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    pub(crate) fn new(networks: Networks, lookup: Arc<dyn Lookup>) -> Self {
        Self { networks, lookup }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.lookup.addresses(name.as_str());
        let networks = self.networks;
        Box::pin(async move {
            let addresses = addresses.await.map_err(|_| FetchError::Unresolved)?;
            if addresses.is_empty() {
                return Err(FetchError::Unresolved.into());
            }
            // One bad address spoils the answer: a name that mixes public and
            // internal addresses is an attack or a mistake.
            if addresses.len() > MAX_ADDRESSES
                || !addresses.iter().all(|address| networks.permit(*address))
            {
                return Err(FetchError::Address.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}
