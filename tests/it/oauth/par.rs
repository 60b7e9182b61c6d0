//! Authorization requests that are pushed.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::{
    ORDINARY,
    token::{CHALLENGE, VERIFIER, basic, redeeming},
};
use crate::app::{Browser, CALLBACK, House, PASSWORD, POOL, Reply, SECRET, SERVER, WEB, encode, houses, strict_houses};

/// The ordinary request of a public client, with its challenge.
fn asked() -> Vec<(&'static str, &'static str)> {
    [&ORDINARY[..], &CHALLENGE[..]].concat()
}

fn with<'a>(pairs: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = pairs.iter().filter(|(own, _)| *own != name).copied();
    others.chain([(name, value)]).collect()
}

async fn push(house: &House, pairs: &[(&str, &str)]) -> Reply {
    house.post("/oauth2/par", pairs, &[]).await
}

/// The query that the browser carries.
async fn pushed(house: &House) -> String {
    let reply = push(house, &asked()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    reply.assert_protected();
    let told = reply.json();
    assert_eq!(told["expires_in"], 90);
    encode(&[("client_id", WEB), ("request_uri", told["request_uri"].as_str().unwrap())])
}

async fn scenes() -> Vec<House> {
    let houses = houses().await;
    for house in &houses {
        house.change_pool(|pool| pool.strict_oidc = true).await;
    }
    houses
}

#[tokio::test]
async fn what_was_pushed_is_asked_for() {
    for house in scenes().await {
        let query = pushed(&house).await;
        let mut browser = Browser::new(&house);
        // What the browser adds means nothing.
        let more = format!("{query}&scope=openid%20profile&redirect_uri=https%3A%2F%2Fevil.example%2F&state=other");
        let first = browser.get(&format!("/oauth2/authorize?{more}")).await;
        assert!(first.location().starts_with("/login?"), "{}", first.location());
        // The user takes their time.
        house.app.clock.advance(Duration::from_secs(1_800));
        let reply = browser.sign_in(&more, "ann", PASSWORD).await;
        assert!(reply.location().starts_with(CALLBACK), "{}", reply.location());
        assert_eq!(reply.told("state").as_deref(), Some("st&at=e"));
        let code = reply.told("code").unwrap();
        let tokens = house.token(&[&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat()).await.json();
        let scope = super::token::claims(&tokens["access_token"])["scope"].clone();
        assert_eq!(scope, "openid email");
        // It is used up.
        let again = browser.get(&format!("/oauth2/authorize?{query}")).await;
        assert!(again.location().starts_with("/error?"), "{}", again.location());
    }
}

#[tokio::test]
async fn an_address_ends_by_itself_and_is_good_for_its_client() {
    for house in scenes().await {
        let query = pushed(&house).await;
        let foreign = query.replace(WEB, SERVER);
        assert!(house.get(&format!("/oauth2/authorize?{foreign}")).await.location().starts_with("/error?"));
        house.app.clock.advance(Duration::from_secs(90));
        assert!(house.get(&format!("/oauth2/authorize?{query}")).await.location().starts_with("/error?"));
        let unknown = encode(&[("client_id", WEB), ("request_uri", "urn:ietf:params:oauth:request_uri:none")]);
        assert!(house.get(&format!("/oauth2/authorize?{unknown}")).await.location().starts_with("/error?"));
        let twice = format!("{}&request_uri=x", pushed(&house).await);
        assert!(house.get(&format!("/oauth2/authorize?{twice}")).await.location().starts_with("/error?"));
    }
}

#[tokio::test]
async fn of_two_tabs_one_is_answered() {
    for house in scenes().await {
        let query = pushed(&house).await;
        let (mut one, mut other) = (Browser::new(&house), Browser::new(&house));
        let page = other.get(&format!("/login?{query}")).await;
        assert!(one.sign_in(&query, "ann", PASSWORD).await.told("code").is_some());
        let form = [("_csrf", &*page.input("_csrf")), ("username", "ann"), ("password", PASSWORD)];
        let late = other.post(&format!("/login?{query}"), &form).await;
        assert!(late.location().starts_with("/error?"), "{} {}", late.location(), late.text);
    }
}

#[tokio::test]
async fn a_silent_request_is_answered_too() {
    for house in strict_houses().await {
        let mut browser = Browser::new(&house);
        browser.sign_in(&encode(&asked()), "ann", PASSWORD).await;
        let told = push(&house, &with(&asked(), "prompt", "none")).await.json();
        let query = encode(&[("client_id", WEB), ("request_uri", told["request_uri"].as_str().unwrap())]);
        assert!(browser.get(&format!("/oauth2/authorize?{query}")).await.told("code").is_some());
        let told = push(&house, &with(&asked(), "prompt", "none")).await.json();
        let query = encode(&[("client_id", WEB), ("request_uri", told["request_uri"].as_str().unwrap())]);
        let nobody = house.get(&format!("/oauth2/authorize?{query}")).await;
        assert_eq!(nobody.told("error").as_deref(), Some("login_required"));
    }
}

#[tokio::test]
async fn a_client_is_told_at_once_what_is_wrong() {
    for house in strict_houses().await {
        let asked = asked();
        for (name, value, error) in [
            ("redirect_uri", "https://evil.example/", "invalid_request"),
            ("response_type", "id_token", "unsupported_response_type"),
            ("response_type", "device", "invalid_request"),
            ("scope", "openid nonsense", "invalid_scope"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("request", "e30.e30.", "request_not_supported"),
            ("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request"),
            ("resource", "no url", "invalid_target"),
            ("client_id", "unknown", "invalid_client"),
            ("client_secret", "x", "invalid_client"),
        ] {
            let reply = push(&house, &with(&asked, name, value)).await;
            assert_eq!(reply.json()["error"], error, "{name}={value}: {}", reply.text);
            reply.assert_protected();
        }
        let without: Vec<_> = asked.iter().filter(|(name, _)| !name.starts_with("code_challenge")).copied().collect();
        push(&house, &without).await.assert_refused("invalid_request");
        let twice = [&asked[..], &[("state", "x")]].concat();
        push(&house, &twice).await.assert_refused("invalid_request");
        assert_eq!(house.get("/oauth2/par").await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn a_client_with_a_secret_proves_itself() {
    for house in strict_houses().await {
        let request = [("response_type", "code"), ("redirect_uri", CALLBACK), ("scope", "openid")];
        let proven = basic(SERVER, SECRET);
        let reply = house.post("/oauth2/par", &request, &[("authorization", &proven)]).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
        let unproven = push(&house, &with(&request, "client_id", SERVER)).await;
        assert_eq!((unproven.status, &unproven.json()["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
        let told = reply.json();
        let query = encode(&[("client_id", SERVER), ("request_uri", told["request_uri"].as_str().unwrap())]);
        let mut browser = Browser::new(&house);
        assert!(browser.sign_in(&query, "ann", PASSWORD).await.told("code").is_some());
    }
}

#[tokio::test]
async fn a_faithful_pool_takes_none() {
    for house in houses().await {
        push(&house, &asked()).await.assert_refused("invalid_request");
        house.set_strict(true).await;
        let metadata = house.get(&format!("/{POOL}/.well-known/openid-configuration")).await.json();
        assert_eq!(metadata["pushed_authorization_request_endpoint"], "http://localhost:9229/oauth2/par");
        assert_eq!(metadata["require_pushed_authorization_requests"], false);
    }
}
