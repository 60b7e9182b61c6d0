//! `/signup`: an account of one's own, with whatever the pool wants to know.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html>

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};

use super::{
    confirm::{self, Waiting, own_secret_hash},
    error,
    fields::{self, Field, Rules},
    page::{Form, Frame},
    sign_in::{self, Words},
    text::fill,
    visit::{Guest, Visit},
};
use crate::{
    domain::{Error, client::Flow, user::Attributes, user::Status},
    flows::{
        sign_in::{Start, signed_up},
        sign_up::{self, SignUp, SignedUp},
    },
    web::paths::Place,
};

#[derive(Template)]
#[template(path = "pages/sign_up.html")]
struct Page<'a> {
    frame: Frame,
    form: Form,
    lead: String,
    name: &'a str,
    name_kind: &'static str,
    username: &'a str,
    fields: Vec<Field>,
    rules: Rules,
    /// Whether codes would do in place of a password.
    password_optional: bool,
    sign_in: String,
    error: Option<&'a str>,
}

/// What somebody has typed so far.
#[derive(Default)]
struct Given<'a> {
    username: &'a str,
    attributes: Attributes,
}

impl Visit {
    /// Whether people make accounts themselves here.
    pub fn takes_sign_ups(&self) -> bool {
        !self.asked.request.pool.settings.admin_create_user_config.allow_admin_create_user_only
    }
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    match Visit::begin(guest, query).await {
        Ok(visit) if visit.takes_sign_ups() => {
            let username = visit.asked.login_hint.as_deref().unwrap_or_default();
            render(&visit, &Given { username, ..Given::default() }, None)
        }
        Ok(visit) => closed(&visit),
        Err(response) => response,
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let username = form.get("username").unwrap_or_default().trim();
    let given = Given { username, attributes: fields::attributes(&form) };
    if !fields::is_name(username) {
        return render(&visit, &given, Some(&visit.text().error.name_form));
    }
    let password = match fields::chosen(visit.text(), &form, "password") {
        Ok(password) => Some(password).filter(|password| !password.expose().is_empty()),
        Err(text) => return render(&visit, &given, Some(text)),
    };
    let request = &visit.asked.request;
    let sign_up = SignUp {
        pool: Arc::clone(&request.pool),
        client: Arc::clone(&request.client),
        username: username.to_owned(),
        password,
        attributes: given.attributes.clone(),
        secret_hash: own_secret_hash(&request.client, username),
        validation_data: None,
        metadata: None,
    };
    match sign_up::sign_up(&visit.cx, sign_up).await {
        Ok(made) => Box::pin(welcome(visit, username, made)).await,
        Err(Error::SignUpNotPermitted) => closed(&visit),
        Err(other) => match visit.words(&other) {
            Some(text) => render(&visit, &given, Some(&text)),
            None => visit.broken(&other),
        },
    }
}

/// On to the proof of an address, or to the sign-in that was under way.
async fn welcome(visit: Visit, username: &str, made: SignedUp) -> Response {
    let request = &visit.asked.request;
    let session = match signed_up::begin(&visit.cx, &request.pool, &request.client, &made.user) {
        Ok(session) => session,
        Err(error) => return visit.broken(&error),
    };
    let notice = |notice| sign_in::render(&visit, Words { username, error: None, notice: Some(notice) });
    match (made.user.status, made.delivery, session) {
        (Status::Confirmed, _, Some(session)) => signs_in(visit, username, session).await,
        (Status::Confirmed, _, None) => notice(&visit.text().sign_up.done),
        (_, Some(delivery), session) => {
            let session = session.as_deref().unwrap_or_default();
            confirm::show(&visit, Waiting { username, session, sent: &delivery.destination }, None, None)
        }
        (_, None, _) => notice(&visit.text().sign_up.waits),
    }
}

/// Whoever has confirmed their own sign-up is in, where the client lets users choose how.
pub async fn signs_in(visit: Visit, username: &str, session: String) -> Response {
    let start = Start { session: Some(session), ..Start::new(Flow::Choice, username) };
    sign_in::begin(visit, username, start).await
}

fn closed(visit: &Visit) -> Response {
    error::closed(&visit.cx, visit.language, &visit.text().error.sign_up_closed, &visit.query)
}

fn render(visit: &Visit, given: &Given<'_>, error: Option<&str>) -> Response {
    let (request, text) = (&visit.asked.request, visit.text());
    let pool = &request.pool;
    let addresses = ["email", "phone_number"].map(|name| (name.to_owned(), "?".to_owned())).into();
    let page = Page {
        frame: visit.frame(),
        form: visit.form(Place::SignUp),
        lead: fill(&text.sign_up.lead, &[("application", &request.client.name)]),
        name: fields::sign_up_name(text, pool),
        name_kind: fields::name_kind(pool),
        username: given.username,
        fields: fields::of_sign_up(text, pool, &request.client, &given.attributes),
        rules: Rules::new(text, &pool.settings.policies.password_policy),
        password_optional: request.client.allows(Flow::Choice) && pool.needs_no_password(&addresses),
        sign_in: visit.address(Place::Login),
        error,
    };
    visit.respond(&page)
}
