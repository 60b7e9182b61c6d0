//! `/forgotPassword` and `/confirmForgotPassword`: a code to an address that is proven, and a new password for it.
//!
//! Whoever asks is told the same, whether the account exists and can be reset or not.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html>

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};

use super::{
    confirm::own_secret_hash,
    error,
    fields::{self, Rules},
    page::{Form, Frame},
    sign_in::{self, Words},
    text::fill,
    visit::{Guest, Visit},
};
use crate::{domain::Error, flows::recover, web::paths::Place};

#[derive(Template)]
#[template(path = "pages/forgot.html")]
struct Forgot<'a> {
    frame: Frame,
    form: Form,
    name: &'a str,
    username: &'a str,
    sign_in: String,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/reset.html")]
struct Reset<'a> {
    frame: Frame,
    form: Form,
    again: Form,
    lead: String,
    ask: Ask<'a>,
    rules: Rules,
    sign_in: String,
    error: Option<&'a str>,
}

/// What the form carries from one try to the next.
#[derive(Clone, Copy)]
struct Ask<'a> {
    username: &'a str,
    /// The masked address that the code went to; empty where an administrator has had it sent.
    sent: &'a str,
    code: &'a str,
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let visit = match Visit::begin(guest, query).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    if !visit.asked.request.pool.lets_users_recover() {
        return closed(&visit);
    }
    let username = visit.asked.login_hint.as_deref().unwrap_or_default();
    render(&visit, username, None)
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    if !visit.asked.request.pool.lets_users_recover() {
        return closed(&visit);
    }
    let username = form.get("username").unwrap_or_default().trim();
    if !fields::is_name(username) {
        return render(&visit, username, Some(&visit.text().error.name_form));
    }
    let hash = own_secret_hash(&visit.asked.request.client, username);
    let named = visit.named(username, hash.as_deref());
    let invented = named.invented_delivery();
    let delivery = match recover::forgot(&visit.cx, named).await {
        Ok(delivery) => delivery,
        // An account that cannot be reset looks like one that does not exist.
        Err(Error::CannotResetPassword | Error::InvalidParameter(_)) => invented,
        Err(other) => {
            return match visit.words(&other) {
                Some(text) => render(&visit, username, Some(&text)),
                None => visit.broken(&other),
            };
        }
    };
    ask(&visit, Ask { username, sent: &delivery.destination, code: "" }, None)
}

/// To somebody whom an administrator has had a code sent to.
pub fn ask_reset(visit: &Visit, username: &str) -> Response {
    ask(visit, Ask { username, sent: "", code: "" }, None)
}

pub async fn confirm(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let text = |name| form.get(name).unwrap_or_default();
    let (username, code) = (text("username"), text("code").trim());
    let given = Ask { username, sent: text("sent"), code };
    let password = match fields::chosen(visit.text(), &form, "new_password") {
        Ok(password) => password,
        Err(text) => return ask(&visit, given, Some(text)),
    };
    let hash = own_secret_hash(&visit.asked.request.client, username);
    match recover::confirm(&visit.cx, visit.named(username, hash.as_deref()), code, &password).await {
        Ok(()) => {
            let notice = Some(visit.text().forgot.done.as_str());
            sign_in::render(&visit, Words { username, error: None, notice })
        }
        Err(refusal) => match visit.words(&refusal) {
            Some(text) => {
                // A code that was wrong is not worth keeping.
                let is_code = matches!(refusal, Error::CodeMismatch | Error::CodeExpired);
                ask(&visit, Ask { code: if is_code { "" } else { code }, ..given }, Some(&text))
            }
            None => visit.broken(&refusal),
        },
    }
}

fn closed(visit: &Visit) -> Response {
    error::closed(&visit.cx, visit.language, &visit.text().forgot.administrator, &visit.query)
}

fn render(visit: &Visit, username: &str, error: Option<&str>) -> Response {
    let page = Forgot {
        frame: visit.frame(),
        form: visit.form(Place::ForgotPassword),
        name: fields::sign_in_name(visit.text(), &visit.asked.request.pool),
        username,
        sign_in: visit.address(Place::Login),
        error,
    };
    visit.respond(&page)
}

fn ask(visit: &Visit, ask: Ask<'_>, error: Option<&str>) -> Response {
    let words = &visit.text().forgot;
    let page = Reset {
        frame: visit.frame(),
        form: visit.form(Place::ConfirmForgotPassword),
        again: visit.form(Place::ForgotPassword),
        lead: match ask.sent {
            "" => words.must_reset.clone(),
            address => fill(&words.sent, &[("address", address)]),
        },
        ask,
        rules: Rules::new(visit.text(), &visit.asked.request.pool.settings.policies.password_policy),
        sign_in: visit.address(Place::Login),
        error,
    };
    visit.respond(&page)
}
