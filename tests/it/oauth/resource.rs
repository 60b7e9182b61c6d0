//! `resource`: access tokens that are bound to an API outside.

use http::StatusCode;
use serde_json::{Value, json};

use super::{ORDINARY, token::claims};
use crate::app::{CALLBACK, SECRET, SERVER, WEB, encode, houses};

const API: &str = "https://files.example/api?v=1";

fn bound(resource: &str) -> Vec<(&str, &str)> {
    [&ORDINARY[..], &[("resource", resource)]].concat()
}

#[tokio::test]
async fn a_resource_is_the_audience_of_the_access_token_and_of_its_successors() {
    for house in houses().await {
        let code = house.code(&bound(API)).await;
        let redeeming = [
            ("grant_type", "authorization_code"),
            ("client_id", WEB),
            ("redirect_uri", CALLBACK),
            ("code", &*code),
            ("resource", API),
        ];
        let tokens = house.token(&redeeming).await.json();
        assert_eq!(claims(&tokens["access_token"])["aud"], API);
        assert_eq!(claims(&tokens["id_token"])["aud"], WEB);
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let refreshing = [("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", refresh)];
        assert_eq!(claims(&house.token(&refreshing).await.json()["access_token"])["aud"], API);
        let elsewhere = [&refreshing[..], &[("resource", "https://other.example")]].concat();
        house.token(&elsewhere).await.assert_refused("invalid_target");
        // Who asks for none gets none.
        let code = house.code(&ORDINARY).await;
        let tokens = house.token(&[&redeeming[..3], &[("code", &*code)]].concat()).await.json();
        assert_eq!(claims(&tokens["access_token"])["aud"], Value::Null);
        let code = house.code(&ORDINARY).await;
        house
            .token(&[&redeeming[..3], &[("code", &*code), ("resource", API)]].concat())
            .await
            .assert_refused("invalid_target");
    }
}

#[tokio::test]
async fn the_implicit_grant_binds_too() {
    for house in houses().await {
        let mut query = bound("myapp://files");
        query[0].1 = "token";
        let mut browser = crate::app::Browser::new(&house);
        let reply = browser.sign_in(&encode(&query), "ann", crate::app::PASSWORD).await;
        let token = json!(reply.told("access_token").unwrap());
        assert_eq!(claims(&token)["aud"], "myapp://files");
    }
}

#[tokio::test]
async fn what_no_token_can_be_bound_to_is_refused() {
    for house in houses().await {
        let long = format!("https://a.example/{}", "x".repeat(2_048));
        for resource in
            ["files", "/files", "http://files.example", "https://a.example#x", "javascript:alert(1)", "https://", &long]
        {
            let reply = house.get(&format!("/oauth2/authorize?{}", encode(&bound(resource)))).await;
            assert_eq!(reply.told("error").as_deref(), Some("invalid_target"), "{resource}");
        }
        let twice = format!("{}&{}", encode(&bound(API)), encode(&[("resource", API)]));
        let reply = house.get(&format!("/oauth2/authorize?{twice}")).await;
        assert_eq!(reply.told("error").as_deref(), Some("invalid_request"));
        let machine =
            [("grant_type", "client_credentials"), ("client_id", SERVER), ("client_secret", SECRET), ("resource", API)];
        house.token(&machine).await.assert_refused("invalid_target");
    }
}

#[tokio::test]
async fn a_lite_pool_binds_no_tokens() {
    for house in houses().await {
        house.change_pool(|pool| _ = pool.settings.kept.insert("UserPoolTier".into(), json!("LITE"))).await;
        let reply = house.get(&format!("/oauth2/authorize?{}", encode(&bound(API)))).await;
        assert_eq!((reply.status, reply.told("error").as_deref()), (StatusCode::FOUND, Some("invalid_target")));
    }
}
