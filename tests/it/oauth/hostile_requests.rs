//! Requests of browsers that mean no good, or that somebody tampered with on the way.

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode};
use poolhouse::{
    domain::{client::Unit, user::Status},
    flows::clients,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    ORDINARY,
    authorize::{STRANGE, assert_page, assert_told, with},
    token::{CHALLENGE, VERIFIER, claims, redeeming},
};
use crate::app::{Browser, CALLBACK, House, PASSWORD, Reply, WEB, encode, houses};

const BYE: &str = "https://app.example/bye";

async fn ask(house: &House, query: &str) -> Reply {
    house.get(&format!("/oauth2/authorize?{query}")).await
}

#[tokio::test]
async fn a_client_that_was_deleted_looks_like_none() {
    for house in houses().await {
        let unknown = assert_page(&house, &with("client_id", Some("nobody"))).await;
        let code = house.code(&ORDINARY).await;
        let pool = house.pool().await;
        clients::delete(&house.cx(), &pool.id, WEB).await.unwrap();
        assert_eq!(assert_page(&house, &encode(&ORDINARY)).await, unknown);
        house.token(&redeeming(&code)).await.assert_refused("invalid_client");
    }
}

#[tokio::test]
async fn a_pattern_is_an_address_like_any_other() {
    for house in houses().await {
        house
            .client(
                "7example",
                &[],
                json!({
                    "CallbackURLs": ["https://*.app.example/cb", "https://app.example/*"], "AllowedOAuthFlows": ["code"],
                    "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthScopes": ["openid"],
                }),
            )
            .await;
        let request = |uri| encode(&[("response_type", "code"), ("client_id", "7example"), ("redirect_uri", uri)]);
        for uri in
            ["https://a.app.example/cb", "https://app.example/cb", "https://app.example/", "https://app.example/**"]
        {
            assert_page(&house, &request(uri)).await;
        }
        assert!(ask(&house, &request("https://app.example/*")).await.location().starts_with("/login?"));
    }
}

#[tokio::test]
async fn a_strict_pool_says_what_it_does_not_support_and_cannot_read() {
    for house in houses().await {
        for value in ["-1", "abc", "1e9", "1.5", "+60", " 60", "", "99999999999999999999"] {
            let reply = ask(&house, &with("max_age", Some(value))).await;
            assert!(reply.location().starts_with("/login?"), "the service looks at no {value}");
        }
        house.set_strict(true).await;
        let strict = |name, value| format!("{}&{}", with(name, Some(value)), encode(&CHALLENGE));
        for value in ["code token", "id_token", "none", "CODE", "code "] {
            assert_told(&ask(&house, &strict("response_type", value)).await, "unsupported_response_type");
        }
        let missing = format!("{}&{}", with("response_type", None), encode(&CHALLENGE));
        assert_told(&ask(&house, &missing).await, "invalid_request");
        for value in ["-1", "abc", "1e9", "1.5", "+60", " 60", "99999999999999999999"] {
            assert_told(&ask(&house, &strict("max_age", value)).await, "invalid_request");
        }
        for value in ["0", "60", "4294967296"] {
            assert!(ask(&house, &strict("max_age", value)).await.location().starts_with("/login?"), "{value}");
        }
    }
}

#[tokio::test]
async fn nonce_and_state_come_back_as_they_were() {
    let state = "{\"a\":\"b&c=d\"}% +\u{e9}\u{2028}";
    let nonce = format!("{}\u{e9}&=%2B +", "n".repeat(2_000));
    for house in houses().await {
        for is_strict in [false, true] {
            if is_strict {
                house.set_strict(true).await;
            }
            let mut pairs = [&ORDINARY[..], &CHALLENGE[..], &[("nonce", &*nonce)]].concat();
            pairs[3].1 = state;
            let reply = Browser::new(&house).sign_in(&encode(&pairs), "ann", PASSWORD).await;
            assert_eq!(reply.told("state").as_deref(), Some(state));
            let code = reply.told("code").unwrap();
            let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
            assert_eq!(claims(&house.token(&form).await.json()["id_token"])["nonce"], nonce);
        }
    }
}

#[tokio::test]
async fn only_registered_addresses_follow_a_sign_out() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await;
        for uri in STRANGE.into_iter().filter(|uri| !uri.is_empty()) {
            let near = uri.replace("/cb", "/bye");
            for pairs in [[("client_id", WEB), ("logout_uri", &*near)], [("client_id", WEB), ("redirect_uri", uri)]] {
                let reply = browser.get(&format!("/logout?{}", encode(&pairs))).await;
                assert!(reply.location().starts_with("/error?"), "{pairs:?}: {}", reply.location());
            }
        }
        assert!(browser.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await.told("code").is_some());
    }
}

