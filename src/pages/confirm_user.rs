//! `/confirmUser`: where the link of a sign-up's e-mail leads.
//!
//! Opening the link confirms nothing: programs that look at mail before its reader does open links too, and would spend the code
//! without anybody having read it. The page has a button, whose form is bound to the browser and to the very link.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-message-customizations.html>

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};
use http::StatusCode;

use super::{
    confirm::own_secret_hash,
    error,
    page::{self, Form, Frame},
    text::Language,
    visit::{self, Guest},
};
use crate::{
    domain::Error,
    flows::{
        App, Cx, directory,
        sign_up::{self, Named},
    },
    web::{authorization, parameters::Parameters, paths::Place, session::Browser},
};

#[derive(Template)]
#[template(path = "pages/confirm_user.html")]
struct ConfirmUser<'a> {
    frame: Frame,
    /// None once it has been sent.
    form: Option<Form>,
    error: Option<&'a str>,
}

/// What a link says.
struct Link {
    client_id: String,
    username: String,
    code: String,
}

impl Link {
    /// None for what is not one of our links.
    fn read(query: &str) -> Option<Self> {
        let parameters = Parameters::parse(query.as_bytes()).filter(|parameters| !parameters.has_repeated())?;
        let text = |name: &str| parameters.filled(name).map(str::to_owned);
        Some(Self { client_id: text("client_id")?, username: text("user_name")?, code: text("confirmation_code")? })
    }
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let Guest { cx, session, language, .. } = guest;
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    if Link::read(&query).is_none() {
        return error::plain(&cx, language, StatusCode::BAD_REQUEST);
    }
    match Browser::open(&cx, &session).await {
        Ok(browser) => {
            let form = Form::new(&cx.app, Place::ConfirmUser, &query, &browser.form_secret);
            respond(&cx.app, language, Some(form), None)
        }
        Err(error) => error::broken(&cx, language, &error),
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (cx, language) = (&guest.cx, guest.language);
    let link = Link::read(request.uri().query().unwrap_or_default());
    let Some(link) = link else { return error::plain(cx, language, StatusCode::BAD_REQUEST) };
    if let Err(response) = visit::proven(&guest, request, || error::forged_link(cx, language)).await {
        return response;
    }
    match confirm(cx, &link).await {
        Ok(()) => respond(&cx.app, language, None, None),
        // Nobody learns here who exists, which application it was, or who is confirmed already.
        Err(
            Error::NoSuchClient(_)
            | Error::NoSuchUserForClient
            | Error::CannotConfirm(_)
            | Error::CodeMismatch
            | Error::CodeExpired,
        ) => respond(&cx.app, language, None, Some(&language.text.confirm_link.refused)),
        Err(other) => match error::words(language, &other) {
            Some(text) => respond(&cx.app, language, None, Some(&text)),
            None => error::broken(cx, language, &other),
        },
    }
}

async fn confirm(cx: &Cx, link: &Link) -> Result<(), Error> {
    let (pool, client) = directory::client(cx, &link.client_id).await?;
    let hash = own_secret_hash(&client, &link.username);
    let named = Named { pool, client, username: &link.username, secret_hash: hash.as_deref(), metadata: None };
    sign_up::confirm(cx, named, &link.code, false).await
}

fn respond(app: &App, language: Language, form: Option<Form>, error: Option<&str>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page::respond(status, &ConfirmUser { frame: Frame::new(app, language), form, error }, None)
}
