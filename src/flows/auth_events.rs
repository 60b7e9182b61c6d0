//! What happens to users, recorded where a pool's threat protection is on: the one place that writes it down, and what
//! administrators and users say of it.
//!
//! Where the protection is off nothing is read or written. What has happened has happened: an event that cannot be written is
//! logged, and the caller gets their answer.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-adaptive-authentication.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    App, Cx,
    cursor::{self, Page},
    risk, users,
};
use crate::{
    domain::{
        Client, Error, Pool, Result,
        auth_event::{AuthEvent, Detail, Factor, Feedback, Kind, Provider, Response},
        risk::{Protection, judgement::Level},
    },
    keys::seal::Purpose,
    kit::clock::Time,
    store,
};

/// The service keeps a history of two years.
const RETENTION: Duration = Duration::from_secs(2 * 365 * 86_400);

/// Whether anything that happens in the pool is recorded.
pub fn are_recorded(pool: &Pool) -> bool {
    Protection::of(pool) != Protection::Off
}

/// Something that happened to a user of `pool`, through `client`.
pub struct Happened<'a> {
    pub pool: &'a Pool,
    pub client: Option<&'a Client>,
    pub sub: &'a str,
    pub kind: Kind,
    pub response: Response,
    /// Proofs that were tried, and whether they held.
    pub challenges: Vec<(Factor, bool)>,
    /// Of the event that this goes on with.
    pub id: Option<String>,
    /// A sign-in may be a risk, and refused for that or for its address.
    pub risk: Option<Level>,
    pub is_blocked: bool,
    pub is_compromised: bool,
}

impl<'a> Happened<'a> {
    pub fn new(pool: &'a Pool, client: Option<&'a Client>, sub: &'a str, kind: Kind) -> Self {
        let (response, challenges) = (Response::Pass, Vec::new());
        Self {
            pool,
            client,
            sub,
            kind,
            response,
            challenges,
            id: None,
            risk: None,
            is_blocked: false,
            is_compromised: false,
        }
    }
}

/// Writes it down, if the pool wants that.
pub async fn record(cx: &Cx, happened: Happened<'_>) {
    if !are_recorded(happened.pool) {
        return;
    }
    if let Err(error) = write(cx, happened).await {
        tracing::error!(request_id = &*cx.request_id, %error, "an event of a user was not recorded");
    }
}

/// Writes it down, whatever the pool wants, and gives the event that became of it.
pub async fn write(cx: &Cx, happened: Happened<'_>) -> Result<AuthEvent> {
    let Happened { pool, client, sub, kind, response, challenges, id, risk, is_blocked, is_compromised } = happened;
    let event = AuthEvent {
        id: id.unwrap_or_else(|| cx.random().uuid()),
        pool_id: pool.id.clone(),
        sub: sub.to_owned(),
        kind,
        response,
        detail: Detail {
            challenges,
            address: cx.origin.user_address(client).map(|address| address.to_string()),
            device_name: cx.origin.device_name(),
            is_blocked,
            risk,
            is_compromised,
        },
        feedback: None,
        created_at: cx.now(),
    };
    let mut tx = cx.single().await?;
    store::auth_events::put(&mut tx, &event).await?;
    tx.commit().await?;
    Ok(event)
}

/// What recording a failure costs, for a name that no user has: otherwise the time that it takes would tell.
pub async fn spend_as_for_somebody(cx: &Cx, pool: &Pool, username: &str) -> Result<()> {
    let subject = format!("event:{}:{}", pool.id, store::users::key(pool, username));
    let mut tx = cx.single().await?;
    store::codes::count_failure_of_nobody(&mut tx, &subject, cx.now()).await?;
    Ok(tx.commit().await?)
}

