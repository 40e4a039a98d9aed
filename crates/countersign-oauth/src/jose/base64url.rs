//! base64url without padding: RFC 7515 §2, RFC 4648 §5 and §3.5.
//!
//! One value has one spelling: padding, white space, the other alphabet and
//! non-zero unused bits in the last character are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that `text` spells, or nothing if it is no canonical spelling.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decode_into(text, &mut bytes)?;
    Some(bytes)
}

/// Replaces what is in `bytes` by what `text` spells. `None` if it is no canonical
/// spelling; whatever is in `bytes` then means nothing.
///
/// Every token is decoded once for each time that it is verified, and most of its
/// text is this.
pub(crate) fn decode_into(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let (fours, rest) = text.as_bytes().as_chunks::<4>();
    bytes.clear();
    bytes.reserve(fours.len() * 3 + 2);
    bytes.resize(fours.len() * 3, 0);
    let (threes, _) = bytes.as_chunks_mut::<3>();
    let mut wrong = 0;
    for (four, three) in fours.iter().zip(threes) {
        let [a, b, c, d] = four.map(value);
        wrong |= a | b | c | d;
        let [_, x, y, z] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
        *three = [x, y, z];
    }
    match *rest {
        [] => {}
        [a, b] => {
            let [a, b] = [a, b].map(value);
            wrong |= a | b | if b & 0xF == 0 { 0 } else { WRONG };
            let [_, x, ..] = (a << 18 | b << 12).to_be_bytes();
            bytes.push(x);
        }
        [a, b, c] => {
            let [a, b, c] = [a, b, c].map(value);
            wrong |= a | b | c | if c & 0x3 == 0 { 0 } else { WRONG };
            let [_, x, y, _] = (a << 18 | b << 12 | c << 6).to_be_bytes();
            bytes.extend([x, y]);
        }
        _ => return None,
    }
    (wrong & WRONG == 0).then_some(())
}

/// Set in the value of what is no character of the alphabet.
const WRONG: u32 = 0x80;

/// The six bits that a character stands for.
fn value(character: u8) -> u32 {
    static VALUES: [u8; 256] = {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut values = [0x80; 256];
        let mut bits = 0;
        while bits < 64_u8 {
            #[expect(
                clippy::indexing_slicing,
                reason = "both tables have a place for every index, and this runs at compile time"
            )]
            {
                values[ALPHABET[bits as usize] as usize] = bits;
            }
            bits += 1;
        }
        values
    };
    VALUES
        .get(usize::from(character))
        .map_or(WRONG, |bits| u32::from(*bits))
}

/// The spelling of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_canonical_spelling_is_refused() {
        for text in [
            "A",
            "AAAAA",
            "AB",
            "AAB",
            "AA==",
            "AAA=",
            "A A",
            " AAA",
            "AAAA\n",
            "AA+A",
            "AA/A",
            "AAA\u{e9}",
            "AAAA*",
            "AAAA*A",
            "AAAAAA\0",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert_eq!(decode(""), Some(Vec::new()));
        assert_eq!(decode("-_-_"), Some(vec![0xFB, 0xFF, 0xBF]));
    }

    #[test]
    fn every_byte_in_every_place_is_judged_as_by_another_decoder() {
        for length in 1..=9 {
            for place in 0..length {
                for byte in 0..=127_u8 {
                    let mut text = vec![b'w'; length];
                    text[place] = byte;
                    let text = String::from_utf8(text).unwrap();
                    assert_eq!(
                        decode(&text),
                        URL_SAFE_NO_PAD.decode(&text).ok(),
                        "{text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for length in 0..200_u8 {
            let bytes: Vec<u8> = (0..length).map(|at| at.wrapping_mul(167)).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
