//! `/confirm` and `/resendcode`: the code that proves the address given at sign-up.

use askama::Template;
use aws_lc_rs::hmac;
use axum::{extract::Request, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    page::{Form, Frame},
    sign_in::{self, Words},
    sign_up as sign_up_page,
    text::fill,
    visit::{Guest, Visit},
};
use crate::{
    domain::{Client, Error, Result, template},
    flows::{sign_in::signed_up, sign_up},
    web::{parameters::Parameters, paths::Place},
};

#[derive(Template)]
#[template(path = "pages/confirm.html")]
struct Confirm<'a> {
    frame: Frame,
    form: Form,
    resend: Form,
    lead: String,
    with_link: bool,
    sign_in: String,
    waiting: Waiting<'a>,
    error: Option<&'a str>,
    notice: Option<&'a str>,
}

/// Whose account waits, as the form carries it from one try to the next.
#[derive(Clone, Copy)]
pub struct Waiting<'a> {
    pub username: &'a str,
    /// Of the sign-up, for whom it was a moment ago; else empty.
    pub session: &'a str,
    /// The masked address that the code went to, where that is known.
    pub sent: &'a str,
}

impl<'a> Waiting<'a> {
    pub fn of(username: &'a str) -> Self {
        Self { username, session: "", sent: "" }
    }

    fn read(form: &'a Parameters) -> Self {
        let text = |name| form.get(name).unwrap_or_default();
        Self { username: text("username"), session: text("session"), sent: text("sent") }
    }
}

pub fn show(visit: &Visit, waiting: Waiting<'_>, error: Option<&str>, notice: Option<&str>) -> Response {
    let words = &visit.text().confirm;
    let with_link = template::confirms_with_link(&visit.asked.request.pool);
    let lead = match waiting.sent {
        _ if with_link => words.link.clone(),
        "" => words.lead.clone(),
        address => fill(&words.sent, &[("address", address)]),
    };
    let page = Confirm {
        frame: visit.frame(),
        form: visit.form(Place::Confirm),
        resend: visit.form(Place::ResendCode),
        lead,
        with_link,
        sign_in: visit.address(Place::Login),
        waiting,
        error,
        notice,
    };
    visit.respond(&page)
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let waiting = Waiting::read(&form);
    let username = waiting.username;
    match confirm(&visit, waiting, form.get("code").unwrap_or_default().trim()).await {
        Ok(Some(session)) => sign_up_page::signs_in(visit, username, session).await,
        Ok(None) => {
            let notice = Some(visit.text().confirm.done.as_str());
            sign_in::render(&visit, Words { username, error: None, notice })
        }
        // Nobody learns here who exists, or who is confirmed already.
        Err(Error::NoSuchUserForClient | Error::CannotConfirm(_)) => {
            show(&visit, waiting, visit.words(&Error::CodeMismatch).as_deref(), None)
        }
        Err(other) => match visit.words(&other) {
            Some(text) => show(&visit, waiting, Some(&text), None),
            None => visit.broken(&other),
        },
    }
}

/// A session that has ended takes nothing away but the sign-in without a further proof.
async fn confirm(visit: &Visit, waiting: Waiting<'_>, code: &str) -> Result<Option<String>> {
    let Waiting { username, session, .. } = waiting;
    let hash = own_secret_hash(&visit.asked.request.client, username);
    let named = || visit.named(username, hash.as_deref());
    let session = Some(session).filter(|session| !session.is_empty());
    match signed_up::confirm(&visit.cx, named(), (code, false), session).await {
        Err(Error::Session(_)) => signed_up::confirm(&visit.cx, named(), (code, false), None).await,
        outcome => outcome,
    }
}

pub async fn resend(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let waiting = Waiting::read(&form);
    let hash = own_secret_hash(&visit.asked.request.client, waiting.username);
    match sign_up::resend(&visit.cx, visit.named(waiting.username, hash.as_deref())).await {
        Ok(_) | Err(Error::NoSuchUserForClient | Error::InvalidParameter(_)) => {
            show(&visit, waiting, None, Some(&visit.text().confirm.resent))
        }
        Err(other) => match visit.words(&other) {
            Some(text) => show(&visit, waiting, Some(&text), None),
            None => visit.broken(&other),
        },
    }
}

/// The hash that the client would send with this user name. The pages are the client's own, so they may prove it.
pub fn own_secret_hash(client: &Client, username: &str) -> Option<String> {
    let secret = client.secrets.first()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.value.expose().as_bytes());
    Some(BASE64_STANDARD.encode(hmac::sign(&key, [username, &client.id].concat().as_bytes())))
}
