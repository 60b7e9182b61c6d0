//! What can go wrong, in the words of the domain.
//!
//! Each door has one table that turns these into its own language: `api/error.rs`, `oauth/error.rs`, `pages/error.rs`. What a
//! client reads is decided there; what stands in `Internal` is logged at the door and never leaves it.

use super::{client::ClientId, pool::PoolId, risk::judgement::Level, user::Status};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    // What was asked for is not there.
    #[error("user pool {0} does not exist")]
    NoSuchPool(PoolId),
    #[error("app client {0} does not exist")]
    NoSuchClient(ClientId),
    #[error("group does not exist")]
    NoSuchGroup,
    #[error("resource server {0} does not exist")]
    NoSuchResourceServer(String),
    #[error("client secret does not exist")]
    NoSuchClientSecret,
    /// A user that an administrator, or a sign-in that may tell, asked for.
    #[error("user does not exist")]
    NoSuchUser,
    /// A user that sign-up or recovery asked for; the service words it differently.
    #[error("no user of that name for this client")]
    NoSuchUserForClient,
    #[error("device does not exist")]
    NoSuchDevice,
    /// Anything else; the text is what the client reads.
    #[error("{0}")]
    NotFound(String),

    // What was to be made exists.
    #[error("exists already: {0:?}")]
    Exists(Existing),
    #[error("group exists")]
    GroupExists,
    #[error("username is taken, asked by {0:?}")]
    UsernameExists(Asker),
    /// Another account holds this e-mail address or telephone number (the attribute's name).
    #[error("an account with this {0} exists")]
    AccountExists(&'static str),
    /// The attribute is an alias that another user has verified.
    #[error("{0} is another user's alias")]
    AliasExists(&'static str),
    /// The same at the confirmation of a sign-up; the service words it differently.
    #[error("{0} is the alias of another user, who confirmed it first")]
    AliasConfirmed(&'static str),
    #[error("resource server {identifier} exists in {pool}")]
    ResourceServerExists { identifier: String, pool: PoolId },

    // Who asks may not.
    #[error("wrong user name or password")]
    WrongCredentials,
    /// For the address, or for the risk that the sign-in was judged to be.
    #[error("the sign-in is refused, at risk {0:?}")]
    Blocked(Option<Level>),
    #[error("feedback token does not fit")]
    FeedbackToken,
    #[error("user is disabled")]
    UserDisabled,
    #[error("user is not confirmed")]
    UserNotConfirmed,
    #[error("password must be reset")]
    PasswordResetRequired,
    /// The right one, and the pool signs nobody in with a stolen one.
    #[error("password is known to be stolen, and must be reset")]
    CompromisedSignIn,
    /// One that somebody has chosen.
    #[error("password is known to be stolen")]
    CompromisedPassword,
    #[error("too many wrong passwords")]
    PasswordAttemptsExceeded,
    #[error("temporary password has expired")]
    TemporaryPasswordExpired,
    #[error("client {0} has a secret, but no hash came")]
    SecretHashMissing(ClientId),
    #[error("client {0} has no secret, but a hash came")]
    SecretHashUnexpected(ClientId),
    #[error("wrong secret hash for client {0}")]
    SecretHashWrong(ClientId),
    /// As above, in the flows that refresh tokens.
    #[error("wrong secret hash for client {0} at refresh")]
    SecretHashWrongAtRefresh(ClientId),
    #[error("wrong secret for client {0}")]
    ClientSecretWrong(ClientId),
    #[error("session: {0:?}")]
    Session(SessionFault),
    #[error("access token: {0:?}")]
    AccessToken(AccessTokenFault),
    #[error("refresh token: {0:?}")]
    RefreshToken(RefreshTokenFault),
    /// A proof of possession (RFC 9449) is missing or does not hold; the text is what the client reads.
    #[error("{0}")]
    Possession(&'static str),
    #[error("only administrators create users in this pool")]
    SignUpNotPermitted,
    #[error("attribute may not be written by this client")]
    UnauthorizedAttribute,
    /// NEW_PASSWORD_REQUIRED brought an attribute that the user has (its name).
    #[error("{0} is provided already")]
    AttributeProvided(String),
    #[error("user cannot be confirmed in status {0:?}")]
    CannotConfirm(Status),
    #[error("password cannot be reset in this state")]
    CannotResetPassword,
    #[error("only an administrator resets passwords in this pool")]
    AdministratorResetsPasswords,
    #[error("invitation cannot be repeated for {0}")]
    CannotResendInvitation(String),

    /// The first factor was proven; the second one was not.
    #[error("second factor: {0:?}")]
    SecondFactor(FactorFault),
    #[error("passkey: {0:?}")]
    WebAuthn(WebAuthnFault),

    // Codes and attempts.
    #[error("wrong code")]
    CodeMismatch,
    #[error("no such code any more")]
    CodeExpired,
    #[error("attempt limit exceeded")]
    AttemptLimitExceeded,
    #[error("too many requests")]
    TooManyRequests,
    #[error("limit: {0}")]
    LimitExceeded(String),
    /// Of the account rather than of a pool.
    #[error("quota: {0}")]
    QuotaExceeded(String),
    #[error("message could not be delivered: {0}")]
    DeliveryFailed(String),

    // Passwords and parameters.
    #[error("password rule broken: {rule}")]
    PasswordPolicy { rule: PasswordRule, asker: Asker },
    #[error("password was used before")]
    PasswordUsedBefore,
    /// A rule of business broken; the text is what the client reads.
    #[error("{0}")]
    InvalidParameter(String),
    #[error("{0}")]
    InvalidOAuthFlow(String),
    /// The pool as it is set up, or is at the moment, does not allow it.
    #[error("the pool does not allow it: {0:?}")]
    PoolState(PoolFault),
    #[error("{0}")]
    UnsupportedProvider(String),
    #[error("scope {0} does not exist")]
    NoSuchScope(String),
    /// Tokens are asked for another resource than they were granted for.
    #[error("the tokens are for another resource")]
    WrongTarget,
    /// Part of the service that this server does not have yet; the text names it.
    #[error("{0} is not built yet")]
    NotBuilt(String),

    // Revocation.
    #[error("this client's tokens cannot be revoked")]
    RevocationOff,
    #[error("only refresh tokens can be revoked")]
    UnsupportedTokenType,
    /// A client that could not prove who it is, where the service says no more than that.
    #[error("client is not authorized")]
    UnauthorizedClient,

    // Functions.
    /// The function threw: `(trigger, its message)`.
    #[error("{trigger} failed: {message}")]
    HookThrew { trigger: &'static str, message: String },
    /// The function answered with something that its trigger does not know.
    #[error("{0} gave an unrecognizable answer")]
    HookAnswer(&'static str),
    #[error("{0} did not answer with JSON")]
    HookNotJson(&'static str),
    /// The function could not be run: missing, too slow, out of memory.
    #[error("{trigger} could not run: {reason}")]
    HookUnavailable { trigger: &'static str, reason: String },

    /// Ours to repair. The text is for the log only.
    #[error("internal: {0}")]
    Internal(String),
}

/// On whose behalf: the service words some refusals differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A person at sign-up.
    SignUp,
    /// Somebody signed in, or in the middle of it.
    User,
    Administrator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionFault {
    Invalid,
    Expired,
    Used,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokenFault {
    Invalid,
    Expired,
    Revoked,
    WrongSignature,
    MissingScope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenFault {
    Invalid,
    /// The same in the words of the newer operation.
    InvalidSentence,
    Expired,
    Revoked,
    /// A rotated token came back after its grace.
    Reused,
}

/// What exists once and was to be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existing {
    DeviceKey,
    /// An identity provider, by name.
    Provider(String),
    Branding,
    Terms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorFault {
    /// The code of a text message or an e-mail is wrong.
    Code,
    /// The code of an authenticator app is wrong.
    Totp,
    /// It was right, and has been used.
    TotpUsed,
    /// The first code of a new authenticator app is wrong.
    TotpSetup,
    /// The pool knows no authenticator apps.
    TotpOff,
    /// The user has no second factor that could be asked for.
    Missing,
}

/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CompleteWebAuthnRegistration.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebAuthnFault {
    NotEnabled,
    /// Neither a relying party nor a domain is set.
    ConfigurationMissing,
    ChallengeNotFound,
    ClientMismatch,
    RelyingPartyMismatch,
    OriginNotAllowed,
    CredentialNotSupported,
}

/// Texts are what the client reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolFault {
    ImportInProgress,
    /// Threat protection is off.
    AddOnOff,
    Tier(String),
    TierChange(String),
    /// What was asked for needs a setting that the pool lacks.
    Configuration(String),
    Tagging(String),
    /// Two changes at once.
    Conflict,
    Precondition(String),
    NotEnabled(String),
}

/// The first rule of a password policy that a password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordRule {
    Length,
    Uppercase,
    Lowercase,
    Numbers,
    Symbols,
    Edges,
}

impl std::fmt::Display for PasswordRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Length => "Password not long enough",
            Self::Uppercase => "Password must have uppercase characters",
            Self::Lowercase => "Password must have lowercase characters",
            Self::Numbers => "Password must have numeric characters",
            Self::Symbols => "Password must have symbol characters",
            Self::Edges => "Password must not begin or end with a space",
        })
    }
}
