//! A browser's session is worth nothing once its user may not come in any more, or is to prove themselves anew.

use poolhouse::{
    domain::{Error, error::AccessTokenFault, user::Status},
    flows::{bearer, directory, recover, revoke, sign_up::Named, users},
    kit::secret::Secret,
    store,
};

use super::{
    ORDINARY,
    token::{CHALLENGE, VERIFIER, redeeming},
};
use crate::app::{Browser, CALLBACK, House, PASSWORD, POOL, WEB, encode, houses, houses_of_both_kinds};

/// Houses where ann is signed in, with her browser's cookie and a code that nobody has redeemed.
async fn visited() -> Vec<(House, String, String)> {
    let mut visited = Vec::new();
    for house in houses().await {
        let (cookie, code) = visit(&house).await;
        visited.push((house, cookie, code));
    }
    visited
}

async fn visit(house: &House) -> (String, String) {
    let mut browser = Browser::new(house);
    let code = browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await.told("code").unwrap();
    (browser.cookie.clone().unwrap(), code)
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
    for (house, cookie, _) in visited().await {
        let mut browser = Browser::new(&house);
        browser.cookie = Some(cookie);
        for _ in 0..2 {
            assert!(browser.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await.told("code").is_some());
        }
    }
}

#[tokio::test]
async fn it_ends_with_the_account_and_does_not_come_back() {
    for (house, cookie, code) in visited().await {
        let (cx, pool) = (house.cx(), house.pool().await);
        users::set_enabled(&cx, &pool, &house.find("ann").await, false).await.unwrap();
        users::set_enabled(&cx, &pool, &house.find("ann").await, true).await.unwrap();
        assert_over(&house, &cookie, &code).await;

        let (cookie, code) = visit(&house).await;
        let ann = house.find("ann").await;
        let mut tx = house.app.store.begin().await.unwrap();
        assert!(store::users::delete(&mut tx, POOL, &ann.sub).await.unwrap());
        tx.commit().await.unwrap();
        house.user("ann", PASSWORD, Status::Confirmed).await;
        assert_over(&house, &cookie, &code).await;
    }
}

#[tokio::test]
async fn it_ends_when_its_user_is_signed_out_everywhere() {
    for (house, cookie, code) in visited().await {
        revoke::everything_of(&house.cx(), &house.find("ann").await).await.unwrap();
        assert_over(&house, &cookie, &code).await;
    }
}

#[tokio::test]
async fn it_ends_with_the_password() {
    for (house, cookie, code) in visited().await {
        let (cx, pool) = (house.cx(), house.pool().await);
        let same = Secret::from(PASSWORD);
        users::set_password(&cx, &pool, &house.find("ann").await, &same, true).await.unwrap();
        assert_over(&house, &cookie, &code).await;

        let (cookie, code) = visit(&house).await;
        recover::reset(&cx, &pool, &house.find("ann").await, None).await.unwrap();
        assert_over(&house, &cookie, &code).await;
        users::set_password(&cx, &pool, &house.find("ann").await, &same, true).await.unwrap();
        assert_over(&house, &cookie, &code).await;
    }
}

/// The tokens of one more sign-in of ann: access and refresh.
async fn signed_in(house: &House) -> (String, String) {
    let code = house.code(&[&ORDINARY[..], &CHALLENGE[..]].concat()).await;
    let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
    let tokens = house.token(&form).await.json();
    (tokens["access_token"].as_str().unwrap().to_owned(), tokens["refresh_token"].as_str().unwrap().to_owned())
}

/// Whether both tokens still work, or neither.
async fn lives(house: &House, (access, refresh): &(String, String)) -> bool {
    let bearer = bearer::bearer(&house.cx(), access).await;
    let is_alive = match bearer {
        Ok(_) => true,
        Err(Error::AccessToken(AccessTokenFault::Revoked)) => false,
        Err(other) => panic!("{other}"),
    };
    let form = [("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", refresh)];
    let reply = house.token(&form).await;
    assert_eq!(reply.status == 200, is_alive, "{}", reply.text);
    is_alive
}

#[tokio::test]
async fn a_changed_password_leaves_only_the_session_that_changed_it_where_the_pool_is_strict() {
    for (house, is_strict) in houses_of_both_kinds().await {
        let (own, other) = (signed_in(&house).await, signed_in(&house).await);
        let bearer = bearer::bearer(&house.cx(), &own.0).await.unwrap();
        let password = Secret::from(PASSWORD);
        users::change_password(&house.cx(), &bearer, Some(&password), &password).await.unwrap();
        assert!(lives(&house, &own).await, "strict: {is_strict}");
        assert_eq!(lives(&house, &other).await, !is_strict);
    }
}

#[tokio::test]
async fn a_password_that_is_set_or_forgotten_leaves_none_where_the_pool_is_strict() {
    for (house, is_strict) in houses_of_both_kinds().await {
        let (cx, password) = (house.cx(), Secret::from(PASSWORD));
        let session = signed_in(&house).await;
        let (pool, client) = directory::client(&cx, WEB).await.unwrap();
        let named =
            || Named { pool: pool.clone(), client: client.clone(), username: "ann", secret_hash: None, metadata: None };
        recover::forgot(&cx, named()).await.unwrap();
        recover::confirm(&cx, named(), &house.newest_code().await, &password).await.unwrap();
        assert_eq!(lives(&house, &session).await, !is_strict);

        let session = signed_in(&house).await;
        users::set_password(&cx, &pool, &house.find("ann").await, &password, true).await.unwrap();
        assert_eq!(lives(&house, &session).await, !is_strict);
    }
}
