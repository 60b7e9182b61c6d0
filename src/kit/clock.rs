//! The time of day, from one place, so that a test can freeze and move it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since the Unix epoch. The database stores it as `BIGINT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: the unit of JWT claims.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// More than threads that read the clock at once can be apart.
const JITTER: Duration = Duration::from_secs(1);

impl Time {
    /// Whether the clock was set back since `then`, which was now once.
    pub fn is_set_back_from(self, then: Time) -> bool {
        then.since(self) > JITTER
    }
}

/// Where the code asks what time it is. Clones share one setting.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Setting>);

#[derive(Debug, Default)]
struct Setting {
    /// Frozen time in milliseconds; zero means that time runs.
    frozen: AtomicI64,
    /// What `advance` added to the running time, in milliseconds.
    offset: AtomicI64,
}

impl Clock {
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `at` until it is moved.
    pub fn frozen(at: Time) -> Self {
        let clock = Self::default();
        clock.freeze(at);
        clock
    }

    #[expect(clippy::disallowed_methods, reason = "this is the room of time")]
    pub fn now(&self) -> Time {
        match self.0.frozen.load(Ordering::Relaxed) {
            0 => {
                let since_epoch =
                    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
                Time::default().plus(since_epoch).plus_millis(self.0.offset.load(Ordering::Relaxed))
            }
            at => Time(at),
        }
    }

    pub fn freeze(&self, at: Time) {
        self.0.frozen.store(at.millis(), Ordering::Relaxed);
    }

    /// Moves a frozen clock, or shifts a running one, by `span` into the future.
    pub fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match self.0.frozen.load(Ordering::Relaxed) {
            0 => self.0.offset.fetch_add(millis, Ordering::Relaxed),
            _ => self.0.frozen.fetch_add(millis, Ordering::Relaxed),
        };
    }

    /// Lets time run again from the real present.
    pub fn resume(&self) {
        self.0.frozen.store(0, Ordering::Relaxed);
        self.0.offset.store(0, Ordering::Relaxed);
    }
}

impl Time {
    fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = Clock::frozen(Time::from_seconds(100));
        assert_eq!(clock.now().seconds(), 100);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().seconds(), 105);
        clock.resume();
        assert!(clock.now().seconds() > 1_000_000_000);
    }
}
