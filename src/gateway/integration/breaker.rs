//! Which backends are not worth a try just now. Whoever waits for a backend that is not there takes up a place until the connection
//! is given up; after a few that failed in a row the others are told at once, and every second one may try again.
//!
//! Only connections count: a backend that can be reached may answer with any error, or not at all, and is asked again each time.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::connections::Origin;

/// So many failures in a row, and the backend rests.
const FAILURES: u32 = 5;
/// For so long nobody tries.
const REST: Duration = Duration::from_secs(1);
/// An attempt that its client gave up says nothing of the backend, unless it had this time.
const LONG: Duration = Duration::from_secs(1);
/// Who tries after a rest is alone for so long at most.
const ALONE: Duration = Duration::from_secs(10);

/// The backends that failed last. They stand in the configuration, so that there are not many.
#[derive(Default)]
pub(super) struct Breakers(Mutex<HashMap<Origin, Failing>>);

struct Failing {
    in_a_row: u32,
    rests_until: Instant,
}

impl Breakers {
    fn failing(&self) -> MutexGuard<'_, HashMap<Origin, Failing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to connect; none while the backend rests. Whoever has it says what came of it.
    pub(super) fn attempt<'b>(&'b self, origin: &'b Origin) -> Option<Attempt<'b>> {
        let now = Instant::now();
        let mut failing = self.failing();
        let resting = failing.get_mut(origin).filter(|failing| failing.in_a_row >= FAILURES);
        let is_alone = resting.is_some();
        if let Some(resting) = resting {
            if now < resting.rests_until {
                return None;
            }
            resting.rests_until = now + ALONE;
        }
        Some(Attempt { breakers: self, origin, began: now, is_alone, is_over: false })
    }

    fn failed(&self, origin: &Origin) {
        let mut failing = self.failing();
        let rests_until = Instant::now() + REST;
        let own = failing.entry(origin.clone()).or_insert(Failing { in_a_row: 0, rests_until });
        own.in_a_row = own.in_a_row.saturating_add(1);
        own.rests_until = rests_until;
        if own.in_a_row == FAILURES {
            let (scheme, authority) = origin;
            tracing::warn!(backend = %format_args!("{scheme}://{authority}"), "a backend cannot be connected to, and rests");
        }
    }
}

/// A connection that is being made.
pub(super) struct Attempt<'b> {
    breakers: &'b Breakers,
    origin: &'b Origin,
    began: Instant,
    is_alone: bool,
    is_over: bool,
}

impl Attempt<'_> {
    pub(super) fn succeeded(mut self) {
        self.is_over = true;
        self.breakers.failing().remove(self.origin);
    }

    pub(super) fn failed(mut self) {
        self.is_over = true;
        self.breakers.failed(self.origin);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if self.began.elapsed() >= LONG {
            self.breakers.failed(self.origin);
        } else if self.is_alone
            && let Some(resting) = self.breakers.failing().get_mut(self.origin)
        {
            // The next one may try in its place.
            resting.rests_until = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use http::uri::{Authority, Scheme};

    use super::*;

    fn origin(authority: &'static str) -> Origin {
        (Scheme::HTTP, Authority::from_static(authority))
    }

    fn fail(breakers: &Breakers, origin: &Origin, times: u32) {
        for _ in 0..times {
            breakers.attempt(origin).unwrap().failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_few_failures_in_a_row_one_tries_each_second() {
        let (breakers, down, other) = (Breakers::default(), origin("down:1"), origin("down:2"));
        fail(&breakers, &down, FAILURES - 1);
        breakers.attempt(&down).unwrap().succeeded();
        fail(&breakers, &down, FAILURES);
        assert!(breakers.attempt(&down).is_none());
        fail(&breakers, &other, 1);
        tokio::time::advance(REST - Duration::from_millis(1)).await;
        assert!(breakers.attempt(&down).is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        let alone = breakers.attempt(&down).unwrap();
        assert!(breakers.attempt(&down).is_none(), "one is enough");
        alone.failed();
        assert!(breakers.attempt(&down).is_none(), "and it rests again");
        tokio::time::advance(REST).await;
        breakers.attempt(&down).unwrap().succeeded();
        let several: Vec<_> = (0..3).map(|_| breakers.attempt(&down).unwrap()).collect();
        assert_eq!(several.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_is_given_up_counts_if_it_had_its_time() {
        let (breakers, down) = (Breakers::default(), origin("down:1"));
        for _ in 0..2 * FAILURES {
            drop(breakers.attempt(&down).unwrap());
        }
        let slow: Vec<_> = (0..FAILURES).map(|_| breakers.attempt(&down).unwrap()).collect();
        tokio::time::advance(LONG).await;
        drop(slow);
        assert!(breakers.attempt(&down).is_none());
        tokio::time::advance(REST).await;
        drop(breakers.attempt(&down).unwrap());
        assert!(breakers.attempt(&down).is_some(), "who gave up soon takes nobody's turn");
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_success_of_somebody_else_ends_the_rest() {
        let (breakers, back) = (Breakers::default(), origin("back:1"));
        let late = breakers.attempt(&back).unwrap();
        fail(&breakers, &back, FAILURES);
        assert!(breakers.attempt(&back).is_none());
        late.succeeded();
        assert!(breakers.attempt(&back).is_some());
    }
}
