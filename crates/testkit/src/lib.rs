//! What the tests of the workspace share.
//!
//! - [`TestClock`] and [`SeededRandom`]: time and randomness, set by hand.
//! - [`TestIssuer`]: mints good tokens and every kind of hostile one.
//! - [`FakeIssuerServer`]: a loopback HTTP server whose answers a test scripts.
//! - [`FakeProvider`]: identity providers on loopback, each with its quirks.
//! - [`Http`], [`ModernClient`], [`LegacyClient`], [`raw::exchange`]: requests
//!   over a tower service or a socket, in both protocol eras, or as plain bytes.
//! - [`frames`]: HTTP/2 by hand.
//! - [`webdriver`]: a browser that is clicked through.
//! - [`corpus`]: rows of the attack corpus that are asked at several levels.
//! - [`CaptureLog`]: everything that is logged, as text, to search for secrets.
//!
//! Nothing here reads the system clock, and nothing but [`webdriver`] sleeps. A wrong use panics, because
//! the caller is a test.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "the callers are tests: a panic is how a test fails"
)]

pub mod capture_log;
pub mod client;
pub mod clock;
pub mod corpus;
pub mod fake_server;
pub mod frames;
pub mod issuer;
pub mod provider;
pub mod random;
pub mod raw;
pub mod webdriver;

pub use capture_log::CaptureLog;
pub use client::http::{Answer, Http};
pub use client::legacy::LegacyClient;
pub use client::modern::ModernClient;
pub use clock::TestClock;
pub use fake_server::{FakeIssuerServer, Gate, ScriptedAnswer};
pub use issuer::key::{SignatureAlgorithm, TestKey};
pub use issuer::token::{TokenBuilder, jws};
pub use issuer::{AUDIENCE, ISSUER, NOW, TestIssuer};
pub use provider::FakeProvider;
pub use random::SeededRandom;
