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
    kit::{clock::Time, trust::Trust},
};

/// The room's state: where messages can go.
#[derive(Default)]
pub struct Post {
    has_inbox: bool,
    mail: Option<Smtp>,
    sms: Option<Webhook>,
    web: web::Web,
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
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("`sms.webhook` is no address of a request: {0}")]
    Webhook(#[from] http::uri::InvalidUri),
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
        Self { has_inbox: true, ..Self::default() }
    }

    /// Carriers from their sections, which take whoever `trust` takes for who they say they are.
    pub fn new(
        has_inbox: bool,
        mail: Option<&config::mail::Mail>,
        sms: Option<&config::sms::Sms>,
        trust: &Trust,
    ) -> Result<Self, PostError> {
        Ok(Self {
            has_inbox,
            mail: mail.map(|mail| Smtp::new(mail, trust)).transpose()?,
            sms: sms.map(|sms| Webhook::new(sms, trust)).transpose()?,
            web: web::Web::new(trust.clone()),
        })
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
        self.web.post_form(url, form).await
    }

    /// Reads a small document that an application publishes, within a few seconds.
    pub async fn get_document(&self, url: &str) -> Result<Bytes, Undelivered> {
        self.web.get(url).await
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
