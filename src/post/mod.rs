//! Messages to people: verification codes, temporary passwords. What carries them out of the house.
//!
//! In development every message lands in the inbox: a table that `/_poolhouse/messages` reads, so that a test can find its
//! code. Where `[mail]` and `[sms]` are configured, messages leave by SMTP and by webhook, in either mode. This room carries one
//! message once; that it is tried again, and by whom, is decided by the outbox (`flows::outbox`).

mod plain;
mod sms;
mod smtp;
mod web;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use self::{sms::Webhook, smtp::Smtp};
use crate::{
    config,
    domain::{code::Medium, message::Letter},
    kit::clock::Time,
    outside::Client,
};

/// The room's state: where messages can go.
pub struct Post {
    has_inbox: bool,
    mail: Option<Smtp>,
    sms: Option<Webhook>,
    client: Client,
}

/// Why a carrier could not be made from its section.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("the mail server cannot be used: {0}")]
    Mail(#[from] lettre::transport::smtp::Error),
    #[error("`mail.from` is not an address: {0}")]
    From(#[from] lettre::address::AddressError),
    #[error("the certificate {path}: {source}")]
    Certificate { path: std::path::PathBuf, source: std::io::Error },
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// Another try may do better.
    #[error("{0}")]
    Yet(String),
    /// The message itself was refused.
    #[error("{0}")]
    Ever(String),
}

impl Post {
    /// Development without a mail server: messages land in the inbox.
    pub fn inbox() -> Self {
        Self { has_inbox: true, mail: None, sms: None, client: Client::default() }
    }

    /// Carriers from their sections. `client` takes messages out, and says whom mail servers are believed to be.
    pub fn new(
        has_inbox: bool,
        mail: Option<&config::mail::Mail>,
        sms: Option<&config::sms::Sms>,
        client: Client,
    ) -> Result<Self, PostError> {
        let mail = mail.map(|mail| Smtp::new(mail, client.trust())).transpose()?;
        let sms = sms.map(|sms| Webhook::new(sms, client.clone()));
        Ok(Self { has_inbox, mail, sms, client })
    }

    /// What takes everything but e-mail out of the house.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn has_inbox(&self) -> bool {
        self.has_inbox
    }

    /// Whether messages of this medium leave the house.
    pub fn carries(&self, medium: Medium) -> bool {
        match medium {
            Medium::Email => self.mail.is_some(),
            Medium::Sms => self.sms.is_some(),
        }
    }

    /// The longest that [`send`](Self::send) takes.
    pub fn patience(&self) -> Duration {
        let mail = self.mail.as_ref().map(Smtp::timeout);
        mail.max(self.sms.as_ref().map(Webhook::timeout)).unwrap_or_default()
    }

    /// Posts a form to an application, within a few seconds, and says what it answered.
    pub async fn post_form(&self, url: &str, form: String) -> Result<StatusCode, Undelivered> {
        web::post_form(&self.client, url, form).await
    }

    /// Reads a small document that an application publishes, within a few seconds.
    pub async fn get_document(&self, url: &str) -> Result<Bytes, Undelivered> {
        web::get(&self.client, url).await
    }

    /// Delivers one message, within the time that its carrier's section allows. `id` is the same at every try, so that a
    /// receiver can tell a message that comes twice.
    pub async fn send(&self, id: &str, letter: &Letter, pool_id: &str, now: Time) -> Result<(), Undelivered> {
        let nowhere = || Undelivered::Yet(format!("nothing delivers {} any more", letter.medium.name()));
        match letter.medium {
            Medium::Email => self.mail.as_ref().ok_or_else(nowhere)?.send(id, letter, now).await,
            Medium::Sms => self.sms.as_ref().ok_or_else(nowhere)?.send(id, letter, pool_id, now).await,
        }
    }
}
