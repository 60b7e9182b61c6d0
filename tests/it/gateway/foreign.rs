//! Issuers elsewhere: discovery, rotation and floods of unknown key ids.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, Router, routing::get};

use super::*;

pub(super) struct Elsewhere {
    pub(super) issuer: String,
    fetches: Arc<AtomicUsize>,
}

/// Serves the key of `key` under an issuer of its own; `claimed` is what its discovery document says.
pub(super) async fn elsewhere(key: &SigningKey, claimed: Option<&str>) -> Elsewhere {
    publishing(json!({"keys": [key.public().jwk()]}), claimed).await
}

/// The same with any key set.
pub(super) async fn publishing(jwks: Value, claimed: Option<&str>) -> Elsewhere {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let fetches = Arc::new(AtomicUsize::new(0));
    let document = json!({"issuer": claimed.unwrap_or(&issuer), "jwks_uri": format!("{issuer}/keys")});
    let count = Arc::clone(&fetches);
    let keys = move || {
        count.fetch_add(1, Ordering::SeqCst);
        async move { Json(jwks.clone()) }
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(move || async move { Json(document.clone()) }))
        .route("/keys", get(keys));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Elsewhere { issuer, fetches }
}

async fn trusting(issuer: &str) -> Town {
    town(vec![api(Issuer::Url(issuer.to_owned()), vec![route("GET /", true, &[], fixed("in"))])], Functions::default())
        .await
}

#[tokio::test]
async fn unknown_key_ids_make_at_most_one_fetch_in_thirty_seconds() {
    let (key, stranger) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let elsewhere = elsewhere(&key, None).await;
    let town = trusting(&elsewhere.issuer).await;
    let good = key.sign(&claims(json!({"iss": elsewhere.issuer}))).unwrap();
    assert_eq!(town.get("/", &good).await.status, 200);
    assert_eq!(elsewhere.fetches.load(Ordering::SeqCst), 1);
    let unknown = stranger.sign(&claims(json!({"iss": elsewhere.issuer}))).unwrap();
    for seconds in [0, 31, 31] {
        town.clock.advance(Duration::from_secs(seconds));
        for _ in 0..10 {
            assert_eq!(town.get("/", &unknown).await.status, 401);
        }
    }
    assert_eq!(elsewhere.fetches.load(Ordering::SeqCst), 3);
    assert_eq!(town.get("/", &good).await.status, 200);
}

#[tokio::test]
async fn a_token_of_this_server_does_not_pass_for_a_foreign_one() {
    let key = SigningKey::generate().unwrap();
    let elsewhere = elsewhere(&key, None).await;
    let town = trusting(&elsewhere.issuer).await;
    assert_eq!(town.get("/", &town.token(json!({}))).await.status, 401);
    let answer = town.get("/", &key.sign(&claims(json!({}))).unwrap()).await;
    assert!(answer.header("www-authenticate").unwrap().contains("issuer does not match"));
}

#[tokio::test]
async fn an_issuer_that_is_not_there_or_not_itself_is_a_discovery_error() {
    let key = SigningKey::generate().unwrap();
    let liar = elsewhere(&key, Some("https://issuer.example")).await;
    for issuer in [liar.issuer.as_str(), "http://127.0.0.1:1"] {
        let town = trusting(issuer).await;
        let answer = town.get("/", &key.sign(&claims(json!({"iss": issuer}))).unwrap()).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().contains("OIDC discovery endpoint communication error"));
    }
    assert_eq!(liar.fetches.load(Ordering::SeqCst), 0);
}
