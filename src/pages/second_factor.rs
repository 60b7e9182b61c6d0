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
    domain::{Error, mfa::Factor},
    flows::sign_in::{self, Answer, Reply},
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
    fn lead(&self, text: &Text) -> String {
        let words = &text.code;
        match (Factor::from_name(self.challenge), self.detail) {
            (Some(Factor::Sms | Factor::Email), to) => fill(&words.sent, &[("address", to)]),
            (_, "") => words.app.clone(),
            (_, app) => fill(&words.named_app, &[("name", app)]),
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
    visit.respond(&page)
}

pub fn show_choice(visit: &Visit, (username, session): (&str, &str), choices: &[Factor]) -> Response {
    let form = visit.form(Place::Mfa);
    let page = ChoicePage { frame: visit.frame(), form, username, session, choices };
    visit.respond(&page)
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
    };
    let answer = match form.get("answer") {
        Some(chosen) => Some(Answer::MfaType(chosen.to_owned())),
        None => ask.answer(text("code").trim()),
    };
    let Some(answer) = answer else { return visit.malformed() };
    let reply =
        Reply { username: ask.username.to_owned(), session: Some(ask.session.to_owned()), device_key: None, answer };
    match sign_in::identify_by(&visit.cx, &visit.door(), reply).await {
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
