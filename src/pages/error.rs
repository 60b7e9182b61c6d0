//! `/error`, and what the forms say when something is refused: every error of the domain has its words here.
//!
//! Whether a user exists is hidden on every page, whatever the client's setting for the API is.

use askama::Template;
use axum::{extract::RawQuery, response::Response};
use http::StatusCode;

use super::{
    fields,
    page::{self, Frame},
    text::{Language, Text, fill},
};
use crate::{
    domain::{Error, error::PasswordRule},
    flows::Cx,
    web::{
        parameters::Parameters,
        paths::{self, Place},
    },
};

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
pub async fn show(cx: Cx, language: Language, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let words = &language.text.error;
    let text = match (parameters.get("error"), parameters.get("parameter")) {
        (Some("redirect_mismatch"), _) => &words.redirect_mismatch,
        (Some("invalid_request"), Some("client_id")) => &words.client_id,
        (Some("invalid_request"), Some("redirect_uri")) => &words.redirect_uri,
        (Some("invalid_request"), Some("logout_uri")) => &words.logout_uri,
        (Some("server_error"), _) => &words.server,
        _ => &words.invalid,
    };
    let known = ["redirect_mismatch", "invalid_request", "server_error"];
    let code = known.into_iter().find(|known| parameters.get("error") == Some(known));
    let page = ErrorPage { frame: Frame::new(&cx.app, language), text, code, back: None };
    page::respond(StatusCode::BAD_REQUEST, &page, None)
}

/// A form that this browser was not shown, or was shown too long ago.
pub fn forged(cx: &Cx, language: Language, query: &str) -> Response {
    let back = paths::local_with(&cx.app.setup, Place::Login, query);
    render(cx, language, (StatusCode::FORBIDDEN, &language.text.error.forged), Some(back))
}

/// The same for a page that no application has sent the browser to.
pub fn forged_link(cx: &Cx, language: Language) -> Response {
    render(cx, language, (StatusCode::FORBIDDEN, &language.text.error.forged_link), None)
}

pub fn plain(cx: &Cx, language: Language, status: StatusCode) -> Response {
    render(cx, language, (status, &language.text.error.invalid), None)
}

/// A page that the pool does not open to anybody.
pub fn closed(cx: &Cx, language: Language, text: &str, query: &str) -> Response {
    let back = paths::local_with(&cx.app.setup, Place::Login, query);
    render(cx, language, (StatusCode::FORBIDDEN, text), Some(back))
}

/// Ours to repair.
pub fn broken(cx: &Cx, language: Language, error: &Error) -> Response {
    tracing::error!(request_id = &*cx.request_id, %error, "a page failed");
    render(cx, language, (StatusCode::INTERNAL_SERVER_ERROR, &language.text.error.server), None)
}

fn render(cx: &Cx, language: Language, (status, text): (StatusCode, &str), back: Option<String>) -> Response {
    page::respond(status, &ErrorPage { frame: Frame::new(&cx.app, language), text, code: None, back }, None)
}

/// What the one in front of the form reads; none for what is ours to repair.
pub fn words(language: Language, error: &Error) -> Option<String> {
    let words = &language.text.error;
    let text = match error {
        Error::WrongCredentials
        | Error::NoSuchUser
        | Error::NoSuchUserForClient
        | Error::UserDisabled
        | Error::PasswordResetRequired
        | Error::UserNotConfirmed => &words.incorrect,
        Error::PasswordAttemptsExceeded => &words.locked,
        Error::Blocked(_) => &words.blocked,
        Error::AttemptLimitExceeded | Error::TooManyRequests => &words.too_many,
        Error::TemporaryPasswordExpired => &words.temporary_expired,
        // One text for both: whether a code waits for somebody tells whether they exist.
        Error::CodeMismatch | Error::CodeExpired | Error::SecondFactor(_) => &words.code,
        Error::PasswordPolicy { rule, .. } => match rule {
            PasswordRule::Length => &words.length,
            PasswordRule::Edges => &words.edges,
            PasswordRule::Uppercase => &words.uppercase,
            PasswordRule::Lowercase => &words.lowercase,
            PasswordRule::Numbers => &words.numbers,
            PasswordRule::Symbols => &words.symbols,
        },
        Error::CompromisedSignIn => &words.compromised_sign_in,
        Error::CompromisedPassword => &words.compromised,
        Error::PasswordUsedBefore => &words.password_used,
        Error::Session(_) => &words.session,
        Error::AliasExists(_) | Error::AliasConfirmed(_) | Error::AccountExists(_) => &words.address_taken,
        Error::UsernameExists(_) => &words.name_taken,
        Error::DeliveryFailed(_) => &words.undelivered,
        Error::HookThrew { message, .. } => message,
        Error::HookAnswer(_) | Error::HookNotJson(_) | Error::HookUnavailable { .. } => &words.hook,
        Error::InvalidParameter(sentence) => return Some(translated(language.text, sentence)),
        Error::WebAuthn(_) => &words.passkey,
        Error::CannotConfirm(_) | Error::CannotResetPassword | Error::AdministratorResetsPasswords => {
            &words.not_possible
        }
        Error::UnauthorizedAttribute | Error::AttributeProvided(_) => &words.not_allowed,
        Error::SignUpNotPermitted => &words.sign_up_closed,
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
        | Error::Possession(_)
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
    Some(text.clone())
}

/// The sentences that the flows have from the service, in the words of the page. Others are shown as they are.
fn translated(text: &Text, sentence: &str) -> String {
    let words = &text.error;
    if let Some(lines) = sentence.strip_prefix("Attributes did not conform to the schema: ") {
        return fill(&words.attributes, &[("names", &concerned(text, lines))]);
    }
    let own = match sentence {
        "Invalid email address format." => &words.email_format,
        "Invalid phone number format." => &words.phone_format,
        "Username should be an email." => &words.need_email,
        "Username should be a phone number." => &words.need_phone,
        "Username should be either an email or a phone number." => &words.need_address,
        _ if sentence.starts_with("Username cannot be of email format") => &words.no_email,
        _ if sentence.starts_with("Username cannot be of phone number format") => &words.no_phone,
        _ if sentence.contains("'password' failed to satisfy constraint") => &words.missing_password,
        _ => sentence,
    };
    own.to_owned()
}

/// The labels of the attributes that an objection names, one a line.
fn concerned(text: &Text, lines: &str) -> String {
    let names = lines.lines().filter_map(|line| line.split_once(": "));
    // `name` is reported by the structured form that the service keeps it in.
    let labels: Vec<_> = names.map(|(name, _)| fields::label(text, name.trim_end_matches(".formatted"))).collect();
    labels.join(", ")
}
