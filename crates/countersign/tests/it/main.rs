//! The crate as its users see it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod attributes;
mod bearer;
mod calls;
mod elicitation;
mod fixture;
mod messages;
mod middleware;
mod notifications;
mod request_state;
mod transport;
