//! How old a sign-in may be, as `max_age` asks.

use std::time::Duration;

use super::{
    ORDINARY,
    token::{CHALLENGE, VERIFIER, claims, redeeming},
};
use crate::app::{Browser, House, PASSWORD, Reply, encode, houses_of_both_kinds, strict_houses};

fn request(more: &[(&str, &str)]) -> String {
    encode(&[&ORDINARY[..], &CHALLENGE[..], more].concat())
}

/// The `auth_time` of the ID token that the answer leads to.
async fn auth_time(house: &House, answer: &Reply) -> i64 {
    let code = answer.told("code").unwrap_or_else(|| panic!("{}", answer.location()));
    let tokens = house.token(&[&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat()).await.json();
    claims(&tokens["id_token"])["auth_time"].as_i64().unwrap()
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_for_the_client_is_made_anew() {
    for house in strict_houses().await {
        let mut browser = Browser::new(&house);
        let first = auth_time(&house, &browser.sign_in(&request(&[]), "ann", PASSWORD).await).await;
        house.app.clock.advance(Duration::from_secs(5));
        let patient = browser.get(&format!("/oauth2/authorize?{}", request(&[("max_age", "10000")]))).await;
        assert_eq!(auth_time(&house, &patient).await, first);
        let strict = request(&[("max_age", "1")]);
        let asked = browser.get(&format!("/oauth2/authorize?{strict}")).await;
        assert!(asked.location().starts_with("/login?"), "{}", asked.location());
        let second = auth_time(&house, &browser.sign_in(&strict, "ann", PASSWORD).await).await;
        assert_eq!(second, first + 5);
        house.app.clock.advance(Duration::from_secs(5));
        let silent = request(&[("max_age", "1"), ("prompt", "none")]);
        let refused = browser.get(&format!("/oauth2/authorize?{silent}")).await;
        assert_eq!(refused.told("error").as_deref(), Some("login_required"));
    }
}

#[tokio::test]
async fn an_age_that_is_no_number_is_refused() {
    for (house, is_strict) in houses_of_both_kinds().await {
        for age in ["-1", "abc", "1e9", "1.5", "99999999999999999999999"] {
            let reply = house.get(&format!("/oauth2/authorize?{}", request(&[("max_age", age)]))).await;
            let is_refused = reply.told("error").as_deref() == Some("invalid_request");
            assert_eq!(is_refused, is_strict, "{age}: {}", reply.location());
        }
        for age in ["", "0", "1000000000"] {
            let reply = house.get(&format!("/oauth2/authorize?{}", request(&[("max_age", age)]))).await;
            assert!(reply.location().starts_with("/login?"), "{age}: {}", reply.location());
        }
    }
}