#[tokio::test]
async fn only_registered_addresses_follow_a_strict_sign_out() {
    for house in houses().await {
        house.set_strict(true).await;
        for uri in STRANGE.into_iter().filter(|uri| !uri.is_empty()) {
            let near = uri.replace("/cb", "/bye");
            let pairs = [("client_id", WEB), ("post_logout_redirect_uri", &*near)];
            let reply = house.get(&format!("/logout?{}", encode(&pairs))).await;
            assert!(reply.location().starts_with("/error?"), "{near}: {}", reply.location());
        }
    }
}

#[tokio::test]
async fn an_id_token_that_ran_out_still_shows_who_is_meant_and_a_forged_one_nobody() {
    for house in houses().await {
        house.set_strict(true).await;
        house
            .set_client(WEB, |settings| {
                settings.id_token_validity = Some(5);
                settings.token_validity_units.id_token = Some(Unit::Minutes);
            })
            .await;
        let request = encode(&[&ORDINARY[..], &CHALLENGE[..]].concat());
        let mut browser = Browser::new(&house);
        let code = browser.sign_in(&request, "ann", PASSWORD).await.told("code").unwrap();
        let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
        let tokens = house.token(&form).await.json();
        let hint = tokens["id_token"].as_str().unwrap();
        let payload = hint.split('.').nth(1).unwrap();
        for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb05lIn0", "eyJhbGciOiJIUzI1NiJ9"] {
            for forged in [format!("{header}.{payload}."), format!("{header}.{payload}.AA")] {
                let pairs = [("id_token_hint", &*forged), ("post_logout_redirect_uri", BYE)];
                let reply = browser.get(&format!("/logout?{}", encode(&pairs))).await;
                assert!(reply.location().starts_with("/error?"), "{}", reply.location());
            }
        }
        house.app.clock.advance(Duration::from_secs(301));
        let pairs = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE)];
        assert_eq!(browser.get(&format!("/logout?{}", encode(&pairs))).await.location(), BYE);
        assert!(browser.get(&format!("/oauth2/authorize?{request}")).await.location().starts_with("/login?"));
    }
}

