//! `/login`: user name and password.

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};
use http::StatusCode;
use tower_sessions::Session;

use super::{
    confirm, error,
    page::{self, Form, Frame},
    step,
    visit::Visit,
};
use crate::{
    domain::{Error, client::Flow},
    flows::{
        Cx,
        sign_in::{self, Start},
    },
    kit::secret::Secret,
    web::paths::Place,
};

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignIn<'a> {
    frame: Frame,
    form: Form,
    application: &'a str,
    username: &'a str,
    error: Option<&'a str>,
    notice: Option<&'a str>,
}

/// What stands above the fields.
#[derive(Clone, Copy, Default)]
pub struct Words<'a> {
    pub username: &'a str,
    pub error: Option<&'a str>,
    pub notice: Option<&'a str>,
}

pub async fn show(cx: Cx, RawQuery(query): RawQuery, session: Session) -> Response {
    match Visit::begin(cx, session, query).await {
        Ok(visit) => render(
            &visit,
            Words { username: visit.asked.login_hint.as_deref().unwrap_or_default(), ..Words::default() },
        ),
        Err(response) => response,
    }
}

pub async fn submit(cx: Cx, session: Session, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(cx, session, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let username = form.get("username").unwrap_or_default().trim();
    let password = Secret::from(form.get("password").unwrap_or_default());
    if username.is_empty() || password.expose().is_empty() {
        return render(
            &visit,
            Words { username, error: Some("Enter your user name and your password."), notice: None },
        );
    }
    let start = Start::password(Flow::Password, username, password);
    match sign_in::identify(&visit.cx, &visit.door(), start).await {
        Ok(outcome) => step::go_on(visit, outcome).await,
        Err(Error::UserNotConfirmed) => confirm::show(&visit, username, None, None),
        Err(other) => match error::words(&other) {
            Some(text) => render(&visit, Words { username, error: Some(&text), notice: None }),
            None => error::broken(&visit.cx, &other),
        },
    }
}

pub fn render(visit: &Visit, words: Words<'_>) -> Response {
    let request = &visit.asked.request;
    let page = SignIn {
        frame: visit.frame(),
        form: visit.form(Place::Login),
        application: &request.client.name,
        username: words.username,
        error: words.error,
        notice: words.notice,
    };
    page::respond(StatusCode::OK, &page, Some(&request.redirect_uri))
}
