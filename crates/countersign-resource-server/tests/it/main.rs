//! The resource server from outside: requests against a gate.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod api_keys;
mod chain;
mod dpop;
mod gate;
mod hostile_keys;
mod introspection;
mod jwt;
mod key_sets;
mod layer;
mod policy;
mod presets;
mod protected;
mod provider;
mod provider_tokens;
mod rules;
mod scripted;
mod secrets;
mod sources;
mod static_tokens;
