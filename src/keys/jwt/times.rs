//! The time claims of a token: `exp`, `nbf` and `iat` (RFC 7519 §4.1), each a number of seconds, possibly with a fraction.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::kit::clock::Time;

/// The last second of the year 9999. A later moment is a mistake (milliseconds, an overflow), not a date: a token that never
/// expires because its issuer mixed up units would be worse than one that is refused.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Which time claim does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token has no exp")]
    NoExpiry,
    #[error("the claim {0} is not a time")]
    Unreadable(&'static str),
}

/// Holds the time claims against the clock, with `skew` of patience. A claim that is present must be a plausible number;
/// `exp` may be missing only when `require_exp` is false.
pub fn check_times(claims: &Map<String, Value>, now: Time, skew: Duration, require_exp: bool) -> Result<(), TimeError> {
    match seconds(claims, "exp")? {
        None if require_exp => return Err(TimeError::NoExpiry),
        Some(exp) if exp <= exact(now.minus(skew)) => return Err(TimeError::Expired),
        _ => {}
    }
    let latest = exact(now.plus(skew));
    for name in ["nbf", "iat"] {
        if seconds(claims, name)?.is_some_and(|moment| moment > latest) {
            return Err(TimeError::NotYetValid);
        }
    }
    Ok(())
}

fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, TimeError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_f64() {
        Some(seconds) if seconds.is_finite() && seconds <= LAST_SECOND => Ok(Some(seconds)),
        _ => Err(TimeError::Unreadable(name)),
    }
}

/// Milliseconds fit into the 53 bits of a float for the next 280,000 years.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn exact(time: Time) -> f64 {
    time.millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(claims: Value) -> Result<(), TimeError> {
        check_times(claims.as_object().unwrap(), Time::from_seconds(1000), Duration::ZERO, true)
    }

    #[test]
    fn exp_must_lie_in_the_future() {
        assert_eq!(check(json!({ "exp": 1001 })), Ok(()));
        assert_eq!(check(json!({ "exp": 1000.5 })), Ok(()));
        for past in [json!(1000), json!(999), json!(0), json!(-1), json!(-1e300), json!(i64::MIN), json!(999.999)] {
            assert_eq!(check(json!({ "exp": past })), Err(TimeError::Expired), "{past}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for name in ["exp", "nbf", "iat"] {
            for odd in [
                json!("1001"),
                json!(null),
                json!(true),
                json!([1001]),
                json!({}),
                json!(9_223_372_036_854_775_808_u64),
                json!(i64::MAX),
                json!(1e300),
                json!(1_700_000_000_000_i64),
            ] {
                let mut claims = json!({ "exp": 2000 });
                claims[name] = odd.clone();
                assert_eq!(check(claims), Err(TimeError::Unreadable(name)), "{name} {odd}");
            }
        }
    }

    #[test]
    fn nbf_and_iat_may_not_lie_in_the_future() {
        for name in ["nbf", "iat"] {
            for (moment, expected) in [
                (json!(1000), Ok(())),
                (json!(-5), Ok(())),
                (json!(1000.5), Err(TimeError::NotYetValid)),
                (json!(1001), Err(TimeError::NotYetValid)),
            ] {
                let mut claims = json!({ "exp": 2000 });
                claims[name] = moment;
                assert_eq!(check(claims), expected);
            }
        }
    }

    #[test]
    fn a_missing_exp_is_the_callers_choice() {
        assert_eq!(check(json!({})), Err(TimeError::NoExpiry));
        assert_eq!(check_times(&Map::new(), Time::from_seconds(1), Duration::ZERO, false), Ok(()));
    }

    #[test]
    fn skew_is_patience_in_both_directions() {
        let check = |claims: Value| {
            check_times(claims.as_object().unwrap(), Time::from_seconds(1000), Duration::from_secs(60), true)
        };
        assert_eq!(check(json!({ "exp": 941, "nbf": 1060, "iat": 1060 })), Ok(()));
        assert_eq!(check(json!({ "exp": 940 })), Err(TimeError::Expired));
        assert_eq!(check(json!({ "exp": 941, "iat": 1061 })), Err(TimeError::NotYetValid));
    }
}
