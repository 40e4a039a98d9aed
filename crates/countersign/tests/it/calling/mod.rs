//! The client, against servers that are played and against our own.

mod bounds;
mod credentials;
mod eras;
mod examples;
mod issuer;
mod played;
mod process;
mod rounds;
mod streams;
mod tools;
