//! `/oauth2/userInfo`: the user's attributes, as far as the scopes of the access token reach.
//!
//! The token comes in the header; in a strict pool also in a form, as RFC 6750, section 2.2 has it. Which pool that is only the
//! token itself tells.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html>

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};

use super::reply;
use crate::{
    domain::Error,
    flows::{Cx, bearer, bearer::Bearer, issue},
    web::{limits, parameters::Parameters},
};

const LONGEST_TOKEN: usize = 16 * 1024;
const FORM: &[u8] = b"application/x-www-form-urlencoded";
const BAD_REQUEST: &str = "Bad OAuth2 request at UserInfo Endpoint";
const BAD_TOKEN: &str = "Access token is expired, disabled, or deleted, or the user has globally signed out.";
const NO_OPENID: &str = "Access token does not contain openid scope";

pub async fn user_info(cx: Cx, request: Request) -> Response {
    let Some(presented) = Presented::of(request).await else {
        return refuse(&cx, StatusCode::BAD_REQUEST, "invalid_request", BAD_REQUEST);
    };
    match bearer::bearer(&cx, &presented.token).await {
        Ok(bearer) if presented.in_form && !bearer.pool.takes_forms() => {
            refuse(&cx, StatusCode::BAD_REQUEST, "invalid_request", BAD_REQUEST)
        }
        Ok(bearer) if bearer.claims.has_scope("openid") => reply::json(&cx, StatusCode::OK, &claims(&bearer)),
        Ok(_) => refuse(&cx, StatusCode::UNAUTHORIZED, "invalid_token", NO_OPENID),
        Err(Error::Internal(reason)) => {
            tracing::error!(request_id = &*cx.request_id, reason, "userInfo failed");
            refuse(&cx, StatusCode::INTERNAL_SERVER_ERROR, "server_error", "")
        }
        Err(_) => refuse(&cx, StatusCode::UNAUTHORIZED, "invalid_token", BAD_TOKEN),
    }
}

/// A token, and how it came.
struct Presented {
    token: String,
    in_form: bool,
}

impl Presented {
    /// None unless exactly one token came, in the header or in a form and never in the query.
    async fn of(request: Request) -> Option<Self> {
        let in_query = request.uri().query().and_then(|query| Parameters::parse(query.as_bytes()));
        if in_query.is_some_and(|query| query.get("access_token").is_some()) {
            return None;
        }
        let in_header = token(request.headers()).map(str::to_owned);
        let is_form = request.method() == Method::POST
            && request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM));
        if !is_form {
            return Some(Self { token: in_header?, in_form: false });
        }
        let has_header = request.headers().contains_key(header::AUTHORIZATION);
        let form = limits::form(request).await.ok().filter(|form| !form.has_repeated())?;
        match form.filled("access_token") {
            None => Some(Self { token: in_header?, in_form: false }),
            Some(token) if !has_header && is_token(token) => Some(Self { token: token.to_owned(), in_form: true }),
            Some(_) => None,
        }
    }
}

/// The one bearer token of the one authorization header.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && is_token(token)).then_some(token)
}

fn is_token(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(fits)
}

/// Every value is text here, also what tokens write as booleans; not so in a strict pool.
fn claims(bearer: &Bearer) -> Map<String, Value> {
    let (pool, mut claims) = (&bearer.pool, Map::new());
    claims.insert("sub".into(), json!(bearer.user.sub));
    for (name, value) in issue::readable_attributes(pool, &bearer.client, &bearer.user, &bearer.claims.scopes) {
        let claim = if pool.types_claims() { issue::attribute_claim(name, value) } else { json!(value) };
        claims.insert(name.clone(), claim);
    }
    claims.insert("username".into(), json!(bearer.user.username));
    claims
}

fn refuse(cx: &Cx, status: StatusCode, code: &str, description: &str) -> Response {
    let mut response = reply::json(cx, status, &json!({ "error": code, "error_description": description }));
    let challenge = format!(r#"Bearer error="{code}", error_description="{description}""#);
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_well_formed_header_carries_a_token() {
        let of = |values: &[&str]| {
            let values = values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
            token(&values.collect()).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer a.b.c"]).as_deref(), Some("a.b.c"));
        assert_eq!(of(&["bearer a.b.c"]).as_deref(), Some("a.b.c"));
        for bad in ["Bearer  a", "Bearer\ta", "Bearer, a", "Bearer", "Bearer ", "Basic YTpi", "a.b.c"] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
        assert_eq!(of(&["Bearer a", "Bearer a"]), None);
        assert_eq!(of(&[]), None);
    }
}
