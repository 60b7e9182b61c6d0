//! The machine of sign-in: a step is a challenge or tokens. The API renders it as JSON, the hosted pages as HTML.
//!
//! Between two steps everything is in a sealed [`Session`]: who, through which client, what is awaited, how far they have come,
//! and until when. Each factor has a variant of [`Challenge`] for what is asked and one of [`Awaits`] for what an answer is
//! held against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    assurance::{Assurance, Level, Method},
    client::{ClientId, Flow},
    code::{Delivery, Medium},
    custom_challenge,
    device::DeviceKey,
    mfa::Factor,
    pool::PoolId,
    risk::judgement::Verdict,
    token::Tokens,
    user::{Attributes, Sub, User},
};
use crate::kit::clock::Time;

/// What comes next in a sign-in.
#[derive(Debug)]
pub enum Step {
    Challenge(Box<Prompt>),
    Tokens(Box<Tokens>),
}

/// A question to the one who signs in, and what its answer has to bring along.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    pub challenge: Challenge,
    /// The stored user name, or an invented one.
    pub username: String,
    /// None where the state travels in the challenge itself, as with Secure Remote Password alone.
    pub session: Option<String>,
    /// What a choice-based sign-in can go on with; empty in every other.
    pub available: Vec<FirstFactor>,
}

impl Prompt {
    /// A question whose answer comes with a session.
    pub fn new(challenge: Challenge, subject: &Subject, session: String) -> Self {
        Self { challenge, username: subject.username.clone(), session: Some(session), available: Vec::new() }
    }
}

/// What is asked. Each variant carries what that moment knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Challenge {
    /// Secure Remote Password: the proof of the password is awaited.
    PasswordVerifier {
        salt: String,
        srp_b: String,
        /// Base64; the sealed state of this attempt, and part of what the proof signs.
        secret_block: String,
    },
    /// A temporary password was proven; a permanent one is awaited.
    NewPasswordRequired {
        /// Required attributes that the user lacks.
        required: Vec<String>,
        /// What the user has and may read.
        attributes: Attributes,
    },
    /// A question of the pool's own, as it is shown.
    Custom(BTreeMap<String, String>),
    /// The device that the client named is awaited: its public value.
    DeviceSrp { device_key: DeviceKey },
    /// And its proof of the secret that it keeps.
    DevicePasswordVerifier {
        device_key: DeviceKey,
        salt: String,
        srp_b: String,
        /// Base64; the sealed state of this attempt, and part of what the proof signs.
        secret_block: String,
    },
    /// The code that was sent.
    Code { delivery: Delivery, purpose: CodePurpose },
    /// The code that an authenticator app shows.
    Totp {
        /// What the user calls the app.
        name: Option<String>,
    },
    /// Which second factor it shall be.
    SelectMfaType(Vec<Factor>),
    /// A second factor has to be set up, one of these.
    MfaSetup(Vec<Factor>),
    /// How to sign in; the choices stand in the prompt.
    SelectChallenge {
        /// As of a passkey, where that is a choice: its signature may come with the answer.
        options: Option<Value>,
    },
    /// The password, after it was chosen.
    Password,
    /// The client's public value of Secure Remote Password, after that was chosen.
    PasswordSrp,
    /// A signature of a passkey.
    Passkey {
        /// For `navigator.credentials.get`, in the JSON form of the standard.
        options: Value,
    },
}

impl Challenge {
    pub fn name(&self) -> &'static str {
        match self {
            Self::PasswordVerifier { .. } => "PASSWORD_VERIFIER",
            Self::NewPasswordRequired { .. } => "NEW_PASSWORD_REQUIRED",
            Self::Custom(_) => custom_challenge::CUSTOM,
            Self::DeviceSrp { .. } => "DEVICE_SRP_AUTH",
            Self::DevicePasswordVerifier { .. } => "DEVICE_PASSWORD_VERIFIER",
            Self::Code { delivery, purpose } => purpose.challenge(delivery.medium),
            Self::Totp { .. } => Factor::Totp.name(),
            Self::SelectMfaType(_) => "SELECT_MFA_TYPE",
            Self::MfaSetup(_) => "MFA_SETUP",
            Self::SelectChallenge { .. } => "SELECT_CHALLENGE",
            Self::Password => FirstFactor::Password.name(),
            Self::PasswordSrp => FirstFactor::PasswordSrp.name(),
            Self::Passkey { .. } => FirstFactor::Passkey.name(),
        }
    }
}

