//! Everything that happens to a client whose person logs in elsewhere, from its
//! registration to its end, at a server in a process of its own that is killed on the
//! way.

mod bound;
mod caller;
mod github;
mod kinds;
mod process;
