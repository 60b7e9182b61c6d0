//! `/oauth2/idpresponse`: where OpenID Connect and OAuth providers send their users back to.
//!
//! An answer that comes as a form is kept, and the browser sent for it: with a form of another site it does not send its cookie.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/idp-response-endpoint.html>

use std::sync::Arc;

use axum::{
    extract::{RawQuery, Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use tower_sessions::Session;

use crate::{
    domain::provider::Kind,
    flows::{
        App, Cx,
        federate::{
            self, Fault,
            oidc::{self, Answer},
        },
    },
    web::{
        authorization::{self, Refusal},
        federation::Landing,
        limits::{self, FormFault},
        parameters::Parameters,
        paths::{self, Place},
    },
};

/// Errors of a provider that an application may be told as they are (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6).
const ERRORS: [&str; 9] = [
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    "invalid_scope",
    "unauthorized_client",
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
];
const LONGEST_DESCRIPTION: usize = 256;

pub async fn come(State(app): State<Arc<App>>, cx: Cx, RawQuery(query): RawQuery, session: Session) -> Response {
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    match receive(&cx, &session, query.as_bytes()).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(&app),
    }
}

/// The same as a form.
pub async fn post(State(app): State<Arc<App>>, cx: Cx, request: Request) -> Response {
    let form = match limits::form(request).await {
        Ok(form) => form,
        Err(FormFault::TooLarge) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(FormFault::Slow) => return StatusCode::REQUEST_TIMEOUT.into_response(),
        Err(FormFault::Encoded) => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
        Err(FormFault::Malformed) => return StatusCode::BAD_REQUEST.into_response(),
    };
    let Some(state) = form.filled("state").filter(|_| !form.has_repeated()) else {
        return unknown().respond(&app);
    };
    match federate::hold(&cx, state, form.to_query().as_bytes()).await {
        Ok(true) => {
            let query = paths::encode(&[("state", state)]);
            authorization::see_other(&paths::local_with(&app.setup, Place::IdpResponse, &query))
        }
        Ok(false) => unknown().respond(&app),
        Err(error) => Refusal::internal(&cx, &error).respond(&app),
    }
}

fn unknown() -> Refusal {
    Refusal::page("invalid_request", Some("state"), None)
}

async fn receive(cx: &Cx, session: &Session, query: &[u8]) -> Result<Response, Refusal> {
    let come = Parameters::parse(query).filter(|come| !come.has_repeated()).ok_or_else(unknown)?;
    let landing = Landing::of(cx, session, come.filled("state").ok_or_else(unknown)?).await?;
    if landing.provider.kind == Kind::Saml {
        return Err(landing.page(cx, "a SAML provider answers elsewhere"));
    }
    let posted = landing.parcel.as_deref().map(Parameters::parse);
    let answer = match posted {
        Some(posted) => posted.ok_or_else(unknown)?,
        None => come,
    };
    if let Some(error) = answer.filled("error") {
        // A refusal of somebody else is none either (RFC 9207, section 2.4).
        let checked = oidc::check_issuer(cx, &landing.provider, answer.get("iss")).await;
        checked.map_err(|fault| told(cx, &landing, fault))?;
        return Err(refused(&landing, error, answer.get("error_description")));
    }
    let code = answer.filled("code").ok_or_else(|| landing.page(cx, "neither code nor error"))?;
    let answer = Answer { code, issuer: answer.get("iss"), user: answer.get("user") };
    let arrival = oidc::receive(cx, &landing.provider, &landing.memo, answer).await;
    match arrival {
        Ok(arrival) => landing.arrive(cx, session, arrival).await,
        Err(fault) => Err(told(cx, &landing, fault)),
    }
}

fn told(cx: &Cx, landing: &Landing, fault: Fault) -> Refusal {
    match fault {
        Fault::Foreign(reason) => landing.page(cx, &reason),
        Fault::Provider(text) => landing.asked.refuse("invalid_request", &text),
        Fault::Ours(error) => landing.fail(cx, &error),
    }
}

/// The provider says no, and the application reads why.
fn refused(landing: &Landing, error: &str, description: Option<&str>) -> Refusal {
    let code = ERRORS.into_iter().find(|known| *known == error).unwrap_or("invalid_request");
    let text: String =
        description.unwrap_or(error).chars().filter(|c| !c.is_control()).take(LONGEST_DESCRIPTION).collect();
    landing.asked.refuse(code, &text)
}
