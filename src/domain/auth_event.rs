//! What happened to a user: sign-ins, sign-ups, changed and forgotten passwords, as threat protection records them.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AuthEventType.html>

use serde::{Deserialize, Serialize};

use super::{PoolId, Sub, risk::judgement::Level};
use crate::kit::clock::Time;

#[derive(Clone, Debug, PartialEq)]
pub struct AuthEvent {
    pub id: String,
    pub pool_id: PoolId,
    pub sub: Sub,
    pub kind: Kind,
    pub response: Response,
    pub detail: Detail,
    pub feedback: Option<Feedback>,
    pub created_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    SignIn,
    SignUp,
    ForgotPassword,
    PasswordChange,
    ResendCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    Pass,
    Fail,
    /// Something is asked for that has not come yet.
    InProgress,
}

/// What is told of an event and never searched for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Detail {
    /// The proofs that were tried, and whether they held.
    pub challenges: Vec<(Factor, bool)>,
    pub address: Option<String>,
    pub device_name: Option<String>,
    /// It was refused for its address or its risk.
    pub is_blocked: bool,
    /// What it was judged to be; none for no risk, and where nobody judged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub risk: Option<Level>,
    /// The password is known to be stolen.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_compromised: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Factor {
    Password,
    Mfa,
}

/// Somebody's judgement: whether it was the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Feedback {
    pub is_valid: bool,
    pub provider: Provider,
    pub given_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provider {
    Admin,
    User,
}

impl Kind {
    const ALL: [Self; 5] = [Self::SignIn, Self::SignUp, Self::ForgotPassword, Self::PasswordChange, Self::ResendCode];

    /// As the service and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignIn => "SignIn",
            Self::SignUp => "SignUp",
            Self::ForgotPassword => "ForgotPassword",
            Self::PasswordChange => "PasswordChange",
            Self::ResendCode => "ResendCode",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Response {
    const ALL: [Self; 3] = [Self::Pass, Self::Fail, Self::InProgress];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Fail => "Fail",
            Self::InProgress => "InProgress",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|response| response.name() == name)
    }
}

impl Factor {
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::Mfa => "Mfa",
        }
    }
}

impl Provider {
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::User => "User",
        }
    }
}
