//! Answers that must not tell who exists, not even by when they come.
//!
//! What a user costs and what nobody costs is made alike where most of it lies: hashes, powers, locks. What is left (a row more
//! to read, a message to write) cannot be made alike on every database. So these answers leave no sooner than a time in which
//! either is done. This is the time that somebody else's clock shows, and not the server's own, which tests move.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::sign_in::{Door, Goal, Outcome};
use crate::domain::{Client, Result, challenge::Challenge};

/// More than a code and its message take, at a disk that is not the fastest. A function that takes longer shows.
const LEAST: Duration = Duration::from_millis(50);
/// The first half of Secure Remote Password is on the way of whoever signs in, and sends nothing.
const LEAST_ON_THE_WAY: Duration = Duration::from_millis(10);

/// `work` for somebody or nobody, through a client that may hide which.
pub async fn hide<T>(client: &Client, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    if client.hides_users() {
        sleep_until(began + LEAST).await;
    }
    done
}

/// A step of a sign-in. Whoever has proven something waits for nothing. The pages hide who exists for every client.
pub async fn hide_step(door: &Door, step: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    let began = Instant::now();
    let outcome = step.await;
    if door.goal == Goal::Identity || door.client.hides_users() {
        sleep_until(began + least(&outcome)).await;
    }
    outcome
}

fn least(outcome: &Result<Outcome>) -> Duration {
    let Ok(outcome) = outcome else { return LEAST };
    let Outcome::Challenge(prompt) = outcome else { return Duration::ZERO };
    match &prompt.challenge {
        Challenge::PasswordVerifier { .. } => LEAST_ON_THE_WAY,
        Challenge::Custom(_) => LEAST,
        _ if !prompt.available.is_empty() => LEAST,
        _ => Duration::ZERO,
    }
}
