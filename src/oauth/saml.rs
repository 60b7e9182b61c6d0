//! `/saml2/idpresponse`, where SAML providers have browsers post their answers, and what a provider needs to know of a pool.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/saml2-idpresponse-endpoint.html>

use std::sync::Arc;

use axum::{
    extract::{self, Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use tower_sessions::Session;

use crate::{
    domain::Error,
    flows::{
        App, Cx, federate,
        saml::{self, Answer},
    },
    keys::saml::LONGEST_RESPONSE,
    web::{
        authorization::{self, Refusal},
        federation::Landing,
        limits::{self, FormFault},
        parameters::Parameters,
        paths::{self, Place},
        saml::consumer,
    },
};

/// A form with a response of the greatest length, each character of it encoded, and its state.
const MOST_FORM_BYTES: usize = 3 * LONGEST_RESPONSE + 16 * 1024;

/// An answer is kept until the browser comes for it by itself: with a form of another site it brings no cookie. Only somebody
/// whom the provider sends on its own has no trip to come back from.
pub async fn posted(State(app): State<Arc<App>>, cx: Cx, session: Session, request: extract::Request) -> Response {
    let form = match limits::form_within(request, MOST_FORM_BYTES).await {
        Ok(form) => form,
        Err(FormFault::TooLarge) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(_) => return page("SAMLResponse").respond(&app),
    };
    match receive(&cx, &session, &form).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(&app),
    }
}

fn page(parameter: &'static str) -> Refusal {
    Refusal::page("invalid_request", Some(parameter), None)
}

async fn receive(cx: &Cx, session: &Session, form: &Parameters) -> Result<Response, Refusal> {
    for name in ["SAMLResponse", "RelayState"] {
        if form.is_repeated(name) {
            return Err(page(name));
        }
    }
    let response = form.filled("SAMLResponse").filter(|response| response.len() <= LONGEST_RESPONSE);
    let response = response.ok_or_else(|| page("SAMLResponse"))?;
    let state = form.filled("RelayState").ok_or_else(|| page("RelayState"))?;
    if state.contains('=') {
        return unasked(cx, session, response, state).await;
    }
    let held = federate::hold(cx, state, response.as_bytes()).await;
    if !held.map_err(|error| Refusal::internal(cx, &error))? {
        return Err(page("RelayState"));
    }
    let query = paths::encode(&[("state", state)]);
    Ok(authorization::see_other(&paths::local_with(&cx.app.setup, Place::SamlResponse, &query)))
}

/// Somebody whom the provider sends without having been asked. `query` is the authorization request of the application that
/// they want to go to, written by whoever set the provider up.
async fn unasked(cx: &Cx, session: &Session, response: &str, query: &str) -> Result<Response, Refusal> {
    let landing = Landing::sent(cx, query).await?;
    if !landing.provider.is_on("IDPInit") {
        return Err(landing.page(cx, "nobody has asked, and the provider may not send anybody by itself"));
    }
    let answer = Answer { response, consumer: &consumer(cx), request_id: None };
    let arrived = saml::arrival(cx, &landing.provider, answer).await.map_err(|error| refused(cx, &landing, &error))?;
    let (arrival, there) = arrived;
    landing.arrive_from(cx, session, arrival, Some(there)).await
}

/// A response that does not count is the provider's failure to the application, as with the service.
fn refused(cx: &Cx, landing: &Landing, error: &Error) -> Refusal {
    match error {
        Error::InvalidParameter(text) => landing.asked.refuse("server_error", text),
        other => landing.fail(cx, other),
    }
}

/// What a provider is configured with: the pool as a service provider.
pub async fn metadata(State(app): State<Arc<App>>, cx: Cx, Path(pool_id): Path<String>) -> Response {
    let log_out = paths::here(&app.setup, &cx.site, Place::SamlLogout);
    match saml::metadata(&cx, &pool_id, &consumer(&cx), &log_out).await {
        Ok(document) => ([(header::CONTENT_TYPE, "application/samlmetadata+xml")], document).into_response(),
        Err(Error::NoSuchPool(_)) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(request_id = &*cx.request_id, %error, "the metadata of a pool could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The browser comes for the answer that was posted.
pub async fn returned(State(app): State<Arc<App>>, cx: Cx, RawQuery(query): RawQuery, session: Session) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let Some(state) = parameters.filled("state") else {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response();
    };
    match land(&cx, &session, state).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(&app),
    }
}

async fn land(cx: &Cx, session: &Session, state: &str) -> Result<Response, Refusal> {
    let landing = Landing::of(cx, session, state).await?;
    let parcel = landing.parcel.as_deref().and_then(|parcel| std::str::from_utf8(parcel).ok());
    let (Some(response), Some(request_id)) = (parcel, landing.memo.request_id.as_deref()) else {
        return Err(landing.page(cx, "no response was posted to a SAML request"));
    };
    let answer = Answer { response, consumer: &landing.memo.callback, request_id: Some(request_id) };
    let arrived = saml::arrival(cx, &landing.provider, answer).await.map_err(|error| refused(cx, &landing, &error))?;
    let (arrival, there) = arrived;
    landing.arrive_from(cx, session, arrival, Some(there)).await
}
