//! Devices that are let in from another screen.

use std::time::Duration;

use http::StatusCode;
use poolhouse::domain::user::Status;
use serde_json::{Value, json};

use super::token::{basic, claims};
use crate::app::{Browser, House, PASSWORD, POOL, Reply, SECRET, SERVER, WEB, encode, houses};

const TV: &str = "4example23456789abcdefghij";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Strict houses with a television, one that belongs to nobody who could have a secret.
async fn furnished(house: &House) {
    house.change_pool(|pool| pool.strict_oidc = true).await;
    house.client(TV, &[], json!({ "AllowedOAuthScopes": ["openid", "email"] })).await;
    house.set_client(TV, |client| client.relying_party.device_grant = true).await;
}

async fn scenes() -> Vec<House> {
    let houses = houses().await;
    for house in &houses {
        furnished(house).await;
    }
    houses
}

async fn begin(house: &House) -> Value {
    let reply = house.post("/oauth2/device_authorization", &[("client_id", TV), ("scope", "openid email")], &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.assert_protected();
    reply.json()
}

async fn poll(house: &House, code: &Value) -> Reply {
    let form = [("grant_type", GRANT), ("client_id", TV), ("device_code", code.as_str().unwrap())];
    house.token(&form).await
}

async fn wait(house: &House) {
    house.app.clock.advance(Duration::from_secs(5));
}

/// Types the code, signs in, and comes to the page that asks.
async fn arrive<'a>(house: &'a House, code: &str, name: &str) -> (Browser<'a>, String, Reply) {
    let mut browser = Browser::new(house);
    let page = browser.get("/device").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let form = [("_csrf", &*page.input("_csrf")), ("user_code", code)];
    let reply = browser.post("/device", &form).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text);
    let reply = browser.get(reply.location()).await;
    let (path, query) = reply.location().split_once('?').unwrap();
    assert_eq!(path, "/login");
    let reply = browser.sign_in(query, name, PASSWORD).await;
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    let address = reply.location().to_owned();
    assert!(address.starts_with("/device?user_code="), "{address}");
    let page = browser.get(&address).await;
    (browser, address, page)
}

async fn press(browser: &mut Browser<'_>, address: &str, page: &Reply, answer: &str) -> Reply {
    browser.post(address, &[("_csrf", &*page.input("_csrf")), ("answer", answer)]).await
}

