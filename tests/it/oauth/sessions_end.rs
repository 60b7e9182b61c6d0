//! A browser's session is worth nothing once its user may not come in any more, or is to prove themselves anew.

use poolhouse::{
    domain::user::Status,
    flows::{recover, revoke, users},
    kit::secret::Secret,
    store,
};

use super::ORDINARY;
use crate::app::{Browser, CALLBACK, House, PASSWORD, POOL, WEB, encode};

/// A house where ann is signed in, with her browser's cookie and a code that nobody has redeemed.
async fn visited() -> (House, String, String) {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    let code = browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await.told("code").unwrap();
    let cookie = browser.cookie.clone().unwrap();
    (house, cookie, code)
}

/// The session gives no code, and the code no tokens.
async fn assert_over(house: &House, cookie: &str, code: &str) {
    let mut browser = Browser::new(house);
    browser.cookie = Some(cookie.to_owned());
    let query = encode(&ORDINARY);
    let reply = browser.get(&format!("/oauth2/authorize?{query}")).await;
    assert!(reply.location().starts_with("/login?"), "{}", reply.location());
    let reply = browser.get(&format!("/oauth2/authorize?{query}&prompt=none")).await;
    assert_eq!(reply.told("error").as_deref(), Some("login_required"));
    let form = [("grant_type", "authorization_code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("code", code)];
    house.token(&form).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn a_session_counts_as_long_as_nothing_happens() {
    let (house, cookie, _) = visited().await;
    let mut browser = Browser::new(&house);
    browser.cookie = Some(cookie);
    for _ in 0..2 {
        assert!(browser.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await.told("code").is_some());
    }
}

#[tokio::test]
async fn it_ends_with_the_account_and_does_not_come_back() {
    let (house, cookie, code) = visited().await;
    let (cx, pool) = (house.cx(), house.pool().await);
    users::set_enabled(&cx, &pool, &house.find("ann").await, false).await.unwrap();
    users::set_enabled(&cx, &pool, &house.find("ann").await, true).await.unwrap();
    assert_over(&house, &cookie, &code).await;

    let (house, cookie, code) = visited().await;
    let ann = house.find("ann").await;
    let mut tx = house.app.store.begin().await.unwrap();
    assert!(store::users::delete(&mut tx, POOL, &ann.sub).await.unwrap());
    tx.commit().await.unwrap();
    house.user("ann", PASSWORD, Status::Confirmed).await;
    assert_over(&house, &cookie, &code).await;
}

#[tokio::test]
async fn it_ends_when_its_user_is_signed_out_everywhere() {
    let (house, cookie, code) = visited().await;
    revoke::everything_of(&house.cx(), &house.find("ann").await).await.unwrap();
    assert_over(&house, &cookie, &code).await;
}

#[tokio::test]
async fn it_ends_with_the_password() {
    let (house, cookie, code) = visited().await;
    let (cx, pool) = (house.cx(), house.pool().await);
    let other = Secret::from("Other-1234");
    users::set_password(&cx, &pool, &house.find("ann").await, &other, true).await.unwrap();
    assert_over(&house, &cookie, &code).await;

    let (house, cookie, code) = visited().await;
    let (cx, pool) = (house.cx(), house.pool().await);
    recover::reset(&cx, &pool, &house.find("ann").await, None).await.unwrap();
    assert_over(&house, &cookie, &code).await;
    users::set_password(&cx, &pool, &house.find("ann").await, &other, true).await.unwrap();
    assert_over(&house, &cookie, &code).await;
}
