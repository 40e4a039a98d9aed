//! The crate as its users see it.

mod attributes;
mod calls;
mod fixture;
mod messages;
mod transport;
