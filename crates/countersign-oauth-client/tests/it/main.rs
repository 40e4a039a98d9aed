//! What the crate does from outside.

mod addresses;
mod answers;
mod callbacks;
mod devices;
mod discovering;
mod keeping;
mod refreshing;
mod registering;
mod stepping_up;
mod world;