#[tokio::test]
async fn a_device_comes_in_once_its_user_says_so() {
    for house in scenes().await {
        let started = begin(&house).await;
        let code = started["user_code"].as_str().unwrap();
        let expected = json!({
            "device_code": started["device_code"], "user_code": code, "expires_in": 600, "interval": 5,
            "verification_uri": "http://localhost:9229/device",
            "verification_uri_complete": format!("http://localhost:9229/device?user_code={code}"),
        });
        assert_eq!(started, expected);
        poll(&house, &started["device_code"]).await.assert_refused("authorization_pending");
        // However it is typed.
        let typed = code.to_lowercase().replace('-', " ");
        let (mut browser, address, page) = arrive(&house, &typed, "ann").await;
        assert!(page.text.contains(code) && page.text.contains("ann"), "{}", page.text);
        assert!(page.text.contains("web &#60;&#38;&#62; app"), "the application is named: {}", page.text);
        wait(&house).await;
        poll(&house, &started["device_code"]).await.assert_refused("authorization_pending");
        let done = press(&mut browser, &address, &page, "allow").await;
        assert!(done.status == StatusCode::OK && done.text.contains("Your device is connected"), "{}", done.text);
        wait(&house).await;
        let tokens = poll(&house, &started["device_code"]).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
        let tokens = tokens.json();
        let told = claims(&tokens["id_token"]);
        assert_eq!((&told["aud"], &told["email"]), (&json!(TV), &json!("ann@example.com")));
        assert!(tokens["refresh_token"].is_string());
        wait(&house).await;
        poll(&house, &started["device_code"]).await.assert_refused("invalid_grant");
        // The code opens nothing any more.
        let again = browser.get(&address).await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_device_that_is_refused_learns_it() {
    for house in scenes().await {
        let started = begin(&house).await;
        let (mut browser, address, page) = arrive(&house, started["user_code"].as_str().unwrap(), "ann").await;
        let done = press(&mut browser, &address, &page, "deny").await;
        assert!(done.text.contains("The device was refused"), "{}", done.text);
        for _ in 0..2 {
            poll(&house, &started["device_code"]).await.assert_refused("access_denied");
            wait(&house).await;
        }
        assert_eq!(press(&mut browser, &address, &page, "allow").await.status, StatusCode::BAD_REQUEST);
        poll(&house, &started["device_code"]).await.assert_refused("access_denied");
    }
}

#[tokio::test]
async fn whoever_asks_too_often_waits_longer_and_longer() {
    for house in scenes().await {
        let code = begin(&house).await["device_code"].clone();
        let ask = async |seconds: u64, answer: &str| {
            house.app.clock.advance(Duration::from_secs(seconds));
            poll(&house, &code).await.assert_refused(answer);
        };
        ask(0, "authorization_pending").await;
        ask(4, "slow_down").await;
        ask(9, "slow_down").await;
        ask(14, "slow_down").await;
        ask(20, "authorization_pending").await;
        ask(20, "authorization_pending").await;
    }
}

#[tokio::test]
async fn a_code_lives_for_ten_minutes_and_for_its_client() {
    for house in scenes().await {
        house.client("5example23456789abcdefghij", &[], json!({ "AllowedOAuthScopes": ["openid"] })).await;
        house.set_client("5example23456789abcdefghij", |client| client.relying_party.device_grant = true).await;
        let started = begin(&house).await;
        let code = started["device_code"].as_str().unwrap();
        let form = [("grant_type", GRANT), ("client_id", "5example23456789abcdefghij"), ("device_code", code)];
        house.token(&form).await.assert_refused("invalid_grant");
        poll(&house, &json!("unknown")).await.assert_refused("invalid_grant");
        poll(&house, &json!("")).await.assert_refused("invalid_request");
        let (mut browser, address, page) = arrive(&house, started["user_code"].as_str().unwrap(), "ann").await;
        house.app.clock.advance(Duration::from_secs(600));
        let late = press(&mut browser, &address, &page, "allow").await;
        assert_eq!(late.status, StatusCode::BAD_REQUEST, "{}", late.text);
        poll(&house, &started["device_code"]).await.assert_refused("expired_token");
    }
}

#[tokio::test]
async fn only_devices_of_strict_pools_ask() {
    for house in houses().await {
        furnished(&house).await;
        let ask = async |client: &str, headers: &[(&str, &str)]| {
            let form = [("client_id", client)];
            house.post("/oauth2/device_authorization", &form, headers).await
        };
        ask(WEB, &[]).await.assert_refused("unauthorized_client");
        let refused = ask(SERVER, &[]).await;
        assert_eq!((refused.status, &refused.json()["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
        let proven = [("authorization", &*basic(SERVER, SECRET))];
        ask(SERVER, &proven).await.assert_refused("unauthorized_client");
        let scope = [("client_id", TV), ("scope", "openid profile")];
        house.post("/oauth2/device_authorization", &scope, &[]).await.assert_refused("invalid_scope");
        let form = [("grant_type", GRANT), ("client_id", WEB), ("device_code", "x")];
        house.token(&form).await.assert_refused("unauthorized_client");
        assert_eq!(house.get("/oauth2/device_authorization").await.status, StatusCode::METHOD_NOT_ALLOWED);
        let metadata = house.get(&format!("/{POOL}/.well-known/openid-configuration")).await.json();
        assert_eq!(metadata["device_authorization_endpoint"], "http://localhost:9229/oauth2/device_authorization");
        assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));
        house.change_pool(|pool| pool.strict_oidc = false).await;
        house.app.directory.forget_pool(POOL);
        ask(TV, &[]).await.assert_refused("unauthorized_client");
        let form = [("grant_type", GRANT), ("client_id", TV), ("device_code", "x")];
        house.token(&form).await.assert_refused("unsupported_grant_type");
    }
}

#[tokio::test]
async fn whoever_guesses_at_codes_is_stopped() {
    for house in scenes().await {
        let started = begin(&house).await;
        let mut browser = Browser::new(&house);
        let page = browser.get("/device").await;
        let token = page.input("_csrf");
        let type_in = async |browser: &mut Browser<'_>, code: &str| {
            browser.post("/device", &[("_csrf", &*token), ("user_code", code)]).await
        };
        // What cannot be a code is no guess, and a right one is none either.
        for _ in 0..7 {
            let reply = type_in(&mut browser, "no code").await;
            assert!(reply.alert().contains("not right"), "{}", reply.text);
            let right = type_in(&mut browser, started["user_code"].as_str().unwrap()).await;
            assert_eq!(right.status, StatusCode::SEE_OTHER);
        }
        for guess in ["BBBB-BBBB", "BBBB-BBBC", "BBBB-BBBD", "BBBB-BBBF", "BBBB-BBBG"] {
            assert!(type_in(&mut browser, guess).await.alert().contains("not right"));
        }
        let stopped = type_in(&mut browser, started["user_code"].as_str().unwrap()).await;
        assert!(stopped.alert().contains("Too many attempts"), "{}", stopped.text);
        // The address is a way to guess as well.
        let mut other = Browser::new(&house);
        assert!(other.get("/device?user_code=BBBB-BBBH").await.alert().contains("Too many attempts"));
        house.app.clock.advance(Duration::from_secs(601));
        assert!(other.get("/device?user_code=BBBB-BBBH").await.alert().contains("not right"));
    }
}

#[tokio::test]
async fn an_address_that_a_stranger_sends_lets_no_device_in() {
    for house in houses().await {
        furnished(&house).await;
        let started = begin(&house).await;
        let code = started["user_code"].as_str().unwrap();
        let address = format!("/device?user_code={code}");
        // Nobody is signed in: the page shows the code to be compared, and nothing happens.
        let mut browser = Browser::new(&house);
        let page = browser.get(&address).await;
        assert!(page.status == StatusCode::OK && page.input("user_code") == code);
        let (mut signed_in, _, page) = arrive(&house, code, "ann").await;
        let forged = signed_in.post(&address, &[("_csrf", "x"), ("answer", "allow")]).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN);
        let of_another = browser.post(&address, &[("_csrf", &*page.input("_csrf")), ("answer", "allow")]).await;
        assert_eq!(of_another.status, StatusCode::FORBIDDEN);
        // A browser with a form of its own, and nobody signed in.
        let own = browser.get(&address).await;
        let nobody = press(&mut browser, &address, &own, "allow").await;
        assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
        wait(&house).await;
        poll(&house, &started["device_code"]).await.assert_refused("authorization_pending");
        // No application gets anything by asking as the page does.
        let query = encode(&[("client_id", TV), ("response_type", "device"), ("user_code", "nonsense")]);
        assert!(house.get(&format!("/oauth2/authorize?{query}")).await.location().starts_with("/error?"));
        let query = encode(&[("client_id", WEB), ("response_type", "device"), ("user_code", code)]);
        assert!(house.get(&format!("/oauth2/authorize?{query}")).await.location().starts_with("/error?"));
    }
}

#[tokio::test]
async fn a_device_does_not_come_in_as_somebody_who_has_gone() {
    for house in scenes().await {
        house.user("bob", PASSWORD, Status::Confirmed).await;
        let started = begin(&house).await;
        let (mut browser, address, page) = arrive(&house, started["user_code"].as_str().unwrap(), "bob").await;
        press(&mut browser, &address, &page, "allow").await;
        let pool = house.pool().await;
        poolhouse::flows::users::set_enabled(&house.cx(), &pool, &house.find("bob").await, false).await.unwrap();
        wait(&house).await;
        poll(&house, &started["device_code"]).await.assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn of_many_polls_at_once_one_gets_the_tokens() {
    for house in scenes().await {
        let started = begin(&house).await;
        let (mut browser, address, page) = arrive(&house, started["user_code"].as_str().unwrap(), "ann").await;
        press(&mut browser, &address, &page, "allow").await;
        let code = started["device_code"].clone();
        let polls: Vec<_> = (0..8)
            .map(|_| {
                let (app, code) = (house.router.clone(), code.as_str().unwrap().to_owned());
                tokio::spawn(async move {
                    let form = encode(&[("grant_type", GRANT), ("client_id", TV), ("device_code", &code)]);
                    let request = http::Request::post("/oauth2/token")
                        .header("content-type", "application/x-www-form-urlencoded")
                        .body(axum::body::Body::from(form))
                        .unwrap();
                    tower::ServiceExt::oneshot(app, request).await.unwrap().status()
                })
            })
            .collect();
        let mut won = 0;
        for poll in polls {
            won += usize::from(poll.await.unwrap() == StatusCode::OK);
        }
        assert_eq!(won, 1);
    }
}
