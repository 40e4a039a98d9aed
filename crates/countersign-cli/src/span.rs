//! Spans of time on the command line: `45s`, `30m`, `1h`, `2d`.

use std::str::FromStr;

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
            Some(0) => Err("the token would never be valid"),
            Some(seconds) if seconds.abs() <= 3_660 * 86_400 => Ok(Self(seconds)),
            _ => Err("at most ten years"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
