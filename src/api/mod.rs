//! The door of the AWS JSON 1.1 API: `POST /` with `X-Amz-Target`. It speaks the protocol and decides nothing.
//!
//! An `if` about users, passwords or tokens belongs in a flow. What the service publishes about itself stands in
//! [`model`](crate::model); every operation that it has stands on one screen in [`operations`].
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

mod caller;
pub mod error;
pub mod operation;
pub mod operations;
mod origin;
mod protocol;
pub mod shapes;
mod upload;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::{post, put},
};
use serde_json::Value;

pub use operation::{Entry, Operation};

use crate::{
    domain::Error,
    flows::{App, Cx},
    kit::ids,
    model::{self, MODEL},
    web::{lineage, paths::Place},
};
use caller::Gate;
use operation::Failure;
use protocol::Fault;

/// `POST /`, its preflight, and a refusal of every other method there; and where the files of import jobs go.
pub fn router() -> Router<Arc<App>> {
    let files = format!("{}/{{ticket}}", Place::UserImport.path());
    router_of(operations::OPERATIONS).route(&files, put(upload::put))
}

/// The same over another table, so that a test can bring operations of its own.
fn router_of(table: &'static [Entry]) -> Router<Arc<App>> {
    let answer = move |State(app): State<Arc<App>>, request: Request| answer(table, app, request);
    Router::new().route("/", post(answer).options(protocol::preflight).fallback(protocol::not_found))
}

async fn answer(table: &'static [Entry], app: Arc<App>, request: Request) -> Response {
    let request_id = app.random.uuid();
    match dispatch(table, app, &request_id, request).await {
        Ok(body) => protocol::success(&request_id, body),
        Err(failure) => protocol::refusal(&request_id, &error::render(&failure, &request_id)),
    }
}

/// The way of a call: target → table → body → caller → types and limits → the operation.
async fn dispatch(
    table: &'static [Entry],
    app: Arc<App>,
    request_id: &str,
    request: Request,
) -> Result<Vec<u8>, Failure> {
    let (head, body) = request.into_parts();
    let name = protocol::target(&head)?;
    let entry = table.iter().find(|entry| entry.name == name).ok_or(Fault::UnknownOperation)?;
    let facts = MODEL.operation(entry.name).ok_or(Fault::UnknownOperation)?;
    let body = protocol::read(&head, body, protocol::largest_body(name)).await?;
    let setup = &app.setup;
    let gate = Gate { mode: setup.mode, region: &setup.region, keys: &setup.admin_keys, now: app.clock.now() };
    let caller = gate.identify(caller::is_public(name, facts), &head, &body)?;
    let input = protocol::parse(&body)?;
    let found = MODEL.findings(facts.input, &input);
    if let Some(fault) = found.type_faults.into_iter().next() {
        return Err(Fault::Serialization(Some(fault.message)).into());
    }
    if !found.violations.is_empty() {
        return Err(Error::InvalidParameter(model::summary(&found.violations)).into());
    }
    if holds_nul(&input) {
        return Err(Error::InvalidParameter("The request holds the character U+0000.".into()).into());
    }
    if let Some(pool) = abroad(&input, &caller.region) {
        return Err(Error::NoSuchPool(pool.to_owned()).into());
    }
    tracing::debug!(request_id, operation = entry.name, access_key_id = caller.access_key_id, "api call");
    // Browser libraries send `null` for what they have not stored, also inside maps.
    let input = match input {
        Value::Object(members) => Value::Object(MODEL.pruned(facts.input, members)),
        other => other,
    };
    let cx = Cx::new(app, &caller.region, request_id.to_owned());
    let origin = origin::of(&head, &input, caller.access_key_id.is_some());
    let cx = cx.called_by(protocol::agent(&head)).seen_from(origin).led_to_by(lineage(&head.headers));
    let answer = entry.run(cx, input).await;
    let outcome = if answer.is_ok() { "ok" } else { "refused" };
    metrics::counter!("poolhouse_api_calls_total", "operation" => entry.name, "outcome" => outcome).increment(1);
    answer
}

/// Many shapes allow every character, but no database keeps this one in a text.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The pool that a call names, if it is at home in another region than the one that the call was signed for.
fn abroad<'a>(input: &'a serde_json::Value, region: &str) -> Option<&'a str> {
    input.get("UserPoolId")?.as_str().filter(|pool| ids::is_abroad(pool, region))
}

#[cfg(test)]
mod tests;
