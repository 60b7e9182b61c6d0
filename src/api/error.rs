//! Domain errors in the service's words: exception name, exact message, status.
//!
//! One match without a default arm. What is ours to repair leaves as an opaque text; its reason is logged once, here, with the
//! request id. <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html>

use http::StatusCode;

use super::{operation::Failure, protocol::Exception};
use crate::domain::{
    Asker, Error,
    error::{AccessTokenFault, Existing, FactorFault, PoolFault, RefreshTokenFault, SessionFault, WebAuthnFault},
};

/// The exception that a client reads. Logs what it must not read.
pub(super) fn render(failure: &Failure, request_id: &str) -> Exception {
    match failure {
        Failure::Fault(fault) => fault.exception(),
        Failure::Domain(error) => {
            match error {
                Error::Internal(reason) => tracing::error!(request_id, reason, "internal error"),
                Error::HookUnavailable { trigger, reason } => {
                    tracing::warn!(request_id, trigger, reason, "function could not run");
                }
                _ => tracing::debug!(request_id, %error, "refused"),
            }
            exception(error)
        }
    }
}

const NOT_AUTHORIZED: &str = "NotAuthorizedException";
const NOT_FOUND: &str = "ResourceNotFoundException";
const INVALID_PARAMETER: &str = "InvalidParameterException";

