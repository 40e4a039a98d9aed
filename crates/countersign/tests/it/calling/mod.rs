//! The client, against servers that are played and against our own.

mod bounds;
mod cancelling;
mod credentials;
mod eras;
pub(crate) mod examples;
mod hearing;
mod issuer;
mod played;
mod process;
mod renewing;
mod rounds;
mod streams;
mod tools;
