//! Browsers: preflight requests and who may read answers.

use super::*;

async fn open_to(cors: &str) -> Town {
    let text = format!(
        r#"
[[api]]
name = "x"
cors_configuration = {{ {cors} }}
[api.authorizer.A]
type = "JWT"
issuer = "pool:{POOL}"
audience = ["{CLIENT}"]
[[api.route]]
key = "GET /in"
authorizer = "A"
integration = {{ respond = {{ body = "in", headers = {{ "access-control-allow-origin" = "http://evil.example", "access-control-x" = "1" }} }} }}
[[api.route]]
key = "$default"
authorizer = "A"
integration = {{ respond = {{ headers = {{ "access-control-allow-origin" = "http://evil.example" }} }} }}
"#
    );
    written(&text, Functions::default()).await
}

const ORIGIN: (&str, &str) = ("origin", "https://app.example");
const ASKS: (&str, &str) = ("access-control-request-method", "GET");

#[tokio::test]
async fn a_preflight_is_answered_without_an_authorizer() {
    let town = open_to("allow_origins = ['https://app.example'], allow_methods = ['GET', 'POST'], allow_headers = ['authorization'], allow_credentials = true, max_age = 300").await;
    let answer = town.ask("OPTIONS", "/in", &[ORIGIN, ASKS]).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "300"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    // Without the question it is a request like any other.
    assert_eq!(town.ask("OPTIONS", "/in", &[ORIGIN]).await.status, 401);
}

#[tokio::test]
async fn other_origins_are_told_nothing() {
    let town = open_to("allow_origins = ['https://app.example'], allow_methods = ['GET']").await;
    for origin in [
        "null",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "http://app.example",
        "https://app.example:8443",
        "https://APP.example",
        "https://app.example/",
    ] {
        let answer = town.ask("OPTIONS", "/in", &[("origin", origin), ASKS]).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{origin}");
        assert!(!answer.head.contains("access-control-"), "{origin}: {}", answer.head);
    }
    let twice = town.ask("OPTIONS", "/in", &[ORIGIN, ORIGIN, ASKS]).await;
    assert!(!twice.head.contains("access-control-"));
}

#[tokio::test]
async fn answers_carry_our_headers_in_place_of_the_backends_also_when_refused() {
    let town = open_to("allow_origins = ['https://app.example'], expose_headers = ['apigw-requestid']").await;
    let token = town.token(json!({}));
    let answer = town.ask("GET", "/in", &[ORIGIN, ("authorization", &token)]).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("apigw-requestid"));
    assert!(answer.header("access-control-x").is_none());
    let refused = town.ask("GET", "/in", &[ORIGIN]).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("https://app.example")));
    let strange = town.ask("GET", "/in", &[("origin", "https://evil.example"), ("authorization", &token)]).await;
    assert_eq!((strange.status, strange.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn origins_can_be_all_of_a_scheme_and_nothing_be_remembered() {
    let town = open_to("allow_origins = ['https://*'], allow_methods = ['*'], max_age = -1").await;
    let answer = town.ask("OPTIONS", "/in", &[ORIGIN, ASKS]).await;
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-methods", "*"),
        ("access-control-max-age", "-1"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("apigw-requestid").is_some(), "{}", answer.head);
    for origin in ["http://app.example", "null", "httpsx://app.example"] {
        let answer = town.ask("OPTIONS", "/in", &[("origin", origin), ASKS]).await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn an_age_alone_allows_nobody() {
    let town = open_to("max_age = 123").await;
    let answer = town.ask("OPTIONS", "/in", &[ORIGIN, ASKS]).await;
    assert_eq!(answer.status, 204);
    assert!(!answer.head.contains("access-control-"), "{}", answer.head);
}

#[tokio::test]
async fn the_default_route_takes_preflights_where_the_quirk_is_wanted() {
    for (quirk, status) in [("false", 204), ("true", 401)] {
        let town = open_to(&format!("allow_origins = ['*'], default_route_quirk = {quirk}")).await;
        let answer = town.ask("OPTIONS", "/elsewhere", &[ORIGIN, ASKS]).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some("*")), "{quirk}");
        // What the route answers has our headers, as answers have.
        let token = town.token(json!({}));
        let answer = town.ask("OPTIONS", "/elsewhere", &[ORIGIN, ASKS, ("authorization", &token)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{quirk}");
    }
}

#[test]
fn a_star_with_credentials_and_what_is_no_origin_are_refused() {
    let text = "[[api]]\nname = 'x'\n[api.cors_configuration]\nallow_origins = ['*', 'app.example', 'https://a.example/']\n\
                allow_credentials = true\nallow_headers = ['a b']\nmax_age = 86401\n";
    let mistakes = read(text, &Functions::default()).unwrap_err();
    assert_eq!(mistakes.len(), 5, "{mistakes:#?}");
    assert!(mistakes[1].starts_with("4: `api.cors_configuration.allow_origins` must hold"), "{mistakes:#?}");
    assert!(mistakes[0].contains("cannot be * with `allow_credentials`"), "{mistakes:#?}");
}
