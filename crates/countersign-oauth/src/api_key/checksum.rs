//! Base 62, and the checksum that ends a key.

/// In the order of ASCII, so that numbers of equal width sort as their texts do.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The lowest `width` digits of `number`, the highest first.
pub(super) fn base62(mut number: u128, width: usize) -> String {
    let mut digits = vec![0_u8; width];
    for place in digits.iter_mut().rev() {
        let digit = usize::try_from(number % 62).unwrap_or_default();
        *place = DIGITS.get(digit).copied().unwrap_or(b'0');
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

/// CRC-32 as in ISO/IEC 8802-3 (the one of `zip` and PNG): reflected, polynomial
/// 0x04C11DB7, beginning and ending inverted.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |state, byte| {
        (0..8).fold(state ^ u32::from(*byte), |state, _| {
            let low = state & 1;
            (state >> 1) ^ (low.wrapping_neg() & 0xEDB8_8320)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        // The check value of CRC-32/ISO-HDLC in the catalogues.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn numbers_are_written_in_full_width() {
        assert_eq!(base62(0, 3), "000");
        assert_eq!(base62(61, 2), "0z");
        assert_eq!(base62(62, 2), "10");
        assert_eq!(base62(u128::from(u32::MAX), 6), "4gfFC3");
        // What does not fit is cut off above.
        assert_eq!(base62(62 * 62 + 1, 2), "01");
    }
}
