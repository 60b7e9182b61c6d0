//! Messages that were sent, as development shows them.

use super::{Result, Tx, row::row};
use crate::kit::clock::Time;

/// One message to one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: String,
    pub pool_id: String,
    /// `EMAIL` or `SMS`.
    pub medium: String,
    pub recipient: String,
    pub subject: Option<String>,
    pub body: String,
    /// The code or the temporary password that it carries.
    pub code: Option<String>,
    pub created_at: Time,
}

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

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id,
            pool_id: row.pool_id,
            medium: row.medium,
            recipient: row.recipient,
            subject: row.subject,
            body: row.body,
            code: row.code,
            created_at: Time::from_millis(row.created_at),
        }
    }
}

pub async fn insert(tx: &mut Tx, message: &Message) -> Result<()> {
    tx.sql(
        "INSERT INTO message (id, pool_id, medium, recipient, subject, body, code, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&*message.id)
    .bind(&*message.pool_id)
    .bind(&*message.medium)
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
    Ok(rows.into_iter().map(Into::into).collect())
}