/// The table.
pub fn exception(error: &Error) -> Exception {
    let (name, message) = match error {
        Error::NoSuchPool(pool) => (NOT_FOUND, format!("User pool {pool} does not exist.")),
        Error::NoSuchClient(client) => (NOT_FOUND, format!("User pool client {client} does not exist.")),
        Error::NoSuchGroup => (NOT_FOUND, "Group not found.".into()),
        Error::NoSuchResourceServer(identifier) => (NOT_FOUND, format!("Resource server {identifier} does not exist.")),
        Error::NoSuchClientSecret => (NOT_FOUND, "Client secret does not exist.".into()),
        Error::NoSuchUser => ("UserNotFoundException", "User does not exist.".into()),
        Error::NoSuchUserForClient => ("UserNotFoundException", "Username/client id combination not found.".into()),
        Error::NoSuchDevice => (NOT_FOUND, "Device does not exist.".into()),
        Error::NotFound(text) => (NOT_FOUND, text.clone()),

        Error::Exists(existing) => exists(existing),
        Error::GroupExists => ("GroupExistsException", "A group with the name already exists.".into()),
        Error::UsernameExists(Asker::Administrator) => {
            ("UsernameExistsException", "User account already exists".into())
        }
        Error::UsernameExists(Asker::SignUp | Asker::User) => ("UsernameExistsException", "User already exists".into()),
        Error::AccountExists(attribute) => ("UsernameExistsException", account_exists(attribute)),
        Error::AliasExists(attribute) => ("AliasExistsException", account_exists(attribute)),
        Error::AliasConfirmed(attribute) => {
            ("AliasExistsException", format!("An account with the {attribute} already exists."))
        }
        Error::ResourceServerExists { identifier, pool } => {
            (INVALID_PARAMETER, format!("{identifier} already exists in user pool {pool}."))
        }

        Error::WrongCredentials => (NOT_AUTHORIZED, "Incorrect username or password.".into()),
        Error::Blocked(_) => (NOT_AUTHORIZED, "Unable to login because of security reasons.".into()),
        Error::FeedbackToken => (NOT_AUTHORIZED, "Invalid feedback token.".into()),
        Error::UserDisabled => (NOT_AUTHORIZED, "User is disabled.".into()),
        Error::UserNotConfirmed => ("UserNotConfirmedException", "User is not confirmed.".into()),
        Error::PasswordResetRequired => {
            ("PasswordResetRequiredException", "Password reset required for the user".into())
        }
        Error::CompromisedSignIn => {
            ("PasswordResetRequiredException", "Password reset required for user due to security reasons".into())
        }
        Error::CompromisedPassword => {
            ("InvalidPasswordException", "Provided password cannot be used for security reasons.".into())
        }
        Error::PasswordAttemptsExceeded => (NOT_AUTHORIZED, "Password attempts exceeded".into()),
        Error::TemporaryPasswordExpired => {
            (NOT_AUTHORIZED, "Temporary password has expired and must be reset by an administrator.".into())
        }
        Error::SecretHashMissing(client) => {
            (NOT_AUTHORIZED, format!("Client {client} is configured with secret but SECRET_HASH was not received"))
        }
        Error::SecretHashUnexpected(client) => {
            (NOT_AUTHORIZED, format!("Client {client} is not configured with secret but SECRET_HASH was received"))
        }
        Error::SecretHashWrong(client) => (NOT_AUTHORIZED, format!("Unable to verify secret hash for client {client}")),
        Error::SecretHashWrongAtRefresh(client) => {
            (NOT_AUTHORIZED, format!("SecretHash does not match for the client: {client}"))
        }
        Error::ClientSecretWrong(client) => (NOT_AUTHORIZED, format!("Unable to verify secret for client {client}")),
        Error::Session(fault) => (NOT_AUTHORIZED, session(*fault).into()),
        Error::AccessToken(fault) => (NOT_AUTHORIZED, access_token(*fault).into()),
        Error::RefreshToken(fault) => refresh_token(*fault),
        // The API has no way to show a key.
        Error::Possession(_) => (NOT_AUTHORIZED, "The tokens are bound to a key of the client".into()),
        Error::SignUpNotPermitted => (NOT_AUTHORIZED, "SignUp is not permitted for this user pool".into()),
        Error::UnauthorizedAttribute => (NOT_AUTHORIZED, "A client attempted to write unauthorized attribute".into()),
        Error::AttributeProvided(name) => (NOT_AUTHORIZED, format!("Cannot modify an already provided {name}")),
        Error::CannotConfirm(status) => {
            (NOT_AUTHORIZED, format!("User cannot be confirmed. Current status is {}", status.name()))
        }
        Error::CannotResetPassword => (NOT_AUTHORIZED, "User password cannot be reset in the current state.".into()),
        Error::AdministratorResetsPasswords => (NOT_AUTHORIZED, "Contact administrator to reset password.".into()),
        Error::CannotResendInvitation(username) => (
            "UnsupportedUserStateException",
            format!("Resend not possible. {username} status is not FORCE_CHANGE_PASSWORD"),
        ),
        Error::SecondFactor(fault) => second_factor(*fault),
        Error::WebAuthn(fault) => webauthn(*fault),

        Error::CodeMismatch => {
            ("CodeMismatchException", "Invalid verification code provided, please try again.".into())
        }
        Error::CodeExpired => ("ExpiredCodeException", "Invalid code provided, please request a code again.".into()),
        Error::AttemptLimitExceeded => {
            ("LimitExceededException", "Attempt limit exceeded, please try after some time.".into())
        }
        Error::TooManyRequests => ("TooManyRequestsException", "Too many requests".into()),
        Error::LimitExceeded(text) => ("LimitExceededException", text.clone()),
        Error::QuotaExceeded(text) => ("ServiceQuotaExceededException", text.clone()),
        Error::DeliveryFailed(reason) => ("CodeDeliveryFailureException", reason.clone()),

        Error::PasswordPolicy { rule, asker: Asker::SignUp } => {
            ("InvalidPasswordException", format!("Password did not conform with policy: {rule}"))
        }
        Error::PasswordPolicy { rule, asker: Asker::User | Asker::Administrator } => {
            ("InvalidPasswordException", format!("Password does not conform to policy: {rule}"))
        }
        Error::PasswordUsedBefore => {
            ("PasswordHistoryPolicyViolationException", "Password has previously been used".into())
        }
        Error::InvalidParameter(text) => (INVALID_PARAMETER, text.clone()),
        Error::InvalidOAuthFlow(text) => ("InvalidOAuthFlowException", text.clone()),
        Error::PoolState(fault) => pool_state(fault),
        Error::UnsupportedProvider(text) => ("UnsupportedIdentityProviderException", text.clone()),
        Error::NoSuchScope(scope) => ("ScopeDoesNotExistException", format!("Invalid scope requested: {scope}")),
        // No operation asks for a resource.
        Error::WrongTarget => (INVALID_PARAMETER, error.to_string()),
        // Never a 5xx: an SDK would repeat the call.
        Error::NotBuilt(what) => (NOT_IMPLEMENTED, format!("{what} is not built yet in Poolhouse.")),

        Error::RevocationOff => {
            ("UnsupportedOperationException", "Token revocation is not enabled for this client".into())
        }
        Error::UnsupportedTokenType => ("UnsupportedTokenTypeException", "Unsupported token type".into()),
        Error::UnauthorizedClient => ("UnauthorizedException", "Client is not authorized".into()),

        // The period is the service's; clients cut the text out between `error ` and it.
        Error::HookThrew { trigger, message } => {
            ("UserLambdaValidationException", format!("{trigger} failed with error {message}."))
        }
        Error::HookAnswer(_) => ("InvalidLambdaResponseException", "Unrecognizable lambda output".into()),
        Error::HookNotJson(_) => {
            ("InvalidLambdaResponseException", "Invalid lambda function output : Invalid JSON".into())
        }
        Error::HookUnavailable { trigger, .. } => {
            ("UnexpectedLambdaException", format!("{trigger} invocation failed due to error ServiceException."))
        }

        Error::Internal(_) => {
            return Exception {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                ..Exception::refusal("InternalErrorException", "Something went wrong")
            };
        }
    };
    Exception::refusal(name, message)
}

/// Ours: no name of the service says that a server lacks a part of it.
const NOT_IMPLEMENTED: &str = "NotImplementedException";

fn account_exists(attribute: &str) -> String {
    format!("An account with the given {attribute} already exists.")
}

