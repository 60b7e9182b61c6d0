//! What users are found by, and what they do with their passwords.

use std::sync::Arc;

use http::StatusCode;
use poolhouse::{
    config::hashing::Hashing,
    domain::{
        challenge::{Challenge, Step},
        client::Flow,
        user::Status,
    },
    flows::{
        bearer,
        sign_in::{self, Door, Goal, Start},
        users,
    },
    keys::hashing::Hasher,
    store,
};
use serde_json::{Value, json};

use crate::app::{CALLBACK, House, PASSWORD, WEB};

/// Lets `ann` be found by `value` as her preferred user name.
async fn prefers(house: &House, value: &str) {
    let (pool, ann) = (house.pool().await, house.find("ann").await);
    let mut tx = house.app.store.begin().await.unwrap();
    assert!(store::users::claim_alias(&mut tx, &pool, "preferred_username", value, &ann.sub).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn nobody_takes_anothers_address_or_id_by_preferring_it_as_a_name() {
    let house = House::new().await;
    let bob = house.user("bob", PASSWORD, Status::Confirmed).await;
    let pool = house.pool().await;
    let mut tx = house.app.store.begin().await.unwrap();
    assert!(store::users::claim_alias(&mut tx, &pool, "email", "zoe@example.com", &bob.sub).await.unwrap());
    tx.commit().await.unwrap();
    for value in ["bob", &bob.sub, "zoe@example.com"] {
        prefers(&house, value).await;
        assert_eq!(house.find(value).await.username, "bob", "{value}");
    }
    prefers(&house, "annie").await;
    assert_eq!(house.find("annie").await.username, "ann");
}

#[tokio::test]
async fn a_password_changes_also_when_its_hash_is_renewed_on_the_way() {
    let house = House::new().await;
    let older = Hashing { iterations: Hashing::DEVELOPMENT.iterations + 1, ..Hashing::DEVELOPMENT };
    let mut ann = house.find("ann").await;
    let hash = Hasher::new(older, 1).unwrap().hash(PASSWORD.into()).await.unwrap();
    ann.credential.password_hash = Some(hash);
    let mut tx = house.app.store.begin().await.unwrap();
    store::users::set_credential(&mut tx, &ann).await.unwrap();
    tx.commit().await.unwrap();
    let form = [("grant_type", "password"), ("client_id", WEB), ("username", "ann"), ("password", PASSWORD)];
    let token = house.token(&form).await.json();
    // The sign-in has renewed the hash.
    let mut tx = house.app.store.begin().await.unwrap();
    store::users::set_credential(&mut tx, &ann).await.unwrap();
    tx.commit().await.unwrap();
    let cx = house.cx();
    let bearer = bearer::bearer(&cx, token["access_token"].as_str().unwrap()).await.unwrap();
    let (old, new) = (PASSWORD.into(), "Other-5678".into());
    users::change_password(&cx, &bearer, Some(&old), &new).await.unwrap();
}

#[tokio::test]
async fn a_trigger_that_fails_costs_nobody_their_refresh_token() {
    let house = House::new().await;
    const ROTATING: &str = "5example23456789abcdefghij";
    let rotation = json!({ "Feature": "ENABLED", "RetryGracePeriodSeconds": 0 });
    let settings = json!({ "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"], "RefreshTokenRotation": rotation });
    house.client(ROTATING, &[], settings).await;
    let form = [("grant_type", "password"), ("client_id", ROTATING), ("username", "ann"), ("password", PASSWORD)];
    let first = house.token(&form).await.json()["refresh_token"].as_str().unwrap().to_owned();
    let form = [("grant_type", "refresh_token"), ("client_id", ROTATING), ("refresh_token", &*first)];
    trigger(&house, json!({ "PreTokenGeneration": "arn:aws:lambda:us-east-1:123456789012:function:gone" })).await;
    house.token(&form).await.assert_refused("invalid_request");
    trigger(&house, json!({})).await;
    let renewed = house.token(&form).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text);
    house.token(&form).await.assert_refused("invalid_grant");
}

async fn trigger(house: &House, lambda_config: Value) {
    let mut pool = house.pool().await;
    pool.settings.lambda_config = serde_json::from_value(lambda_config).unwrap();
    let mut tx = house.app.store.begin().await.unwrap();
    assert!(store::pools::update(&mut tx, &pool).await.unwrap());
    tx.commit().await.unwrap();
    house.app.directory.forget_pool(&pool.id);
}

#[tokio::test]
async fn a_name_that_nobody_has_looks_the_same_however_it_is_written() {
    let house = House::new().await;
    let mut pool = house.pool().await;
    pool.settings.username_configuration = serde_json::from_value(json!({ "CaseSensitive": false })).unwrap();
    let settings = json!({ "PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] });
    house.client("6example23456789abcdefghij", &[], settings).await;
    let client = store::clients::find(&mut house.app.store.read().await.unwrap(), "6example23456789abcdefghij").await;
    let client = Arc::new(client.unwrap().unwrap());
    let door = Door { pool: Arc::new(pool), client, goal: Goal::Tokens, metadata: None };
    let mut seen = Vec::new();
    for username in ["Nobody", "nobody"] {
        let start = Start { srp_a: Some("abcdef".into()), ..Start::new(Flow::Srp, username) };
        let Step::Challenge(prompt) = sign_in::begin(&house.cx(), &door, start).await.unwrap() else {
            panic!("no challenge")
        };
        let Challenge::PasswordVerifier { salt, .. } = prompt.challenge else { panic!("another challenge") };
        seen.push((prompt.username, salt));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_code_is_worth_nothing_once_the_password_has_to_be_reset() {
    let house = House::new().await;
    let query = [("response_type", "code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("scope", "openid")];
    let code = house.code(&query).await;
    let mut ann = house.find("ann").await;
    ann.status = Status::ResetRequired;
    house.update(&ann).await;
    let grant = ("grant_type", "authorization_code");
    let form = [grant, ("client_id", WEB), ("redirect_uri", CALLBACK), ("code", &*code)];
    house.token(&form).await.assert_refused("invalid_grant");
}
