//! `/oauth2/userInfo`: the user's attributes, as far as the scopes of the access token reach.
//!
//! The token comes in the header; in a strict pool also in a form, as RFC 6750, section 2.2 has it, or with a proof that its client
//! holds the key that it is bound to, as RFC 9449, section 7.1 has it. Which pool that is only the
//! token itself tells.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html>

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{possession, reply};
use crate::{
    domain::Error,
    flows::{Cx, bearer, bearer::Bearer, issue},
    keys::jwt::Possession,
    web::{limits, parameters::Parameters, paths::Place},
};

const LONGEST_TOKEN: usize = 16 * 1024;
const FORM: &[u8] = b"application/x-www-form-urlencoded";
const BAD_REQUEST: Refused = Refused {
    status: StatusCode::BAD_REQUEST,
    code: "invalid_request",
    description: "Bad OAuth2 request at UserInfo Endpoint",
    scheme: "Bearer",
};
const BAD_TOKEN: &str = "Access token is expired, disabled, or deleted, or the user has globally signed out.";
const OTHER_KEY: &str = "Access token is not bound to this key";
const NO_OPENID: &str = "Access token does not contain openid scope";

pub async fn user_info(cx: Cx, request: Request) -> Response {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    match answer(&cx, (&method, &headers), request).await {
        Ok(claims) => reply::json(&cx, StatusCode::OK, &claims),
        Err(refused) => refused.respond(&cx),
    }
}

async fn answer(cx: &Cx, sent: (&Method, &HeaderMap), request: Request) -> Result<Map<String, Value>, Refused> {
    let presented = Presented::of(request).await.ok_or(BAD_REQUEST)?;
    let scheme = if presented.way == Way::Possession { "DPoP" } else { "Bearer" };
    let invalid = |error| match error {
        Error::Internal(reason) => {
            tracing::error!(request_id = &*cx.request_id, reason, "userInfo failed");
            Refused { status: StatusCode::INTERNAL_SERVER_ERROR, code: "server_error", description: "", scheme }
        }
        Error::Possession(description) => Refused::unauthorized(scheme, "invalid_dpop_proof", description),
        _ => Refused::unauthorized(scheme, "invalid_token", BAD_TOKEN),
    };
    let bearer = match presented.way {
        Way::Bearer | Way::Form => bearer::bearer(cx, &presented.token).await,
        Way::Possession => bearer::holder(cx, &presented.token).await,
    };
    let bearer = bearer.map_err(invalid)?;
    let pool = &bearer.pool;
    match presented.way {
        Way::Form if !pool.takes_forms() => return Err(BAD_REQUEST),
        Way::Possession if !pool.binds_tokens_to_keys() => return Err(BAD_REQUEST),
        Way::Possession => {
            let key = possession::shown(cx, sent, Place::UserInfo, Some(&presented.token)).await.map_err(invalid)?;
            let key = key.ok_or(Refused::unauthorized(scheme, "invalid_dpop_proof", "there is no DPoP header"))?;
            if bearer.claims.key != Some(key) {
                return Err(Refused::unauthorized(scheme, "invalid_token", OTHER_KEY));
            }
        }
        Way::Bearer | Way::Form => {}
    }
    if !bearer.claims.has_scope("openid") {
        return Err(Refused::unauthorized(scheme, "invalid_token", NO_OPENID));
    }
    Ok(claims(&bearer))
}

/// A token, and how it came.
struct Presented {
    token: String,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In the header (RFC 6750, section 2.1).
    Bearer,
    /// In the header, bound to a key that another header shows (RFC 9449, section 7.1).
    Possession,
    /// In a form (RFC 6750, section 2.2).
    Form,
}

impl Presented {
    /// None unless exactly one token came, in the header or in a form and never in the query.
    async fn of(request: Request) -> Option<Self> {
        let in_query = request.uri().query().and_then(|query| Parameters::parse(query.as_bytes()));
        if in_query.is_some_and(|query| query.get("access_token").is_some()) {
            return None;
        }
        let in_header = token(request.headers()).map(|(way, token)| Self { token: token.to_owned(), way });
        let is_form = request.method() == Method::POST
            && request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM));
        if !is_form {
            return in_header;
        }
        let has_header = request.headers().contains_key(header::AUTHORIZATION);
        let form = limits::form(request).await.ok().filter(|form| !form.has_repeated())?;
        match form.filled("access_token") {
            None => in_header,
            Some(token) if !has_header && is_token(token) => Some(Self { token: token.to_owned(), way: Way::Form }),
            Some(_) => None,
        }
    }
}

/// The one token of the one authorization header.
fn token(headers: &HeaderMap) -> Option<(Way, &str)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let ways = [("bearer", Way::Bearer), ("dpop", Way::Possession)];
    let (_, way) = ways.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name))?;
    is_token(token).then_some((way, token))
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

/// An answer that says no.
#[derive(Clone, Copy, Debug)]
struct Refused {
    status: StatusCode,
    code: &'static str,
    description: &'static str,
    /// How the token is to be presented.
    scheme: &'static str,
}

impl Refused {
    const fn unauthorized(scheme: &'static str, code: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, code, description, scheme }
    }

    fn respond(self, cx: &Cx) -> Response {
        let Self { status, code, description, scheme } = self;
        let mut response = reply::json(cx, status, &json!({ "error": code, "error_description": description }));
        let mut challenge = format!(r#"{scheme} error="{code}", error_description="{description}""#);
        if scheme == "DPoP" {
            challenge.push_str(&format!(r#", algs="{}""#, Possession::ALGORITHMS.join(" ")));
        }
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_well_formed_header_carries_a_token() {
        let of = |values: &[&str]| {
            let values = values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
            token(&values.collect()).map(|(way, token)| (way, token.to_owned()))
        };
        assert_eq!(of(&["Bearer a.b.c"]), Some((Way::Bearer, "a.b.c".to_owned())));
        assert_eq!(of(&["bearer a.b.c"]), Some((Way::Bearer, "a.b.c".to_owned())));
        assert_eq!(of(&["DPoP a.b.c"]), Some((Way::Possession, "a.b.c".to_owned())));
        for bad in ["Bearer  a", "Bearer\ta", "Bearer, a", "Bearer", "Bearer ", "Basic YTpi", "a.b.c"] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
        assert_eq!(of(&["Bearer a", "Bearer a"]), None);
        assert_eq!(of(&[]), None);
    }
}
