//! The door of Lambda's Invoke API: `POST /2015-03-31/functions/NAME/invocations`, so that SDKs and the AWS CLI reach functions here.
//!
//! Administrators only, as at the user-pools API, with the service name `lambda`. There is one version of a function, `$LATEST`;
//! whatever alias or version a caller names is that one. A call waits as long as the function may run, at most fifteen minutes.
//! `Event` calls run behind the answer, and again when they fail.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

mod error;
mod events;
mod name;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    response::Response,
    routing::{any, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Mode, admin::AccessKey},
    functions::{Call, Function, FunctionError, Functions, PAYLOAD_LIMIT, log::Tail},
    kit::{clock::Clock, random::Random},
    web::{
        lineage,
        signature::Gate,
        whole::{NotWhole, whole},
    },
};
use error::Fault;
use events::Events;
use name::Reference;

/// As credentials are scoped.
const SERVICE: &str = "lambda";
/// The longest that Lambda lets a function run.
const LONGEST: Duration = Duration::from_secs(900);
/// Of the event of an `Event` call, in bytes.
const EVENT_LIMIT: usize = 1024 * 1024;
const CLIENT_CONTEXT_LIMIT: usize = 3583;
/// A body that takes longer is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const LOG_TYPE: &str = "x-amz-log-type";
const CLIENT_CONTEXT: &str = "x-amz-client-context";
/// What a call may ask for that functions here do not have, with the member's name.
const REFUSED: [(&str, &str); 2] =
    [("x-amz-tenant-id", "TenantId"), ("x-amz-durable-execution-name", "DurableExecutionName")];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const LATEST: HeaderValue = HeaderValue::from_static("$LATEST");

/// The functions of the moment: the configuration may be applied anew.
pub type Current = Arc<dyn Fn() -> Arc<Functions> + Send + Sync>;

/// What the door knows of the server.
pub struct Lambda {
    pub functions: Current,
    pub mode: Mode,
    pub account_id: String,
    pub admin_keys: Vec<AccessKey>,
    pub clock: Clock,
    pub random: Random,
    /// When `Event` calls that are not over are given up.
    pub shutdown: CancellationToken,
}

struct Door {
    lambda: Lambda,
    events: Arc<Events>,
}

/// The Invoke API. Everything else of Lambda is unknown here.
pub fn router(lambda: Lambda) -> Router {
    let events = Arc::new(Events::new(Arc::clone(&lambda.functions), lambda.shutdown.clone()));
    let door = Arc::new(Door { lambda, events });
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(answer).fallback(unknown))
        .route("/2015-03-31/{*operation}", any(unknown))
        .with_state(door)
}

async fn unknown(State(door): State<Arc<Door>>) -> Response {
    error::refusal(&door.lambda.random.uuid(), &Fault::UnknownOperation)
}

async fn answer(State(door): State<Arc<Door>>, Path(name): Path<String>, request: Request) -> Response {
    let request_id = door.lambda.random.uuid();
    let answered = door.invoke(&name, request, &request_id).await;
    let mut response = answered.unwrap_or_else(|fault| error::refusal(&request_id, &fault));
    insert(response.headers_mut(), REQUEST_ID, &request_id);
    response
}

/// How a caller wants to be answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    RequestResponse,
    Event,
    DryRun,
}

impl Door {
    /// The way of a call: body → caller → manner → function → event → the function.
    async fn invoke(self: &Arc<Self>, name: &str, request: Request, request_id: &str) -> Result<Response, Fault> {
        let (head, body) = request.into_parts();
        let body = read(body).await?;
        let Lambda { mode, admin_keys, clock, .. } = &self.lambda;
        let gate = Gate { mode: *mode, keys: admin_keys, now: clock.now(), service: SERVICE };
        let caller = gate.administrator(&head, &body)?;
        let manner = manner(&head)?;
        let wants_log = wants_log(&head)?;
        let client_context = client_context(&head)?;
        refuse_members(&head)?;
        let (name, function) = self.find(name, head.uri.query(), &caller.region)?;
        let limit = if manner == Manner::Event { EVENT_LIMIT } else { PAYLOAD_LIMIT };
        if body.len() > limit {
            return Err(Fault::TooLarge(limit));
        }
        let event = parse(&body)?;
        let lineage = lineage(&head.headers).next().ok_or(Fault::Recursive)?;
        let call = Call { client_context, lineage, ..Call::new(event, LONGEST, request_id) };
        match manner {
            Manner::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
            Manner::Event => {
                self.events.accept(&name, call, body.len())?;
                Ok(empty(StatusCode::ACCEPTED))
            }
            Manner::RequestResponse => {
                let tail = wants_log.then(|| Arc::new(Tail::default()));
                let outcome = function.invoke(Call { tail: tail.clone(), ..call }).await;
                rendered(outcome, request_id, tail.as_deref())
            }
        }
    }

