//! `/confirm` and `/resendcode`: the code that proves the address given at sign-up.

use std::sync::Arc;

use askama::Template;
use aws_lc_rs::hmac;
use axum::{extract::Request, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use tower_sessions::Session;

use super::{
    error,
    page::{self, Form, Frame},
    sign_in::{self, Words},
    visit::Visit,
};
use crate::{
    domain::{Client, Error},
    flows::{
        Cx,
        sign_up::{self, Named},
    },
    web::paths::Place,
};

#[derive(Template)]
#[template(path = "pages/confirm.html")]
struct Confirm<'a> {
    frame: Frame,
    form: Form,
    resend: Form,
    username: &'a str,
    error: Option<&'a str>,
    notice: Option<&'a str>,
}

pub fn show(visit: &Visit, username: &str, error: Option<&str>, notice: Option<&str>) -> Response {
    let page = Confirm {
        frame: visit.frame(),
        form: visit.form(Place::Confirm),
        resend: visit.form(Place::ResendCode),
        username,
        error,
        notice,
    };
    page::respond(StatusCode::OK, &page, Some(&visit.asked.request.redirect_uri))
}

pub async fn submit(cx: Cx, session: Session, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(cx, session, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let username = form.get("username").unwrap_or_default();
    let code = form.get("code").unwrap_or_default().trim();
    let hash = own_secret_hash(&visit.asked.request.client, username);
    match sign_up::confirm(&visit.cx, named(&visit, username, hash.as_deref()), code, false).await {
        Ok(()) => {
            let notice = Some("Your account is confirmed. You can sign in now.");
            sign_in::render(&visit, Words { username, error: None, notice })
        }
        // Nobody learns here who exists, or who is confirmed already.
        Err(Error::NoSuchUserForClient | Error::CannotConfirm(_)) => {
            show(&visit, username, error::words(&Error::CodeMismatch).as_deref(), None)
        }
        Err(other) => match error::words(&other) {
            Some(text) => show(&visit, username, Some(&text), None),
            None => error::broken(&visit.cx, &other),
        },
    }
}

pub async fn resend(cx: Cx, session: Session, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(cx, session, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let username = form.get("username").unwrap_or_default();
    let hash = own_secret_hash(&visit.asked.request.client, username);
    match sign_up::resend(&visit.cx, named(&visit, username, hash.as_deref())).await {
        Ok(_) | Err(Error::NoSuchUserForClient | Error::InvalidParameter(_)) => {
            show(&visit, username, None, Some("If your account waits for a code, a new one is on its way."))
        }
        Err(other) => match error::words(&other) {
            Some(text) => show(&visit, username, Some(&text), None),
            None => error::broken(&visit.cx, &other),
        },
    }
}

fn named<'a>(visit: &Visit, username: &'a str, secret_hash: Option<&'a str>) -> Named<'a> {
    let request = &visit.asked.request;
    Named {
        pool: Arc::clone(&request.pool),
        client: Arc::clone(&request.client),
        username,
        secret_hash,
        metadata: None,
    }
}

/// The hash that the client would send with this user name. The pages are the client's own, so they may prove it.
pub fn own_secret_hash(client: &Client, username: &str) -> Option<String> {
    let secret = client.secrets.first()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.value.expose().as_bytes());
    Some(BASE64_STANDARD.encode(hmac::sign(&key, [username, &client.id].concat().as_bytes())))
}
