//! `/oauth2/register`: a client registers itself. At a pool's domain the pool is known; elsewhere the address names it, as
//! discovery does, or the token tells.
//! <https://www.rfc-editor.org/rfc/rfc7591#section-3>

use std::sync::Arc;

use axum::{
    extract::{Path, Request},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use super::{error::Failure, reply};
use crate::{
    domain::{
        Error, Pool,
        client::registration::{self, Fault, Metadata},
    },
    flows::{
        Cx, directory,
        register::{self, Refusal},
        site::Site,
    },
    web::limits,
};

const LONGEST_TOKEN: usize = 16 * 1024;

pub async fn register(cx: Cx, request: Request) -> Response {
    answer(&cx, None, request).await
}

pub async fn at_pool(cx: Cx, Path(pool): Path<String>, request: Request) -> Response {
    answer(&cx, Some(pool), request).await
}

async fn answer(cx: &Cx, named: Option<String>, request: Request) -> Response {
    match run(cx, named, request).await {
        Ok(client) => reply::json(cx, StatusCode::CREATED, &client),
        Err(refused) => refused.respond(cx),
    }
}

async fn run(cx: &Cx, named: Option<String>, request: Request) -> Result<Value, Refused> {
    let token = token(request.headers())?;
    let body = limits::json(request).await.map_err(Failure::from)?;
    let pool = pool(cx, named, token.as_deref()).await?;
    // A body that is no object, or whose members are of other types than the RFC's.
    let malformed = |error: serde_json::Error| Refusal::Fault(Fault::Metadata(error.to_string()));
    let members: Map<String, Value> = serde_json::from_slice(&body).map_err(malformed)?;
    let metadata: Metadata = serde_json::from_value(Value::Object(members)).map_err(malformed)?;
    let client = register::register(cx, &pool, token.as_deref(), metadata).await?;
    let mut told = registration::information(&client);
    if let Some(secret) = client.secrets.first() {
        told["client_secret"] = secret.value.expose().into();
        told["client_secret_expires_at"] = 0.into();
    }
    Ok(told)
}

async fn pool(cx: &Cx, named: Option<String>, token: Option<&str>) -> Result<Arc<Pool>, Refused> {
    let id = match (&cx.site, named) {
        (Site::Everywhere, Some(id)) => id,
        (Site::Pool { id, .. }, named) if named.as_ref().is_none_or(|named| **named == **id) => (**id).to_owned(),
        (Site::Everywhere, None) => match token {
            Some(token) => return Ok(register::pool_of(cx, token).await?),
            None => return Err(Refusal::Off.into()),
        },
        _ => return Err(Refusal::Off.into()),
    };
    let found = directory::find_pool(&cx.app, &id).await.map_err(Refusal::Failed)?;
    Ok(found.ok_or(Refusal::Off)?)
}

/// The bearer token of the one authorization header, if there is one.
fn token(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(only) = values.next() else { return Ok(None) };
    let token = only.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("bearer") && token.len() <= LONGEST_TOKEN && values.next().is_none() =>
        {
            Ok(Some(token.trim().to_owned()))
        }
        _ => Err(Refusal::TokenInvalid),
    }
}

/// A refusal, and how a token could be shown where one is missing or does not do.
struct Refused {
    failure: Failure,
    challenge: Option<&'static str>,
}

impl Refused {
    fn respond(&self, cx: &Cx) -> Response {
        let mut response = self.failure.respond(cx);
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, challenge: None }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let unauthorized = |challenge| Self {
            failure: Failure::new("invalid_token").with_status(StatusCode::UNAUTHORIZED),
            challenge: Some(challenge),
        };
        match refusal {
            Refusal::Off => Failure::invalid_request("clients do not register themselves here")
                .with_status(StatusCode::NOT_FOUND)
                .into(),
            Refusal::TokenMissing => unauthorized("Bearer"),
            Refusal::TokenInvalid => unauthorized(r#"Bearer error="invalid_token""#),
            Refusal::ScopeMissing => Self {
                failure: Failure::new("insufficient_scope").with_status(StatusCode::FORBIDDEN),
                challenge: Some(r#"Bearer error="insufficient_scope", scope="aws.cognito/dcr/register""#),
            },
            Refusal::Fault(Fault::RedirectUri(text)) => Failure::new("invalid_redirect_uri").describe(text).into(),
            Refusal::Fault(Fault::Metadata(text)) => Failure::new("invalid_client_metadata").describe(text).into(),
            Refusal::Failed(Error::LimitExceeded(text)) => {
                Failure::new("invalid_request").describe(text).with_status(StatusCode::TOO_MANY_REQUESTS).into()
            }
            Refusal::Failed(error) => Failure::from(error).into(),
        }
    }
}
