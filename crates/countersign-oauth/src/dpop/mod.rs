//! Demonstrating proof of possession: RFC 9449.
//!
//! A token that is bound to a key is worth nothing without it: whoever presents the token
//! signs a *proof* for each request, which names the method, the address and the token.
//!
//! What is judged here: everything that RFC 9449 §4.3 asks for and that one proof shows by
//! itself. What needs memory is not: whether a proof was seen before, and which nonces were
//! given out ([`Nonces`] knows its own without remembering them).
//!
//! Refused, although other libraries accept it:
//!
//! - a `typ` other than `dpop+jwt`, in these letters;
//! - a `jwk` that is no public key of the algorithm, that has a private member, that is
//!   symmetric, or that says it is for something else than signatures;
//! - an RSA key of more than 4096 bits, or with an exponent of more than 24;
//! - an `htu` with a user name, a backslash, blanks, an address written in another base, or
//!   percent-encoded letters in the host: two readers may read two addresses from it;
//! - a proof that has expired, if it says when;
//! - a `cnf` that names any other confirmation beside `jkt`.

mod check;
mod confirmation;
mod error;
mod field;
#[cfg(feature = "sign")]
mod make;
mod nonce;
mod target;

pub use check::{Expected, MAX_TOKEN_ID_BYTES, Proven, WINDOW, check};
pub use confirmation::{Thumbprint, UnusableConfirmation, confirmed_key};
pub use error::ProofError;
pub use field::{NONCE_FIELD, PROOF_FIELD, sole_proof};
#[cfg(feature = "sign")]
pub use make::{ProofClaims, make};
pub use nonce::{MAX_NONCE_BYTES, NONCE_LIFETIME, NonceError, Nonces};
pub use target::{InvalidTarget, Target};

use crate::jose::Algorithm;

/// The scheme in `Authorization` (RFC 9449 §7.1), and the `token_type` (RFC 9449 §5).
pub const SCHEME: &str = "DPoP";

/// `typ` of a proof (RFC 9449 §4.2).
pub const TYP: &str = "dpop+jwt";

/// What proofs may be signed with, unless a server says otherwise: every asymmetric
/// algorithm that is implemented, those with short signatures first.
pub const ALGORITHMS: [Algorithm; 10] = [
    Algorithm::ES256,
    Algorithm::EdDSA,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
];