/// What a right code proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodePurpose {
    /// It stands in place of a password.
    First,
    Second,
    /// A second factor, and that the address is the user's: it is new to us.
    SetUp,
}

impl CodePurpose {
    pub fn challenge(self, medium: Medium) -> &'static str {
        match (self, medium) {
            (Self::First, Medium::Email) => FirstFactor::EmailCode.name(),
            (Self::First, Medium::Sms) => FirstFactor::SmsCode.name(),
            (Self::Second | Self::SetUp, medium) => Factor::of_medium(medium).name(),
        }
    }

    /// A code that stands alone is longer.
    pub fn digits(self) -> usize {
        match self {
            Self::First => 8,
            Self::Second | Self::SetUp => 6,
        }
    }
}

/// What a choice-based sign-in may begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstFactor {
    Password,
    PasswordSrp,
    EmailCode,
    SmsCode,
    Passkey,
}

impl FirstFactor {
    pub const ALL: [Self; 5] = [Self::PasswordSrp, Self::Password, Self::EmailCode, Self::SmsCode, Self::Passkey];

    /// The name of its challenge.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::PasswordSrp => "PASSWORD_SRP",
            Self::EmailCode => "EMAIL_OTP",
            Self::SmsCode => "SMS_OTP",
            Self::Passkey => "WEB_AUTHN",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }
}

/// What a sealed session holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Spent when the challenge is answered rightly.
    pub id: String,
    pub pool_id: PoolId,
    pub client_id: ClientId,
    pub subject: Subject,
    pub awaits: Awaits,
    pub progress: Progress,
    pub expires_at: Time,
}

impl Session {
    /// The progress after its second factor was proven.
    pub fn proven_second(self, method: Method) -> Progress {
        Progress { answered: Some(self.id), ..self.progress.proven_second(method) }
    }
}

/// Who signs in: a user, or a name that no user has where the client hides that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// None when there is no such user.
    pub sub: Option<Sub>,
    /// The stored user name, or an invented one.
    pub username: String,
    /// The name in the form in which the pool compares names: for a user the stored one, for nobody what was typed.
    pub login: String,
    /// The salt of the user's password: with another one the sign-in is void.
    pub salt: Vec<u8>,
}

impl Subject {
    pub fn of(user: &User) -> Self {
        Self {
            sub: Some(user.sub.clone()),
            username: user.username.clone(),
            login: user.username.clone(),
            salt: salt_of(user),
        }
    }
}

/// New with every password.
pub fn salt_of(user: &User) -> Vec<u8> {
    user.credential.salt().map(<[u8]>::to_vec).unwrap_or_default()
}

/// What an answer is held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Awaits {
    NewPassword,
    /// The answer to a question of the pool's own.
    Custom,
    DeviceSrp,
    Code(SentCode),
    Totp,
    FactorChoice(Vec<Factor>),
    FactorSetup(Vec<Factor>),
    /// The user's new authenticator app was verified; the client has only to say that it is done.
    FactorReady,
    Choice {
        /// As of a passkey, where that is a choice.
        passkey: Option<String>,
    },
    Password,
    PasswordSrp,
    Passkey {
        /// In a form that `keys::webauthn` reads.
        state: String,
    },
    /// The proof of Secure Remote Password, by the attempt's id.
    PasswordVerifier(String),
    /// The code of a sign-up.
    Confirmation,
    /// Nothing more: the sign-up was confirmed by whoever made it.
    SignUp,
}

