//! Codes and forgotten passwords: a code proves the address that it was sent to, and nothing is told without one.

use std::sync::Arc;

use poolhouse::{
    domain::{
        Client, Error, User,
        code::CodeKind,
        message::Occasion,
        user::{Attributes, Status},
    },
    flows::{
        attributes::{self, Change, Writer},
        messages::About,
        recover,
        sign_up::Named,
    },
    kit::secret::Secret,
    store,
};
use serde_json::json;

use crate::app::{API_ONLY, House, PASSWORD};

const HIDING: &str = "4example23456789abcdefghij";
const NEW_PASSWORD: &str = "Other-5678";

async fn client(house: &House, id: &str) -> Arc<Client> {
    Arc::new(store::clients::find(&mut house.app.store.read().await.unwrap(), id).await.unwrap().unwrap())
}

async fn hiding(house: &House) {
    house.client(HIDING, &[], json!({ "PreventUserExistenceErrors": "ENABLED" })).await;
}

async fn named<'a>(house: &House, client_id: &str, username: &'a str) -> Named<'a> {
    let (pool, client) = (Arc::new(house.pool().await), client(house, client_id).await);
    Named { pool, client, username, secret_hash: None, metadata: None }
}

async fn last_code(house: &House, to: &str) -> String {
    let mut tx = house.app.store.read().await.unwrap();
    let messages = store::messages::newest(&mut tx, Some(to), 1).await.unwrap();
    messages.into_iter().next().unwrap().code.unwrap()
}

async fn forgotten(house: &House, username: &str) -> String {
    recover::forgot(&house.cx(), named(house, API_ONLY, username).await).await.unwrap();
    last_code(house, &format!("{username}@example.com")).await
}

async fn confirm(house: &House, client: &str, username: &str, code: &str, password: &str) -> Result<(), Error> {
    recover::confirm(&house.cx(), named(house, client, username).await, code, &Secret::from(password)).await
}

async fn change_email(house: &House, user: &User, email: &str) {
    let (pool, client) = (house.pool().await, client(house, API_ONLY).await);
    let given: Attributes = [("email".to_owned(), email.to_owned())].into();
    attributes::update(&house.cx(), &pool, user, Change::new(given, Writer::Client(&client))).await.unwrap();
}

#[tokio::test]
async fn a_code_for_a_forgotten_password_does_not_prove_an_address_that_came_later() {
    let house = House::new().await;
    let code = forgotten(&house, "ann").await;
    change_email(&house, &house.find("ann").await, "victim@example.com").await;
    let outcome = confirm(&house, API_ONLY, "ann", &code, NEW_PASSWORD).await;
    assert!(matches!(outcome, Err(Error::CodeMismatch)), "{outcome:?}");
    assert!(!house.find("ann").await.has_verified("email"));
}

#[tokio::test]
async fn a_code_for_one_address_does_not_verify_another() {
    let house = House::new().await;
    let (cx, mut pool) = (house.cx(), house.pool().await);
    // Such a pool sends no new code when an address changes.
    pool.settings.auto_verified_attributes.clear();
    let ann = house.find("ann").await;
    let occasion = Occasion::VerifyUserAttribute;
    let about = About { pool: &pool, user: &ann, occasion, client_id: Some(API_ONLY), metadata: None };
    attributes::send_verification(&cx, &about, "email").await.unwrap();
    let code = last_code(&house, "ann@example.com").await;
    let given: Attributes = [("email".to_owned(), "victim@example.com".to_owned())].into();
    let client = client(&house, API_ONLY).await;
    attributes::update(&cx, &pool, &house.find("ann").await, Change::new(given, Writer::Client(&client)))
        .await
        .unwrap();
    let outcome = attributes::verify(&cx, &pool, &house.find("ann").await, "email", &code).await;
    assert!(matches!(outcome, Err(Error::CodeMismatch)), "{outcome:?}");
    assert!(!house.find("ann").await.has_verified("email"));
}

#[tokio::test]
async fn a_change_that_was_decided_on_an_older_reading_leaves_no_address_verified() {
    let house = House::new().await;
    let ann = house.find("ann").await;
    change_email(&house, &ann, "victim@example.com").await;
    // Read while the address was the victim's, written after the own one was verified again.
    let stale = house.find("ann").await;
    house.update(&ann).await;
    change_email(&house, &stale, "victim@example.com").await;
    assert!(!house.find("ann").await.has_verified("email"));
}

#[tokio::test]
async fn without_the_code_nobody_learns_what_the_password_is() {
    let house = House::new().await;
    let mut pool = house.pool().await;
    pool.settings.policies.password_policy.password_history_size = Some(3);
    let mut tx = house.app.store.begin().await.unwrap();
    store::pools::update(&mut tx, &pool).await.unwrap();
    tx.commit().await.unwrap();
    let code = forgotten(&house, "ann").await;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let outcome = confirm(&house, API_ONLY, "ann", wrong, PASSWORD).await;
    assert!(matches!(outcome, Err(Error::CodeMismatch)), "{outcome:?}");
    let outcome = confirm(&house, API_ONLY, "ann", &code, PASSWORD).await;
    assert!(matches!(outcome, Err(Error::PasswordUsedBefore)), "{outcome:?}");
    confirm(&house, API_ONLY, "ann", &code, NEW_PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_wrong_code_tells_nobody_who_exists() {
    let house = House::new().await;
    hiding(&house).await;
    let weak = |username| confirm(&house, HIDING, username, "000000", "weak");
    assert!(matches!(weak("ann").await, Err(Error::PasswordPolicy { .. })));
    assert!(matches!(weak("nobody").await, Err(Error::PasswordPolicy { .. })));
    for username in ["ann", "nobody"] {
        let guess = || confirm(&house, HIDING, username, "guess", NEW_PASSWORD);
        assert!(matches!(guess().await, Err(Error::CodeExpired)), "{username} asked for no code");
        recover::forgot(&house.cx(), named(&house, HIDING, username).await).await.unwrap();
        for _ in 2..=CodeKind::ForgotPassword.most_attempts() {
            assert!(matches!(guess().await, Err(Error::CodeMismatch)), "{username} has a code");
        }
        assert!(matches!(guess().await, Err(Error::AttemptLimitExceeded)), "{username} guessed too often");
    }
}

#[tokio::test]
async fn a_disabled_user_looks_like_nobody() {
    let house = House::new().await;
    hiding(&house).await;
    let mut ann = house.user("dis", PASSWORD, Status::Confirmed).await;
    ann.enabled = false;
    house.update(&ann).await;
    let cx = house.cx();
    for _ in 0..5 {
        recover::forgot(&cx, named(&house, HIDING, "dis").await).await.unwrap();
    }
    let sixth = recover::forgot(&cx, named(&house, HIDING, "dis").await).await;
    assert!(matches!(sixth, Err(Error::AttemptLimitExceeded)));
    assert!(matches!(confirm(&house, HIDING, "dis", "000000", NEW_PASSWORD).await, Err(Error::CodeMismatch)));
}

#[tokio::test]
async fn changing_an_address_again_and_again_writes_to_nobody_any_more() {
    let house = House::new().await;
    let (pool, client) = (house.pool().await, client(&house, API_ONLY).await);
    for round in 0..6 {
        let given: Attributes = [("email".to_owned(), format!("victim{round}@example.com"))].into();
        let ann = house.find("ann").await;
        let outcome = attributes::update(&house.cx(), &pool, &ann, Change::new(given, Writer::Client(&client))).await;
        assert_eq!(matches!(outcome, Err(Error::TooManyRequests)), round == 5, "{round}: {outcome:?}");
    }
}
