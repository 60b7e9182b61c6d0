//! Signing out of a strict pool as OpenID Connect has it.

use http::StatusCode;
use poolhouse::domain::user::Status;

use super::{
    ORDINARY,
    token::{CHALLENGE, VERIFIER, redeeming},
};
use crate::app::{Browser, House, PASSWORD, Reply, SERVER, WEB, encode, houses, strict_houses};

const BYE: &str = "https://app.example/bye";

fn request() -> String {
    encode(&[&ORDINARY[..], &CHALLENGE[..]].concat())
}

/// A browser that is signed in, and the ID token that its application got.
async fn signed_in<'a>(house: &'a House, name: &str) -> (Browser<'a>, String) {
    let mut browser = Browser::new(house);
    let reply = browser.sign_in(&request(), name, PASSWORD).await;
    let code = reply.told("code").unwrap_or_else(|| panic!("{}", reply.text));
    let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
    let id_token = house.token(&form).await.json()["id_token"].as_str().unwrap().to_owned();
    (browser, id_token)
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.get(&format!("/oauth2/authorize?{}", request())).await.told("code").is_some()
}

async fn leave(browser: &mut Browser<'_>, pairs: &[(&str, &str)]) -> Reply {
    browser.get(&format!("/logout?{}", encode(pairs))).await
}

#[tokio::test]
async fn whoever_shows_the_users_id_token_signs_them_out_at_once() {
    for house in strict_houses().await {
        let (mut browser, hint) = signed_in(&house, "ann").await;
        // A session outlives its tokens.
        house.app.clock.advance(std::time::Duration::from_secs(3_000));
        let pairs = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE), ("state", "a b")];
        let reply = leave(&mut browser, &pairs).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::FOUND, "https://app.example/bye?state=a%20b"));
        assert!(!is_signed_in(&mut browser).await);
        // Once more is no mistake, and no state brings none.
        let reply = leave(&mut browser, &pairs[..2]).await;
        assert_eq!(reply.location(), BYE);

        let (mut browser, hint) = signed_in(&house, "ann").await;
        let reply = leave(&mut browser, &[("id_token_hint", &*hint)]).await;
        let page = browser.get(reply.location()).await;
        assert!(page.status == StatusCode::OK && page.text.contains("You have signed out"), "{}", page.text);
        assert!(!is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn everybody_else_is_asked() {
    for house in strict_houses().await {
        house.user("other", PASSWORD, Status::Confirmed).await;
        let (_, of_another) = signed_in(&house, "ann").await;
        let (mut browser, _) = signed_in(&house, "other").await;
        for pairs in [
            &[("client_id", WEB), ("post_logout_redirect_uri", BYE), ("state", "x")][..],
            &[("id_token_hint", &*of_another), ("post_logout_redirect_uri", BYE), ("state", "x")],
            &[],
        ] {
            let asked = leave(&mut browser, pairs).await;
            assert!(
                asked.location().starts_with("/signOut?") || asked.location() == "/signOut",
                "{}",
                asked.location()
            );
            assert!(is_signed_in(&mut browser).await, "asking is not doing");
            let page = browser.get(asked.location()).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.text);
            let forged = browser.post(asked.location(), &[("_csrf", "forged")]).await;
            assert_eq!(forged.status, StatusCode::FORBIDDEN);
            assert!(is_signed_in(&mut browser).await);
            let done = browser.post(asked.location(), &[("_csrf", &page.input("_csrf"))]).await;
            if pairs.is_empty() {
                assert!(done.text.contains("You have signed out"), "{} {}", done.status, done.text);
            } else {
                assert!(page.header("content-security-policy").contains("form-action 'self' https:"));
                assert_eq!(done.location(), "https://app.example/bye?state=x");
            }
            assert!(!is_signed_in(&mut browser).await);
            browser.sign_in(&request(), "other", PASSWORD).await;
        }
    }
}

#[tokio::test]
async fn a_mistake_ends_on_our_page_and_signs_nobody_out() {
    for house in strict_houses().await {
        let (mut browser, hint) = signed_in(&house, "ann").await;
        let access = "eyJhbGciOiJSUzI1NiJ9.e30.AA";
        let at = hint.len() - 20;
        let other = if &hint[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &hint[..at], &hint[at + 1..]);
        for pairs in [
            &[("id_token_hint", &*hint), ("post_logout_redirect_uri", "https://evil.example/")][..],
            &[("id_token_hint", &*hint), ("post_logout_redirect_uri", "https://app.example/bye?x=1")],
            &[("post_logout_redirect_uri", BYE)],
            &[("id_token_hint", &*changed), ("post_logout_redirect_uri", BYE)],
            &[("id_token_hint", access)],
            &[("id_token_hint", &*hint), ("client_id", SERVER)],
            &[("id_token_hint", &*hint), ("id_token_hint", &*hint)],
            &[("client_id", "nobody"), ("post_logout_redirect_uri", BYE)],
        ] {
            let reply = leave(&mut browser, pairs).await;
            assert!(reply.location().starts_with("/error?"), "{pairs:?}: {}", reply.location());
            assert!(is_signed_in(&mut browser).await);
        }
    }
}

#[tokio::test]
async fn a_request_comes_as_a_form_too_and_the_services_way_stays() {
    for house in strict_houses().await {
        let (mut browser, hint) = signed_in(&house, "ann").await;
        let pairs = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE)];
        let reply = house.post("/logout", &pairs, &[]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        assert_eq!(browser.get(reply.location()).await.location(), BYE);
        assert!(!is_signed_in(&mut browser).await);
        let (mut browser, _) = signed_in(&house, "ann").await;
        let reply = leave(&mut browser, &[("client_id", WEB), ("logout_uri", BYE)]).await;
        assert_eq!(reply.location(), BYE);
        assert!(!is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn a_faithful_pool_knows_the_services_way_only() {
    for house in houses().await {
        let (mut browser, hint) = signed_in(&house, "ann").await;
        let pairs = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE)];
        assert!(leave(&mut browser, &pairs).await.location().starts_with("/error?"));
        assert_eq!(house.post("/logout", &pairs, &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(leave(&mut browser, &[]).await.location().starts_with("/error?"));
        assert!(is_signed_in(&mut browser).await);
    }
}