/// Newest first.
pub async fn list(
    cx: &Cx,
    pool_id: &str,
    username: &str,
    (limit, cursor): (usize, Option<&str>),
) -> Result<Page<AuthEvent>> {
    risk::protected(cx, pool_id).await?;
    let (_, user) = users::find(cx, pool_id, username).await?;
    let list = format!("events:{pool_id}:{}", user.sub);
    let after = cursor::open(cx, &list, cursor)?;
    let (time, id) = match after.split_once('#') {
        Some((millis, id)) => (millis.parse().map(Time::from_millis).unwrap_or_default(), id),
        None => (Time::from_millis(i64::MAX), ""),
    };
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let of = (pool_id, &*user.sub);
    let events = store::auth_events::page(&mut cx.read().await?, of, (time, id), wanted).await?;
    cursor::page(cx, &list, events, limit, |event| format!("{}#{}", event.created_at.millis(), event.id))
}

/// An administrator says whether it was the user.
pub async fn judge(cx: &Cx, pool_id: &str, username: &str, (event_id, is_valid): (&str, bool)) -> Result<()> {
    risk::protected(cx, pool_id).await?;
    let (_, user) = users::find(cx, pool_id, username).await?;
    give_feedback(cx, (pool_id, &user.sub), event_id, (Provider::Admin, is_valid)).await
}

/// Lets its bearer say, without signing in, whether it was them.
#[derive(Serialize, Deserialize)]
struct FeedbackToken {
    pool_id: String,
    sub: String,
    event_id: String,
    expires_at: Time,
}

/// A token that is good for feedback on exactly this event, for as long as the event is kept. It belongs into the hands of the
/// user: a message to them can carry it.
pub fn feedback_token(cx: &Cx, event: &AuthEvent) -> Result<String> {
    let token = FeedbackToken {
        pool_id: event.pool_id.clone(),
        sub: event.sub.clone(),
        event_id: event.id.clone(),
        expires_at: event.created_at.plus(RETENTION),
    };
    Ok(cx.app.sealer.seal_json(Purpose::EventFeedback, &token)?)
}

/// The bearer of a token says whether it was them. The token comes first: without it nobody learns who exists.
pub async fn answer(
    cx: &Cx,
    pool_id: &str,
    username: &str,
    (token, event_id, is_valid): (&str, &str, bool),
) -> Result<()> {
    risk::protected(cx, pool_id).await?;
    let token: Option<FeedbackToken> = cx.app.sealer.open_json(Purpose::EventFeedback, token);
    let fits =
        |token: &FeedbackToken| token.pool_id == pool_id && token.event_id == event_id && cx.now() < token.expires_at;
    let token = token.filter(fits).ok_or(Error::FeedbackToken)?;
    let (_, user) = users::find(cx, pool_id, username).await?;
    if user.sub != token.sub {
        return Err(Error::FeedbackToken);
    }
    give_feedback(cx, (pool_id, &user.sub), event_id, (Provider::User, is_valid)).await
}

/// The same by a link that carries the token and nothing else.
pub async fn answer_by_link(cx: &Cx, token: &str, is_valid: bool) -> Result<()> {
    let token: Option<FeedbackToken> = cx.app.sealer.open_json(Purpose::EventFeedback, token);
    let token = token.filter(|token| cx.now() < token.expires_at).ok_or(Error::FeedbackToken)?;
    risk::protected(cx, &token.pool_id).await?;
    give_feedback(cx, (&token.pool_id, &token.sub), &token.event_id, (Provider::User, is_valid)).await
}

async fn give_feedback(
    cx: &Cx,
    user: (&str, &str),
    event_id: &str,
    (provider, is_valid): (Provider, bool),
) -> Result<()> {
    let feedback = Feedback { is_valid, provider, given_at: cx.now() };
    let mut tx = cx.single().await?;
    let is_there = store::auth_events::set_feedback(&mut tx, user, event_id, &feedback).await?;
    tx.commit().await?;
    if is_there { Ok(()) } else { Err(Error::NotFound(format!("Event {event_id} does not exist."))) }
}

/// Removes at most `limit` events that are too old to be kept, and says how many.
pub async fn sweep(app: &App, limit: i64) -> store::Result<u64> {
    let mut tx = app.store.single().await?;
    let removed = store::auth_events::sweep(&mut tx, app.clock.now().minus(RETENTION), limit).await?;
    tx.commit().await?;
    Ok(removed)
}
