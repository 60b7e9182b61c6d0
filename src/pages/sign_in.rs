//! `/login`: user name and password, or the name alone where it depends on the user what comes next.

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};

use super::{
    confirm::{self, Waiting},
    fields, forgot,
    page::{Form, Frame},
    step,
    text::fill,
    visit::{Guest, Visit},
};
use crate::{
    domain::{Error, client::Flow},
    flows::sign_in::Start,
    kit::secret::Secret,
    web::paths::Place,
};

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignIn<'a> {
    frame: Frame,
    form: Form,
    lead: String,
    name: &'a str,
    username: &'a str,
    /// Whether the pool's own users may sign in to the client.
    offers_own: bool,
    providers: Vec<Link>,
    asks_password: bool,
    forgot: String,
    /// None where only administrators create accounts.
    sign_up: Option<String>,
    error: Option<&'a str>,
    notice: Option<&'a str>,
}

/// Leads to an identity provider.
struct Link {
    label: String,
    address: String,
}

/// What stands above the fields.
#[derive(Clone, Copy, Default)]
pub struct Words<'a> {
    pub username: &'a str,
    pub error: Option<&'a str>,
    pub notice: Option<&'a str>,
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    match Visit::look(guest, query).await {
        Ok(visit) => render(
            &visit,
            Words { username: visit.asked.login_hint.as_deref().unwrap_or_default(), ..Words::default() },
        ),
        Err(response) => response,
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let username = form.get("username").unwrap_or_default().trim();
    let password = Secret::from(form.get("password").unwrap_or_default());
    // A password that comes along, as from a browser that remembers it, is a choice.
    if visit.offers_choice() && password.expose().is_empty() && !username.is_empty() {
        let preferred = form.get("preferred").map(str::to_owned);
        return begin(visit, username, Start { preferred, ..Start::new(Flow::Choice, username) }).await;
    }
    if username.is_empty() || password.expose().is_empty() {
        let error = Some(visit.text().sign_in.empty.as_str());
        return render(&visit, Words { username, error, notice: None });
    }
    begin(visit, username, Start::password(Flow::Password, username, password)).await
}

/// The first step of a sign-in, and the page that follows from it.
pub async fn begin(visit: Visit, username: &str, start: Start) -> Response {
    match visit.identify(start).await {
        Ok(outcome) => step::go_on(visit, username, outcome).await,
        Err(Error::UserNotConfirmed) => confirm::show(&visit, Waiting::of(username), None, None),
        Err(Error::PasswordResetRequired) => forgot::ask_reset(&visit, username),
        Err(other) => match visit.words(&other) {
            Some(text) => render(&visit, Words { username, error: Some(&text), notice: None }),
            None => visit.broken(&other),
        },
    }
}

pub fn render(visit: &Visit, words: Words<'_>) -> Response {
    let request = &visit.asked.request;
    let page = SignIn {
        frame: visit.frame(),
        form: visit.form(Place::Login),
        lead: fill(&visit.text().sign_in.lead, &[("application", &request.client.name)]),
        offers_own: visit.offers_own(),
        providers: links(visit),
        name: fields::sign_in_name(visit.text(), &request.pool),
        username: words.username,
        asks_password: !visit.offers_choice(),
        forgot: visit.address(Place::ForgotPassword),
        sign_up: visit.takes_sign_ups().then(|| visit.address(Place::SignUp)),
        error: words.error,
        notice: words.notice,
    };
    visit.respond(&page)
}

/// Browsers follow a link to a provider also where a policy holds forms back.
fn links(visit: &Visit) -> Vec<Link> {
    let link = |name: &String| Link {
        label: fill(&visit.text().sign_in.provider, &[("provider", title(name))]),
        address: visit.address_through(name),
    };
    visit.providers().iter().map(link).collect()
}

/// What people call a provider.
fn title(name: &str) -> &str {
    match name {
        "LoginWithAmazon" => "Amazon",
        "SignInWithApple" => "Apple",
        other => other,
    }
}
