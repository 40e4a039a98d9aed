//! The one place of this crate that reads the random generator.

use std::io;

/// 32 bytes from the generator of the operating system.
#[expect(clippy::disallowed_methods, reason = "this file owns the generator")]
pub(crate) fn key() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(bytes)
}
