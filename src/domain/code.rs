//! The six digits that prove an e-mail address or a telephone number, and where they are sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{pool::PoolId, user::Sub};
use crate::kit::clock::Time;

/// What a code is for. One code of each kind lives at a time for a user: a new one replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// Proves the attribute given at sign-up and confirms the account.
    SignUp,
    ForgotPassword,
    VerifyEmail,
    VerifyPhone,
}

impl CodeKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::ForgotPassword => "forgot_password",
            Self::VerifyEmail => "verify_email",
            Self::VerifyPhone => "verify_phone",
        }
    }

    pub fn lifetime(self) -> Duration {
        match self {
            Self::ForgotPassword => Duration::from_secs(3_600),
            Self::SignUp | Self::VerifyEmail | Self::VerifyPhone => Duration::from_secs(24 * 3_600),
        }
    }

    /// Wrong guesses within an hour after which no answer is read any more.
    pub fn most_attempts(self) -> u32 {
        match self {
            Self::ForgotPassword => 5,
            Self::SignUp | Self::VerifyEmail | Self::VerifyPhone => 15,
        }
    }
}

/// A code as it is kept: never the digits, only their keyed hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    pub pool_id: PoolId,
    pub sub: Sub,
    pub kind: CodeKind,
    pub hash: Vec<u8>,
    /// `email` or `phone_number`: what a right answer proves.
    pub attribute: String,
    pub expires_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Medium {
    Email,
    Sms,
}

impl Medium {
    /// The wire's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
        }
    }

    /// The attribute that holds an address of this medium.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "phone_number",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Email, Self::Sms].into_iter().find(|medium| medium.name() == name)
    }

    pub fn of_attribute(attribute: &str) -> Option<Self> {
        [Self::Email, Self::Sms].into_iter().find(|medium| medium.attribute() == attribute)
    }
}

/// What the person is told about where a code went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Masked.
    pub destination: String,
    pub medium: Medium,
}

impl Delivery {
    pub fn to(medium: Medium, address: &str) -> Self {
        Self { destination: mask(medium, address), medium }
    }
}

/// `f***@e***` and `+*******8884`.
fn mask(medium: Medium, address: &str) -> String {
    match medium {
        Medium::Email => {
            let (local, domain) = address.split_once('@').unwrap_or((address, ""));
            let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
            format!("{}***@{}***", first(local), first(domain))
        }
        Medium::Sms => {
            let last: String = address.chars().skip(address.chars().count().saturating_sub(4)).collect();
            format!("+*******{last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_masked() {
        assert_eq!(Delivery::to(Medium::Email, "frank@example.com").destination, "f***@e***");
        assert_eq!(Delivery::to(Medium::Sms, "+15555558884").destination, "+*******8884");
    }
}
