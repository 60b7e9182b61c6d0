//! E-mail by SMTP. Templates are HTML; each message has them as they are and as plain text.
//! <https://www.rfc-editor.org/rfc/rfc5321> <https://www.rfc-editor.org/rfc/rfc3834>

use std::time::{Duration, UNIX_EPOCH};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::{PostError, Undelivered, plain};
use crate::{
    config::mail::{Encryption, Mail},
    domain::message::Letter,
    kit::{clock::Time, text::with_causes, trust::Trust},
};

pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

impl Smtp {
    pub(super) fn new(section: &Mail, trust: &Trust) -> Result<Self, PostError> {
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&section.host)
            .port(section.port)
            .timeout(Some(section.timeout))
            .tls(tls(section, trust)?);
        if let Some((username, password)) = &section.credentials {
            transport = transport.credentials(Credentials::new(username.clone(), password.expose().to_owned()));
        }
        Ok(Self { transport: transport.build(), from: section.from.parse()?, timeout: section.timeout })
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn send(&self, id: &str, letter: &Letter, now: Time) -> Result<(), Undelivered> {
        let message = self.written(id, letter, now).map_err(|error| Undelivered::Ever(error.to_string()))?;
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if is_final(&error) => Err(Undelivered::Ever(error.to_string())),
            Ok(Err(error)) => Err(Undelivered::Yet(with_causes(&error))),
            Err(_) => Err(Undelivered::Yet(format!("no end within {} s", self.timeout.as_secs()))),
        }
    }

    fn written(
        &self,
        id: &str,
        letter: &Letter,
        now: Time,
    ) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
        let from = match &letter.from {
            Some(own) => own.parse()?,
            None => self.from.clone(),
        };
        // The same at every try: whoever gets a message twice can tell.
        let message_id = format!("<{id}@{}>", from.email.domain());
        let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.millis()).unwrap_or_default());
        let mut message = Message::builder()
            .from(from)
            .to(Mailbox::new(None, letter.recipient.parse()?))
            .subject(letter.subject.clone().unwrap_or_default())
            .message_id(Some(message_id))
            .date(at)
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = &letter.reply_to {
            message = message.reply_to(reply_to.parse()?);
        }
        let alternatives = MultiPart::alternative_plain_html(plain::text(&letter.body), letter.body.clone());
        Ok(message.multipart(alternatives)?)
    }
}

fn tls(section: &Mail, trust: &Trust) -> Result<Tls, PostError> {
    if section.encryption == Encryption::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(section.host.clone());
    for own in trust.own() {
        parameters = parameters.add_root_certificate(Certificate::from_der(own.to_vec())?);
    }
    if let Some(path) = &section.ca {
        let pem = std::fs::read(path).map_err(|source| PostError::Certificate { path: path.clone(), source })?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem)?);
    }
    let parameters = parameters.build()?;
    Ok(match section.encryption {
        Encryption::Tls => Tls::Wrapper(parameters),
        Encryption::StartTls | Encryption::None => Tls::Required(parameters),
    })
}

/// A refusal of the message itself. One of our credentials (53x) is repaired by whoever configures us, and the message can wait
/// for that.
fn is_final(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    error.is_permanent() && code.is_some_and(|code| !(530..=538).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{code::Medium, message::Occasion};

    fn smtp() -> Smtp {
        Smtp::new(
            &Mail {
                host: "localhost".into(),
                port: 25,
                encryption: Encryption::None,
                credentials: None,
                from: "Town <town@id.example>".into(),
                ca: None,
                timeout: Duration::from_secs(1),
            },
            &Trust::default(),
        )
        .unwrap()
    }

    fn letter() -> Letter {
        Letter {
            medium: Medium::Email,
            occasion: Occasion::SignUp,
            recipient: "ann@example.com".into(),
            subject: Some("Hello\r\nBcc: everybody@example.com".into()),
            body: "<b>123456</b>".into(),
            from: None,
            reply_to: None,
        }
    }

    #[tokio::test]
    async fn a_message_has_both_forms_and_a_name_that_stays() {
        let smtp = smtp();
        let written = smtp.written("m1", &letter(), Time::from_seconds(1_800_000_000)).unwrap();
        let text = String::from_utf8(written.formatted()).unwrap();
        for part in [
            "From: Town <town@id.example>",
            "To: ann@example.com",
            "Message-ID: <m1@id.example>",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "<b>123456</b>",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        assert!(!text.contains("\r\nBcc:"), "a subject is no header: {text}");
    }

    #[tokio::test]
    async fn a_pool_may_have_a_sender_of_its_own() {
        let own = Letter {
            from: Some("Shop <shop@shop.example>".into()),
            reply_to: Some("help@shop.example".into()),
            ..letter()
        };
        let text = String::from_utf8(smtp().written("m1", &own, Time::from_seconds(1)).unwrap().formatted()).unwrap();
        assert!(
            text.contains("From: Shop <shop@shop.example>") && text.contains("Reply-To: help@shop.example"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_for_good() {
        let nobody = Letter { recipient: "nobody".into(), ..letter() };
        assert!(matches!(smtp().send("m1", &nobody, Time::from_seconds(1)).await, Err(Undelivered::Ever(_))));
    }
}
