//! `/mfa`: the code of a second factor, and which one it shall be where the user has several.

use askama::Template;
use axum::{extract::Request, response::Response};

use super::{
    page::{Form, Frame},
    sign_in::{self as sign_in_page, Words},
    step,
    text::{Text, fill},
    visit::{Guest, Visit},
};
use crate::{
    domain::{Error, challenge::FirstFactor, mfa::Factor},
    flows::sign_in::Answer,
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
    /// The code stands in place of a password, so that the sign-in can begin anew with another one.
    pub is_first: bool,
}

impl Ask<'_> {
    fn lead(&self, text: &Text) -> String {
        let words = &text.code;
        match (self.challenge == Factor::Totp.name(), self.detail) {
            (false, to) => fill(&words.sent, &[("address", to)]),
            (_, "") => words.app.clone(),
            (_, app) => fill(&words.named_app, &[("name", app)]),
        }
    }

    fn answer(&self, code: &str) -> Option<Answer> {
        let code = code.to_owned();
        if self.challenge == Factor::Totp.name() {
            return Some(Answer::Totp(code));
        }
        let sent =
            [Factor::Sms.name(), Factor::Email.name(), FirstFactor::SmsCode.name(), FirstFactor::EmailCode.name()];
        let challenge = sent.into_iter().find(|name| *name == self.challenge)?;
        Some(Answer::Code { challenge, code })
    }
}

#[derive(Template)]
#[template(path = "pages/code.html")]
struct CodePage<'a> {
    frame: Frame,
    form: Form,
    /// Begins anew for the same user.
    another: Option<Form>,
    sign_in: String,
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
    sign_in: String,
}

pub fn show(visit: &Visit, ask: Ask<'_>, error: Option<&str>) -> Response {
    let another = ask.is_first.then(|| visit.form(Place::Login));
    let (form, sign_in) = (visit.form(Place::Mfa), visit.address(Place::Login));
    visit.respond(&CodePage { frame: visit.frame(), form, another, sign_in, ask, error })
}

pub fn show_choice(visit: &Visit, (username, session): (&str, &str), choices: &[Factor]) -> Response {
    let (form, sign_in) = (visit.form(Place::Mfa), visit.address(Place::Login));
    visit.respond(&ChoicePage { frame: visit.frame(), form, username, session, choices, sign_in })
}

fn label<'a>(text: &'a Text, factor: &Factor) -> &'a str {
    match factor {
        Factor::Sms => &text.factor.sms,
        Factor::Totp => &text.factor.totp,
        Factor::Email => &text.factor.email,
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let text = |name| form.get(name).unwrap_or_default();
    let ask = Ask {
        challenge: text("challenge"),
        detail: text("detail"),
        username: text("username"),
        session: text("session"),
        is_first: text("is_first") == "true",
    };
    let answer = match form.get("answer") {
        Some(chosen) => Some(Answer::MfaType(chosen.to_owned())),
        None => ask.answer(text("code").trim()),
    };
    let Some(answer) = answer else { return visit.malformed() };
    match visit.answer((ask.username, ask.session), answer).await {
        Ok(outcome) => step::go_on(visit, ask.username, outcome).await,
        Err(Error::SecondFactor(_) | Error::PasswordAttemptsExceeded) if form.get("answer").is_none() => {
            show(&visit, ask, Some(&visit.text().code.wrong))
        }
        Err(other) => match visit.words(&other) {
            Some(text) => {
                sign_in_page::render(&visit, Words { username: ask.username, error: Some(&text), ..Words::default() })
            }
            None => visit.broken(&other),
        },
    }
}
