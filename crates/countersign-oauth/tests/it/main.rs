//! Known answers, refusals of the attack corpus and properties, without any I/O.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its cases are made with"
)]

mod algorithms;
mod api_keys;
mod authorization_requests;
mod bearer;
mod claims;
mod claims_properties;
mod client_assertions;
mod client_id_documents;
mod dpop;
mod fixtures;
mod headers;
mod id_tokens;
mod json;
mod key_sets;
mod pem;
mod pkce;
mod properties;
mod public_keys;
mod received_metadata;
mod redirect_uris;
mod registrations;
mod server_answers;
mod signatures;
mod signing;
mod time_claims;
mod token_requests;
mod token_shape;
mod vectors;
