//! The way out of the house: what waits in the outbox is claimed, delivered, and tried again for a while where it cannot be.
//!
//! Every instance runs this. A claim is a lease: if its holder dies, the message is due again when the lease ends. Between two
//! tries of a message the wait doubles, with some chance in it, so that a receiver that comes back is not met by all at once.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{App, Cx, back_channel, directory};
use crate::{
    domain::{
        Error, Result,
        code::Medium,
        message::{Handover, Parcel},
    },
    hooks::{CustomEmailSender, CustomSmsSender, ToSend},
    kit::{ids, random::Random},
    post::Undelivered,
    store::{self, outbox::Claimed},
};

/// How many messages one instance delivers at the same time.
const MOST_AT_ONCE: usize = 16;
/// How long messages of other instances, and those that are to be tried again, wait at most for somebody to look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What a lease holds beyond the time that a carrier may take: for the functions of custom senders and for the database.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// How long messages in flight are waited for when the server stops. Whatever is cut off comes back when its lease ends.
const LAST_CALL: Duration = Duration::from_secs(15);

/// With these waits a message is given up after about half an hour.
const MOST_TRIES: i64 = 12;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// What the service grants an asynchronous function.
const MOST_TRIES_OF_FUNCTIONS: i64 = 3;

/// Delivers until `shutdown`, then lets what is in flight end.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    let mut flights = JoinSet::new();
    while !shutdown.is_cancelled() {
        let room = MOST_AT_ONCE - flights.len();
        if room > 0 {
            match claim(&app, room).await {
                Ok(claimed) => {
                    for message in claimed {
                        let app = Arc::clone(&app);
                        flights.spawn(async move { carry(&app, &message).await });
                    }
                }
                Err(error) => tracing::warn!(%error, "the outbox cannot be read; it is tried again"),
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            Some(_) = flights.join_next() => {}
            () = app.store.posted(), if flights.len() < MOST_AT_ONCE => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    let landing = async { while flights.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_CALL, landing).await.is_err() {
        tracing::warn!("messages in flight were cut off; they are tried again when their claims end");
    }
}

/// Delivers once everything that is due now, and says how many messages that were. For embedding programs and tests that run
/// no worker.
pub async fn deliver_due(app: &Arc<App>) -> Result<usize> {
    let mut count = 0;
    loop {
        let claimed = claim(app, MOST_AT_ONCE).await?;
        if claimed.is_empty() {
            return Ok(count);
        }
        count += claimed.len();
        for message in &claimed {
            carry(app, message).await;
        }
    }
}

async fn claim(app: &App, limit: usize) -> Result<Vec<Claimed>> {
    let now = app.clock.now();
    let lease = (now, now.plus(app.post.patience() + LEASE_MARGIN));
    let mut tx = app.store.single().await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let claimed = store::outbox::claim(&mut tx, &app.random.uuid(), lease, limit).await?;
    tx.commit().await?;
    Ok(claimed)
}

async fn carry(app: &Arc<App>, message: &Claimed) {
    let now = app.clock.now();
    let ever = |why: &str| Err(Undelivered::Ever(why.to_owned()));
    let outcome = match &message.parcel {
        None => ever("it was sealed with another master key"),
        Some(_) if now >= message.expires_at => ever("its code has expired"),
        // Whoever claimed it last did not come back.
        Some(_) if message.tries > MOST_TRIES => ever("nobody could finish it"),
        Some(Parcel::Letter(letter)) => app.post.send(&message.id, letter, &message.pool_id, now).await,
        Some(Parcel::Handover(handover)) => hand_over(app, message, handover).await,
        Some(Parcel::Farewell(farewell)) => back_channel::tell(app, &message.pool_id, farewell).await,
    };
    if let Err(error) = record(app, message, outcome).await {
        tracing::warn!(%error, message = message.id, "what became of a message was not written; it may be sent once more");
    }
}

async fn record(app: &App, message: &Claimed, outcome: Result<(), Undelivered>) -> Result<()> {
    let medium = message.parcel.as_ref().map_or("none", |parcel| parcel.medium());
    let now = app.clock.now();
    let (word, next) = match outcome {
        Ok(()) => ("sent", Next::Done(None)),
        Err(Undelivered::Ever(why)) => ("failed", Next::Done(Some(why))),
        Err(Undelivered::Yet(why)) => {
            let due_at = now.plus(wait(message.tries, &app.random));
            if message.tries >= most_tries(message) || due_at >= message.expires_at {
                ("failed", Next::Done(Some(why)))
            } else {
                ("delayed", Next::At(due_at, why))
            }
        }
    };
    metrics::counter!("poolhouse_messages_total", "medium" => medium, "outcome" => word).increment(1);
    let mut tx = app.store.single().await?;
    match next {
        Next::At(due_at, why) => {
            let (tries, id) = (message.tries, &message.id);
            tracing::info!(message = %id, pool = message.pool_id, medium, tries, why, "a message is tried again later");
            store::outbox::later(&mut tx, message, due_at, &why).await?;
        }
        Next::Done(failure) => {
            if let Some(why) = &failure {
                let (tries, id) = (message.tries, &message.id);
                tracing::error!(message = %id, pool = message.pool_id, medium, tries, why, "a message was given up");
            }
            store::outbox::done(&mut tx, message, now, failure.as_deref()).await?;
        }
    }
    Ok(tx.commit().await?)
}

enum Next {
    /// Delivered, or given up for this reason.
    Done(Option<String>),
    At(crate::kit::clock::Time, String),
}

fn most_tries(message: &Claimed) -> i64 {
    match message.parcel {
        Some(Parcel::Handover(_)) => MOST_TRIES_OF_FUNCTIONS,
        Some(Parcel::Letter(_) | Parcel::Farewell(_)) | None => MOST_TRIES,
    }
}

/// The wait after so many tries: from a half to one and a half of what doubling comes to.
fn wait(tries: i64, random: &Random) -> Duration {
    let doublings = u32::try_from(tries - 1).unwrap_or(0).min(16);
    let whole = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let millis = u32::try_from(whole.as_millis()).unwrap_or(u32::MAX);
    whole / 2 + Duration::from_millis(u64::from(random.below(millis)))
}

/// Lets the pool's function deliver it. That it ran is all that counts.
async fn hand_over(app: &Arc<App>, message: &Claimed, handover: &Handover) -> Result<(), Undelivered> {
    let cx = Cx::new(Arc::clone(app), ids::region_of(&message.pool_id), app.random.uuid());
    match fire(&cx, &message.pool_id, handover).await {
        Ok(true) | Err(Error::HookAnswer(_) | Error::HookNotJson(_)) => Ok(()),
        Ok(false) => Err(Undelivered::Ever("its pool has no custom sender any more".to_owned())),
        Err(error) => Err(Undelivered::Yet(error.to_string())),
    }
}

/// False when there is nobody to ask.
async fn fire(cx: &Cx, pool_id: &str, handover: &Handover) -> Result<bool> {
    let Some(pool) = directory::find_pool(&cx.app, pool_id).await? else { return Ok(false) };
    let hooks = &cx.app.hooks;
    let (client_id, username) = (handover.client_id.as_deref(), &*handover.username);
    let told = ToSend {
        occasion: handover.occasion,
        code: (!handover.code.is_empty()).then(|| BASE64_STANDARD.encode(&handover.code)),
        client_metadata: handover.metadata.clone(),
        user_attributes: handover.attributes.clone(),
    };
    match handover.medium {
        Medium::Email if hooks.is_set::<CustomEmailSender>(&pool) => {
            cx.ask(&pool, client_id, username, CustomEmailSender { told }).await?;
        }
        Medium::Sms if hooks.is_set::<CustomSmsSender>(&pool) => {
            cx.ask(&pool, client_id, username, CustomSmsSender { told }).await?;
        }
        Medium::Email | Medium::Sms => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_chance_and_have_an_end() {
        let random = Random::seeded(7);
        for (tries, whole) in [(1, 1_000), (2, 2_000), (5, 16_000), (9, 256_000), (10, 300_000), (200, 300_000)] {
            for _ in 0..50 {
                let millis = wait(tries, &random).as_millis();
                assert!((whole / 2..whole * 3 / 2).contains(&millis), "{tries}: {millis}");
            }
        }
        assert_ne!(wait(9, &random), wait(9, &random));
    }
}
