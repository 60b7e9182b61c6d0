//! The test controls: for this machine, and for nobody whom a browser brings along.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{body::Body, extract::ConnectInfo};
use http::{Request, StatusCode};
use poolhouse::controls;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::House;

const HERE: &str = "127.0.0.1:50000";

async fn ask(house: &House, peer: &str, request: http::request::Builder, body: &Value) -> (StatusCode, Value) {
    let mut request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
    let response = controls::router(Arc::clone(&house.app)).oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn only_this_machine_reads_the_inbox() {
    let house = House::new().await;
    let inbox = || Request::get("/messages").header("host", "localhost:9229");
    assert_eq!(ask(&house, HERE, inbox(), &json!({})).await, (StatusCode::OK, json!([])));
    assert_eq!(ask(&house, "10.0.0.7:50000", inbox(), &json!({})).await.0, StatusCode::FORBIDDEN);
    let rebound = Request::get("/messages").header("host", "evil.example");
    assert_eq!(ask(&house, HERE, rebound, &json!({})).await.0, StatusCode::FORBIDDEN);
    let of_a_page = inbox().header("origin", "https://evil.example");
    assert_eq!(ask(&house, HERE, of_a_page, &json!({})).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_clock_stops_moves_and_runs_again() {
    let house = House::new().await;
    let clock = || Request::post("/clock").header("host", "localhost:9229");
    let before = house.app.clock.now();
    assert_eq!(ask(&house, HERE, clock(), &json!({"advance_seconds": 3600})).await.0, StatusCode::OK);
    assert_eq!(house.app.clock.now(), before.plus(Duration::from_secs(3600)));
    let (_, frozen) = ask(&house, HERE, clock(), &json!({"freeze": 1_900_000_000_000_i64})).await;
    assert_eq!(frozen, json!({"now": 1_900_000_000_000_i64}));
    assert_eq!(ask(&house, HERE, clock(), &json!({"freeze": "soon"})).await.0, StatusCode::BAD_REQUEST);
    ask(&house, HERE, clock(), &json!({"resume": true})).await;
    assert_ne!(house.app.clock.now().millis(), 1_900_000_000_000);
}

#[tokio::test]
async fn controls_that_are_not_built_say_so() {
    let house = House::new().await;
    for (name, status) in [("reset", StatusCode::NOT_IMPLEMENTED), ("rset", StatusCode::NOT_FOUND)] {
        let request = Request::post(format!("/{name}")).header("host", "localhost");
        let (given, body) = ask(&house, HERE, request, &json!({})).await;
        assert_eq!(given, status);
        assert!(body["message"].as_str().unwrap().contains(name));
    }
}
