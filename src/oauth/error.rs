//! What went wrong, in the words of OAuth: every error of the domain has its code here.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html>

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::reply;
use crate::{domain::Error, flows::Cx, web::limits::FormFault};

/// An answer that says no.
#[derive(Debug)]
pub struct Failure {
    pub status: StatusCode,
    pub code: &'static str,
    pub description: Option<String>,
    /// Whether the answer says how a client can prove itself.
    challenges: bool,
    /// For the log only.
    reason: Option<Error>,
}

impl Failure {
    pub fn new(code: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, description: None, challenges: false, reason: None }
    }

    pub fn invalid_request(description: &str) -> Self {
        Self { description: Some(description.to_owned()), ..Self::new("invalid_request") }
    }

    pub fn invalid_client() -> Self {
        Self::new("invalid_client")
    }

    pub fn unauthorized_client() -> Self {
        Self::new("unauthorized_client")
    }

    pub fn describe(self, description: String) -> Self {
        Self { description: Some(description), ..self }
    }

    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// 401 with the way for a client to prove itself (RFC 6749, section 5.2).
    pub fn challenging(self) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, challenges: true, ..self }
    }

    pub fn respond(&self, cx: &Cx) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            error_description: Option<&'a str>,
        }
        let request_id = &*cx.request_id;
        match &self.reason {
            Some(error) if self.status.is_server_error() => {
                tracing::error!(request_id, %error, "an OAuth request failed");
            }
            Some(error) => tracing::info!(request_id, code = self.code, %error, "an OAuth request was refused"),
            None => tracing::info!(request_id, code = self.code, "an OAuth request was refused"),
        }
        let body = Body { error: self.code, error_description: self.description.as_deref() };
        let mut response = reply::json(cx, self.status, &body);
        if self.challenges {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"client\""));
        }
        response
    }
}

impl From<FormFault> for Failure {
    fn from(fault: FormFault) -> Self {
        let status = match fault {
            FormFault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FormFault::Slow => StatusCode::REQUEST_TIMEOUT,
            FormFault::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            FormFault::Malformed => StatusCode::BAD_REQUEST,
        };
        Self { status, ..Self::new("invalid_request") }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (code, description) = words(&error);
        let status = match error {
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Error::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, code, description, challenges: false, reason: Some(error) }
    }
}

fn words(error: &Error) -> (&'static str, Option<String>) {
    let code = match error {
        // What was presented does not count, or no longer.
        Error::CodeMismatch
        | Error::CodeExpired
        | Error::RefreshToken(_)
        | Error::AccessToken(_)
        | Error::Session(_)
        | Error::NoSuchUser
        | Error::NoSuchUserForClient
        | Error::WrongCredentials
        | Error::UserDisabled
        | Error::Blocked(_)
        | Error::UserNotConfirmed
        | Error::PasswordResetRequired
        | Error::CompromisedSignIn
        | Error::TemporaryPasswordExpired
        | Error::CannotConfirm(_)
        | Error::CannotResetPassword
        | Error::AdministratorResetsPasswords
        | Error::NoSuchDevice
        | Error::SecondFactor(_)
        | Error::WebAuthn(_) => "invalid_grant",
        // Told apart for the one who has to wait.
        Error::PasswordAttemptsExceeded | Error::AttemptLimitExceeded => {
            return ("invalid_grant", Some("attempts exceeded, try again later".into()));
        }
        Error::TooManyRequests => return ("invalid_request", Some("too many requests, try again later".into())),
        Error::NoSuchClient(_)
        | Error::NoSuchPool(_)
        | Error::NoSuchClientSecret
        | Error::SecretHashMissing(_)
        | Error::SecretHashUnexpected(_)
        | Error::SecretHashWrong(_)
        | Error::SecretHashWrongAtRefresh(_)
        | Error::ClientSecretWrong(_) => "invalid_client",
        Error::UnauthorizedClient | Error::SignUpNotPermitted | Error::UnauthorizedAttribute => "unauthorized_client",
        Error::NoSuchScope(_) | Error::NoSuchResourceServer(_) => "invalid_scope",
        Error::WrongTarget => "invalid_target",
        Error::Possession(reason) => return ("invalid_dpop_proof", Some((*reason).to_owned())),
        Error::RevocationOff => {
            return ("invalid_request", Some("Token revocation is not enabled for this client".into()));
        }
        Error::UnsupportedTokenType => "unsupported_token_type",
        Error::HookThrew { .. }
        | Error::HookAnswer(_)
        | Error::HookNotJson(_)
        | Error::HookUnavailable { .. }
        | Error::NotBuilt(_)
        | Error::InvalidParameter(_)
        | Error::InvalidOAuthFlow(_)
        | Error::LimitExceeded(_)
        | Error::PasswordPolicy { .. } => return ("invalid_request", Some(hook_words(error))),
        Error::NoSuchGroup
        | Error::QuotaExceeded(_)
        | Error::FeedbackToken
        | Error::NotFound(_)
        | Error::Exists(_)
        | Error::PoolState(_)
        | Error::UnsupportedProvider(_)
        | Error::GroupExists
        | Error::UsernameExists(_)
        | Error::AccountExists(_)
        | Error::AliasExists(_)
        | Error::AliasConfirmed(_)
        | Error::ResourceServerExists { .. }
        | Error::AttributeProvided(_)
        | Error::CannotResendInvitation(_)
        | Error::DeliveryFailed(_)
        | Error::CompromisedPassword
        | Error::PasswordUsedBefore => "invalid_request",
        Error::Internal(_) => "server_error",
    };
    (code, None)
}

/// A trigger's failure in the service's words; every other error's own text.
fn hook_words(error: &Error) -> String {
    match error {
        Error::HookThrew { trigger, message } => format!("{trigger} failed with error {message}."),
        Error::HookAnswer(trigger) => format!("{trigger} failed with error unrecognizable lambda output."),
        Error::HookNotJson(trigger) => format!("{trigger} failed with error invalid lambda output."),
        Error::HookUnavailable { trigger, reason } => format!("{trigger} failed with error {reason}."),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_failures_are_server_errors() {
        let hook = Failure::from(Error::HookThrew { trigger: "PreTokenGeneration", message: "no".into() });
        assert_eq!((hook.status, hook.code), (StatusCode::BAD_REQUEST, "invalid_request"));
        assert_eq!(hook.description.as_deref(), Some("PreTokenGeneration failed with error no."));
        let own = Failure::from(Error::Internal("secret detail".into()));
        assert_eq!((own.status, own.code, own.description), (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None));
    }
}
