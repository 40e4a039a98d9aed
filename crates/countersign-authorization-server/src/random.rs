//! The one place that draws random bytes for codes, tokens, secrets and ids.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_oauth::Secret;

use crate::unavailable::Unavailable;

/// A source of random bytes. Implement it in tests alone.
///
/// # Security
///
/// Everything that nobody may guess is made of these bytes.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// Overwrites `bytes` with unpredictable ones.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the generator failed; nothing is issued then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Unavailable>;
}

/// The generator of the operating system, behind that of the cryptographic library.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemGenerator;

impl Random for SystemGenerator {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Unavailable> {
        SystemRandom::new()
            .fill(bytes)
            .map_err(|_| Unavailable::Random)
    }
}

/// `N` fresh bytes.
pub(crate) fn draw<const N: usize>(random: &dyn Random) -> Result<[u8; N], Unavailable> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// A text of 256 random bits, in characters that need no encoding anywhere
/// (OAuth 2.1 §7.7 asks for 128, better 160).
pub(crate) fn draw_secret(random: &dyn Random) -> Result<Secret, Unavailable> {
    let bytes = draw::<32>(random)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// A text of 128 random bits that is no secret, such as a client id, in hexadecimal:
/// a command line takes it for no option, and a double click selects all of it.
pub(crate) fn draw_id(random: &dyn Random) -> Result<String, Unavailable> {
    let bytes = draw::<16>(random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
