//! What happened to users.

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::auth_event::{AuthEvent, Detail, Feedback, Kind, Response},
    kit::clock::Time,
};

row! {
    struct EventRow {
        id: String,
        pool_id: String,
        sub: String,
        kind: String,
        response: String,
        detail: Doc<Detail>,
        feedback: Option<Doc<Feedback>>,
        created_at: i64,
    }
}

impl TryFrom<EventRow> for AuthEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self> {
        Ok(Self {
            id: row.id,
            pool_id: row.pool_id,
            sub: row.sub,
            kind: Kind::from_name(&row.kind).ok_or(StoreError::Corrupt("kind of an event"))?,
            response: Response::from_name(&row.response).ok_or(StoreError::Corrupt("response of an event"))?,
            detail: row.detail.0,
            feedback: row.feedback.map(|feedback| feedback.0),
            created_at: Time::from_millis(row.created_at),
        })
    }
}

/// Writes an event; one of the same id goes on: it has a new response, and what it told of proofs is replaced. Nothing happens
/// when the user is gone.
pub async fn put(tx: &mut Tx, event: &AuthEvent) -> Result<()> {
    tx.sql(
        "INSERT INTO auth_event (id, pool_id, sub, kind, response, detail, created_at)
         SELECT $1, u.pool_id, u.sub, $4, $5, $6, $7
         FROM pool_user u
         WHERE u.pool_id = $2 AND u.sub = $3
         ON CONFLICT (id)
         DO UPDATE SET response = excluded.response, detail = excluded.detail",
    )
    .bind(&*event.id)
    .bind(&*event.pool_id)
    .bind(&*event.sub)
    .bind(event.kind.name())
    .bind(event.response.name())
    .bind(Doc(event.detail.clone()))
    .bind(event.created_at.millis())
    .run()
    .await?;
    Ok(())
}

/// Of a user, newest first, from after the event that happened at `before` and has the id `id`.
pub async fn page(tx: &mut Tx, user: (&str, &str), after: (Time, &str), limit: i64) -> Result<Vec<AuthEvent>> {
    let rows = tx
        .sql(
            "SELECT id, pool_id, sub, kind, response, detail, feedback, created_at
             FROM auth_event
             WHERE pool_id = $1 AND sub = $2 AND (created_at < $3 OR (created_at = $3 AND id < $4))
             ORDER BY created_at DESC, id DESC
             LIMIT $5",
        )
        .bind(user.0)
        .bind(user.1)
        .bind(after.0.millis())
        .bind(after.1)
        .bind(limit)
        .all::<EventRow>()
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The newest sign-ins of a user that passed, or that somebody has said something of.
pub async fn sign_ins(tx: &mut Tx, user: (&str, &str), limit: i64) -> Result<Vec<AuthEvent>> {
    let rows = tx
        .sql(
            "SELECT id, pool_id, sub, kind, response, detail, feedback, created_at
             FROM auth_event
             WHERE pool_id = $1 AND sub = $2 AND kind = 'SignIn' AND (response = 'Pass' OR feedback IS NOT NULL)
             ORDER BY created_at DESC, id DESC
             LIMIT $3",
        )
        .bind(user.0)
        .bind(user.1)
        .bind(limit)
        .all::<EventRow>()
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Sign-ins of a user that failed after `since`.
pub async fn failures(tx: &mut Tx, user: (&str, &str), since: Time, limit: i64) -> Result<Vec<AuthEvent>> {
    let rows = tx
        .sql(
            "SELECT id, pool_id, sub, kind, response, detail, feedback, created_at
             FROM auth_event
             WHERE pool_id = $1 AND sub = $2 AND kind = 'SignIn' AND response = 'Fail' AND created_at > $3
             LIMIT $4",
        )
        .bind(user.0)
        .bind(user.1)
        .bind(since.millis())
        .bind(limit)
        .all::<EventRow>()
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// False when the user has no such event.
pub async fn set_feedback(tx: &mut Tx, user: (&str, &str), id: &str, feedback: &Feedback) -> Result<bool> {
    let updated = tx
        .sql("UPDATE auth_event SET feedback = $4 WHERE pool_id = $1 AND sub = $2 AND id = $3")
        .bind(user.0)
        .bind(user.1)
        .bind(id)
        .bind(Doc(feedback.clone()))
        .run()
        .await?;
    Ok(updated == 1)
}

/// Removes at most `limit` events from before `end`, and says how many.
pub async fn sweep(tx: &mut Tx, end: Time, limit: i64) -> Result<u64> {
    tx.sql("DELETE FROM auth_event WHERE id IN (SELECT id FROM auth_event WHERE created_at < $1 LIMIT $2)")
        .bind(end.millis())
        .bind(limit)
        .run()
        .await
}
