//! `/logout`: the session ends, and only registered addresses follow.

use http::StatusCode;

use super::ORDINARY;
use crate::app::{Browser, CALLBACK, House, PASSWORD, WEB, encode, houses};

const BYE: &str = "https://app.example/bye";

async fn signed_in(house: &House) -> Browser<'_> {
    let mut browser = Browser::new(house);
    browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await;
    browser
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await.told("code").is_some()
}

#[tokio::test]
async fn logging_out_ends_the_session_for_good() {
    for house in houses().await {
        let mut browser = signed_in(&house).await;
        assert!(is_signed_in(&mut browser).await);
        let cookie = browser.cookie.clone();
        let reply = browser.get(&format!("/logout?{}", encode(&[("client_id", WEB), ("logout_uri", BYE)]))).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::FOUND, BYE));
        browser.cookie = cookie;
        assert!(!is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn with_a_callback_it_goes_on_to_the_sign_in_page() {
    for house in houses().await {
        let mut browser = signed_in(&house).await;
        let query = encode(&ORDINARY);
        let reply = browser.get(&format!("/logout?{query}")).await;
        assert_eq!(reply.location(), format!("/login?{query}"));
        assert!(!is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn unregistered_addresses_end_on_our_page_and_nobody_is_logged_out() {
    for house in houses().await {
        let mut browser = signed_in(&house).await;
        for pairs in [
            &[("client_id", WEB), ("logout_uri", "https://evil.example/")][..],
            &[("client_id", WEB), ("logout_uri", "https://app.example/bye/")],
            &[("client_id", WEB), ("logout_uri", CALLBACK)],
            &[("client_id", WEB), ("redirect_uri", BYE)],
            &[("client_id", WEB), ("logout_uri", BYE), ("logout_uri", BYE)],
            &[("client_id", WEB)],
            &[("logout_uri", BYE)],
        ] {
            let reply = browser.get(&format!("/logout?{}", encode(pairs))).await;
            assert!(reply.location().starts_with("/error?"), "{pairs:?}: {}", reply.location());
        }
        assert!(is_signed_in(&mut browser).await);
    }
}
