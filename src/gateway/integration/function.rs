//! A function behind a route: the request becomes an event, and what the function returns becomes the answer.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use super::{TIMEOUT, event, is_hop_by_hop, rest_event};
use crate::{
    config::api::PayloadFormat,
    functions::{Call, Function, FunctionError},
    gateway::{
        authorizer::Principal,
        body::{Body, Inbound},
        exchange::Exchange,
        refusal::Refusal,
    },
};

/// What a function's answer is where it does not say so.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(in crate::gateway) struct FunctionIntegration {
    pub(in crate::gateway) function: Arc<dyn Function>,
    pub(in crate::gateway) format: PayloadFormat,
    /// Whether events have the claims as JSON beside the service's texts.
    pub(in crate::gateway) claims_json: bool,
    /// Of a REST API, whose events and defaults are older.
    pub(in crate::gateway) rest: bool,
}

impl FunctionIntegration {
    pub(super) async fn answer(
        &self,
        exchange: &mut Exchange<'_>,
        body: Inbound,
        timeout: Duration,
    ) -> Result<Response<Body>, Refusal> {
        let body = body.read(TIMEOUT).await?;
        let event = match self.format {
            _ if self.rest => rest_event::rest(exchange, &body),
            PayloadFormat::V1 => event::version_1(exchange, &body),
            PayloadFormat::V2 => event::version_2(exchange, &body),
        };
        let mut event = event.ok_or(Refusal::NotFound)?;
        if self.claims_json {
            add_claims(&mut event, exchange);
        }
        let call = Call::new(event, timeout, &*exchange.id);
        let outcome = self.function.invoke(call).await;
        // Lambda answers 200 where the code came to a word of its own, and tells its failure in a header.
        if outcome.as_ref().err().is_none_or(|error| !error.is_passing()) {
            exchange.report.service_status = Some(200);
        }
        let returned = match outcome {
            Ok(returned) => returned,
            Err(FunctionError::TimedOut { after }) if after >= timeout => {
                return Err(Refusal::TimedOut("the function did not answer in time"));
            }
            Err(error) => return Err(Refusal::Function(error.to_string())),
        };
        let default_type = if self.rest { JSON } else { TEXT };
        let accepted = exchange.header(&header::ACCEPT);
        let decodes = !self.rest || exchange.api.is_some_and(|api| api.binary.decode_for(accepted));
        answer(returned, self.format, default_type, decodes).map_err(|reason| Refusal::Function(reason.to_owned()))
    }
}

/// Next to the claims as the service writes them.
fn add_claims(event: &mut Value, exchange: &Exchange<'_>) {
    let Some(Principal::Token(bearer) | Principal::Pool(bearer)) = &exchange.principal else { return };
    let mut place = &mut event["requestContext"]["authorizer"];
    if place.get("jwt").is_some() {
        place = &mut place["jwt"];
    }
    place["x_claims_json"] = Value::Object(bearer.claims()).to_string().into();
}

/// Format 1.0 must have a `statusCode`. In format 2.0 anything without one is the body itself: a string as it is, other values
/// as JSON.
/// Only what `decodes` turns base64 into bytes.
fn answer(
    returned: Value,
    format: PayloadFormat,
    default_type: HeaderValue,
    decodes: bool,
) -> Result<Response<Body>, &'static str> {
    match (returned, format) {
        (Value::Object(members), _) if members.contains_key("statusCode") => {
            structured(&members, format, default_type, decodes)
        }
        (_, PayloadFormat::V1) => Err("the function returned no statusCode"),
        (returned, PayloadFormat::V2) => {
            let body = match returned {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            Ok(response)
        }
    }
}

fn structured(
    members: &Map<String, Value>,
    format: PayloadFormat,
    default_type: HeaderValue,
    decodes: bool,
) -> Result<Response<Body>, &'static str> {
    let status = match members.get("statusCode") {
        Some(Value::Number(number)) => number.as_u64().and_then(|code| u16::try_from(code).ok()),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let status = status
        .filter(|code| (200..600).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or("the function returned a statusCode that is not one of 200 to 599")?;
    let mut headers = HeaderMap::new();
    if format == PayloadFormat::V1 {
        add_headers(&mut headers, members.get("multiValueHeaders"))?;
    }
    let mut single = HeaderMap::new();
    add_headers(&mut single, members.get("headers"))?;
    merge(&mut headers, &single);
    if format == PayloadFormat::V2 {
        for cookie in list(members.get("cookies"), "the function's cookies are not a list")? {
            let cookie = cookie.as_str().and_then(|text| HeaderValue::from_str(text).ok());
            headers.append(header::SET_COOKIE, cookie.ok_or("the function returned a cookie that is no header value")?);
        }
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, default_type);
    }
    let encoded = decodes && members.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false);
    let mut response = Response::new(Body::from(body(members.get("body"), encoded)?));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn body(value: Option<&Value>, encoded: bool) -> Result<Bytes, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(Bytes::new()),
        Some(Value::String(text)) if encoded => {
            BASE64_STANDARD.decode(text).map(Bytes::from).map_err(|_| "the function's body is not base64")
        }
        Some(Value::String(text)) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Some(_) => Err("the function's body is not a string"),
    }
}

