//! Days and spans of time in words. Pages know no time zone, so they say no hours.

use countersign_oauth::{Lifetime, UnixTime};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day of the Gregorian calendar, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Day {
    year: u64,
    /// 1 to 12.
    month: u64,
    /// 1 to 31.
    day: u64,
}

impl Day {
    /// The day of `time`.
    pub(super) const fn of(time: UnixTime) -> Self {
        // Days are counted from 1 March of the year 0, so that a leap day is the last
        // of its year; 719,468 of them lie before 1 January 1970. An era is the 400
        // years after which the calendar repeats, 146,097 days.
        let days = time.as_secs() / 86_400 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let leap_days = of_era / 1_460 - of_era / 36_524 + of_era / 146_096;
        let year_of_era = (of_era - leap_days) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months from March on have 153 days in five.
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let january_or_february = if month <= 2 { 1 } else { 0 };
        Self {
            year: era * 400 + year_of_era + january_or_february,
            month,
            day,
        }
    }

    /// Such as `2026-02-07`.
    pub(super) fn machine(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// Such as `7 February 2026`.
    pub(super) fn words(self) -> String {
        let index = usize::try_from(self.month.saturating_sub(1)).unwrap_or_default();
        let month = MONTHS.get(index).copied().unwrap_or_default();
        format!("{} {month} {}", self.day, self.year)
    }
}

/// `span` in the largest unit of which it is at least two, or one exactly.
pub(super) fn span(span: Lifetime) -> String {
    let seconds = span.as_secs();
    for (unit, name) in [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ] {
        let count = seconds / unit;
        if count > 1 || (count == 1 && seconds.is_multiple_of(unit)) {
            let plural = if count == 1 { "" } else { "s" };
            return format!("{count} {name}{plural}");
        }
    }
    "no time".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (86_400, "1970-01-02"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Day::of(UnixTime::from_secs(seconds)).machine(), day);
        }
        let day = Day::of(UnixTime::from_secs(951_782_400));
        assert_eq!(day.words(), "29 February 2000");
    }

    #[test]
    fn spans_are_said_in_whole_units() {
        for (seconds, words) in [
            (0, "no time"),
            (1, "1 second"),
            (30, "30 seconds"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (3_600, "1 hour"),
            (5_400, "90 minutes"),
            (86_400, "1 day"),
            (365 * 86_400, "365 days"),
        ] {
            assert_eq!(span(Lifetime::from_secs(seconds)), words);
        }
    }
}
