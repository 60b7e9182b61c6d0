//! Messages to people: verification codes, temporary passwords.
//!
//! In development every message lands in the inbox: a table that `/_poolhouse/messages` reads, so that a test can find its
//! code. Flows write it there, in the transaction of the change that it tells about. Real delivery is not built yet; in production a flow that has to reach somebody therefore fails with a delivery
//! error, and says so before it changes anything.

use crate::{
    domain::{code::Medium, message::Message},
    kit::{clock::Time, random::Random},
};

/// What is said, and whether in the pool's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A code for an address: sign-up, recovery, verification.
    Code,
    /// A new account's temporary password.
    Invitation { username: String },
}

/// A message before it is on its way.
#[derive(Clone, Debug)]
pub struct Letter {
    pub pool_id: String,
    pub medium: Medium,
    pub recipient: String,
    pub occasion: Occasion,
    /// The code or the temporary password.
    pub code: String,
    /// The pool's template, if it has one; the service's words otherwise.
    pub template: Template,
}

/// A pool's own words, with `{####}` for the code and `{username}`.
#[derive(Clone, Debug, Default)]
pub struct Template {
    pub subject: Option<String>,
    pub body: Option<String>,
}

/// The room's state: where messages can go.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    has_inbox: bool,
}

impl Post {
    /// Development: messages land in the inbox.
    pub fn inbox() -> Self {
        Self { has_inbox: true }
    }

    /// Production, as long as there is no delivery.
    pub fn nowhere() -> Self {
        Self { has_inbox: false }
    }

    /// Whether a message would arrive. Ask before a flow changes anything.
    pub fn can_deliver(&self) -> bool {
        self.has_inbox
    }
}

impl Letter {
    /// The message that goes to the person.
    pub fn written(self, random: &Random, now: Time) -> Message {
        let (subject, body) = words(&self);
        Message {
            id: random.uuid(),
            pool_id: self.pool_id,
            medium: self.medium,
            recipient: self.recipient,
            subject: (self.medium == Medium::Email).then_some(subject),
            body,
            code: Some(self.code),
            created_at: now,
        }
    }
}

fn words(letter: &Letter) -> (String, String) {
    let (subject, body, username) = match &letter.occasion {
        Occasion::Code => ("Your verification code", "Your verification code is {####}", ""),
        Occasion::Invitation { username } => (
            "Your temporary password",
            "Your username is {username} and temporary password is {####}.",
            username.as_str(),
        ),
    };
    let fill = |own: &Option<String>, default: &str| {
        own.as_deref().unwrap_or(default).replace("{####}", &letter.code).replace("{username}", username)
    };
    (fill(&letter.template.subject, subject), fill(&letter.template.body, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_own_words_are_filled_in() {
        let letter = Letter {
            pool_id: "r_p".into(),
            medium: Medium::Email,
            recipient: "a@b.c".into(),
            occasion: Occasion::Invitation { username: "ann".into() },
            code: "s3cret".into(),
            template: Template { subject: None, body: Some("Hi {username}: {####}".into()) },
        };
        assert_eq!(words(&letter), ("Your temporary password".into(), "Hi ann: s3cret".into()));
    }
}
