//! The one place that draws random bytes for proof keys, states and ids.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_oauth::Secret;

use crate::error::OAuthError;

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
    /// [`OAuthError`] if the generator failed; nothing is asked then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), OAuthError>;
}

/// The generator of the operating system, behind that of the cryptographic library.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemGenerator;

impl Random for SystemGenerator {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), OAuthError> {
        SystemRandom::new().fill(bytes).map_err(|_| {
            OAuthError::NotPermitted("the random generator of this machine failed".to_owned())
        })
    }
}

/// `N` fresh bytes.
pub(crate) fn draw<const N: usize>(random: &dyn Random) -> Result<[u8; N], OAuthError> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// A text of 256 random bits in characters that need no encoding anywhere.
pub(crate) fn draw_secret(random: &dyn Random) -> Result<Secret, OAuthError> {
    let bytes = draw::<32>(random)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}
