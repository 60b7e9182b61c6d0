//! `/logout`: ends the browser's session of one pool and sends it on, to a registered address or back to the sign-in page.
//! Tokens stay what they are. Strict pools have OpenID Connect's way besides.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html>

use std::sync::Arc;

use axum::{
    extract::{self, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use tower_sessions::Session;

use crate::{
    domain::{Client, Error, Pool, Result},
    flows::{
        App, Cx,
        authorize::{self, RedirectUri},
        saml::sign_out,
    },
    web::{
        authorization::{self, Refusal},
        end_session::EndSession,
        limits,
        parameters::Parameters,
        paths::{self, Place},
        session::Browser,
    },
};

pub async fn logout(State(app): State<Arc<App>>, cx: Cx, RawQuery(query): RawQuery, session: Session) -> Response {
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    match run(&cx, &session, &query).await {
        Ok(location) => authorization::found(&location),
        Err(refusal) => refusal.respond(&app),
    }
}

/// A request that comes as a form goes on as the query that it is, so that the browser brings its session along.
pub async fn form(State(app): State<Arc<App>>, cx: Cx, request: extract::Request) -> Response {
    let Ok(form) = limits::form(request).await else {
        return Refusal::page("invalid_request", None, None).respond(&app);
    };
    match EndSession::read(&cx, &form).await {
        Ok(None) => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response(),
        Ok(Some(_)) => authorization::see_other(&paths::local_with(&cx.app.setup, Place::Logout, &form.to_query())),
        Err(refusal) => refusal.respond(&app),
    }
}

async fn run(cx: &Cx, session: &Session, query: &str) -> Result<String, Refusal> {
    let parameters = Parameters::parse(query.as_bytes());
    let parameters = parameters.ok_or_else(|| Refusal::page("invalid_request", None, None))?;
    if let Some(location) = standard(cx, session, &parameters, query).await? {
        return Ok(location);
    }
    let (pool, client) = authorization::client(cx, &parameters).await?;
    let location = destination(cx, (&pool, &client), &parameters, query)?;
    leave(cx, session, &pool, location).await.map_err(|error| Refusal::internal(cx, &error))
}

/// The way of OpenID Connect, in pools that have it: done at once for whoever shows whom they mean, else asked about.
async fn standard(cx: &Cx, session: &Session, parameters: &Parameters, query: &str) -> Result<Option<String>, Refusal> {
    let Some(asked) = EndSession::read(cx, parameters).await? else { return Ok(None) };
    let internal = |error: Error| Refusal::internal(cx, &error);
    let browser = Browser::find(session).await.map_err(internal)?;
    let is_signed_in = asked.concerns(cx, browser.as_ref()).await.map_err(internal)?;
    if asked.is_bare() && !is_signed_in {
        return Ok(None);
    }
    if is_signed_in && !asked.is_proven(browser.as_ref()) {
        return Ok(Some(paths::local_with(&cx.app.setup, Place::SignOut, query)));
    }
    asked.leave(cx, session).await.map_err(internal)?;
    let done = || paths::local_with(&cx.app.setup, Place::SignOut, Place::SIGNED_OUT);
    Ok(Some(asked.destination().unwrap_or_else(done)))
}

/// Where the browser goes next. `logout_uri` wins where both are given.
fn destination(
    cx: &Cx,
    (pool, client): (&Pool, &Client),
    parameters: &Parameters,
    query: &str,
) -> Result<String, Refusal> {
    let page = |code, parameter| Refusal::page(code, parameter, Some(client.id.clone()));
    if let Some(repeated) = ["logout_uri", "redirect_uri"].into_iter().find(|name| parameters.is_repeated(name)) {
        return Err(page("invalid_request", Some(repeated)));
    }
    if let Some(uri) = parameters.filled("logout_uri") {
        let uri = RedirectUri::after_logout(client, uri).ok_or_else(|| page("redirect_mismatch", None))?;
        return Ok(uri.as_str().to_owned());
    }
    let uri = parameters.filled("redirect_uri").ok_or_else(|| page("invalid_request", Some("redirect_uri")))?;
    RedirectUri::registered(pool, client, uri).ok_or_else(|| page("redirect_mismatch", None))?;
    Ok(paths::local_with(&cx.app.setup, Place::Login, query))
}

/// Signs out, and gives the way to `location`: by way of the SAML provider that has to be told.
async fn leave(cx: &Cx, session: &Session, pool: &Pool, location: String) -> Result<String> {
    let Some(browser) = Browser::find(session).await? else { return Ok(location) };
    let mut farewell = None;
    if let Some(signed_in) = browser.signed_in(pool) {
        authorize::leave(cx, signed_in).await?;
        farewell = sign_out::farewell(cx, pool, signed_in, &location).await?;
    }
    browser.leave(session, pool).await?;
    Ok(farewell.unwrap_or(location))
}
