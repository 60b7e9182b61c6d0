//! The event of a REST API's function: format 1.0 in older words.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use bytes::Bytes;
use http::header;
use serde_json::{Map, Value, json};

use super::event;
use crate::{
    gateway::{authorizer::Principal, exchange::Exchange},
    kit::clock::Time,
};

/// Unlike format 1.0 it has no version, its path is without the stage but with a domain's key, its body is text whatever its type, and there is nobody's name
/// where nobody was asked.
pub(super) fn rest(exchange: &Exchange<'_>, body: &Bytes) -> Option<Value> {
    let mut event = event::version_1(exchange, body)?;
    event.as_object_mut()?.remove("version");
    event["path"] = path(exchange).into();
    if !body.is_empty() {
        let (text, encoded) = exchange.api?.binary.encoded(exchange.header(&header::CONTENT_TYPE), body);
        (event["body"], event["isBase64Encoded"]) = (text.into(), encoded.into());
    }
    if exchange.principal.is_none() {
        event["requestContext"].as_object_mut()?.remove("authorizer");
    }
    if let Some(Principal::Pool(bearer)) = &exchange.principal {
        event["requestContext"]["authorizer"] = json!({"claims": rendered(&bearer.claims())});
    }
    Some(event)
}

/// What is cut from a path is the stage alone: the key of a custom domain's mapping is the client's own word.
pub(super) fn path<'e>(exchange: &'e Exchange<'_>) -> &'e str {
    if exchange.mapped.is_some() { exchange.raw_path() } else { exchange.path() }
}

/// Claims of a user pool as REST APIs write them: lists with commas, and moments in words.
pub(in crate::gateway) fn rendered(claims: &Map<String, Value>) -> Map<String, Value> {
    claims.iter().map(|(name, value)| (name.clone(), Value::String(render(name, value)))).collect()
}

pub(in crate::gateway) fn render(name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| render("", item)).collect::<Vec<_>>().join(","),
        Value::Number(number) if matches!(name, "exp" | "iat") => {
            number.as_i64().map_or_else(|| number.to_string(), in_words)
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `Mon Jan 01 00:00:00 UTC 2024`
fn in_words(seconds: i64) -> String {
    const WORDS: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]"
    );
    let moment = time::OffsetDateTime::from_unix_timestamp(Time::from_seconds(seconds).seconds());
    moment.ok().and_then(|moment| moment.format(WORDS).ok()).unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_written_as_rest_apis_write_them() {
        for (name, value, text) in [
            ("cognito:groups", json!(["a", "b"]), "a,b"),
            ("cognito:groups", json!(["a"]), "a"),
            ("exp", json!(1_704_067_200), "Mon Jan 01 00:00:00 UTC 2024"),
            ("auth_time", json!(1_704_067_200), "1704067200"),
            ("email_verified", json!(true), "true"),
            ("sub", json!("x"), "x"),
        ] {
            assert_eq!(render(name, &value), text, "{name}");
        }
    }
}
