//! `/selectChallenge`: how to sign in, where the client lets users choose, and then the password or the passkey itself. Codes
//! that are sent have the page of second factors.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-managedlogin.html>

use askama::Template;
use axum::{extract::Request, response::Response};
use serde_json::Value;

use super::{
    page::{Form, Frame},
    sign_in::{self as sign_in_page, Words},
    step,
    text::{Text, fill},
    visit::{Guest, Visit},
};
use crate::{
    domain::{Error, challenge::FirstFactor, client::Flow},
    flows::sign_in::{Answer, Bundle},
    kit::secret::Secret,
    web::paths::Place,
};

const PASSWORD: &str = FirstFactor::Password.name();
const PASSKEY: &str = FirstFactor::Passkey.name();

/// What each form carries from one step to the next.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub username: &'a str,
    pub session: &'a str,
}

#[derive(Template)]
#[template(path = "pages/choose.html")]
struct ChoicePage<'a> {
    frame: Frame,
    form: Form,
    lead: String,
    asked: Asked<'a>,
    choices: &'a [FirstFactor],
    sign_in: String,
}

#[derive(Template)]
#[template(path = "pages/password.html")]
struct PasswordPage<'a> {
    frame: Frame,
    form: Form,
    /// Begins anew for the same user.
    another: Option<Form>,
    asked: Asked<'a>,
    forgot: String,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/passkey.html")]
struct PasskeyPage<'a> {
    frame: Frame,
    form: Form,
    another: Form,
    lead: String,
    asked: Asked<'a>,
    options: String,
}

impl Visit {
    /// Whether the name is asked for first, because it depends on the user what comes next.
    pub fn offers_choice(&self) -> bool {
        let request = &self.asked.request;
        let factors = &request.pool.settings.policies.sign_in_policy.allowed_first_auth_factors;
        request.client.allows(Flow::Choice) && factors.iter().any(|factor| factor != PASSWORD)
    }
}

/// Whether there are further ways than a password.
pub fn has_others(available: &[FirstFactor]) -> bool {
    available.iter().any(|factor| !is_password(*factor))
}

fn is_password(factor: FirstFactor) -> bool {
    matches!(factor, FirstFactor::Password | FirstFactor::PasswordSrp)
}

/// The choice, unless there is only one.
pub async fn show(visit: Visit, asked: Asked<'_>, available: &[FirstFactor]) -> Response {
    let works = match visit.takes_passkeys().await {
        Ok(works) => works,
        Err(error) => return visit.broken(&error),
    };
    let is_offered = |factor: &FirstFactor| match factor {
        // A form sends the password itself.
        FirstFactor::PasswordSrp => false,
        FirstFactor::Passkey => works,
        FirstFactor::Password | FirstFactor::EmailCode | FirstFactor::SmsCode => true,
    };
    let choices: Vec<_> = available.iter().copied().filter(is_offered).collect();
    match choices.as_slice() {
        [FirstFactor::Password] => {
            let chosen = Answer::Choice { chosen: PASSWORD.to_owned(), bundle: Bundle::default() };
            return answer(visit, asked, chosen).await;
        }
        [] => return refused(&visit, asked, &Error::WrongCredentials),
        _ => {}
    }
    let page = ChoicePage {
        frame: visit.frame(),
        form: visit.form(Place::SelectChallenge),
        lead: fill(&visit.text().choose.lead, &[("name", asked.username)]),
        asked,
        choices: &choices,
        sign_in: visit.address(Place::Login),
    };
    visit.respond(&page)
}

pub fn show_password(visit: &Visit, asked: Asked<'_>, has_others: bool, error: Option<&str>) -> Response {
    let page = PasswordPage {
        frame: visit.frame(),
        form: visit.form(Place::SelectChallenge),
        another: has_others.then(|| visit.form(Place::Login)),
        asked,
        forgot: visit.address(Place::ForgotPassword),
        error,
    };
    visit.respond(&page)
}

pub fn show_passkey(visit: &Visit, asked: Asked<'_>, options: &Value) -> Response {
    let page = PasskeyPage {
        frame: visit.frame().with_passkeys(&visit.cx.app),
        form: visit.form(Place::SelectChallenge),
        another: visit.form(Place::Login),
        lead: fill(&visit.text().passkey.lead, &[("name", asked.username)]),
        asked,
        options: options.to_string(),
    };
    visit.respond_with_script(&page)
}

fn label<'a>(text: &'a Text, factor: &FirstFactor) -> &'a str {
    match factor {
        FirstFactor::Password | FirstFactor::PasswordSrp => &text.choose.password,
        FirstFactor::Passkey => &text.choose.passkey,
        FirstFactor::EmailCode => &text.factor.email,
        FirstFactor::SmsCode => &text.factor.sms,
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let text = |name| form.get(name).unwrap_or_default();
    let asked = Asked { username: text("username"), session: text("session") };
    if let Some(chosen) = form.get("answer") {
        let chosen = Answer::Choice { chosen: chosen.to_owned(), bundle: Bundle::default() };
        return answer(visit, asked, chosen).await;
    }
    match text("challenge") {
        PASSWORD => take_password(visit, asked, text("password"), text("others") == "true").await,
        PASSKEY => answer(visit, asked, Answer::Passkey { credential: text("credential").to_owned() }).await,
        _ => visit.malformed(),
    }
}

async fn take_password(visit: Visit, asked: Asked<'_>, password: &str, has_others: bool) -> Response {
    if password.is_empty() {
        return show_password(&visit, asked, has_others, Some(&visit.text().choose.empty));
    }
    match visit.answer((asked.username, asked.session), Answer::Password(Secret::from(password))).await {
        Ok(outcome) => step::go_on(visit, asked.username, outcome).await,
        // Of a session that is left as it is.
        Err(error @ (Error::WrongCredentials | Error::PasswordAttemptsExceeded)) => {
            show_password(&visit, asked, has_others, visit.words(&error).as_deref())
        }
        Err(error) => refused(&visit, asked, &error),
    }
}

async fn answer(visit: Visit, asked: Asked<'_>, answer: Answer) -> Response {
    let is_passkey = matches!(answer, Answer::Passkey { .. });
    match visit.answer((asked.username, asked.session), answer).await {
        Ok(outcome) => step::go_on(visit, asked.username, outcome).await,
        Err(Error::WrongCredentials | Error::InvalidParameter(_)) if is_passkey => {
            let error = Some(visit.text().error.passkey.as_str());
            sign_in_page::render(&visit, Words { username: asked.username, error, notice: None })
        }
        Err(error) => refused(&visit, asked, &error),
    }
}

fn refused(visit: &Visit, asked: Asked<'_>, error: &Error) -> Response {
    match visit.words(error) {
        Some(text) => sign_in_page::render(visit, Words { username: asked.username, error: Some(&text), notice: None }),
        None => visit.broken(error),
    }
}
