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
    let [first, second, third, fourth] = &VALUES;
    let mut all = 0;
    for ([a, b, c, d], three) in fours.iter().zip(threes) {
        let bits = at(first, *a) | at(second, *b) | at(third, *c) | at(fourth, *d);
        all |= bits;
        let [_, x, y, z] = bits.to_be_bytes();
        *three = [x, y, z];
    }
    let unused = match *rest {
        [] => 0,
        [a, b] => {
            let bits = at(first, a) | at(second, b);
            all |= bits;
            let [_, x, unused @ ..] = bits.to_be_bytes();
            bytes.push(x);
            u16::from_be_bytes(unused)
        }
        [a, b, c] => {
            let bits = at(first, a) | at(second, b) | at(third, c);
            all |= bits;
            let [_, x, y, unused] = bits.to_be_bytes();
            bytes.extend([x, y]);
            u16::from(unused)
        }
        _ => return None,
    };
    (all & WRONG == 0 && unused == 0).then_some(())
}

/// Set for what is no character of the alphabet.
const WRONG: u32 = 0x8000_0000;

/// The six bits that a character stands for, where they are in its place of four.
static VALUES: [[u32; 256]; 4] = [values(18), values(12), values(6), values(0)];

const fn values(place: u32) -> [u32; 256] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut values = [WRONG; 256];
    let mut bits = 0;
    while bits < ALPHABET.len() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            reason = "the table has a place for every byte"
        )]
        {
            values[ALPHABET[bits] as usize] = (bits as u32) << place;
        }
        bits += 1;
    }
    values
}

fn at(values: &[u32; 256], character: u8) -> u32 {
    let value = values.get(usize::from(character));
    value.copied().unwrap_or(WRONG)
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
