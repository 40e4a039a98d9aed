//! Every outbound request of a server: key sets, introspection, discovery.
//!
//! The addresses may come from configuration, and some from strangers, so one
//! guard holds for all: https on port 443, addresses judged after the name was
//! resolved and the connection made to exactly those (no second look-up that
//! could answer otherwise), no redirects, no proxy from the environment, no
//! cookies, no compression, and caps on time, head and body.

mod address;
mod client;
#[cfg(test)]
mod connection_tests;
mod connections;
#[cfg(test)]
mod guard_tests;
mod hold_off;
mod resolver;
#[cfg(test)]
mod tls_tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use thiserror::Error;

pub use client::{Fetcher, FetcherBuilder};
pub use connections::{MOST_KEPT_OPEN, Repeatable};
pub use hold_off::{HoldOff, retry_after};

/// An answer on its way.
pub type Fetching<'a> =
    Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, FetchError>> + Send + 'a>>;

/// Sends one request and reads the whole answer.
///
/// [`Fetcher`] is the guarded implementation. With one of your own, for example
/// behind a proxy, the guard is yours too: [`Fetch::fetch`] is given addresses
/// from configuration as they are.
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`, whose target is an absolute URI.
    ///
    /// Every status is an answer; redirects must not be followed.
    fn fetch(&self, request: http::Request<Bytes>) -> Fetching<'_>;
}

/// Why there is no answer. Without the address, which may carry secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The target is not an absolute URL without user name.
    #[error("the target is not an absolute URL without user name and password")]
    Target,
    /// The scheme is not https.
    #[error("the scheme is not https")]
    Scheme,
    /// The port is neither 443 nor on the allow-list.
    #[error("the port is neither 443 nor allowed by configuration")]
    Port,
    /// The host is, or resolves to, an address outside the public Internet.
    #[error("the host is not on the public Internet")]
    Address,
    /// The host has no address.
    #[error("the host has no address")]
    Unresolved,
    /// No connection.
    #[error("no connection")]
    Connection,
    /// A connection, and no TLS with a trusted certificate.
    #[error("no TLS with a trusted certificate")]
    Untrusted,
    /// The time was up.
    #[error("the answer took too long")]
    Timeout,
    /// The head or the body is over its cap.
    #[error("the answer is too large")]
    TooLarge,
    /// The body is compressed, which was not asked for.
    #[error("the answer is compressed")]
    Encoding,
    /// The connection had been kept open for the next request, and ended before the head of
    /// an answer to this one: most likely nobody has read it. What may be sent again, such
    /// as GET or what is marked as [`Repeatable`], was; anything else is made anew by
    /// whoever can, at most [`MOST_KEPT_OPEN`] times.
    #[error("the connection had just ended")]
    Stale,
    /// The exchange broke off or is not HTTP.
    #[error("the exchange broke off")]
    Exchange,
}
