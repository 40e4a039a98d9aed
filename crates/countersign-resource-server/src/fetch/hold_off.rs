//! Leaving alone for a while who says so: `Retry-After` (RFC 9110 §10.2.3) of 429
//! (RFC 6585 §4) and 503.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_oauth::Lifetime;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode, Uri};
use tokio::time::Instant;

/// The longest that is waited, whatever is said: nobody is locked out for hours by one
/// answer.
const LONGEST: Lifetime = Lifetime::from_mins(10);

/// So many addresses are remembered.
const MOST: usize = 64;

/// Addresses that asked to be left alone.
#[derive(Default)]
pub struct HoldOff(Mutex<BTreeMap<String, Instant>>);

impl HoldOff {
    /// How long `address` is left alone; nothing if it can be asked.
    pub fn left(&self, address: &Uri) -> Option<Lifetime> {
        let until = self.held().get(&name(address)).copied()?;
        let left = until.saturating_duration_since(Instant::now());
        // Whoever waits as long as is said finds it over.
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        (seconds > 0).then(|| Lifetime::from_secs(seconds))
    }

    /// Leaves `address` alone for as long as `answer` says, at most ten minutes; nothing
    /// if it does not say.
    pub fn heed<B>(&self, address: &Uri, answer: &Response<B>) -> Option<Lifetime> {
        let wait = retry_after(answer)?;
        let now = Instant::now();
        let mut held = self.held();
        held.retain(|_, until| *until > now);
        if held.len() < MOST {
            let until = now + Duration::from_secs(wait.as_secs());
            held.insert(name(address), until);
        }
        Some(wait)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HoldOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldOff").finish_non_exhaustive()
    }
}

/// After how long `answer`, which is 429 or 503, wants to be asked again: at most ten
/// minutes.
pub fn retry_after<B>(answer: &Response<B>) -> Option<Lifetime> {
    let refuses = matches!(
        answer.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    if !refuses {
        return None;
    }
    let wait = seconds(answer.headers())?;
    Some(Lifetime::from_secs(wait).min(LONGEST))
}

/// RFC 9110 §10.2.3: seconds, or a date. A date is compared with that of the answer
/// (§6.6.1), so that no clock but the sender's counts.
fn seconds(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are longer than anything that is waited for.
        return Some(text.parse().unwrap_or(u64::MAX));
    }
    let sent = date(headers.get(DATE)?.to_str().ok()?)?;
    Some(date(text)?.saturating_sub(sent))
}

/// Seconds since 1970 of an IMF-fixdate (RFC 9110 §5.6.7), such as
/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = number(parts.next()?, 2, 1..=31)?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = u64::try_from(month).ok()? + 1;
    let year = number(parts.next()?, 4, 1970..=9999)?;
    let mut time = parts.next()?.split(':');
    let hour = number(time.next()?, 2, 0..=23)?;
    let minute = number(time.next()?, 2, 0..=59)?;
    let second = number(time.next()?, 2, 0..=60)?;
    if time.next().is_some() || parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1;
    // 719,468 days from 1 March of the year 0 to 1970.
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn number(text: &str, digits: usize, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = plain.then(|| text.parse().ok())??;
    range.contains(&value).then_some(value)
}

fn name(address: &Uri) -> String {
    let authority = address.authority().map_or("", |one| one.as_str());
    format!("{authority}{}", address.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response<()> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(()).unwrap()
    }

    #[test]
    fn what_is_no_time_to_wait_is_none() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for (status, text) in [
            (200, "120"),
            (500, "120"),
            (503, ""),
            (503, "-1"),
            (503, "1.5"),
            (503, "soon"),
            (503, "Sun, 06 Nov 1994 08:49:37"),
            (503, "Sun, 06 Nov 1994 24:49:37 GMT"),
            (503, "Sun, 32 Nov 1994 08:49:37 GMT"),
            (503, "Sunday, 06-Nov-94 08:49:37 GMT"),
        ] {
            let headers = [("retry-after", text), date];
            assert_eq!(
                retry_after(&answer(status, &headers)),
                None,
                "{status} {text}"
            );
        }
        assert_eq!(retry_after(&answer(503, &[])), None);
        // Without the date of the answer nobody knows how far away the other one is.
        let alone = [("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(retry_after(&answer(503, &alone)), None);
    }

    #[test]
    fn seconds_and_dates_are_read_and_capped() {
        let date = ("date", "Thu, 29 Feb 2024 23:59:50 GMT");
        for (text, seconds) in [
            ("0", 0),
            ("120", 120),
            ("99999999999999999999999999", 600),
            ("Fri, 01 Mar 2024 00:00:20 GMT", 30),
            ("Sat, 01 Mar 2025 00:00:20 GMT", 600),
            ("Wed, 28 Feb 2024 00:00:20 GMT", 0),
        ] {
            for status in [429, 503] {
                let headers = [("retry-after", text), date];
                let said = retry_after(&answer(status, &headers));
                assert_eq!(said, Some(Lifetime::from_secs(seconds)), "{text}");
            }
        }
        assert_eq!(super::date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        let known = super::date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(known, Some(784_111_777));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_left_alone_for_as_long_as_it_says() {
        let hold = HoldOff::default();
        let address = Uri::from_static("https://op.example/token?x=y");
        assert_eq!(hold.left(&address), None);
        assert_eq!(hold.heed(&address, &answer(503, &[])), None);
        assert_eq!(hold.left(&address), None);
        let said = answer(429, &[("retry-after", "30")]);
        assert_eq!(hold.heed(&address, &said), Some(Lifetime::from_secs(30)));
        tokio::time::advance(Duration::from_millis(29_500)).await;
        assert_eq!(hold.left(&address), Some(Lifetime::from_secs(1)));
        // Another endpoint said nothing.
        let other = Uri::from_static("https://op.example/revoke");
        assert_eq!(hold.left(&other), None);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(hold.left(&address), None);
    }
}
