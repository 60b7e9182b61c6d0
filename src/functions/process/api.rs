//! The Lambda Runtime API, version 2018-06-01, as a process sees it.
//!
//! It listens on a loopback address and believes whoever asks, as in Lambda: what runs on this machine can ask. A browser cannot:
//! requests with an `Origin`, or for another host, are refused. Extensions, telemetry and SnapStart do not exist here, and say so.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::{
    counter::{Counter, Handed, Misstep},
    place::Counters,
};
use crate::{
    functions::{FunctionError, PAYLOAD_LIMIT},
    kit::{clock::Clock, host::is_this_machine},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");
/// In requests, and in trailers of a streamed answer.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";
/// A streamed answer of a function behind HTTP: a head in JSON, eight zero bytes, the body.
const HTTP_ANSWER: &str = "application/vnd.awslambda.http-integration-response";
/// How much of an answer that is too large is read before the connection is given up.
const MOST_READ: usize = 4 * PAYLOAD_LIMIT;

/// Serves until `closed`.
pub(super) async fn serve(
    listener: TcpListener,
    counters: Arc<Counters>,
    closed: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let no_snapshots = || error(StatusCode::NOT_FOUND, "Restore.NotSupported", "SnapStart is not supported");
    let no_extensions = || error(StatusCode::NOT_IMPLEMENTED, "Extension.NotSupported", "Extensions are not supported");
    let no_telemetry = || error(StatusCode::ACCEPTED, "Telemetry.NotSupported", "Telemetry API is not supported");
    let no_logs = || error(StatusCode::ACCEPTED, "Logs.NotSupported", "Logs API is not supported");
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(invocation_error))
        .route("/init/error", post(init_error))
        .route("/restore/{what}", any(move || async move { no_snapshots() }));
    let router = Router::new()
        .nest("/2018-06-01/runtime", runtime)
        .route("/2020-01-01/extension/{*what}", any(move || async move { no_extensions() }))
        .route("/2022-07-01/telemetry", any(move || async move { no_telemetry() }))
        .route("/2020-08-15/logs", any(move || async move { no_logs() }))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "NotFound", "The Runtime API has no such address") })
        .layer(middleware::from_fn(only_programs_of_this_machine))
        .with_state(counters);
    axum::serve(listener, router).with_graceful_shutdown(closed).await
}

/// A page that a browser shows could take calls away otherwise, and by a name of its own that resolves to here read them.
async fn only_programs_of_this_machine(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse::<Uri>().ok());
    let is_here = host.as_ref().and_then(Uri::host).is_some_and(is_this_machine);
    if !is_here || headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return error(StatusCode::FORBIDDEN, "AccessDenied", "The Runtime API is for programs of this machine");
    }
    next.run(request).await
}

async fn next(State(counters): State<Arc<Counters>>) -> Response {
    match counters.next().await {
        Some((counter, Ok(handed))) => call(&counter, handed),
        Some((_, Err(misstep))) => refused(misstep),
        None => error(StatusCode::INTERNAL_SERVER_ERROR, "Runtime.Shutdown", "The function is gone"),
    }
}

fn call(counter: &Counter, Handed { job, left }: Handed) -> Response {
    // The process compares with its own clock, which nobody can freeze.
    let deadline = Clock::system().now().plus(left).millis();
    let mut response = Response::new(Body::from(job.event));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        (REQUEST_ID, job.id),
        (DEADLINE, deadline.to_string()),
        (ARN, counter.plan.arn.clone()),
        (TRACE_ID, job.lineage.trace(Clock::system().now(), &counter.plan.random)),
        (CLIENT_CONTEXT, in_ascii(&job.client_context.unwrap_or_default())),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value)
            && !value.is_empty()
        {
            headers.insert(name, value);
        }
    }
    response
}

/// JSON as a header can carry it, and as every runtime reads it.
fn in_ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && letter != '\u{7f}' {
            text.push(letter);
        } else {
            text.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

async fn response(
    State(counters): State<Arc<Counters>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let counter = match counters.of_call(&id) {
        Ok(counter) => counter,
        Err(misstep) => return refused(misstep),
    };
    let Some(received) = receive(body).await else {
        return error(StatusCode::BAD_REQUEST, "InvalidRequest", "The body broke off");
    };
    if received.is_too_large {
        let limit = PAYLOAD_LIMIT;
        if let Err(misstep) = counter.answer(&id, Err(FunctionError::TooLarge { limit })).await {
            return refused(misstep);
        }
        let message = format!("Exceeded maximum allowed payload size ({limit} bytes).");
        return error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
    }
    let outcome = match received.failure() {
        Some(failure) => Err(failure),
        None => answered(&headers, &received.bytes),
    };
    accepted(counter.answer(&id, outcome).await)
}

/// The value of an answer, streamed or not.
fn answered(headers: &HeaderMap, body: &[u8]) -> Result<Value, FunctionError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with(HTTP_ANSWER) {
        return http_answer(body).ok_or_else(|| FunctionError::InvalidJson("the head of a streamed answer".into()));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    // Lambda passes on whatever a process says. Here answers are JSON: text that is none is a string of it.
    serde_json::from_slice(body).or_else(|error| match std::str::from_utf8(body) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(FunctionError::InvalidJson(error.to_string())),
    })
}

