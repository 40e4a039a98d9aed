//! Spans of time on the command line: `45s`, `30m`, `1h`, `2d`.

use std::str::FromStr;
use std::time::Duration;

/// What is wrong with a token of no time.
const NEVER: &str = "the token would never be valid";

/// A span in seconds; below zero it lies in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) i64);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a number and s, m, h or d, for example 30m";
        let (number, unit) = text
            .split_at_checked(text.len().wrapping_sub(1))
            .ok_or(FORM)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(FORM),
        };
        let digits = number.strip_prefix('-').unwrap_or(number);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM);
        }
        let seconds = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit));
        match seconds {
            Some(0) => Err(NEVER),
            Some(seconds) if seconds.abs() <= 3_660 * 86_400 => Ok(Self(seconds)),
            _ => Err("at most ten years"),
        }
    }
}

/// How long is waited: more than nothing, and at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

impl FromStr for Wait {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const DAY: u64 = 86_400;
        let Span(seconds) = match text.parse() {
            Err(NEVER) => Span(0),
            other => other?,
        };
        match u64::try_from(seconds) {
            Ok(seconds @ 1..=DAY) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("write a time of one second to one day, for example 30s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_nothing_or_for_ever() {
        for text in ["0s", "-5s", "25h", "2d", "5", "", "s", "99999999d"] {
            assert!(Wait::from_str(text).is_err(), "{text}");
        }
        for (text, seconds) in [("1s", 1), ("5m", 300), ("24h", 86_400)] {
            assert_eq!(Wait::from_str(text), Ok(Wait(Duration::from_secs(seconds))));
        }
    }

    #[test]
    fn a_span_without_unit_or_number_is_refused() {
        for text in [
            "",
            "h",
            "1",
            "1.5h",
            "+1h",
            "1 h",
            "1w",
            "--1h",
            "-h",
            "0s",
            "99999999d",
            "é",
        ] {
            assert!(Span::from_str(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [
            ("45s", 45),
            ("30m", 1_800),
            ("1h", 3_600),
            ("2d", 172_800),
            ("-5m", -300),
        ] {
            assert_eq!(Span::from_str(text), Ok(Span(seconds)));
        }
    }
}
