//! Key pairs and tokens for development and tests: RFC 7517, RFC 7519, RFC 9068 §2.
//!
//! A server never needs this module: it verifies with public keys alone. It is for
//! whoever plays the issuer, in a test or on a developer's machine. In production
//! tokens come from an authorization server.
//!
//! ```
//! use countersign::keys::{KeyPair, SystemRandom, TestToken};
//! use countersign::oauth::jose::Algorithm;
//! use countersign::{Clock, SystemClock};
//!
//! let keys = KeyPair::generate(Algorithm::ES256)?;
//! let token = TestToken::new("hello@world.com")
//!     .issuer("http://localhost:8000")
//!     .audience("my-mcp-server")
//!     .scopes(["read"])
//!     .sign(&keys, SystemClock::default().now(), &SystemRandom::new())?;
//! assert!(token.reveal().starts_with("ey"));
//! # Ok::<(), countersign::keys::KeyPairError>(())
//! ```

mod key_files;
mod key_pair;
mod random;
mod test_token;

pub use key_files::{KeyFileError, KeyFiles, PRIVATE_KEY_FILE, PUBLIC_KEY_FILE};
pub use key_pair::{KeyPair, KeyPairError};
pub use random::{SecureRandom, SystemRandom};
pub use test_token::TestToken;