#[tokio::test]
async fn no_header_changes_where_a_browser_is_sent() {
    for house in houses().await {
        let ask = async |path: &str, headers: &[(&str, &str)]| {
            let request =
                headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
            house.send(request.body(axum::body::Body::empty()).unwrap()).await
        };
        let paths = [
            format!("/oauth2/authorize?{}", encode(&ORDINARY)),
            format!("/logout?{}", encode(&ORDINARY)),
            format!("/oauth2/authorize?{}", with("redirect_uri", Some("https://evil.example/cb"))),
            "/us-east-1_Example01/.well-known/openid-configuration".to_owned(),
        ];
        for path in paths {
            let plain = ask(&path, &[("host", "localhost:9229")]).await;
            for (name, value) in [
                ("host", "evil.example"),
                ("x-forwarded-host", "evil.example"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-prefix", "/evil"),
                ("x-original-url", "/evil"),
                ("forwarded", "host=evil.example;proto=https"),
            ] {
                let usual = [("host", "localhost:9229"), (name, value)];
                let told = ask(&path, &usual[usize::from(name == "host")..]).await;
                assert_eq!(
                    (told.status, told.location(), &told.text),
                    (plain.status, plain.location(), &plain.text),
                    "{name}"
                );
                assert!(!told.header("set-cookie").contains("__Host-"));
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_that_was_changed_is_none() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await;
        let good = browser.cookie.clone().unwrap();
        let (name, value) = good.split_once('=').unwrap();
        let mut changed: Vec<String> = (0..value.len())
            .map(|at| {
                let other = if &value[at..=at] == "A" { "B" } else { "A" };
                format!("{name}={}{other}{}", &value[..at], &value[at + 1..])
            })
            .collect();
        changed.extend([
            format!("{name}={value}A"),
            format!("{name}={}", &value[1..]),
            format!("{name}="),
            name.to_owned(),
        ]);
        // The last letter of an id carries bits that count for nothing: what stands for the same id is the same id.
        for cookie in changed.iter().filter(|cookie| **cookie != good) {
            let mut thief = Browser::new(&house);
            thief.cookie = Some(cookie.clone());
            let reply = thief.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await;
            assert!(reply.location().starts_with("/login?"), "{cookie}: {}", reply.location());
        }
        assert!(browser.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await.told("code").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_sign_in_at_once_each_get_their_own_answer() {
    for house in houses().await {
        let names: Vec<_> = (0..12).map(|number| format!("user{number}")).collect();
        for name in &names {
            house.user(name, PASSWORD, Status::Confirmed).await;
        }
        let house = Arc::new(house);
        let mut visits = JoinSet::new();
        for name in names {
            let house = Arc::clone(&house);
            visits.spawn(async move {
                let reply = Browser::new(&house).sign_in(&with("state", Some(&name)), &name, PASSWORD).await;
                assert_own(&house, &reply, &name, &name).await;
            });
        }
        visits.join_all().await;
    }
}

/// The answer is that to this state, and its code is this user's.
async fn assert_own(house: &House, reply: &Reply, state: &str, name: &str) {
    assert_eq!(reply.told("state").as_deref(), Some(state), "{}", reply.location());
    let tokens = house.token(&redeeming(&reply.told("code").unwrap())).await.json();
    assert_eq!(claims(&tokens["access_token"])["username"], *name);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_tabs_of_a_browser_each_get_their_own_answer() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let states: Vec<_> = (0..200).map(|number| format!("tab{number}")).collect();
        for state in &states {
            let page = browser.get(&format!("/login?{}", with("state", Some(state)))).await;
            assert_eq!(page.status, StatusCode::OK);
        }
        let reply = browser.sign_in(&with("state", Some("tab117")), "ann", PASSWORD).await;
        assert_own(&house, &reply, "tab117", "ann").await;
        let cookie = browser.cookie.clone();
        let house = Arc::new(house);
        let mut tabs = JoinSet::new();
        for state in states {
            let (house, cookie) = (Arc::clone(&house), cookie.clone());
            tabs.spawn(async move {
                let mut tab = Browser::new(&house);
                tab.cookie = cookie;
                let reply = tab.get(&format!("/oauth2/authorize?{}", with("state", Some(&state)))).await;
                assert_own(&house, &reply, &state, "ann").await;
            });
        }
        tabs.join_all().await;
    }
}

#[tokio::test]
async fn whoever_is_signed_in_to_a_pool_is_nobody_in_another() {
    for house in houses().await {
        let settings = json!({
            "CallbackURLs": [CALLBACK], "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthScopes": ["openid", "email"],
        });
        house.client_of(&house.other_pool().await, "7example", &[], settings).await;
        let mut browser = Browser::new(&house);
        browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await;
        let there = format!("/oauth2/authorize?{}", with("client_id", Some("7example")));
        assert!(browser.get(&there).await.location().starts_with("/login?"));
        let silent = browser.get(&format!("{there}&prompt=none")).await;
        assert_eq!(silent.told("error").as_deref(), Some("login_required"));
        assert!(browser.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await.told("code").is_some());
    }
}

#[tokio::test]
async fn an_address_that_nobody_registered_is_not_gone_to_however_it_is_called() {
    let evil = "https://evil.example/";
    for house in houses().await {
        for name in
            ["next", "return_to", "returnTo", "redirect", "continue", "url", "post_logout_redirect_uri", "logout_uri"]
        {
            let query = format!("{}&{}", encode(&ORDINARY), encode(&[(name, evil)]));
            let reply = Browser::new(&house).sign_in(&query, "ann", PASSWORD).await;
            assert!(reply.location().starts_with(&format!("{CALLBACK}?code=")), "{name}: {}", reply.location());
            for place in ["signup", "forgotPassword", "passkeys/add"] {
                let page = house.get(&format!("/{place}?{query}")).await;
                assert!(!page.location().starts_with(evil), "{place}: {}", page.location());
                assert!(!page.text.contains("href=\"https://evil") && !page.text.contains("action=\"https://evil"));
            }
        }
    }
}

#[tokio::test]
async fn what_somebody_types_is_shown_as_text() {
    for house in houses().await {
        let name = "\"><img src=x onerror=alert(1)>'{{7*7}}";
        let page = Browser::new(&house).sign_in(&encode(&ORDINARY), name, PASSWORD).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text.contains("<img src=x") && page.text.contains("{{7*7}}"), "{}", page.text);
        let language = encode(&[("lang", "\"><script>")]);
        let page = house.get(&format!("/login?{}&{language}", encode(&ORDINARY))).await;
        assert!(page.status == StatusCode::OK && page.text.contains("<html lang=\"en\""), "{}", page.text);
        assert!(!page.header("set-cookie").contains("script"));
    }
}
