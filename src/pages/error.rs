//! `/error`, and what the forms say when something is refused: every error of the domain has its words here.
//!
//! Whether a user exists is hidden on every page, whatever the client's setting for the API is.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;

use super::page::{self, Frame};
use crate::{
    domain::Error,
    flows::{App, Cx},
    web::{
        parameters::Parameters,
        paths::{self, Place},
    },
};

const INCORRECT: &str = "Incorrect username or password.";

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    text: &'a str,
    /// For whoever builds the application.
    code: Option<&'a str>,
    /// Where to begin again.
    back: Option<String>,
}

/// The page that a request which cannot be trusted ends on. What the address says is looked up, never shown: nobody can put
/// words into our mouth.
pub async fn show(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let text = match (parameters.get("error"), parameters.get("parameter")) {
        (Some("redirect_mismatch"), _) => {
            "The application asked to return to an address that is not registered for it."
        }
        (Some("invalid_request"), Some("client_id")) => {
            "Invalid request: the parameter 'client_id' is missing, or names no application."
        }
        (Some("invalid_request"), Some("redirect_uri")) => "Required String parameter 'redirect_uri' is not present",
        (Some("invalid_request"), Some("logout_uri")) => "Invalid request: the parameter 'logout_uri' is repeated.",
        (Some("server_error"), _) => "Something went wrong on our side. Please try again.",
        _ => "The request is not valid.",
    };
    let known = ["redirect_mismatch", "invalid_request", "server_error"];
    let code = known.into_iter().find(|known| parameters.get("error") == Some(known));
    page::respond(StatusCode::BAD_REQUEST, &ErrorPage { frame: Frame::new(&app), text, code, back: None }, None)
}

/// A form that this browser was not shown, or was shown too long ago.
pub fn forged(app: &App, query: &str) -> Response {
    let text = "This form has expired or was sent from elsewhere. Please begin again.";
    render(app, StatusCode::FORBIDDEN, text, Some(paths::local_with(&app.setup, Place::Login, query)))
}

/// The same for a page that no application has sent the browser to.
pub fn forged_link(app: &App) -> Response {
    let text = "This form has expired or was sent from elsewhere. Please open the link again.";
    render(app, StatusCode::FORBIDDEN, text, None)
}

pub fn plain(app: &App, status: StatusCode) -> Response {
    render(app, status, "The request is not valid.", None)
}

/// Ours to repair.
pub fn broken(cx: &Cx, error: &Error) -> Response {
    tracing::error!(request_id = &*cx.request_id, %error, "a page failed");
    let text = "Something went wrong on our side. Please try again.";
    render(&cx.app, StatusCode::INTERNAL_SERVER_ERROR, text, None)
}

fn render(app: &App, status: StatusCode, text: &str, back: Option<String>) -> Response {
    page::respond(status, &ErrorPage { frame: Frame::new(app), text, code: None, back }, None)
}

/// What the one in front of the form reads; none for what is ours to repair.
pub fn words(error: &Error) -> Option<String> {
    let text = match error {
        Error::WrongCredentials
        | Error::NoSuchUser
        | Error::NoSuchUserForClient
        | Error::UserDisabled
        | Error::UserNotConfirmed => INCORRECT,
        Error::PasswordAttemptsExceeded => "Too many wrong passwords. Wait a moment, then try again.",
        Error::Blocked(_) => "Signing in is not possible from where you are.",
        Error::AttemptLimitExceeded | Error::TooManyRequests => "Too many attempts. Please try again later.",
        Error::PasswordResetRequired => "Your password must be reset before you can sign in. Ask your administrator.",
        Error::TemporaryPasswordExpired => "Your temporary password has expired. Ask your administrator for a new one.",
        // One text for both: whether a code waits for somebody tells whether they exist.
        Error::CodeMismatch | Error::CodeExpired | Error::SecondFactor(_) => {
            "That code is not right, or does not work any more. Check it, or ask for a new one."
        }
        Error::PasswordPolicy { rule, .. } => return Some(format!("{rule}.")),
        Error::PasswordUsedBefore => "You have used that password before. Choose another one.",
        Error::Session(_) => "That took too long. Please begin again.",
        Error::AliasExists(_) | Error::AliasConfirmed(_) | Error::AccountExists(_) | Error::UsernameExists(_) => {
            "An account with this address exists already."
        }
        Error::DeliveryFailed(_) => "The message could not be sent. Please try again later.",
        Error::HookThrew { message, .. } => return Some(message.clone()),
        Error::HookAnswer(_) | Error::HookNotJson(_) | Error::HookUnavailable { .. } => {
            "Signing in is not possible at the moment. Please try again later."
        }
        Error::InvalidParameter(text) => return Some(text.clone()),
        Error::WebAuthn(_) => "That passkey does not work here.",
        Error::CannotConfirm(_) | Error::CannotResetPassword | Error::AdministratorResetsPasswords => {
            "That is not possible for this account."
        }
        Error::SignUpNotPermitted | Error::UnauthorizedAttribute | Error::AttributeProvided(_) => {
            "This application may not do that."
        }
        Error::NoSuchPool(_)
        | Error::NoSuchClient(_)
        | Error::NoSuchGroup
        | Error::NoSuchResourceServer(_)
        | Error::NoSuchClientSecret
        | Error::NoSuchDevice
        | Error::NotFound(_)
        | Error::Exists(_)
        | Error::PoolState(_)
        | Error::UnsupportedProvider(_)
        | Error::GroupExists
        | Error::ResourceServerExists { .. }
        | Error::SecretHashMissing(_)
        | Error::SecretHashUnexpected(_)
        | Error::SecretHashWrong(_)
        | Error::SecretHashWrongAtRefresh(_)
        | Error::ClientSecretWrong(_)
        | Error::AccessToken(_)
        | Error::RefreshToken(_)
        | Error::CannotResendInvitation(_)
        | Error::LimitExceeded(_)
        | Error::QuotaExceeded(_)
        | Error::FeedbackToken
        | Error::InvalidOAuthFlow(_)
        | Error::NoSuchScope(_)
        | Error::WrongTarget
        | Error::NotBuilt(_)
        | Error::RevocationOff
        | Error::UnsupportedTokenType
        | Error::UnauthorizedClient
        | Error::Internal(_) => return None,
    };
    Some(text.to_owned())
}
