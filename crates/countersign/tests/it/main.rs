//! The crate as its users see it.

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
