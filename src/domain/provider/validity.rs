//! Moments and spans as XML Schema writes them, as far as metadata hold them.
//! <https://www.w3.org/TR/xmlschema-2/>

use std::time::Duration;

use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339};

use crate::kit::clock::Time;

/// `xs:dateTime`. Without a zone it is UTC, which SAML demands.
pub(super) fn moment(text: &str) -> Option<Time> {
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(&format!("{text}Z"), &Rfc3339).map(PrimitiveDateTime::assume_utc));
    Some(Time::from_seconds(moment.ok()?.unix_timestamp()))
}

/// `xs:duration`. Years and months are taken for their shortest.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (days, times) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, times)) if !times.is_empty() => (days, times),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    if days.is_empty() && times.is_empty() {
        return None;
    }
    let days = sum(days, &[('Y', 365 * 86_400), ('M', 28 * 86_400), ('D', 86_400)])?;
    let times = sum(times, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    Some(Duration::from_secs(days.checked_add(times)?))
}

/// Numbers, each followed by its unit, in the order of the units. Parts of a second are let go.
fn sum(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let (mut rest, mut total) = (text, 0_u64);
    for (unit, seconds) in units {
        let Some((number, after)) = rest.split_once(*unit) else { continue };
        let whole = match number.split_once('.') {
            Some((whole, parts)) if *unit == 'S' && parts.bytes().all(|b| b.is_ascii_digit()) => whole,
            Some(_) => return None,
            None => number,
        };
        if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        total = total.checked_add(whole.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        rest = after;
    }
    rest.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_by_their_units() {
        for (text, seconds) in [
            ("PT6H", 21_600),
            ("P1D", 86_400),
            ("P1DT2H3M4S", 93_784),
            ("PT604800.000S", 604_800),
            ("PT5M", 300),
            ("P1Y2M", 421 * 86_400),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for nonsense in ["", "P", "PT", "6H", "PT6", "P6H", "PT1S2M", "-P1D", "PT1.5H", "P99999999999999999999D"] {
            assert_eq!(duration(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn moments_without_a_zone_are_utc() {
        for text in ["2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00", "2027-01-15T08:00:00"] {
            assert_eq!(moment(text), Some(Time::from_seconds(1_800_000_000)), "{text}");
        }
        assert_eq!(moment("tomorrow"), None);
    }
}
