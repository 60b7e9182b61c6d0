//! Tokens that come back: refresh, userInfo, revocation.

use http::StatusCode;
use serde_json::{Value, json};

use super::{ORDINARY, token::claims};
use crate::app::{CALLBACK, House, PASSWORD, Reply, SECRET, SERVER, WEB, houses};

async fn tokens(house: &House, scope: &str) -> Value {
    let mut query = ORDINARY;
    query[4].1 = scope;
    let code = house.code(&query).await;
    let form = [("grant_type", "authorization_code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("code", &*code)];
    house.token(&form).await.json()
}

async fn refresh(house: &House, token: &str) -> Reply {
    house.token(&[("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", token)]).await
}

async fn user_info(house: &House, token: &str) -> Reply {
    let header = format!("Bearer {token}");
    let request = http::Request::get("/oauth2/userInfo").header("authorization", header);
    house.send(request.body(axum::body::Body::empty()).unwrap()).await
}

async fn revoke(house: &House, token: &str) -> Reply {
    house.post("/oauth2/revoke", &[("token", token), ("client_id", WEB)], &[]).await
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

#[tokio::test]
async fn a_refresh_keeps_the_scopes_whatever_is_asked() {
    for house in houses().await {
        let first = tokens(&house, "openid email").await;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", WEB),
            ("refresh_token", text(&first, "refresh_token")),
            ("scope", "openid email profile"),
        ];
        let second = house.token(&form).await.json();
        assert_eq!(claims(&second["access_token"])["scope"], "openid email");
        assert_eq!(claims(&second["access_token"])["origin_jti"], claims(&first["access_token"])["origin_jti"]);
        assert!(second.get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn a_refresh_token_works_for_its_client_and_as_it_is() {
    for house in houses().await {
        let first = tokens(&house, "openid").await;
        let token = text(&first, "refresh_token");
        let foreign = [
            ("grant_type", "refresh_token"),
            ("client_id", SERVER),
            ("client_secret", SECRET),
            ("refresh_token", token),
        ];
        house.token(&foreign).await.assert_refused("invalid_grant");
        let flipped = token.replacen(['a', 'b'], "c", 3);
        let (cut, longer, upper) = (&token[..token.len() - 1], format!("{token}A"), token.to_uppercase());
        for damaged in [cut, &longer, &upper, &flipped, text(&first, "access_token"), text(&first, "id_token"), "x"] {
            refresh(&house, damaged).await.assert_refused("invalid_grant");
        }
        let mut ann = house.find("ann").await;
        ann.enabled = false;
        house.update(&ann).await;
        refresh(&house, token).await.assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn user_info_tells_what_the_scopes_cover() {
    for house in houses().await {
        let reply = user_info(&house, text(&tokens(&house, "openid email").await, "access_token")).await;
        let sub = house.find("ann").await.sub;
        assert_eq!(
            reply.json(),
            json!({ "sub": sub, "email": "ann@example.com", "email_verified": "true", "username": "ann" })
        );
        reply.assert_protected();
        let profile = user_info(&house, text(&tokens(&house, "openid profile").await, "access_token")).await;
        assert_eq!(profile.json(), json!({ "sub": sub, "username": "ann" }));
    }
}

#[tokio::test]
async fn user_info_refuses_what_is_no_living_access_token_with_openid() {
    for house in houses().await {
        let good = tokens(&house, "openid").await;
        let api = [("grant_type", "password"), ("client_id", WEB), ("username", "ann"), ("password", PASSWORD)];
        let api = [&api[..], &[("scope", "aws.cognito.signin.user.admin")]].concat();
        let no_openid = house.token(&api).await.json();
        let machine = [("grant_type", "client_credentials"), ("client_id", SERVER), ("client_secret", SECRET)];
        let machine = house.token(&machine).await.json();
        let bad = [
            text(&no_openid, "access_token"),
            text(&machine, "access_token"),
            text(&good, "id_token"),
            text(&good, "refresh_token"),
            "abc",
        ];
        for token in bad {
            let reply = user_info(&house, token).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
            assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
            reply.assert_protected();
        }
        let access = text(&good, "access_token");
        assert_eq!(house.get("/oauth2/userInfo").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(house.get(&format!("/oauth2/userInfo?access_token={access}")).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(revoke(&house, text(&good, "refresh_token")).await.status, StatusCode::OK);
        assert_eq!(user_info(&house, access).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn revocation_ends_a_grant() {
    for house in houses().await {
        let first = tokens(&house, "openid").await;
        let token = text(&first, "refresh_token");
        let foreign = [("token", token), ("client_id", SERVER), ("client_secret", SECRET)];
        assert_eq!(house.post("/oauth2/revoke", &foreign, &[]).await.status, StatusCode::OK);
        assert_eq!(refresh(&house, token).await.status, StatusCode::OK);
        for _ in 0..2 {
            let reply = revoke(&house, token).await;
            assert_eq!((reply.status, &*reply.text), (StatusCode::OK, ""));
            refresh(&house, token).await.assert_refused("invalid_grant");
        }
        assert_eq!(revoke(&house, "unknown").await.status, StatusCode::OK);
        revoke(&house, text(&first, "access_token")).await.assert_refused("unsupported_token_type");
        house.post("/oauth2/revoke", &[("client_id", WEB)], &[]).await.assert_refused("invalid_request");
        let unproven = house.post("/oauth2/revoke", &[("token", token), ("client_id", SERVER)], &[]).await;
        assert_eq!(
            (unproven.status, unproven.json()),
            (StatusCode::UNAUTHORIZED, json!({ "error": "invalid_client" }))
        );
    }
}

#[tokio::test]
async fn a_client_without_revocation_is_told_so() {
    for house in houses().await {
        house.client("4example", &[], json!({ "EnableTokenRevocation": false })).await;
        let reply = house.post("/oauth2/revoke", &[("token", "x"), ("client_id", "4example")], &[]).await;
        reply.assert_refused("invalid_request");
    }
}