fn session(fault: SessionFault) -> &'static str {
    match fault {
        SessionFault::Invalid => "Invalid session for the user.",
        SessionFault::Expired => "Invalid session for the user, session is expired.",
        SessionFault::Used => "Invalid session for the user, session can only be used once.",
    }
}

fn access_token(fault: AccessTokenFault) -> &'static str {
    match fault {
        AccessTokenFault::Invalid => "Invalid Access Token",
        AccessTokenFault::Expired => "Access Token has expired",
        AccessTokenFault::Revoked => "Access Token has been revoked",
        AccessTokenFault::WrongSignature => "Could not verify signature for Access Token",
        AccessTokenFault::MissingScope => "Access Token does not have required scopes",
    }
}

fn refresh_token(fault: RefreshTokenFault) -> (&'static str, String) {
    match fault {
        RefreshTokenFault::Invalid => (NOT_AUTHORIZED, "Invalid Refresh Token".into()),
        RefreshTokenFault::InvalidSentence => (NOT_AUTHORIZED, "Invalid Refresh Token.".into()),
        RefreshTokenFault::Expired => (NOT_AUTHORIZED, "Refresh Token has expired".into()),
        RefreshTokenFault::Revoked => (NOT_AUTHORIZED, "Refresh Token has been revoked".into()),
        RefreshTokenFault::Reused => ("RefreshTokenReuseException", "Refresh Token has been revoked".into()),
    }
}

fn exists(existing: &Existing) -> (&'static str, String) {
    match existing {
        Existing::DeviceKey => ("DeviceKeyExistsException", "Device key already exists.".into()),
        Existing::Provider(name) => {
            ("DuplicateProviderException", format!("A provider with the name {name} already exists"))
        }
        Existing::Branding => (
            "ManagedLoginBrandingExistsException",
            "A managed login branding style already exists for this app client.".into(),
        ),
        Existing::Terms => ("TermsExistsException", "Terms with this name already exist for this app client.".into()),
    }
}

fn second_factor(fault: FactorFault) -> (&'static str, String) {
    let (name, text) = match fault {
        FactorFault::Code => ("CodeMismatchException", "Invalid code or auth state for the user."),
        FactorFault::Totp => ("CodeMismatchException", "Invalid code received for user"),
        FactorFault::TotpUsed => ("ExpiredCodeException", "Your software token has already been used once."),
        FactorFault::TotpSetup => ("EnableSoftwareTokenMFAException", "Code mismatch"),
        FactorFault::TotpOff => {
            ("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
        }
        FactorFault::Missing => ("MFAMethodNotFoundException", "No MFA mechanism configured for the user"),
    };
    (name, text.into())
}

/// The service does not publish these texts; the names are what clients tell apart.
fn webauthn(fault: WebAuthnFault) -> (&'static str, String) {
    let (name, text) = match fault {
        WebAuthnFault::NotEnabled => {
            ("WebAuthnNotEnabledException", "Passkeys are not enabled for this user pool or app client.")
        }
        WebAuthnFault::ConfigurationMissing => {
            ("WebAuthnConfigurationMissingException", "The user pool has no relying party configured.")
        }
        WebAuthnFault::ChallengeNotFound => {
            ("WebAuthnChallengeNotFoundException", "The passkey challenge was not found or has expired.")
        }
        WebAuthnFault::ClientMismatch => {
            ("WebAuthnClientMismatchException", "The access token is of another app client than the challenge.")
        }
        WebAuthnFault::RelyingPartyMismatch => {
            ("WebAuthnRelyingPartyMismatchException", "The credential is for another relying party.")
        }
        WebAuthnFault::OriginNotAllowed => {
            ("WebAuthnOriginNotAllowedException", "The credential was made at an origin that is not allowed.")
        }
        WebAuthnFault::CredentialNotSupported => {
            ("WebAuthnCredentialNotSupportedException", "The credential is not supported.")
        }
    };
    (name, text.into())
}

fn pool_state(fault: &PoolFault) -> (&'static str, String) {
    match fault {
        PoolFault::ImportInProgress => {
            ("UserImportInProgressException", "A user import job is in progress for this user pool.".into())
        }
        PoolFault::AddOnOff => {
            ("UserPoolAddOnNotEnabledException", "User pool add-ons are not enabled for this user pool.".into())
        }
        PoolFault::Tier(text) => ("FeatureUnavailableInTierException", text.clone()),
        PoolFault::TierChange(text) => ("TierChangeNotAllowedException", text.clone()),
        PoolFault::Configuration(text) => ("InvalidUserPoolConfigurationException", text.clone()),
        PoolFault::Tagging(text) => ("UserPoolTaggingException", text.clone()),
        PoolFault::Conflict => {
            ("ConcurrentModificationException", "The request conflicts with another operation.".into())
        }
        PoolFault::Precondition(text) => ("PreconditionNotMetException", text.clone()),
        PoolFault::NotEnabled(text) => ("OperationNotEnabledException", text.clone()),
    }
}
