//! The generator of the operating system, for what this crate draws by itself: the keys that
//! nonces are recognised by.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use crate::ConfigurationError;

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], ConfigurationError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        ConfigurationError::new("the operating system gives no random bytes: nothing can be kept")
    })?;
    Ok(bytes)
}