    fn find(&self, name: &str, query: Option<&str>, region: &str) -> Result<(String, Arc<dyn Function>), Fault> {
        let reference = Reference::parse(name, query)?;
        let arn = reference.arn(region, &self.lambda.account_id);
        let is_here = reference.region.as_deref().is_none_or(|named| named == region)
            && reference.account.as_deref().is_none_or(|named| named == self.lambda.account_id);
        let found = (self.lambda.functions)().get(&reference.name).filter(|_| is_here);
        found.map(|function| (reference.name, function)).ok_or(Fault::NotFound(arn))
    }
}

async fn read(body: Body) -> Result<Bytes, Fault> {
    whole(body, PAYLOAD_LIMIT, BODY_TIMEOUT).await.map_err(|error| match error {
        NotWhole::Slow => Fault::Slow,
        NotWhole::TooLarge => Fault::TooLarge(PAYLOAD_LIMIT),
        NotWhole::Broken(_) => Fault::Content("the body broke off".into()),
    })
}

fn text<'h>(head: &'h Parts, name: &str) -> Option<&'h str> {
    head.headers.get(name).map(|value| value.to_str().unwrap_or_default()).filter(|text| !text.is_empty())
}

fn manner(head: &Parts) -> Result<Manner, Fault> {
    match text(head, INVOCATION_TYPE) {
        None | Some("RequestResponse") => Ok(Manner::RequestResponse),
        Some("Event") => Ok(Manner::Event),
        Some("DryRun") => Ok(Manner::DryRun),
        Some(other) => Err(Fault::enumeration("invocationType", other, "[Event, RequestResponse, DryRun]")),
    }
}

fn wants_log(head: &Parts) -> Result<bool, Fault> {
    match text(head, LOG_TYPE) {
        None | Some("None") => Ok(false),
        Some("Tail") => Ok(true),
        Some(other) => Err(Fault::enumeration("logType", other, "[None, Tail]")),
    }
}

fn refuse_members(head: &Parts) -> Result<(), Fault> {
    match REFUSED.iter().find(|(header, _)| text(head, header).is_some()) {
        Some((_, member)) => Err(Fault::Parameter(format!("{member} is not supported: no function here has that."))),
        None => Ok(()),
    }
}

fn client_context(head: &Parts) -> Result<Option<String>, Fault> {
    let wrong = || Fault::Content("Client context must be a valid Base64-encoded JSON object.".into());
    let Some(given) = text(head, CLIENT_CONTEXT) else { return Ok(None) };
    if given.len() > CLIENT_CONTEXT_LIMIT {
        return Err(wrong());
    }
    let bytes = BASE64_STANDARD.decode(given).map_err(|_| wrong())?;
    match serde_json::from_slice(&bytes) {
        // Written anew, since a header carries it on.
        Ok(context @ Value::Object(_)) => Ok(Some(context.to_string())),
        _ => Err(wrong()),
    }
}

/// No body is an empty object.
fn parse(body: &[u8]) -> Result<Value, Fault> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| {
        let why = error.to_string();
        Fault::Content(format!("Could not parse request body into json: Could not parse payload into json: {why}"))
    })
}

/// A function that fails is an answer like another, with a header that tells.
fn rendered(outcome: Result<Value, FunctionError>, request_id: &str, tail: Option<&Tail>) -> Result<Response, Fault> {
    let (payload, failed) = match outcome {
        Ok(value) => (value, false),
        Err(FunctionError::Busy) => return Err(Fault::Throttled),
        Err(FunctionError::Unreachable(why)) => return Err(Fault::Service(why)),
        Err(error @ FunctionError::TimedOut { .. }) => {
            let mut payload = error.payload();
            let said = payload["errorMessage"].as_str().unwrap_or_default();
            payload["errorMessage"] = format!("RequestId: {request_id} Error: {said}").into();
            (payload, true)
        }
        Err(error) => (error.payload(), true),
    };
    let mut response = Response::new(Body::from(payload.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(EXECUTED_VERSION, LATEST);
    if failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    if let Some(tail) = tail {
        insert(headers, LOG_RESULT, &BASE64_STANDARD.encode(tail.bytes()));
    }
    Ok(response)
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(EXECUTED_VERSION, LATEST);
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
