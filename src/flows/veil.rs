//! Answers that must not tell who exists, not even by when they come.
//!
//! What a user costs and what nobody costs is made alike where most of it lies: hashes, powers, locks. What is left (a row more
//! to read, a message to write) cannot be made alike on every database. So these answers leave no sooner than a time in which
//! either is done, and then a moment later that is left to chance: when a thread wakes still depends on when it fell asleep, by parts
//! of a millisecond. This is the time that somebody else's clock shows, and not the server's own, which tests move.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    Cx,
    sign_in::{Door, Goal, Outcome},
};
use crate::domain::{Client, Result, challenge::Challenge};

/// More than a code and its message take, at a disk that is not the fastest. A function that takes longer shows.
const LEAST: Duration = Duration::from_millis(50);
/// The first half of Secure Remote Password is on the way of whoever signs in, and sends nothing.
const LEAST_ON_THE_WAY: Duration = Duration::from_millis(10);

/// The longest moment, in microseconds.
const MOMENT: u32 = 10_000;

/// `work` for somebody or nobody, through a client that may hide which.
pub async fn hide<T>(cx: &Cx, client: &Client, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    if client.hides_users() {
        leave(cx, began + LEAST).await;
    }
    done
}

/// A step of a sign-in. Whoever has proven something waits for nothing. The pages hide who exists for every client.
pub async fn hide_step(cx: &Cx, door: &Door, step: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    let began = Instant::now();
    let outcome = step.await;
    let hides = door.goal == Goal::Identity || door.client.hides_users();
    if let Some(least) = least(&outcome).filter(|_| hides) {
        leave(cx, began + least).await;
    }
    outcome
}

fn least(outcome: &Result<Outcome>) -> Option<Duration> {
    let Ok(outcome) = outcome else { return Some(LEAST) };
    let Outcome::Challenge(prompt) = outcome else { return None };
    match &prompt.challenge {
        Challenge::PasswordVerifier { .. } => Some(LEAST_ON_THE_WAY),
        Challenge::Custom(_) => Some(LEAST),
        _ => (!prompt.available.is_empty()).then_some(LEAST),
    }
}

/// What has taken longer, as an imported hash may, leaves a moment later too.
async fn leave(cx: &Cx, at: Instant) {
    let at = at.max(Instant::now());
    sleep_until(at + Duration::from_micros(cx.random().below(MOMENT).into())).await;
}
