//! The resource server from outside: requests against a gate.

mod gate;
mod jwt;
mod protected;
