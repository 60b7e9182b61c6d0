//! Triggers at the endpoints of the domain: of sign-ins on the pages, and of machines, which version 3 alone is told of.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use poolhouse::{
    functions::{Functions, native::native},
    hooks::Hooks,
    store,
};
use serde_json::{Value, json};

use super::{ORDINARY, token::claims};
use crate::app::{CALLBACK, House, POOL, SECRET, SERVER, WEB, houses_with};

const FORM: [(&str, &str); 3] =
    [("grant_type", "client_credentials"), ("client_id", SERVER), ("client_secret", SECRET)];

/// Houses whose trigger speaks `version`, and the events that its function saw.
async fn houses(version: &str) -> (Vec<House>, Arc<Mutex<Vec<Value>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&seen);
    let mut functions = Functions::default();
    functions.insert("tokens", native(move |call| {
        events.lock().unwrap().push(call.event.clone());
        let mut event = call.event;
        event["response"] = json!({"claimsAndScopeOverrideDetails": {
            "idTokenGeneration": {"claimsToAddOrOverride": {"lost": 1}},
            "accessTokenGeneration": {"claimsToAddOrOverride": {"tenant": 7, "sub": "evil"}, "claimsToSuppress": ["exp"],
                "scopesToAdd": ["added"], "scopesToSuppress": []},
            "groupOverrideDetails": {"groupsToOverride": ["g"]}}});
        async move { Ok(event) }
    }));
    let houses = houses_running(functions).await;
    let arn = "arn:aws:lambda:us-east-1:1:function:tokens";
    let versioned = json!({"LambdaArn": arn, "LambdaVersion": version});
    for house in &houses {
        set(house, json!({"PreTokenGenerationConfig": versioned, "PreTokenGeneration": arn})).await;
    }
    (houses, seen)
}

async fn houses_running(functions: Functions) -> Vec<House> {
    let functions = Arc::new(functions);
    houses_with(|parts| parts.hooks = Hooks::new(Arc::clone(&functions))).await
}

async fn set(house: &House, config: Value) {
    let mut pool = house.pool().await;
    pool.settings.lambda_config = serde_json::from_value(config).unwrap();
    let mut tx = house.app.store.begin().await.unwrap();
    assert!(store::pools::update(&mut tx, &pool).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_sign_in_on_the_pages_fires_what_the_api_fires_and_its_tokens_are_hosted() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sources = Arc::clone(&seen);
    let mut functions = Functions::default();
    functions.insert(
        "all",
        native(move |call| {
            sources.lock().unwrap().push(call.event["triggerSource"].clone());
            async move { Ok(call.event) }
        }),
    );
    for house in houses_running(functions).await {
        set(&house, json!({"PreAuthentication": "all", "PostAuthentication": "all", "PreTokenGeneration": "all"}))
            .await;
        let code = house.code(&ORDINARY).await;
        let sources = || std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(sources(), ["PreAuthentication_Authentication", "PostAuthentication_Authentication"]);
        let form =
            [("grant_type", "authorization_code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("code", &*code)];
        let tokens = house.token(&form).await.json();
        assert_eq!(sources(), ["TokenGeneration_HostedAuth"]);
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", refresh)];
        assert_eq!(house.token(&form).await.status, StatusCode::OK);
        assert_eq!(sources(), ["TokenGeneration_RefreshTokens"]);
    }
}

#[tokio::test]
async fn a_function_of_version_3_is_told_of_machines_and_changes_their_token() {
    let (houses, seen) = houses("V3_0").await;
    for house in houses {
        let mut form = FORM.to_vec();
        form.push(("aws_client_metadata", r#"{"for":"billing"}"#));
        let reply = house.token(&form).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        let access = claims(&reply.json()["access_token"]);
        assert_eq!((&access["tenant"], &access["sub"]), (&json!(7), &json!(SERVER)));
        assert_eq!(access["scope"], "https://api.example/read added");
        assert!(access["exp"].is_number() && access.get("cognito:groups").is_none() && access.get("lost").is_none());
        let event = seen.lock().unwrap().remove(0);
        assert_eq!(
            event,
            json!({
                "version": "3", "triggerSource": "TokenGeneration_ClientCredentials", "region": "us-east-1",
                "userPoolId": POOL, "userName": "ClientCredentials",
                "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": SERVER},
                "request": {
                    "userAttributes": {},
                    "groupConfiguration": {"groupsToOverride": null, "iamRolesToOverride": null, "preferredRole": null},
                    "scopes": ["https://api.example/read"],
                    "clientMetadata": {"for": "billing"},
                },
                "response": {"claimsAndScopeOverrideDetails": null},
            })
        );
    }
}

#[tokio::test]
async fn older_versions_are_not_told_of_machines() {
    for version in ["V1_0", "V2_0"] {
        let (houses, seen) = houses(version).await;
        for house in houses {
            let reply = house.token(&FORM).await;
            let access = claims(&reply.json()["access_token"]);
            assert!(access.get("tenant").is_none() && seen.lock().unwrap().is_empty(), "{version}");
        }
    }
}

#[tokio::test]
async fn metadata_that_is_no_object_of_texts_is_refused() {
    for house in houses("V3_0").await.0 {
        for metadata in ["{", "[]", r#"{"a":1}"#, "\"x\""] {
            let mut form = FORM.to_vec();
            form.push(("aws_client_metadata", metadata));
            house.token(&form).await.assert_refused("invalid_request");
        }
    }
}
