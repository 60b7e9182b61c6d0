//! Messages that were sent, as development shows them.

use super::{Result, StoreError, Tx, row::row};
use crate::{
    domain::{code::Medium, message::Message},
    kit::clock::Time,
};

row! {
    struct MessageRow {
        id: String,
        pool_id: String,
        medium: String,
        recipient: String,
        subject: Option<String>,
        body: String,
        code: Option<String>,
        created_at: i64,
    }
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self> {
        Ok(Self {
            id: row.id,
            pool_id: row.pool_id,
            medium: Medium::from_name(&row.medium).ok_or(StoreError::Corrupt("message medium"))?,
            recipient: row.recipient,
            subject: row.subject,
            body: row.body,
            code: row.code,
            created_at: Time::from_millis(row.created_at),
        })
    }
}

pub async fn insert(tx: &mut Tx, message: &Message) -> Result<()> {
    tx.sql(
        "INSERT INTO message (id, pool_id, medium, recipient, subject, body, code, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&*message.id)
    .bind(&*message.pool_id)
    .bind(message.medium.name())
    .bind(&*message.recipient)
    .bind(message.subject.clone())
    .bind(&*message.body)
    .bind(message.code.clone())
    .bind(message.created_at.millis())
    .run()
    .await?;
    Ok(())
}

/// The newest messages to `recipient`, or to anybody, newest first.
pub async fn newest(tx: &mut Tx, recipient: Option<&str>, limit: i64) -> Result<Vec<Message>> {
    let rows = tx
        .sql(
            "SELECT id, pool_id, medium, recipient, subject, body, code, created_at
             FROM message
             WHERE recipient = $1 OR $2
             ORDER BY created_at DESC, id
             LIMIT $3",
        )
        .bind(recipient.unwrap_or_default())
        .bind(recipient.is_none())
        .bind(limit)
        .all::<MessageRow>()
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}
