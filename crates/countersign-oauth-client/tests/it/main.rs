//! What the crate does from outside.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its cases are made with"
)]

mod addresses;
mod answers;
mod bound;
mod callbacks;
mod connections;
mod devices;
mod discovering;
mod keeping;
mod machines;
mod refused_registrations;
mod registering;
mod stepping_up;
mod world;
