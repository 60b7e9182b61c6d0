//! The discovery document and the keys.

use http::{Request, StatusCode};
use serde_json::json;

use crate::app::{POOL, houses, houses_with};

#[tokio::test]
async fn discovery_names_every_endpoint_by_the_public_url() {
    for house in houses_with(|parts| parts.setup.public_url = "https://id.example".into()).await {
        let request = Request::get(format!("/{POOL}/.well-known/openid-configuration"))
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example");
        let reply = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(
            reply.json(),
            json!({
                "authorization_endpoint": "https://id.example/oauth2/authorize",
                "end_session_endpoint": "https://id.example/logout",
                "id_token_signing_alg_values_supported": ["RS256"],
                "issuer": format!("https://id.example/{POOL}"),
                "jwks_uri": format!("https://id.example/{POOL}/.well-known/jwks.json"),
                "response_types_supported": ["code", "token"],
                "revocation_endpoint": "https://id.example/oauth2/revoke",
                "scopes_supported": ["openid", "email", "phone", "profile"],
                "subject_types_supported": ["public"],
                "token_endpoint": "https://id.example/oauth2/token",
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "userinfo_endpoint": "https://id.example/oauth2/userInfo",
            })
        );
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn the_keys_are_two_and_can_be_kept() {
    for house in houses().await {
        let path = format!("/{POOL}/.well-known/jwks.json");
        let reply = house.get(&path).await;
        assert_eq!(reply.json()["keys"].as_array().unwrap().len(), 2);
        assert!(reply.header("cache-control").starts_with("public"));
        let tag = reply.header("etag").to_owned();
        for known in [&*tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
            let request = Request::get(&path).header("if-none-match", known);
            let again = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!((again.status, &*again.text), (StatusCode::NOT_MODIFIED, ""));
        }
        let request = Request::get(&path).header("if-none-match", "\"other\"");
        assert_eq!(house.send(request.body(axum::body::Body::empty()).unwrap()).await.status, StatusCode::OK);
        let head = house.send(Request::head(&path).body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!((head.status, &*head.text), (StatusCode::OK, ""));
    }
}

#[tokio::test]
async fn an_unknown_pool_is_not_found() {
    for house in houses().await {
        let expected = house.get("/us-east-1_Unknown01/.well-known/jwks.json").await;
        assert_eq!(expected.status, StatusCode::NOT_FOUND);
        for id in ["us-east-1_..", "%00", "x", "us-east-1_Example01%2F..", &"x".repeat(4_000)] {
            for document in ["jwks.json", "openid-configuration"] {
                let reply = house.get(&format!("/{id}/.well-known/{document}")).await;
                assert_eq!((reply.status, &reply.text), (StatusCode::NOT_FOUND, &expected.text));
            }
        }
    }
}