/// What an integration understands: status, headers and cookies from the head, and the body.
fn http_answer(body: &[u8]) -> Option<Value> {
    let split = body.windows(8).position(|window| window == [0; 8])?;
    let head: Map<String, Value> = serde_json::from_slice(&body[..split]).ok()?;
    let body = &body[split + 8..];
    let mut answer = json!({"statusCode": 200});
    if let Some(members) = answer.as_object_mut() {
        members.extend(head);
        match std::str::from_utf8(body) {
            Ok(text) => members.insert("body".into(), text.into()),
            Err(_) => {
                members.insert("isBase64Encoded".into(), true.into());
                members.insert("body".into(), BASE64_STANDARD.encode(body).into())
            }
        };
    }
    Some(answer)
}

async fn invocation_error(
    State(counters): State<Arc<Counters>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let counter = match counters.of_call(&id) {
        Ok(counter) => counter,
        Err(misstep) => return refused(misstep),
    };
    match reported(&headers, body).await {
        Ok(failure) => accepted(counter.answer(&id, Err(failure)).await),
        Err(refusal) => *refusal,
    }
}

async fn init_error(State(counters): State<Arc<Counters>>, headers: HeaderMap, body: Body) -> Response {
    match reported(&headers, body).await {
        Ok(failure) => accepted(counters.current().init_failed(failure)),
        Err(refusal) => *refusal,
    }
}

async fn reported(headers: &HeaderMap, body: Body) -> Result<FunctionError, Box<Response>> {
    let received = receive(body).await.filter(|received| !received.is_too_large);
    let Some(received) = received else {
        let message = "The body broke off or is too large";
        return Err(Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)));
    };
    let kind = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    Ok(FunctionError::reported(kind, serde_json::from_slice(&received.bytes).ok()))
}

struct Received {
    bytes: Vec<u8>,
    trailers: HeaderMap,
    is_too_large: bool,
}

impl Received {
    /// A stream that broke in the handler says so at its end.
    fn failure(&self) -> Option<FunctionError> {
        let kind = self.trailers.get(ERROR_TYPE)?.to_str().ok();
        let body = self.trailers.get(ERROR_BODY).and_then(|body| BASE64_STANDARD.decode(body.as_bytes()).ok());
        Some(FunctionError::reported(kind, body.and_then(|body| serde_json::from_slice(&body).ok())))
    }
}

/// What is too large is read on for a while, so that its sender gets to read the refusal.
async fn receive(mut body: Body) -> Option<Received> {
    let (mut bytes, mut size, mut trailers) = (Vec::new(), 0, HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.ok()?.into_data() {
            Ok(data) => {
                size += data.len();
                if size <= PAYLOAD_LIMIT {
                    bytes.extend_from_slice(&data);
                } else if size > MOST_READ {
                    break;
                }
            }
            Err(frame) => trailers.extend(frame.into_trailers().ok().unwrap_or_default()),
        }
    }
    Some(Received { bytes, trailers, is_too_large: size > PAYLOAD_LIMIT })
}

fn accepted(outcome: Result<(), Misstep>) -> Response {
    match outcome {
        Ok(()) => (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response(),
        Err(misstep) => refused(misstep),
    }
}

fn refused(misstep: Misstep) -> Response {
    match misstep {
        Misstep::UnknownId => error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Misstep::WrongState(from, to) => {
            let message = format!("State transition from {from} to {to} failed for runtime. Error: not allowed");
            error(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
        }
    }
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, axum::Json(json!({"errorMessage": message, "errorType": kind}))).into_response()
}

/// Binds where a process will find its calls.
pub(super) async fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    // The listener of a function that was just replaced may need a moment to go.
    for _ in 0..20 {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            bound => return bound,
        }
    }
    TcpListener::bind(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_json_is_a_text() {
        let answered = |body: &[u8]| answered(&HeaderMap::new(), body);
        assert_eq!(answered(b""), Ok(Value::Null));
        assert_eq!(answered(b"{\"a\": 1}"), Ok(json!({"a": 1})));
        assert_eq!(answered(b"hello"), Ok(json!("hello")));
        assert_eq!(answered("{\"a\": ü".as_bytes()), Ok(json!("{\"a\": ü")));
        assert!(matches!(answered(b"\xff"), Err(FunctionError::InvalidJson(_))));
    }

    #[test]
    fn a_client_context_fits_into_a_header() {
        let context = json!({"custom": {"ü": "a😀\u{7f}\n"}});
        let text = in_ascii(&context.to_string());
        assert_eq!(text, r#"{"custom":{"\u00fc":"a\ud83d\ude00\u007f\n"}}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), context);
    }

    #[test]
    fn a_streamed_http_answer_has_a_head_and_a_body() {
        let body = [br#"{"statusCode":201,"headers":{"x-a":"b"}}"#.as_slice(), &[0; 8], b"hi"].concat();
        assert_eq!(http_answer(&body), Some(json!({"statusCode": 201, "headers": {"x-a": "b"}, "body": "hi"})));
        let bytes = [b"{}".as_slice(), &[0; 8], &[0xff]].concat();
        assert_eq!(http_answer(&bytes), Some(json!({"statusCode": 200, "isBase64Encoded": true, "body": "/w=="})));
        assert_eq!(http_answer(b"{}"), None);
    }
}
