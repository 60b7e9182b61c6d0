//! Which tokens pass, and what those that do not are told.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::*;

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;

async fn example() -> Town {
    let routes = vec![
        route("GET /any", true, &[], fixed("any")),
        route("GET /admin", true, &["admin", "root"], fixed("admin")),
        route("GET /open", false, &[], fixed("open")),
    ];
    town(local(routes), Functions::default()).await
}

fn invalid(reason: &str) -> String {
    format!(r#"Bearer scope="" error="invalid_token" error_description="{reason}""#)
}

#[tokio::test]
async fn good_tokens_pass_with_and_without_the_word_bearer() {
    let town = example().await;
    let token = town.token(json!({"scope": "x admin"}));
    for authorization in [token.clone(), format!("Bearer {token}"), format!("bearer {token}")] {
        let answer = town.get("/admin", &authorization).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "admin"));
        assert!(answer.header("apigw-requestid").is_some_and(|id| id.len() == 16 && id.ends_with('=')));
    }
    assert_eq!(town.get("/_apis/example/admin", &token).await.status, 200);
    assert_eq!(town.get("/_apis/other/admin", &token).await.status, 404);
    assert_eq!(town.get("/any", &town.token(json!({"iss": AWS_ISSUER}))).await.status, 200);
}

#[tokio::test]
async fn refusals_have_the_words_of_the_service() {
    let town = example().await;
    let unsigned = |header: Value| {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.AAAA", part(&header), part(&claims(json!({}))))
    };
    let audience = "the token does not have a valid audience";
    let kid = town.key.kid();
    for (authorization, challenge) in [
        (String::new(), "Bearer".to_owned()),
        ("Bearer".to_owned(), "Bearer".to_owned()),
        ("garbage".to_owned(), invalid("token contains an invalid number of segments")),
        (town.token(json!({"aud": "other"})), invalid(audience)),
        (town.token(json!({"aud": 7, "client_id": CLIENT})), invalid(audience)),
        (town.token(json!({"aud": "other", "client_id": CLIENT})), invalid(audience)),
        (town.token(json!({"aud": null})), invalid(audience)),
        (town.token(json!({"iss": "https://issuer.example"})), invalid("issuer does not match")),
        (town.token(json!({"exp": NOW})), invalid("the token has expired")),
        (town.token(json!({"exp": NOW as f64 - 0.5})), invalid("the token has expired")),
        (town.token(json!({"exp": null})), invalid("the token has no exp")),
        (town.token(json!({"nbf": NOW + 1})), invalid("the token is not valid yet")),
        (town.token(json!({"iat": NOW + 1})), invalid("the token is not valid yet")),
        (unsigned(json!({"alg": "none", "kid": kid})), invalid("signing method none is invalid")),
        (unsigned(json!({"alg": "HS256", "kid": kid})), invalid("signing method HS256 is invalid")),
        (unsigned(json!({"alg": "PS256", "kid": kid})), invalid("signing method PS256 is invalid")),
        (unsigned(json!({"alg": "RS256", "kid": "x"})), invalid("unable to find a signing key that matches the kid")),
        (unsigned(json!({"alg": "RS256", "kid": kid})), invalid("signature is invalid")),
    ] {
        let answer = town.get("/any", &authorization).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, UNAUTHORIZED), "{challenge}");
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("content-length"), Some("26"));
    }
}

#[tokio::test]
async fn only_the_scope_decides_between_401_and_403() {
    let town = example().await;
    for scope in [json!(null), json!("regular"), json!("Admin"), json!("admin2"), json!("")] {
        let answer = town.get("/admin", &town.token(json!({"scope": scope}))).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"message":"Forbidden"}"#), "{scope}");
        let challenge = answer.header("www-authenticate").unwrap().to_owned();
        assert!(challenge.starts_with(r#"Bearer scope="admin root" error="insufficient_scope" "#), "{challenge}");
    }
    for passing in
        [json!({"scope": "root"}), json!({"scope": ["admin"]}), json!({"scp": "admin"}), json!({"scp": ["root"]})]
    {
        assert_eq!(town.get("/admin", &town.token(passing)).await.status, 200);
    }
    assert_eq!(town.get("/admin", &town.token(json!({"scope": "admin", "exp": NOW}))).await.status, 401);
}

#[tokio::test]
async fn audiences_intersect_and_client_id_stands_in() {
    let town = example().await;
    for passing in [
        json!({"aud": ["x", CLIENT]}),
        json!({"aud": null, "client_id": CLIENT}),
        json!({"exp": NOW as f64 + 0.5}),
        json!({"nbf": NOW}),
    ] {
        assert_eq!(town.get("/any", &town.token(passing.clone())).await.status, 200, "{passing}");
    }
}

#[tokio::test]
async fn a_remembered_token_is_judged_again_by_route_and_time() {
    let town = example().await;
    let token = town.token(json!({}));
    assert_eq!(town.get("/any", &token).await.status, 200);
    assert_eq!(town.get("/admin", &token).await.status, 403);
    assert_eq!(town.get("/any", &token).await.status, 200);
    town.clock.advance(Duration::from_secs(3600));
    assert_eq!(town.get("/any", &token).await.status, 401);
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let town = example().await;
    let token = town.token(json!({}));
    let request = format!(
        "GET /any HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: {token}\r\nauthorization: {token}\r\n\r\n"
    );
    assert_eq!(town.raw(&request).await.status, 401);
}

#[tokio::test]
async fn other_paths_and_methods_are_not_found_and_ambiguous_ones_bad() {
    let town = example().await;
    for path in ["/ADMIN", "/admin/", "/nope", "/admin;x"] {
        let answer = town.get(path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"message":"Not Found"}"#), "{path}");
    }
    for path in ["/open/../admin", "//admin", "/%2e%2e/admin", "/%61dmin%2f", "/a%00"] {
        assert_eq!(town.get(path, "").await.status, 400, "{path}");
    }
    let post = "POST /open HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(town.raw(post).await.status, 404);
    // A letter written differently is still the protected route.
    assert_eq!(town.get("/%61dmin", "").await.status, 401);
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_named() {
    let key = SigningKey::generate().unwrap();
    let wrong = |apis: Vec<Api>| load(&apis, Functions::default(), &key, Clock::system()).err().unwrap().to_string();
    let conflict = local(vec![route("GET /{a}", false, &[], fixed("")), route("GET /{b}", false, &[], fixed(""))]);
    assert_eq!(wrong(conflict), "poolhouse.toml:1: `GET /{b}` and `GET /{a}` match the same requests");
    let function = Integration::Function { name: placed("x"), format: PayloadFormat::V2 };
    assert_eq!(wrong(local(vec![route("GET /", false, &[], function)])), "poolhouse.toml:1: there is no function `x`");
    let insecure = vec![api(Issuer::Url("http://issuer.example".into()), Vec::new())];
    assert!(wrong(insecure).contains("only https is accepted"));
}

/// It tells a relying party that a session is over, and nothing of who asks.
#[tokio::test]
async fn a_logout_token_lets_nobody_in() {
    let town = example().await;
    assert_eq!(town.get("/any", &town.token(json!({}))).await.status, 200);
    let token = town.key.sign_logout_token(&claims(json!({}))).unwrap();
    let answer = town.get("/any", &token).await;
    assert_eq!(answer.status, 401);
    let said = answer.header("www-authenticate").unwrap_or_default();
    assert!(said.contains("the token is for a logout"), "{said}");
}
