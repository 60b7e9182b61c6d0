//! `/oauth2/userInfo`: the user's attributes, as far as the scopes of the access token reach.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html>

use axum::{extract::RawQuery, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::reply;
use crate::{
    domain::Error,
    flows::{Cx, bearer, bearer::Bearer, issue},
    web::parameters::Parameters,
};

const LONGEST_TOKEN: usize = 16 * 1024;
const BAD_REQUEST: &str = "Bad OAuth2 request at UserInfo Endpoint";
const BAD_TOKEN: &str = "Access token is expired, disabled, or deleted, or the user has globally signed out.";
const NO_OPENID: &str = "Access token does not contain openid scope";

pub async fn user_info(cx: Cx, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let in_query = query.and_then(|query| Parameters::parse(query.as_bytes()));
    let Some(token) = token(&headers).filter(|_| in_query.is_none_or(|query| query.get("access_token").is_none()))
    else {
        return refuse(&cx, StatusCode::BAD_REQUEST, "invalid_request", BAD_REQUEST);
    };
    match bearer::bearer(&cx, token).await {
        Ok(bearer) if bearer.claims.has_scope("openid") => reply::json(&cx, StatusCode::OK, &claims(&bearer)),
        Ok(_) => refuse(&cx, StatusCode::UNAUTHORIZED, "invalid_token", NO_OPENID),
        Err(Error::Internal(reason)) => {
            tracing::error!(request_id = &*cx.request_id, reason, "userInfo failed");
            refuse(&cx, StatusCode::INTERNAL_SERVER_ERROR, "server_error", "")
        }
        Err(_) => refuse(&cx, StatusCode::UNAUTHORIZED, "invalid_token", BAD_TOKEN),
    }
}

/// The one bearer token of the one authorization header.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let fits = !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(is_token);
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

/// Every value is text here, also what tokens write as booleans.
fn claims(bearer: &Bearer) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(bearer.user.sub));
    for (name, value) in issue::readable_attributes(&bearer.client, &bearer.user, &bearer.claims.scopes) {
        claims.insert(name.clone(), json!(value));
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
