//! The machine of sign-in: a step is a challenge or tokens. The API renders it as JSON, the hosted pages as HTML.

use serde::{Deserialize, Serialize};

use super::{client::ClientId, pool::PoolId, token::Tokens, user::Sub};
use crate::kit::clock::Time;

/// What comes next in a sign-in.
#[derive(Debug)]
pub enum Step {
    Challenge(Challenge),
    Tokens(Box<Tokens>),
}

/// A question to the one who signs in. Each variant carries what that moment knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Challenge {
    /// Secure Remote Password: the proof of the password is awaited.
    PasswordVerifier {
        /// The stored user name; what the proof's arithmetic calls the user.
        username: String,
        salt: String,
        srp_b: String,
        /// Base64; the sealed state of this attempt, and part of what the proof signs.
        secret_block: String,
    },
    /// A temporary password was proven; a permanent one is awaited.
    NewPasswordRequired {
        username: String,
        /// Required attributes that the user lacks.
        required: Vec<String>,
        /// What the user has and may read.
        attributes: super::user::Attributes,
        session: String,
    },
}

impl Challenge {
    pub fn name(&self) -> &'static str {
        match self {
            Self::PasswordVerifier { .. } => "PASSWORD_VERIFIER",
            Self::NewPasswordRequired { .. } => "NEW_PASSWORD_REQUIRED",
        }
    }
}

/// What a sealed session holds: who answers what, and until when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Spent when the challenge is answered rightly.
    pub id: String,
    pub pool_id: PoolId,
    pub client_id: ClientId,
    pub sub: Sub,
    pub awaits: Awaits,
    pub expires_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Awaits {
    NewPassword,
}

/// What an SRP secret block holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SrpAttempt {
    /// Spent with the first proof, right or wrong.
    pub id: String,
    pub pool_id: PoolId,
    pub client_id: ClientId,
    /// The stored user name, or an invented one.
    pub username: String,
    /// What was typed, in the form in which the pool compares names.
    pub login: String,
    /// None when the user does not exist and the client hides that.
    pub sub: Option<Sub>,
    /// The client's public value, as it was sent.
    pub srp_a: String,
    /// The server's secret exponent, base64.
    pub srp_b: String,
    pub expires_at: Time,
}
