//! A message to a person: on which occasion it is written, and what it says once it is.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    client::ClientId,
    code::Medium,
    pool::PoolId,
    user::{Attributes, Sub},
};
use crate::kit::clock::Time;

/// Why somebody is written to. Triggers are told it as the part of their source behind the underscore.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occasion {
    SignUp,
    /// A new account's temporary password.
    AdminCreateUser,
    ResendCode,
    /// The user's own wish or an administrator's.
    ForgotPassword,
    /// An address was changed.
    UpdateUserAttribute,
    /// The user asks for a code to an address that they have.
    VerifyUserAttribute,
    /// A sign-in: a second factor, or a code in place of a password.
    Authentication,
    /// A sign-in at risk. The message has no code.
    AccountTakeOverNotification,
}

impl Occasion {
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "SignUp",
            Self::AdminCreateUser => "AdminCreateUser",
            Self::ResendCode => "ResendCode",
            Self::ForgotPassword => "ForgotPassword",
            Self::UpdateUserAttribute => "UpdateUserAttribute",
            Self::VerifyUserAttribute => "VerifyUserAttribute",
            Self::Authentication => "Authentication",
            Self::AccountTakeOverNotification => "AccountTakeOverNotification",
        }
    }
}

/// One message to one person, in the words that reach them.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: String,
    pub pool_id: PoolId,
    pub medium: Medium,
    pub recipient: String,
    /// E-mail has one.
    pub subject: Option<String>,
    /// HTML in an e-mail, text in an SMS.
    pub body: String,
    /// The code or the temporary password that it carries.
    pub code: Option<String>,
    pub created_at: Time,
}

/// What leaves the house: a message that we deliver, what a function of the pool's delivers in our place, or word to an
/// application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Parcel {
    Letter(Letter),
    Handover(Handover),
    Farewell(Farewell),
}

/// A client hears that somebody's session has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    pub client_id: ClientId,
    pub sub: Sub,
    /// None for every session that the user had.
    pub session: Option<String>,
}

impl Parcel {
    /// By what it travels.
    pub fn medium(&self) -> &'static str {
        match self {
            Self::Letter(letter) => letter.medium.name(),
            Self::Handover(handover) => handover.medium.name(),
            Self::Farewell(_) => "back-channel",
        }
    }
}

/// A message in its envelope.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    pub medium: Medium,
    pub occasion: Occasion,
    pub recipient: String,
    pub subject: Option<String>,
    pub body: String,
    /// The pool's own sender of e-mail, `Name <address>` or an address.
    pub from: Option<String>,
    pub reply_to: Option<String>,
}

/// What a custom sender is told.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    pub medium: Medium,
    pub occasion: Occasion,
    pub username: String,
    /// None where an administrator acts.
    pub client_id: Option<String>,
    /// Empty in a message without one.
    pub code: String,
    /// As triggers see them.
    pub attributes: Attributes,
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Without what it says: that holds a code.
impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter")
            .field("medium", &self.medium)
            .field("occasion", &self.occasion)
            .field("recipient", &self.recipient)
            .finish_non_exhaustive()
    }
}

/// Without the code.
impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover")
            .field("medium", &self.medium)
            .field("occasion", &self.occasion)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