/// A code as its session keeps it: never the digits, only their keyed hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentCode {
    pub medium: Medium,
    pub purpose: CodePurpose,
    /// Where it went. It proves no other address.
    pub address: String,
    pub hash: Vec<u8>,
}

/// How far somebody has come. It goes from session to session, and decides what is asked next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// How they began.
    pub flow: Flow,
    /// The device that the client says it runs on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_key: Option<String>,
    /// What they have proven; none until they have.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<FirstProof>,
    /// A temporary password was replaced on the way.
    #[serde(default)]
    pub new_password: bool,
    /// A second factor was proven.
    #[serde(default)]
    pub second: bool,
    /// The device of that key has proven itself.
    #[serde(default)]
    pub device: bool,
    /// The session whose second factor was right in this very step. It goes into no other session.
    #[serde(skip)]
    pub answered: Option<String>,
    /// What the sign-in is recorded as, where it is; its tokens name it too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event_id: Option<String>,
    /// What threat protection has found, once it has looked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub risk: Option<Verdict>,
    /// The password is known to be stolen, and the pool lets it be used.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_compromised: bool,
    /// Where the loop of a custom sign-in is remembered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub custom: Option<String>,
    /// The levels that the client asks for, the most wanted first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub levels: Vec<Level>,
    /// The methods that were completed.
    #[serde(skip_serializing_if = "Assurance::is_empty", default)]
    pub assurance: Assurance,
}

impl Progress {
    pub fn new(flow: Flow, device_key: Option<String>) -> Self {
        Self {
            flow,
            device_key,
            first: None,
            new_password: false,
            second: false,
            device: false,
            answered: None,
            event_id: None,
            risk: None,
            is_compromised: false,
            custom: None,
            levels: Vec::new(),
            assurance: Assurance::default(),
        }
    }

    #[must_use]
    pub fn proven(self, first: FirstProof) -> Self {
        let assurance = match first {
            FirstProof::Password => self.assurance.with(Method::Password),
            FirstProof::Code(medium) => self.assurance.with(medium.into()),
            // A key tells more than that it was there, and the others are no methods that have a name.
            FirstProof::Passkey | FirstProof::Custom | FirstProof::SignUp | FirstProof::Earlier => self.assurance,
        };
        Self { first: Some(first), assurance, ..self }
    }

    #[must_use]
    pub fn proven_second(self, method: Method) -> Self {
        Self { second: true, assurance: self.assurance.with(method), ..self }
    }

    /// Whether what threat protection has found asks for a second factor that might be spared otherwise.
    pub fn is_risky(&self) -> bool {
        self.risk.is_some_and(Verdict::asks_for_factor)
    }

    /// Whether the triggers of a custom sign-in still say what comes next, also after a wrong answer.
    pub fn is_led(&self) -> bool {
        self.flow == Flow::Custom && self.first != Some(FirstProof::Custom)
    }
}

/// The first factor that was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstProof {
    Password,
    /// The triggers of a custom sign-in are content.
    Custom,
    /// A code to this kind of address.
    Code(Medium),
    Passkey,
    /// The code of the sign-up that came just before.
    SignUp,
    /// Whatever let them in the last time, of which they have brought a token.
    Earlier,
}

/// What an SRP secret block holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SrpAttempt {
    /// Spent with the first proof, right or wrong.
    pub id: String,
    pub pool_id: PoolId,
    pub client_id: ClientId,
    pub subject: Subject,
    pub progress: Progress,
    /// Whether the proof has to come with the session that was given out beside the block.
    #[serde(default)]
    pub with_session: bool,
    /// The client's public value, as it was sent.
    pub srp_a: String,
    /// The server's secret exponent, base64.
    pub srp_b: String,
    pub expires_at: Time,
}

/// What the secret block of a device holds. A block of a password is none of a device, and the other way round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceAttempt {
    pub device_key: DeviceKey,
    pub attempt: SrpAttempt,
}
