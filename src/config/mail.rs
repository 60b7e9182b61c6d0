//! `[mail]`: the server that takes e-mail from us.

use std::{path::PathBuf, time::Duration};

use lettre::message::Mailbox;

use super::{reader::Reader, standards::Standards};
use crate::kit::{host::is_this_machine, secret::Secret};

#[derive(Clone, Debug)]
pub struct Mail {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// User name and password.
    pub credentials: Option<(String, Secret)>,
    /// `Name <address>` or an address.
    pub from: String,
    /// A certificate, in PEM, that is trusted besides the public ones.
    pub ca: Option<PathBuf>,
    /// For one message, from the connection to its end.
    pub timeout: Duration,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It begins in the clear and must change to TLS before anything is said.
    StartTls,
    /// TLS from the first byte.
    Tls,
    None,
}

impl Encryption {
    const WORDS: [(&str, Self); 3] = [("starttls", Self::StartTls), ("tls", Self::Tls), ("none", Self::None)];

    fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl Mail {
    pub(super) fn read(mut section: Reader, standards: &Standards) -> Self {
        let reading = section.reading;
        let host = section.required("host");
        let said = section.choice("encryption", &Encryption::WORDS);
        let encryption = said.as_ref().map_or(Encryption::StartTls, |said| said.value);
        let port = section.integer("port", 1..=65_535).unwrap_or(encryption.port());
        let username = section.string("username");
        let password = section.secret("password");
        let from = section.required("from");
        section.know("ca");
        let ca = if section.has("ca") { section.file("ca") } else { None };
        let timeout = section.integer("timeout_seconds", 1..=300).unwrap_or(10);
        let host = host.map(|host| host.value).unwrap_or_default();
        if let Some(said) = &said
            && said.value == Encryption::None
            && standards.production()
            && !is_this_machine(&host)
        {
            let message = "`mail.encryption` is weak: codes and passwords would cross the network in the clear";
            reading.refuse(&said.at, message);
        }
        if let Some(password) = &password {
            standards.secret(reading, "mail.password", password);
        }
        if let Some(from) = from.as_ref().filter(|from| from.value.parse::<Mailbox>().is_err()) {
            let message = format!("`mail.from` must be an address or NAME <ADDRESS>, found {:?}", from.value);
            reading.refuse(&from.at, message);
        }
        let credentials = match (username, password) {
            (Some(username), Some(password)) => Some((username.value, password.value)),
            (Some(username), None) if !section.said("password") => {
                reading.refuse(&username.at, "`mail.username` needs `mail.password`");
                None
            }
            (None, Some(password)) => {
                reading.refuse(&password.at, "`mail.password` needs `mail.username`");
                None
            }
            _ => None,
        };
        section.finish();
        Self {
            host,
            port,
            encryption,
            credentials,
            from: from.map(|from| from.value).unwrap_or_default(),
            ca,
            timeout: Duration::from_secs(timeout),
        }
    }
}
