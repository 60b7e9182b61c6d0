//! Token buckets: a route may be called `rate` times a second, and `burst` times at once.
//!
//! The service counts by its best effort and over many machines; here each process counts exactly. A request takes its token
//! after its route is known and before anybody asks who it is, so that refused tokens count too. Where the account has a bucket,
//! that is asked first.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html>

use std::sync::{Arc, Mutex, PoisonError};

use super::{Apis, Refusal, Route};
use crate::{config::api::Throttle, kit::clock::Time};

impl Apis {
    /// Takes what a request needs. Without a bucket of the account threads share no lock here.
    pub(super) fn admit(&self, route: &Route, now: Time) -> Result<(), Refusal> {
        let admits = |bucket: &Option<Arc<Bucket>>| bucket.as_ref().is_none_or(|bucket| bucket.take(now));
        if admits(&self.account) && admits(&route.bucket) { Ok(()) } else { Err(Refusal::Throttled) }
    }
}

pub(super) struct Bucket {
    rate: f64,
    burst: f64,
    level: Mutex<Level>,
}

#[derive(Clone, Copy)]
struct Level {
    tokens: f64,
    at: Time,
}

impl Bucket {
    /// `None` where nothing is limited.
    pub(super) fn new(throttle: Throttle, now: Time) -> Option<Self> {
        let (rate, burst) = (throttle.rate_limit?, f64::from(throttle.burst_limit?));
        Some(Self { rate, burst, level: Mutex::new(Level { tokens: burst, at: now }) })
    }

    /// Whether it limits to just this.
    pub(super) fn is_of(&self, throttle: Throttle) -> bool {
        throttle.rate_limit == Some(self.rate) && throttle.burst_limit.map(f64::from) == Some(self.burst)
    }

    pub(super) fn take(&self, now: Time) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.since(level.at).as_secs_f64();
        level.tokens = (level.tokens + passed * self.rate).min(self.burst);
        if now > level.at || now.is_set_back_from(level.at) {
            level.at = now;
        }
        // Fractions of many small steps may miss a whole by the last digit.
        if level.tokens + 1e-9 < 1.0 {
            return false;
        }
        level.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bucket(rate: f64, burst: u32, now: Time) -> Bucket {
        Bucket::new(Throttle { rate_limit: Some(rate), burst_limit: Some(burst) }, now).unwrap()
    }

    #[test]
    fn a_bucket_holds_its_burst_and_fills_at_its_rate() {
        let now = Time::from_seconds(100);
        let bucket = bucket(0.5, 2, now);
        assert!(bucket.take(now) && bucket.take(now) && !bucket.take(now));
        assert!(!bucket.take(now.plus(Duration::from_millis(1900))));
        assert!(bucket.take(now.plus(Duration::from_secs(2))));
        let later = now.plus(Duration::from_secs(1000));
        assert!(bucket.take(later) && bucket.take(later) && !bucket.take(later));
        // A clock that was set back gives nothing away, and takes nothing for long.
        assert!(!bucket.take(now) && !bucket.take(now.plus(Duration::from_millis(1900))));
        assert!(bucket.take(now.plus(Duration::from_secs(2))));
        // Threads may come with times that are a little apart.
        let bucket = self::bucket(1.0, 1, now);
        assert!(bucket.take(now.plus(Duration::from_millis(900))));
        for _ in 0..9 {
            assert!(!bucket.take(now) && !bucket.take(now.plus(Duration::from_millis(900))));
        }
    }

    #[test]
    fn nothing_passes_a_bucket_of_none() {
        let now = Time::from_seconds(100);
        assert!(!bucket(0.0, 0, now).take(now.plus(Duration::from_secs(9))));
        assert!(Bucket::new(Throttle::default(), now).is_none());
    }
}
