//! What the crate does from outside.

mod refreshing;
