//! `/mfa`: the code of a second factor, and which one it shall be where the user has several.

use askama::Template;
use axum::{extract::Request, response::Response};
use http::StatusCode;
use tower_sessions::Session;

use super::{
    error,
    page::{self, Form, Frame},
    sign_in::{self as sign_in_page, Words},
    step,
    visit::Visit,
};
use crate::{
    domain::{Error, mfa::Factor},
    flows::{
        Cx,
        sign_in::{self, Answer, Reply},
    },
    web::paths::Place,
};

/// What is asked, as the form carries it from one try to the next.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The challenge's name.
    pub challenge: &'a str,
    /// The masked address, or what the user calls their app.
    pub detail: &'a str,
    pub username: &'a str,
    pub session: &'a str,
}

impl Ask<'_> {
    fn lead(&self) -> String {
        match (Factor::from_name(self.challenge), self.detail) {
            (Some(Factor::Sms | Factor::Email), to) => format!("We have sent a code to {to}."),
            (_, "") => "Enter the code that your authenticator app shows.".to_owned(),
            (_, app) => format!("Enter the code that your authenticator app shows: {app}."),
        }
    }

    fn answer(&self, code: &str) -> Option<Answer> {
        let code = code.to_owned();
        match Factor::from_name(self.challenge)? {
            Factor::Totp => Some(Answer::Totp(code)),
            sent @ (Factor::Sms | Factor::Email) => Some(Answer::Code { challenge: sent.name(), code }),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/code.html")]
struct CodePage<'a> {
    frame: Frame,
    form: Form,
    ask: Ask<'a>,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/choose_factor.html")]
struct ChoicePage<'a> {
    frame: Frame,
    form: Form,
    username: &'a str,
    session: &'a str,
    choices: &'a [Factor],
}

pub fn show(visit: &Visit, ask: Ask<'_>, error: Option<&str>) -> Response {
    let page = CodePage { frame: visit.frame(), form: visit.form(Place::Mfa), ask, error };
    page::respond(StatusCode::OK, &page, Some(&visit.asked.request.redirect_uri))
}

pub fn show_choice(visit: &Visit, (username, session): (&str, &str), choices: &[Factor]) -> Response {
    let form = visit.form(Place::Mfa);
    let page = ChoicePage { frame: visit.frame(), form, username, session, choices };
    page::respond(StatusCode::OK, &page, Some(&visit.asked.request.redirect_uri))
}

fn label(factor: &Factor) -> &'static str {
    match factor {
        Factor::Sms => "Send a code by SMS",
        Factor::Totp => "Use an authenticator app",
        Factor::Email => "Send a code by e-mail",
    }
}

pub async fn submit(cx: Cx, session: Session, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(cx, session, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let text = |name| form.get(name).unwrap_or_default();
    let ask = Ask {
        challenge: text("challenge"),
        detail: text("detail"),
        username: text("username"),
        session: text("session"),
    };
    let answer = match form.get("answer") {
        Some(chosen) => Some(Answer::MfaType(chosen.to_owned())),
        None => ask.answer(text("code").trim()),
    };
    let Some(answer) = answer else { return error::plain(&visit.cx.app, StatusCode::BAD_REQUEST) };
    let reply =
        Reply { username: ask.username.to_owned(), session: Some(ask.session.to_owned()), device_key: None, answer };
    match sign_in::identify_by(&visit.cx, &visit.door(), reply).await {
        Ok(outcome) => step::go_on(visit, outcome).await,
        Err(Error::SecondFactor(_) | Error::PasswordAttemptsExceeded) if form.get("answer").is_none() => show(
            &visit,
            ask,
            Some("That code is not right, or does not work any more. Check it, or wait for a new one."),
        ),
        Err(other) => match error::words(&other) {
            Some(text) => {
                sign_in_page::render(&visit, Words { username: ask.username, error: Some(&text), ..Words::default() })
            }
            None => error::broken(&visit.cx, &other),
        },
    }
}
