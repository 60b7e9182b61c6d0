//! `/signInFeedback`: where the links of a message about a sign-in at risk lead. Their token says which sign-in and whose, and needs
//! no one to be signed in.
//!
//! Opening a link says nothing, because programs that look at mail open links too. The page has a button.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-adaptive-authentication.html>

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
    domain::Error,
    flows::{App, auth_events},
    web::{authorization, parameters::Parameters, paths::Place, session::Browser},
};

#[derive(Template)]
#[template(path = "pages/sign_in_feedback.html")]
struct SignInFeedback {
    frame: Frame,
    /// What the link says: that it was them.
    was_the_user: bool,
    stage: Stage,
}

enum Stage {
    Asked(Form),
    Said,
    Refused,
}

/// What a link says.
struct Link {
    token: String,
    is_valid: bool,
}

impl Link {
    /// None for what is not one of our links.
    fn read(query: &str) -> Option<Self> {
        let parameters = Parameters::parse(query.as_bytes()).filter(|parameters| !parameters.has_repeated())?;
        let is_valid = match parameters.filled("value")? {
            "valid" => true,
            "invalid" => false,
            _ => return None,
        };
        Some(Self { token: parameters.filled("token")?.to_owned(), is_valid })
    }
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let Guest { cx, session, language, .. } = guest;
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    let Some(link) = Link::read(&query) else { return error::plain(&cx, language, StatusCode::BAD_REQUEST) };
    match Browser::open(&cx, &session).await {
        Ok(browser) => {
            let form = Form::new(&cx.app, Place::SignInFeedback, &query, &browser.form_secret);
            respond(&cx.app, language, &link, Stage::Asked(form))
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
    match auth_events::answer_by_link(cx, &link.token, link.is_valid).await {
        Ok(()) => respond(&cx.app, language, &link, Stage::Said),
        // The event, its user or its pool is gone, or the pool does not want to know any more.
        Err(Error::FeedbackToken | Error::NotFound(_) | Error::NoSuchPool(_) | Error::PoolState(_)) => {
            respond(&cx.app, language, &link, Stage::Refused)
        }
        Err(other) => error::broken(cx, language, &other),
    }
}

fn respond(app: &App, language: Language, link: &Link, stage: Stage) -> Response {
    let status = if matches!(stage, Stage::Refused) { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = SignInFeedback { frame: Frame::new(app, language), was_the_user: link.is_valid, stage };
    page::respond(status, &page, None)
}
