//! What a pool does as the service does it, where a strict one keeps to the specifications: the other side of `strict`.

use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{
    ORDINARY,
    authorize::{assert_told, with},
    strict::header,
    token::{CHALLENGE, claims, redeeming},
};
use crate::app::{Browser, CALLBACK, House, PASSWORD, Reply, WEB, encode, houses, houses_of_both_kinds};

async fn ask(house: &House, query: &str) -> Reply {
    house.get(&format!("/oauth2/authorize?{query}")).await
}

async fn user_info(house: &House, tokens: &Value) -> Value {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let request = Request::get("/oauth2/userInfo").header("authorization", bearer);
    house.send(request.body(axum::body::Body::empty()).unwrap()).await.json()
}

#[tokio::test]
async fn openid_alone_tells_all_that_the_client_may_read_in_text() {
    for house in houses().await {
        let mut ann = house.find("ann").await;
        for (name, value) in [("address", "1 Main Street"), ("updated_at", "1700000000"), ("phone_number", "+15550100")]
        {
            ann.attributes.insert(name.into(), value.into());
        }
        house.update(&ann).await;
        let mut query = ORDINARY;
        query[4].1 = "openid";
        let tokens = house.token(&redeeming(&house.code(&query).await)).await.json();
        let told = json!({
            "sub": ann.sub, "username": "ann", "email": "ann@example.com", "email_verified": "true",
            "phone_number": "+15550100", "address": "1 Main Street", "updated_at": "1700000000",
        });
        assert_eq!(user_info(&house, &tokens).await, told);
        house.set_client(WEB, |client| client.read_attributes = Some(vec!["email".into()])).await;
        let told = json!({"sub": ann.sub, "username": "ann", "email": "ann@example.com"});
        assert_eq!(user_info(&house, &tokens).await, told);
    }
}

#[tokio::test]
async fn tokens_are_those_of_the_service() {
    for house in houses().await {
        let reply = Browser::new(&house).sign_in(&encode(&ORDINARY), "ann", PASSWORD).await;
        assert_eq!(reply.told("iss"), None, "nobody says who answers");
        let tokens = house.token(&redeeming(&reply.told("code").unwrap())).await.json();
        assert!(tokens["refresh_token"].is_string(), "without offline_access");
        let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
        for token in [&tokens["id_token"], &tokens["access_token"]] {
            assert_eq!(header(token).as_object().unwrap().keys().collect::<Vec<_>>(), ["alg", "kid"]);
        }
        assert_eq!(
            (&access["aud"], &access["client_id"], &access["token_use"]),
            (&Value::Null, &json!(WEB), &json!("access"))
        );
        assert_eq!((&id["aud"], &id["cognito:username"], &id["token_use"]), (&json!(WEB), &json!("ann"), &json!("id")));
        for name in ["origin_jti", "event_id", "jti"] {
            assert!(id[name].is_string() && access[name].is_string(), "{name}");
        }
        // A refresh token stays the same one.
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", refresh)];
        for _ in 0..2 {
            assert_eq!(house.token(&form).await.json()["refresh_token"], Value::Null);
        }
    }
}

#[tokio::test]
async fn scopes_and_hints_that_the_service_does_not_know_are_refused_or_passed_over() {
    for (house, is_strict) in houses_of_both_kinds().await {
        let settings = json!({
            "CallbackURLs": [CALLBACK], "AllowedOAuthFlows": ["code", "implicit"], "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthScopes": ["openid", "address", "offline_access"],
        });
        house.client("8example", &[], settings).await;
        let asking = |name, value: &str| {
            let proof = if is_strict { encode(&CHALLENGE) } else { String::new() };
            format!("{}&{proof}", with(name, Some(value)).replace(WEB, "8example").replace("openid+email", "openid"))
        };
        for scope in ["openid address", "openid offline_access"] {
            let reply = ask(&house, &asking("scope", scope)).await;
            if is_strict {
                assert!(reply.location().starts_with("/login?"), "{scope}: {}", reply.location());
            } else {
                assert_told(&reply, "invalid_scope");
            }
        }
        for (name, value) in [
            ("display", "popup"),
            ("claims", r#"{"userinfo":{"email":null}}"#),
            ("claims_locales", "de"),
            ("id_token_hint", "e30.e30.x"),
            ("prompt", "consent"),
            ("unknown", "x"),
        ] {
            let reply = ask(&house, &asking(name, value)).await;
            assert!(reply.location().starts_with("/login?"), "{name}: {}", reply.location());
        }
        // An ID token in the fragment needs no nonce here.
        let implicit = asking("response_type", "token");
        let reply = ask(&house, &implicit).await;
        assert_eq!(reply.told("error").as_deref() == Some("invalid_request"), is_strict, "{}", reply.location());
    }
}

#[tokio::test]
async fn a_port_of_this_machine_is_part_of_the_address() {
    for (house, is_strict) in houses_of_both_kinds().await {
        let settings = json!({
            "CallbackURLs": ["http://127.0.0.1:3000/cb"], "AllowedOAuthFlows": ["code"],
            "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthScopes": ["openid", "email"],
        });
        house.client("8example", &[], settings).await;
        for (uri, fits) in [("http://127.0.0.1:3000/cb", true), ("http://127.0.0.1:51004/cb", is_strict)] {
            let query = format!("{}&{}", with("redirect_uri", Some(uri)).replace(WEB, "8example"), encode(&CHALLENGE));
            let reply = ask(&house, &query).await;
            assert_eq!(reply.location().starts_with("/login?"), fits, "{uri}: {}", reply.location());
        }
    }
}

#[tokio::test]
async fn passwords_are_no_grant_where_the_pool_is_strict() {
    for (house, is_strict) in houses_of_both_kinds().await {
        let form = [("grant_type", "password"), ("client_id", WEB), ("username", "ann"), ("password", PASSWORD)];
        let reply = house.token(&form).await;
        if is_strict {
            reply.assert_refused("unsupported_grant_type");
        } else {
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        }
    }
}
