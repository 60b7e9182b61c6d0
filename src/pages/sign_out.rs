//! `/signOut`: asks whether somebody really wants to sign out, when whoever sent them could not show that it is their wish, and
//! says that it is done. Strict pools only; the request itself is `web::end_session`'s.

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};
use http::StatusCode;

use super::{
    error,
    page::{self, Form, Frame},
    text::Language,
    visit::{self, Guest},
};
use crate::{
    flows::{App, Cx, authorize::RedirectUri},
    web::{
        authorization::{self, Refusal},
        end_session::EndSession,
        parameters::Parameters,
        paths::Place,
        session::Browser,
    },
};

#[derive(Template)]
#[template(path = "pages/sign_out.html")]
struct SignOut {
    frame: Frame,
    /// None once it is done.
    form: Option<Form>,
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let Guest { cx, session, language, .. } = guest;
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    if query == Place::SIGNED_OUT {
        return respond(&cx.app, language, None, None);
    }
    let asked = match request(&cx, &query).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.respond(&cx.app),
    };
    match Browser::open(&cx, &session).await {
        Ok(browser) => {
            let form = Form::new(&cx.app, Place::SignOut, &query, &browser.form_secret);
            respond(&cx.app, language, Some(form), asked.redirect_uri.as_ref())
        }
        Err(error) => error::broken(&cx, language, &error),
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (cx, language) = (&guest.cx, guest.language);
    let query = request.uri().query().unwrap_or_default().to_owned();
    if let Err(response) = visit::proven(&guest, request, || error::forged_link(cx, language)).await {
        return response;
    }
    let asked = match self::request(cx, &query).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.respond(&cx.app),
    };
    match asked.leave(cx, &guest.session).await {
        Ok(()) => match asked.destination() {
            Some(destination) => authorization::found(&destination),
            None => respond(&cx.app, language, None, None),
        },
        Err(error) => error::broken(cx, language, &error),
    }
}

async fn request(cx: &Cx, query: &str) -> Result<EndSession, Refusal> {
    let invalid = || Refusal::page("invalid_request", None, None);
    let parameters = Parameters::parse(query.as_bytes()).ok_or_else(invalid)?;
    EndSession::read(cx, &parameters).await?.ok_or_else(invalid)
}

fn respond(app: &App, language: Language, form: Option<Form>, target: Option<&RedirectUri>) -> Response {
    page::respond(StatusCode::OK, &SignOut { frame: Frame::new(app, language), form }, target)
}
