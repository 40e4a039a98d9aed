//! Lines that hang on each other.
//!
//! A line is one JSON object: the members of a record, between `seq`, its number, and
//! `prev` and `mac`. `mac` is HMAC-SHA-256 (RFC 2104) of the text of the line up to
//! `,"mac":`, and `prev` is the `mac` of the line before. So a line cannot be changed
//! without the key, and none can be removed, added or moved without breaking a chain
//! whose end is written down elsewhere ([`Head`]).

use std::fmt;

use aws_lc_rs::hmac;

/// What the first line of all has for `prev`.
pub const BEGINNING: Mac = Mac([0; 32]);

const MAC: &str = ",\"mac\":\"";
const SEAL: &str = ",\"seal\":\"";
/// So that a head is never taken for a line, nor a line for a head.
const HEAD: &[u8] = b"countersign audit head\n";

/// The code at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac([u8; 32]);

impl Mac {
    /// Reads 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let [high, low] = pair else { return None };
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Some(Self(bytes))
    }
}

const fn digit(sign: u8) -> Option<u8> {
    match sign {
        b'0'..=b'9' => Some(sign - b'0'),
        b'a'..=b'f' => Some(sign - b'a' + 10),
        _ => None,
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key that lines are sealed with. Whoever has it can write a log that looks untouched.
#[derive(Clone)]
pub struct ChainKey(hmac::Key);

impl ChainKey {
    /// The key of these bytes, drawn from a random generator.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    fn mac(&self, parts: &[&[u8]]) -> Mac {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut mac = Mac([0; 32]);
        for (to, from) in mac.0.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        mac
    }

    fn agrees(&self, parts: &[&[u8]], mac: Mac) -> bool {
        let ours = self.mac(parts);
        aws_lc_rs::constant_time::verify_slices_are_equal(&ours.0, &mac.0).is_ok()
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(redacted)")
    }
}

/// A place in the chain: the number of a line and its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a place is a number and a code")]
pub struct Link {
    /// The number of the line; the first one is 1.
    pub seq: u64,
    /// Its code.
    pub mac: Mac,
}

impl Link {
    /// Before the first line.
    pub const START: Self = Self {
        seq: 0,
        mac: BEGINNING,
    };
}

/// The next line after `last`: `members` are those of a record, without braces. Answers
/// the line without its end of line, and the place where it stands.
pub fn next(key: &ChainKey, last: Link, members: &str) -> (String, Link) {
    let seq = last.seq.saturating_add(1);
    let mut line = format!("{{\"seq\":{seq},{members},\"prev\":\"{}\"", last.mac);
    let mac = key.mac(&[line.as_bytes()]);
    line.push_str(MAC);
    line.push_str(&mac.to_string());
    line.push_str("\"}");
    (line, Link { seq, mac })
}

/// Takes a line apart into the text that its code is of, and the code.
pub fn split(line: &str) -> Option<(&str, Mac)> {
    let (text, mac) = line.strip_suffix("\"}")?.rsplit_once(MAC)?;
    Some((text, Mac::parse(mac)?))
}

/// The code of `line`, if it is the right one.
pub fn check(key: &ChainKey, line: &str) -> Option<Mac> {
    let (text, mac) = split(line)?;
    key.agrees(&[text.as_bytes()], mac).then_some(mac)
}

/// Where a chain begins and ends, sealed: what is kept beside the lines, so that lines
/// cut off at either end are missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a chain has two ends")]
pub struct Head {
    /// The place before the oldest line that is kept.
    pub before: Link,
    /// The place of the newest line.
    pub last: Link,
}

impl Head {
    /// One line of JSON.
    pub fn sealed(&self, key: &ChainKey) -> String {
        let text = format!(
            "{{\"before\":{},\"before_mac\":\"{}\",\"last\":{},\"last_mac\":\"{}\"",
            self.before.seq, self.before.mac, self.last.seq, self.last.mac
        );
        let seal = key.mac(&[HEAD, text.as_bytes()]);
        format!("{text}{SEAL}{seal}\"}}")
    }

    /// Reads what [`Head::sealed`] wrote with the same `key`.
    pub fn open(key: &ChainKey, line: &str) -> Option<Self> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let (text, seal) = line.strip_suffix("\"}")?.rsplit_once(SEAL)?;
        if !key.agrees(&[HEAD, text.as_bytes()], Mac::parse(seal)?) {
            return None;
        }
        let whole = countersign_oauth::json::parse_object(line.as_bytes()).ok()?;
        let link = |seq: &str, mac: &str| {
            Some(Link {
                seq: whole.get(seq)?.as_u64()?,
                mac: Mac::parse(whole.get(mac)?.as_str()?)?,
            })
        };
        Some(Self {
            before: link("before", "before_mac")?,
            last: link("last", "last_mac")?,
        })
    }
}
