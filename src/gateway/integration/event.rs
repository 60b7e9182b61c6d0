//! The events that functions receive, in both payload formats.
//!
//! Format 2.0 leaves out what is empty, format 1.0 says `null`. Header names are lower case, as they arrive.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::claims;
use crate::gateway::{
    Route,
    authorizer::{Bearer, LambdaPrincipal, Principal},
    exchange::{Exchange, written_time},
    routes,
    stage::Stage,
};

/// What an event says about the API that no request says.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Place {
    pub(in crate::gateway) account_id: String,
    pub(in crate::gateway) api_id: String,
    pub(in crate::gateway) region: String,
}

/// Payload format 2.0.
pub(super) fn version_2(exchange: &Exchange<'_>, body: &Bytes) -> Option<Value> {
    let (api, stage, route) = (exchange.api?, exchange.stage?, exchange.route?);
    let place = &api.place;
    let headers = &sent_headers(exchange);
    let query_string = exchange.sent_query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": sent_path(exchange),
        "rawQueryString": query_string,
        "headers": joined_headers(headers),
        "requestContext": {
            "accountId": place.account_id,
            "apiId": place.api_id,
            "authentication": client_certificate(exchange).map(|shown| json!({"clientCert": shown})),
            "domainName": exchange.domain(),
            "domainPrefix": domain_prefix(exchange),
            "http": {
                "method": exchange.head.method.as_str(),
                "path": exchange.raw_path(),
                "protocol": format!("{:?}", exchange.head.version),
                "sourceIp": exchange.source_ip(),
                "userAgent": exchange.header(&header::USER_AGENT).unwrap_or_default(),
            },
            "requestId": exchange.id,
            "routeKey": route.key,
            "stage": stage.name,
            "time": written_time(exchange.at),
            "timeEpoch": exchange.at.millis(),
        },
        "isBase64Encoded": false,
    });
    if let Some(Principal::Token(bearer)) = &exchange.principal {
        let (claims, scopes) = token(route, bearer);
        event["requestContext"]["authorizer"] = json!({"jwt": {"claims": claims, "scopes": scopes}});
    }
    if let Some(Principal::Lambda(lambda)) = &exchange.principal {
        event["requestContext"]["authorizer"] = json!({"lambda": lambda.context});
    }
    let cookies = cookies(headers);
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    let query = query(exchange);
    if !query.is_empty() {
        event["queryStringParameters"] = grouped(&query).into_iter().map(|(name, all)| (name, all.join(","))).collect();
    }
    let parameters = path_parameters(exchange, route);
    if !parameters.is_empty() {
        event["pathParameters"] = parameters.into();
    }
    if !body.is_empty() {
        let (text, encoded) = body_text(headers, body);
        event["body"] = text.into();
        event["isBase64Encoded"] = encoded.into();
    }
    if !stage.variables.is_empty() {
        event["stageVariables"] = variables(stage);
    }
    Some(event)
}

