//! The authorization server driven without a socket: requests in, answers out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its cases are made with"
)]

mod account_administration;
mod administration;
mod api_keys;
mod audit;
mod authorize;
mod budgets;
mod clients;
mod codes;
mod corpus;
mod dpop;
mod fixture;
mod hooks;
mod keys;
mod limits;
mod lost_answers;
mod machines;
mod no_way_in;
mod one_connection;
mod options;
mod outage;
mod overview;
mod own_tokens;
mod people;
mod presets;
mod races;
mod refresh;
mod registration;
mod revocation;
mod sqlite;
mod token_endpoint;
mod watched_store;
