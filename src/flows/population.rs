//! `EstimatedNumberOfUsers`: exact in pools of a usual size, an estimate in large ones, so that describing a pool never counts
//! millions of rows for each caller.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::Cx;
use crate::{domain::Result, domain::pool::PoolId, kit::clock::Time, store};

/// Pools below this size are counted each time: a few milliseconds.
const COUNTED: i64 = 10_000;
/// How long a larger pool's number is told again.
const GOOD_FOR: Duration = Duration::from_secs(300);

/// What was counted in large pools, and when.
#[derive(Debug, Default)]
pub struct Population(Mutex<HashMap<PoolId, (Time, i64)>>);

impl Population {
    fn estimate(&self, pool_id: &str, now: Time) -> Option<i64> {
        let estimates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (counted_at, users) = estimates.get(pool_id)?;
        (now < counted_at.plus(GOOD_FOR) && now >= *counted_at).then_some(*users)
    }

    fn remember(&self, pool_id: &str, now: Time, users: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pool_id.to_owned(), (now, users));
    }

    /// After the pool was deleted.
    pub fn forget(&self, pool_id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(pool_id);
    }
}

/// How many users the pool has, or had a few minutes ago.
pub async fn of(cx: &Cx, pool_id: &str) -> Result<i64> {
    let mut tx = cx.read().await?;
    let users = store::user_search::count_to(&mut tx, pool_id, COUNTED).await?;
    if users < COUNTED {
        return Ok(users);
    }
    let now = cx.now();
    if let Some(users) = cx.app.population.estimate(pool_id, now) {
        return Ok(users);
    }
    let users = store::user_search::count(&mut tx, pool_id).await?;
    cx.app.population.remember(pool_id, now, users);
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_told_again_for_a_while() {
        let (population, then) = (Population::default(), Time::from_seconds(1_000));
        population.remember("p", then, 7);
        assert_eq!(population.estimate("p", Time::from_seconds(1_299)), Some(7));
        assert_eq!(population.estimate("p", Time::from_seconds(1_300)), None);
        assert_eq!(population.estimate("p", Time::from_seconds(999)), None, "the clock was set back");
        assert_eq!(population.estimate("q", then), None);
        population.forget("p");
        assert_eq!(population.estimate("p", then), None);
    }
}
