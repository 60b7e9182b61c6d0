//! A message to a person: on which occasion it is written, and what it says once it is.

use super::{code::Medium, pool::PoolId};
use crate::kit::clock::Time;

/// Why somebody is written to. Triggers are told it as the part of their source behind the underscore.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
