//! The one source of random bytes: the generator of the operating system, behind
//! that of the cryptographic library.
//!
//! Whatever draws takes a `&dyn SecureRandom`, so that a test can hand in its own.

pub use aws_lc_rs::rand::{SecureRandom, SystemRandom};
