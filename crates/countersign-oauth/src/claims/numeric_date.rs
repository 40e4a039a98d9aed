//! NumericDate: RFC 7519 §2.

use serde_json::Number;

use crate::time::UnixTime;

/// The last second of the year 9999. Later dates are mistakes, such as
/// milliseconds, and would make a token valid for ever.
const LATEST: u64 = 253_402_300_799;

/// In which direction a fraction of a second is rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// To the earlier second, for the end of a validity.
    Down,
    /// To the later second, for its start.
    Up,
}

/// Reads a number of seconds from 1970 to 9999, which may have a fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range is checked first, and every whole number in it is an exact f64"
)]
pub(crate) fn parse(number: &Number, round: Round) -> Option<UnixTime> {
    let seconds = match number.as_u64() {
        Some(seconds) => seconds,
        None => {
            let seconds = number
                .as_f64()
                .filter(|seconds| (0.0..=LATEST as f64).contains(seconds))?;
            match round {
                Round::Down => seconds.floor() as u64,
                Round::Up => seconds.ceil() as u64,
            }
        }
    };
    (seconds <= LATEST).then(|| UnixTime::from_secs(seconds))
}
