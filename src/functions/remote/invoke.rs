//! Lambda's Invoke API of another program: SAM's `start-lambda`, the Runtime Interface Emulator, LocalStack, another Poolhouse.
//!
//! They disagree about how a failed call looks. Most say so in `X-Amz-Function-Error`; the emulator answers 200 with the error
//! object alone, and a timeout in plain words. Both count.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{StatusCode, request::Builder};
use serde_json::Value;

use super::{Reply, is_error, json};
use crate::functions::{Call, FunctionError, PAYLOAD_LIMIT, log::Tail};

const FUNCTION_ERROR: &str = "x-amz-function-error";
const LOG_RESULT: &str = "x-amz-log-result";
const CLIENT_CONTEXT: &str = "x-amz-client-context";
const ERROR_TYPE: &str = "x-amzn-errortype";
/// How the emulator begins to tell of a timeout.
const TIMED_OUT: &str = "Task timed out after ";

/// What Invoke has beside the event. SAM refuses to be asked for the log.
pub(super) fn with_headers(mut request: Builder, call: &Call) -> Builder {
    if let Some(context) = &call.client_context {
        request = request.header(CLIENT_CONTEXT, BASE64_STANDARD.encode(context));
    }
    request
}

pub(super) fn outcome(reply: &Reply, tail: Option<&Tail>) -> Result<Value, FunctionError> {
    let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
    let said = serde_json::from_slice::<Value>(&reply.body);
    if let (Some(tail), Some(log)) = (tail, header(LOG_RESULT).and_then(|log| BASE64_STANDARD.decode(log).ok())) {
        tail.push(&String::from_utf8_lossy(&log));
    }
    if reply.status == StatusCode::OK && header(FUNCTION_ERROR).is_some() {
        return Err(FunctionError::reported(None, said.ok()));
    }
    // The emulator tells of a failed start with a status of its own.
    if let Ok(Value::Object(members)) = &said
        && (reply.status == StatusCode::OK || reply.status == StatusCode::BAD_GATEWAY)
        && is_error(members)
    {
        return Err(FunctionError::reported(None, said.ok()));
    }
    if reply.status == StatusCode::OK {
        return match timed_out(&reply.body) {
            Some(after) => Err(FunctionError::TimedOut { after }),
            None => json(&reply.body),
        };
    }
    let exception = header(ERROR_TYPE).and_then(|kind| kind.split(':').next()).unwrap_or_default();
    let told = format!("the Invoke API answered {} {exception}", reply.status.as_u16());
    Err(match reply.status {
        StatusCode::TOO_MANY_REQUESTS => FunctionError::Busy,
        // The emulator takes one call at a time, and says no word to another.
        StatusCode::BAD_REQUEST if exception.is_empty() && reply.body.is_empty() => FunctionError::Busy,
        StatusCode::PAYLOAD_TOO_LARGE => FunctionError::TooLarge { limit: PAYLOAD_LIMIT },
        status if status.is_server_error() => FunctionError::Unreachable(told.trim_end().to_owned()),
        _ => FunctionError::Broken(told.trim_end().to_owned()),
    })
}

fn timed_out(body: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(body).ok()?.trim().trim_matches('"');
    let (_, seconds) = text.split_once(TIMED_OUT)?;
    let seconds: f64 = seconds.strip_suffix(" seconds")?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Reply {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Reply { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn errors_are_told_by_header_and_by_shape() {
        const ERROR: &str = r#"{"errorType":"Exception","errorMessage":"Unauthorized","stackTrace":[]}"#;
        for failed in [
            reply(200, &[("x-amz-function-error", "Unhandled")], ERROR),
            reply(200, &[], ERROR),
            reply(502, &[], ERROR),
        ] {
            assert_eq!(outcome(&failed, None).unwrap_err().thrown(), Some("Unauthorized"));
        }
        let alike = r#"{"errorType":"a","errorMessage":"b","statusCode":400}"#;
        assert_eq!(outcome(&reply(200, &[], alike), None).unwrap()["statusCode"], 400);
        let flagged = reply(200, &[("x-amz-function-error", "Handled")], r#"{"a":1}"#);
        assert_eq!(outcome(&flagged, None).unwrap_err().payload(), json!({"a": 1}));
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let late = FunctionError::TimedOut { after: Duration::from_secs(3) };
        assert_eq!(outcome(&reply(200, &[], "Task timed out after 3.00 seconds"), None), Err(late));
        assert_eq!(outcome(&reply(429, &[], ""), None), Err(FunctionError::Busy));
        assert_eq!(outcome(&reply(400, &[], ""), None), Err(FunctionError::Busy), "the emulator is at work");
        for wrong in [reply(400, &[("x-amzn-errortype", "InvalidRequestContentException")], ""), reply(400, &[], "{}")]
        {
            assert!(matches!(outcome(&wrong, None), Err(FunctionError::Broken(_))), "{:?}", wrong.headers);
        }
        let missing = reply(404, &[("x-amzn-errortype", "ResourceNotFoundException:http://x")], "{}");
        let told = "the Invoke API answered 404 ResourceNotFoundException".to_owned();
        assert_eq!(outcome(&missing, None), Err(FunctionError::Broken(told)));
        assert!(outcome(&reply(500, &[], "{}"), None).unwrap_err().is_passing());
        assert!(matches!(outcome(&reply(200, &[], "<html>"), None), Err(FunctionError::InvalidJson(_))));
        assert!(matches!(outcome(&reply(302, &[], ""), None), Err(FunctionError::Broken(_))));
    }
}
