//! `/_poolhouse`: what a test suite controls. Development only, and only from this machine.
//!
//! `GET messages?to=…&wait=…` reads the inbox, `POST clock` moves time. Controls of the contract that do not exist yet answer
//! 501 and their name.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use http::{StatusCode, header, uri::Authority};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    domain::message::Message,
    flows::App,
    kit::{clock::Time, host::is_this_machine},
    store,
};

const MOST_MESSAGES: i64 = 100;
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/messages", get(messages))
        .route("/clock", post(clock))
        .route("/{control}", any(not_built))
        .layer(middleware::from_fn(from_this_machine))
        .with_state(app)
}

/// Whoever can reach the port from elsewhere must not read codes or move time.
async fn from_this_machine(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
    // A browser on this machine sends requests for any page: the name that it was given must be this machine's too.
    let is_local = peer.is_some_and(|peer| peer.is_loopback()) && names_this_machine(&request);
    if is_local {
        next.run(request).await
    } else {
        refusal(StatusCode::FORBIDDEN, "test controls answer this machine only")
    }
}

/// A page of another site could be sent here by a name of its own that resolves to this machine.
fn names_this_machine(request: &Request) -> bool {
    let given = request.uri().authority().cloned();
    let named = given.or_else(|| request.headers().get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok());
    named.is_some_and(|authority| is_this_machine(authority.host())) && !request.headers().contains_key(header::ORIGIN)
}

async fn not_built(request: Request) -> Response {
    let name = request.uri().path().trim_start_matches('/').to_owned();
    match name.as_str() {
        "reset" | "snapshot" | "hooks" | "fault" => {
            refusal(StatusCode::NOT_IMPLEMENTED, &format!("the test control \"{name}\" is not built yet"))
        }
        _ => refusal(StatusCode::NOT_FOUND, &format!("there is no test control \"{name}\"")),
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The exact address; all when absent.
    to: Option<String>,
    /// Seconds to wait for the first message.
    wait: Option<u64>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    pool: String,
    medium: &'static str,
    to: String,
    subject: Option<String>,
    body: String,
    code: Option<String>,
    /// Milliseconds since the epoch.
    at: i64,
}

impl From<Message> for Shown {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            pool: message.pool_id,
            medium: message.medium.name(),
            to: message.recipient,
            subject: message.subject,
            body: message.body,
            code: message.code,
            at: message.created_at.millis(),
        }
    }
}

/// The inbox, newest first. With `wait` it blocks until there is a message or the time is over.
async fn messages(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Response {
    let patience = Duration::from_secs(wanted.wait.unwrap_or(0)).min(LONGEST_WAIT);
    let until = tokio::time::Instant::now() + patience;
    loop {
        match read(&app, wanted.to.as_deref()).await {
            Err(error) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            Ok(found) if !found.is_empty() || tokio::time::Instant::now() >= until => {
                return Json(found.into_iter().map(Shown::from).collect::<Vec<_>>()).into_response();
            }
            Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

async fn read(app: &App, to: Option<&str>) -> store::Result<Vec<Message>> {
    let mut tx = app.store.read().await?;
    store::messages::newest(&mut tx, to, MOST_MESSAGES).await
}

/// What `POST clock` does; members may be combined and are carried out in this order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Lets time run again from the real present.
    #[serde(default)]
    resume: bool,
    /// Stops the clock at this moment, in milliseconds since the epoch; `true` stops it now.
    freeze: Option<Value>,
    advance_seconds: Option<u64>,
}

async fn clock(State(app): State<Arc<App>>, Json(change): Json<Change>) -> Response {
    if change.resume {
        app.clock.resume();
    }
    match change.freeze {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => app.clock.freeze(app.clock.now()),
        Some(at) => match at.as_i64().filter(|at| *at > 0) {
            Some(at) => app.clock.freeze(Time::from_millis(at)),
            None => return refusal(StatusCode::BAD_REQUEST, "freeze is true or milliseconds since the epoch"),
        },
    }
    if let Some(seconds) = change.advance_seconds {
        app.clock.advance(Duration::from_secs(seconds));
    }
    Json(json!({ "now": app.clock.now().millis() })).into_response()
}
