//! `/oauth2/authorize`: straight to the answer with a living session, else to the sign-in page with the same query.

use std::sync::Arc;

use axum::{
    extract::{self, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use tower_sessions::Session;

use crate::{
    domain::Result,
    flows::{
        App, Cx,
        authorize::{self, SignedIn},
        pushed, step_up,
    },
    web::{
        authorization::{self, Asked, Prompt, Refusal},
        federation::{self, Departure},
        limits,
        paths::{self, Place},
        session::Browser,
        way::Way,
    },
};

pub async fn authorize(State(app): State<Arc<App>>, cx: Cx, RawQuery(query): RawQuery, session: Session) -> Response {
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    match decide(&cx, &session, &query).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(&app),
    }
}

/// A request that comes as a form goes on as the query that it is. The browser then brings its session along, which it does not
/// send with a form of another site.
/// The address may have a query too (RFC 6749, section 3.1), which stays: what stands in both stands there twice.
pub async fn form(State(app): State<Arc<App>>, cx: Cx, request: extract::Request) -> Response {
    let queries_only = || (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let Some(form) = limits::form(request).await.ok().filter(|form| form.get("client_id").is_some()) else {
        return queries_only();
    };
    match authorization::client(&cx, &form).await {
        Ok((pool, _)) if !pool.takes_forms() => queries_only(),
        Ok(_) => {
            let whole = if query.is_empty() { form.to_query() } else { format!("{query}&{}", form.to_query()) };
            authorization::see_other(&paths::local_with(&cx.app.setup, Place::Authorize, &whole))
        }
        Err(refusal) => refusal.respond(&app),
    }
}

async fn decide(cx: &Cx, session: &Session, query: &str) -> Result<Response, Refusal> {
    let asked = authorization::read(cx, query).await?;
    if let Some(uri) = &asked.request.pushed {
        pushed::hold(cx, uri).await.map_err(|error| asked.fail(cx, &error))?;
    }
    let signed_in = match asked.prompt {
        Prompt::Always => None,
        Prompt::Never | Prompt::IfNeeded => {
            living(cx, session, &asked).await.map_err(|error| asked.fail(cx, &error))?
        }
    };
    let Some(signed_in) = signed_in else {
        if asked.prompt == Prompt::Never {
            return Err(asked.refuse("login_required", "nobody is signed in"));
        }
        if let Way::Through(provider) = &asked.way {
            return federation::depart(&Departure { cx, session, asked: &asked, query, provider }).await;
        }
        return Ok(authorization::found(&paths::local_with(&cx.app.setup, Place::Login, query)));
    };
    let given = authorize::answer(cx, &asked.request, &signed_in).await.map_err(|error| asked.fail(cx, &error))?;
    Ok(asked.grant(&given))
}

/// Who is signed in to the client's pool, recently enough for this request.
async fn living(cx: &Cx, session: &Session, asked: &Asked) -> Result<Option<SignedIn>> {
    let pool = &asked.request.pool;
    let Some(signed_in) = Browser::find(session).await?.and_then(|browser| browser.signed_in(pool).cloned()) else {
        return Ok(None);
    };
    let age = cx.now().since(signed_in.auth_time).as_secs();
    if asked.max_age.is_some_and(|most| age > most) || !asked.way.was_taken(&signed_in) {
        return Ok(None);
    }
    let Some(user) = authorize::user_of(cx, &asked.request, &signed_in).await? else { return Ok(None) };
    let is_enough = step_up::is_reached(cx, pool, (&user, &signed_in), &asked.request.levels).await?;
    Ok(is_enough.then_some(signed_in))
}