/// A name with one value or a list of them. What frames the message is the server's to say.
fn add_headers(headers: &mut HeaderMap, given: Option<&Value>) -> Result<(), &'static str> {
    let members = match given {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err("the function's headers are not an object"),
    };
    for (name, value) in members {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| "the function returned a header without a name")?;
        if is_hop_by_hop(&name) || name == header::CONTENT_LENGTH {
            continue;
        }
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return Err("the function returned a header that is not a string"),
            };
            let value =
                HeaderValue::from_str(&text).map_err(|_| "the function returned a header with control characters")?;
            headers.append(name.clone(), value);
        }
    }
    Ok(())
}

/// Adds to the lists what they do not hold yet: each pair of a name and a value counts once. A body has one type, so a list of it
/// counts alone.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#apigateway-multivalue-headers-and-parameters>
fn merge(lists: &mut HeaderMap, single: &HeaderMap) {
    for (name, value) in single {
        let is_said = name == header::CONTENT_TYPE && lists.contains_key(name);
        if !is_said && !lists.get_all(name).iter().any(|own| own == value) {
            lists.append(name, value.clone());
        }
    }
}

fn list<'v>(value: Option<&'v Value>, otherwise: &'static str) -> Result<&'v [Value], &'static str> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    async fn parts(returned: Value, format: PayloadFormat) -> (u16, HeaderMap, String) {
        let (head, body) = answer(returned, format, TEXT, true).unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn without_a_status_format_2_sends_the_value_itself() {
        for (returned, body) in [
            (json!("Hello"), "Hello"),
            (json!({"body": "hi"}), r#"{"body":"hi"}"#),
            (json!([1]), "[1]"),
            (json!(null), "null"),
        ] {
            let (status, headers, text) = parts(returned, PayloadFormat::V2).await;
            assert_eq!((status, text.as_str()), (200, body));
            assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        }
        assert!(answer(json!("Hello"), PayloadFormat::V1, TEXT, true).is_err());
        assert!(answer(json!({"body": "hi"}), PayloadFormat::V1, TEXT, true).is_err());
    }

    #[tokio::test]
    async fn a_structured_answer_is_followed() {
        let returned = json!({
            "statusCode": "201", "headers": {"X-A": 1, "connection": "close", "content-length": "9"}, "cookies": ["a=1", "b=2"],
            "body": "aGk=", "isBase64Encoded": true,
        });
        let (status, headers, body) = parts(returned, PayloadFormat::V2).await;
        assert_eq!((status, body.as_str()), (201, "hi"));
        assert_eq!(headers["x-a"], "1");
        assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(headers[header::CONTENT_TYPE], "text/plain;charset=UTF-8");
        assert!(!headers.contains_key("connection") && !headers.contains_key("content-length"));
    }

    #[tokio::test]
    async fn format_1_has_lists_of_values() {
        let returned = json!({"statusCode": 200, "headers": {"x-a": "1"}, "multiValueHeaders": {"x-b": ["1", "2"]}});
        let (_, headers, body) = parts(returned, PayloadFormat::V1).await;
        assert_eq!(headers.get_all("x-b").iter().count(), 2);
        assert_eq!((headers["x-a"].to_str().unwrap(), body.as_str()), ("1", ""));
    }

    #[tokio::test]
    async fn format_1_merges_both_kinds_of_headers_into_one_list() {
        let returned = json!({
            "statusCode": 200,
            "headers": {"X-A": "1", "x-b": "1", "x-c": "3", "Set-Cookie": "c=3", "Content-Type": "text/html"},
            "multiValueHeaders": {
                "x-b": ["2", "1"], "X-C": ["1", "2"], "set-cookie": ["a=1", "b=2"], "content-type": ["text/css"], "x-d": []
            },
        });
        let (_, headers, _) = parts(returned, PayloadFormat::V1).await;
        for (name, expected) in [
            ("x-a", vec!["1"]),
            ("x-b", vec!["2", "1"]),
            ("x-c", vec!["1", "2", "3"]),
            ("set-cookie", vec!["a=1", "b=2", "c=3"]),
            ("content-type", vec!["text/css"]),
            ("x-d", vec![]),
        ] {
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), expected, "{name}");
        }
        // Format 2.0 has no lists.
        let returned = json!({"statusCode": 200, "headers": {"x-a": "1"}, "multiValueHeaders": {"x-a": ["2"]}});
        let (_, headers, _) = parts(returned, PayloadFormat::V2).await;
        assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1"]);
    }

    #[test]
    fn what_is_out_of_shape_is_a_failure() {
        for returned in [
            json!({"statusCode": 99}),
            json!({"statusCode": 101}),
            json!({"statusCode": "x"}),
            json!({"statusCode": null}),
            json!({"statusCode": 200, "body": {}}),
            json!({"statusCode": 200, "headers": []}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"a": "b\r\nc: d"}}),
            json!({"statusCode": 200, "cookies": "a"}),
            json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}),
        ] {
            assert!(answer(returned.clone(), PayloadFormat::V2, TEXT, true).is_err(), "{returned}");
        }
    }
}
