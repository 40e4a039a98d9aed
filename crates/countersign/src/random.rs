//! The one place of this crate that reads the random generator.

use aws_lc_rs::error::Unspecified;

/// `N` bytes from the generator of the operating system.
#[expect(clippy::disallowed_methods, reason = "this file owns the generator")]
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Unspecified> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes)
}

/// `N` bytes in hexadecimal.
pub(crate) fn hex<const N: usize>() -> Result<String, Unspecified> {
    let bytes = bytes::<N>()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
