//! `/saml2/logout`: what SAML providers have browsers bring when a session ends, there or here.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-saml-idp-sign-out.html>

use std::sync::Arc;

use axum::{
    extract::{self, RawQuery, State},
    response::Response,
};
use tower_sessions::Session;

use crate::{
    domain::{Error, Result},
    flows::{App, Cx, authorize, directory, saml::sign_out},
    keys::saml::Redirected,
    web::{
        authorization::{self, Refusal},
        limits,
        parameters::Parameters,
        paths::{self, Place},
        session::Browser,
    },
};

/// In the query of a message that was posted: it is signed inside.
const POSTED: &str = "posted";

/// A message that comes as a form goes on as a query, so that the browser brings its session along.
pub async fn posted(State(app): State<Arc<App>>, request: extract::Request) -> Response {
    let Ok(form) = limits::form(request).await else { return page().respond(&app) };
    let kept =
        ["SAMLRequest", "SAMLResponse", "RelayState"].into_iter().filter_map(|name| Some((name, form.get(name)?)));
    let query = paths::encode(&kept.chain([(POSTED, "1")]).collect::<Vec<_>>());
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    authorization::see_other(&paths::local_with(&app.setup, Place::SamlLogout, &query))
}

fn page() -> Refusal {
    Refusal::page("invalid_request", None, None)
}

pub async fn logout(State(app): State<Arc<App>>, cx: Cx, RawQuery(query): RawQuery, session: Session) -> Response {
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    let outcome = match Parameters::parse(query.as_bytes()) {
        Some(parameters) => run(&cx, &session, &parameters, &query).await,
        None => Ok(None),
    };
    match outcome {
        Ok(Some(location)) => authorization::found(&location),
        Ok(None) => page().respond(&app),
        Err(error) => Refusal::internal(&cx, &error).respond(&app),
    }
}

/// Where the browser goes on to; none for a message that does not count here.
async fn run(cx: &Cx, session: &Session, parameters: &Parameters, query: &str) -> Result<Option<String>> {
    let endpoint = paths::here(&cx.app.setup, &cx.site, Place::SamlLogout);
    if ["SAMLRequest", "SAMLResponse", "RelayState"].into_iter().any(|name| parameters.is_repeated(name)) {
        return Ok(None);
    }
    let is_posted = parameters.get(POSTED).is_some();
    let message = |field| if is_posted { Redirected::Posted(field) } else { Redirected::Query(query) };
    let state = parameters.get("RelayState");
    if let Some(field) = parameters.filled("SAMLResponse") {
        return match state {
            Some(state) => sign_out::answered(cx, state, message(field), &endpoint).await,
            None => Ok(None),
        };
    }
    let Some(field) = parameters.filled("SAMLRequest") else { return Ok(None) };
    let Some(browser) = Browser::find(session).await? else {
        return sign_out::nothing_to_end(cx, (message(field), state), &endpoint).await;
    };
    for pool_id in browser.pools() {
        let Some(pool) = directory::find_pool(&cx.app, pool_id).await? else { continue };
        let Some(signed_in) = browser.signed_in(&pool) else { continue };
        let ended = sign_out::ended_there(cx, &pool, signed_in, (message(field), state), &endpoint).await?;
        if let Some(location) = ended {
            authorize::leave(cx, signed_in).await?;
            browser.clone().leave(session, &pool).await?;
            return Ok::<_, Error>(Some(location));
        }
    }
    sign_out::nothing_to_end(cx, (message(field), state), &endpoint).await
}
