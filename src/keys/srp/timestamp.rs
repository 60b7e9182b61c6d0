//! The time in a client's proof, in the form of Java's `EEE MMM d HH:mm:ss z yyyy`, English and UTC.

use std::time::Duration;

use time::{Date, Month, Time as TimeOfDay};

use super::SrpError;
use crate::kit::clock::Time;

/// How far a client's clock may be from ours. The service does not say what it tolerates.
pub const TIMESTAMP_WINDOW: Duration = Duration::from_secs(5 * 60);

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Whether the time of a proof is readable and within `window` of now, in either direction. The day may be padded with a
/// zero or a space: some clients do.
pub fn check_timestamp(text: &str, now: Time, window: Duration) -> Result<(), SrpError> {
    let moment = parse(text).ok_or(SrpError::Timestamp)?;
    // Only whole seconds are sent, so that only whole seconds are compared.
    let now = Time::from_seconds(now.seconds());
    if moment < now.minus(window) || moment > now.plus(window) { Err(SrpError::Stale) } else { Ok(()) }
}

fn parse(text: &str) -> Option<Time> {
    // Longer than any such time; the rest of the work is bounded by it.
    if text.len() > 40 {
        return None;
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let [weekday, month, day, clock, "UTC", year] = words[..] else { return None };
    if !WEEKDAYS.contains(&weekday) || year.len() != 4 {
        return None;
    }
    let month = u8::try_from(MONTHS.iter().position(|name| *name == month)? + 1).ok()?;
    let date = Date::from_calendar_date(i32::from(number(year)?), Month::try_from(month).ok()?, small(day)?).ok()?;
    let [hour, minute, second] = clock.split(':').collect::<Vec<_>>()[..] else { return None };
    let clock = TimeOfDay::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    Some(Time::from_seconds(date.with_time(clock).assume_utc().unix_timestamp()))
}

fn small(text: &str) -> Option<u8> {
    if text.len() > 2 { None } else { u8::try_from(number(text)?).ok() }
}

/// Digits only: the standard parser would take a plus sign too.
fn number(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tue Jan 6 07:08:09 UTC 2026.
    const MOMENT: i64 = 1_767_683_289;

    #[test]
    fn a_day_is_read_with_and_without_padding() {
        for text in ["Tue Jan 6 07:08:09 UTC 2026", "Tue Jan 06 07:08:09 UTC 2026", "Tue Jan  6 07:08:09 UTC 2026"] {
            assert_eq!(parse(text), Some(Time::from_seconds(MOMENT)), "{text}");
        }
        assert_eq!(parse("Thu Feb 29 23:59:59 UTC 2024"), Some(Time::from_seconds(1_709_251_199)));
    }

    #[test]
    fn the_window_is_open_to_both_sides() {
        let check = |seconds| {
            check_timestamp("Tue Jan 6 07:08:09 UTC 2026", Time::from_seconds(MOMENT + seconds), TIMESTAMP_WINDOW)
        };
        assert_eq!([check(0), check(300), check(-300)], [Ok(()); 3]);
        assert_eq!([check(301), check(-301)], [Err(SrpError::Stale); 2]);
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            " ",
            "2026-01-06T07:08:09Z",
            "1767683289",
            "Tue Jan 6 07:08:09 GMT 2026",
            "Tue Jan 6 07:08:09 2026",
            "Tue Jan 32 07:08:09 UTC 2026",
            "Tue Feb 30 07:08:09 UTC 2026",
            "Tue Jan 0 07:08:09 UTC 2026",
            "Tue Jan 6 24:08:09 UTC 2026",
            "Tue Jan 6 07:60:09 UTC 2026",
            "Tue Jan 6 07:08:60 UTC 2026",
            "Tue Jan 6 07:08 UTC 2026",
            "Tue Jan 6 07:08:09:10 UTC 2026",
            "Tue Jan +6 07:08:09 UTC 2026",
            "Tue Jan -6 07:08:09 UTC 2026",
            "Tue Jan 006 07:08:09 UTC 2026",
            "Tue Jan 6 07:08:09 UTC 12026",
            "Tue Jan 6 07:08:09 UTC 26",
            "tue jan 6 07:08:09 utc 2026",
            "Die Jan 6 07:08:09 UTC 2026",
            "Tue Jan 6 07:08:09 UTC 2026 x",
            "Tue\tJan 6 07:08:09 UTC 2026",
            "Tue Jan 6 ٠٧:08:09 UTC 2026",
        ] {
            assert_eq!(
                check_timestamp(text, Time::from_seconds(MOMENT), TIMESTAMP_WINDOW),
                Err(SrpError::Timestamp),
                "{text}"
            );
        }
        let long = " ".repeat(1_000_000);
        assert_eq!(check_timestamp(&long, Time::from_seconds(MOMENT), TIMESTAMP_WINDOW), Err(SrpError::Timestamp));
    }
}