fn variables(stage: &Stage) -> Value {
    stage.variables.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

/// The client's headers with what the configuration makes of them.
fn sent_headers<'e>(exchange: &'e Exchange<'_>) -> Cow<'e, HeaderMap> {
    let headers = &exchange.head.headers;
    let Some(changes) = &exchange.changes else { return Cow::Borrowed(headers) };
    let mut headers = headers.clone();
    changes.headers.apply(&mut headers);
    Cow::Owned(headers)
}

fn sent_path<'e>(exchange: &'e Exchange<'_>) -> &'e str {
    let changed = exchange.changes.as_ref().and_then(|changes| changes.path.as_deref());
    changed.unwrap_or_else(|| exchange.raw_path())
}

/// Payload format 1.0.
pub(super) fn version_1(exchange: &Exchange<'_>, body: &Bytes) -> Option<Value> {
    let (api, stage, route) = (exchange.api?, exchange.stage?, exchange.route?);
    let place = &api.place;
    let headers = &sent_headers(exchange);
    let resource = route.key.split_once(' ').map_or(route.key.as_str(), |(_, path)| path);
    let authorizer = match &exchange.principal {
        Some(Principal::Token(bearer)) => {
            let (claims, scopes) = token(route, bearer);
            json!({"claims": claims, "scopes": scopes})
        }
        Some(Principal::Lambda(lambda)) => flat(lambda),
        Some(Principal::Pool(_)) | None => json!({"claims": null, "scopes": null}),
    };
    let query = query(exchange);
    let several = grouped(&query);
    let last: Map<String, Value> = query.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let (text, encoded) = body_text(headers, body);
    let (single_headers, multi_headers) = separate_headers(exchange, headers);
    let parameters = path_parameters(exchange, route);
    Some(json!({
        "version": "1.0",
        "resource": resource,
        "path": sent_path(exchange),
        "httpMethod": exchange.head.method.as_str(),
        "headers": single_headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": or_null(last),
        "multiValueQueryStringParameters": or_null(several.into_iter().map(|(name, all)| (name, all.into())).collect()),
        "requestContext": {
            "accountId": place.account_id,
            "apiId": place.api_id,
            "authorizer": authorizer,
            "domainName": exchange.domain(),
            "domainPrefix": domain_prefix(exchange),
            "extendedRequestId": exchange.extended_id(),
            "httpMethod": exchange.head.method.as_str(),
            "identity": {
                "accessKey": null,
                "accountId": null,
                "caller": null,
                "clientCert": client_certificate(exchange),
                "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null,
                "cognitoIdentityId": null,
                "cognitoIdentityPoolId": null,
                "principalOrgId": null,
                "sourceIp": exchange.source_ip(),
                "user": null,
                "userAgent": exchange.header(&header::USER_AGENT).unwrap_or_default(),
                "userArn": null,
            },
            "path": exchange.raw_path(),
            "protocol": format!("{:?}", exchange.head.version),
            "requestId": exchange.id,
            "requestTime": written_time(exchange.at),
            "requestTimeEpoch": exchange.at.millis(),
            "resourceId": route.key,
            "resourcePath": resource,
            "stage": stage.name,
        },
        "pathParameters": or_null(parameters),
        "stageVariables": if stage.variables.is_empty() { Value::Null } else { variables(stage) },
        "body": if body.is_empty() { Value::Null } else { text.into() },
        "isBase64Encoded": encoded && !body.is_empty(),
    }))
}

/// Claims as strings, and the token's scopes where the route asks for any.
fn token(route: &Route, bearer: &Bearer) -> (Value, Value) {
    let scopes = if route.scopes.is_empty() { Value::Null } else { bearer.scopes().into() };
    (claims::rendered(&bearer.claims()).into(), scopes)
}

/// What a function said of its caller, as format 1.0 has it: texts beside each other.
fn flat(lambda: &LambdaPrincipal) -> Value {
    let mut members = lambda.context.clone().unwrap_or_default();
    for value in members.values_mut().filter(|value| !value.is_string()) {
        *value = value.to_string().into();
    }
    if let Some(id) = &lambda.principal_id {
        members.insert("principalId".to_owned(), id.as_str().into());
    }
    let millis = u64::try_from(lambda.latency.as_millis()).unwrap_or(u64::MAX);
    members.insert("integrationLatency".to_owned(), millis.into());
    members.into()
}

/// Of a domain with mutual TLS.
fn client_certificate(exchange: &Exchange<'_>) -> Option<Value> {
    exchange.certificate.as_ref().map(|certificate| certificate.shown())
}

fn domain_prefix<'e>(exchange: &'e Exchange<'_>) -> &'e str {
    exchange.domain().split('.').next().unwrap_or_default()
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Format 2.0: one text for each name, cookies aside.
fn joined_headers(headers: &HeaderMap) -> Map<String, Value> {
    let names = headers.keys().filter(|name| **name != header::COOKIE);
    let joined = |name| headers.get_all(name).iter().map(text).collect::<Vec<_>>().join(",");
    names.map(|name| (name.to_string(), joined(name).into())).collect()
}

/// Format 1.0: the last value of each name, and all of them.
fn separate_headers(exchange: &Exchange<'_>, headers: &HeaderMap) -> (Map<String, Value>, Map<String, Value>) {
    let mut last = Map::new();
    let mut all = Map::new();
    for name in headers.keys() {
        let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
        let name = exchange.spelled(name);
        last.insert(name.to_owned(), values.last().cloned().into());
        all.insert(name.to_owned(), values.into());
    }
    (last, all)
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter().map(text);
    let pairs = lines.flat_map(|line| line.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>());
    pairs.filter(|pair| !pair.is_empty()).collect()
}

fn query(exchange: &Exchange<'_>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(exchange.sent_query().unwrap_or_default().as_bytes()).into_owned().collect()
}

fn grouped(query: &[(String, String)]) -> Vec<(String, Vec<String>)> {
    let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in query {
        match grouped.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value.clone()),
            None => grouped.push((name.clone(), vec![value.clone()])),
        }
    }
    grouped
}

fn path_parameters(exchange: &Exchange<'_>, route: &Route) -> Map<String, Value> {
    let decoded = |raw| crate::gateway::path::decode(raw).map_or(Value::Null, |value| value.into_owned().into());
    let parsed: &routes::Key = &route.parsed;
    parsed.parameters().map(str::to_owned).zip(exchange.captured().map(decoded)).collect()
}

fn or_null(map: Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { map.into() }
}

/// The body as text, and whether that is base64: what is not known to be text is.
fn body_text(headers: &HeaderMap, body: &Bytes) -> (String, bool) {
    if is_text(headers)
        && let Ok(text) = std::str::from_utf8(body)
    {
        return (text.to_owned(), false);
    }
    (BASE64_STANDARD.encode(body), true)
}

fn is_text(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(kind.as_str(), "application/json" | "application/xml" | "application/javascript")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_are_not_known_as_text_are_base64() {
        let body = Bytes::from_static(b"a=1");
        let of = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            body_text(&headers, &body)
        };
        for kind in ["text/plain", "application/json; charset=utf-8", "application/problem+json", "image/svg+xml"] {
            assert_eq!(of(kind), ("a=1".to_owned(), false), "{kind}");
        }
        for kind in ["application/x-www-form-urlencoded", "image/png"] {
            assert_eq!(of(kind), ("YT0x".to_owned(), true), "{kind}");
        }
        assert_eq!(body_text(&HeaderMap::new(), &body), ("YT0x".to_owned(), true));
    }
}
