//! Codes and tokens in the wrong hands, damaged, or from before something ended.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http::{Request, StatusCode};
use hyper::body::Frame;
use poolhouse::{
    domain::user::Status,
    flows::{clients, pools, recover, revoke, users},
    store,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    ORDINARY,
    token::{basic, redeeming},
};
use crate::app::{Browser, CALLBACK, House, PASSWORD, POOL, Reply, SECRET, SERVER, WEB, encode, houses, strict_houses};

const OTHER_WEB: &str = "5example23456789abcdefghij";
const OTHER_SERVER: &str = "6example23456789abcdefghij";
const OTHER_SECRET: &str = "8secret0secret0secret0secret0secret0secret0secret0s";

async fn tokens(house: &House) -> Value {
    let code = house.code(&ORDINARY).await;
    house.token(&redeeming(&code)).await.json()
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}

async fn refresh(house: &House, token: &str) -> Reply {
    house.token(&[("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", token)]).await
}

async fn user_info(house: &House, headers: &[(&str, &str)]) -> Reply {
    let request =
        headers.iter().fold(Request::get("/oauth2/userInfo"), |request, (name, value)| request.header(*name, *value));
    house.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn no_client_uses_the_code_or_refresh_token_of_another() {
    for house in houses().await {
        let settings = json!({
            "CallbackURLs": [CALLBACK], "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthScopes": ["openid"],
        });
        house.client(OTHER_WEB, &[], settings.clone()).await;
        house.client(OTHER_SERVER, &[OTHER_SECRET], settings).await;
        let parties = [(WEB, None), (OTHER_WEB, None), (SERVER, Some(SECRET)), (OTHER_SERVER, Some(OTHER_SECRET))];
        let send = async |form: &[(&str, &str)], (client, secret): (&str, Option<&str>)| {
            let mut form = [form, &[("client_id", client)]].concat();
            form.extend(secret.map(|secret| ("client_secret", secret)));
            house.token(&form).await
        };
        for owner in parties {
            let query = encode(&[
                ("response_type", "code"),
                ("client_id", owner.0),
                ("redirect_uri", CALLBACK),
                ("scope", "openid"),
            ]);
            let reply = Browser::new(&house).sign_in(&query, "ann", PASSWORD).await;
            let code = reply.told("code").unwrap();
            let redeem = [("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code", &*code)];
            for thief in parties.into_iter().filter(|thief| thief.0 != owner.0) {
                send(&redeem, thief).await.assert_refused("invalid_grant");
            }
            let given = send(&redeem, owner).await;
            assert_eq!(given.status, StatusCode::OK, "nobody else has burnt it: {}", given.text);
            let given = given.json();
            let renew = [("grant_type", "refresh_token"), ("refresh_token", text(&given, "refresh_token"))];
            for thief in parties.into_iter().filter(|thief| thief.0 != owner.0) {
                send(&renew, thief).await.assert_refused("invalid_grant");
                let form = [("token", text(&given, "refresh_token")), ("client_id", thief.0)];
                let form = [&form[..], thief.1.map(|secret| ("client_secret", secret)).as_slice()].concat();
                house.post("/oauth2/revoke", &form, &[]).await;
            }
            assert_eq!(send(&renew, owner).await.status, StatusCode::OK, "nobody else has ended it");
        }
    }
}

/// What happens to a grant from outside.
#[derive(Clone, Copy, Debug)]
enum End {
    Time,
    SignedOutEverywhere,
    Reset,
    Disabled,
    Deleted,
    MadeAnew,
    ClientDeleted,
    PoolDeleted,
}

async fn bring_about(house: &House, end: End) {
    let (cx, pool, ann) = (house.cx(), house.pool().await, house.find("ann").await);
    let delete = async || {
        let mut tx = house.app.store.begin().await.unwrap();
        assert!(store::users::delete(&mut tx, POOL, &ann.sub).await.unwrap());
        tx.commit().await.unwrap();
    };
    match end {
        End::Time => house.app.clock.advance(Duration::from_secs(30 * 86_400)),
        End::SignedOutEverywhere => revoke::everything_of(&cx, &ann).await.unwrap(),
        End::Reset => {
            recover::reset(&cx, &pool, &ann, None).await.unwrap();
        }
        End::Disabled => users::set_enabled(&cx, &pool, &ann, false).await.unwrap(),
        End::Deleted => delete().await,
        End::MadeAnew => {
            delete().await;
            house.user("ann", PASSWORD, Status::Confirmed).await;
        }
        End::ClientDeleted => clients::delete(&cx, POOL, WEB).await.unwrap(),
        End::PoolDeleted => pools::delete(&cx, POOL).await.unwrap(),
    }
}

#[tokio::test]
async fn refresh_tokens_codes_and_access_tokens_end_with_what_they_stand_on() {
    use End::{ClientDeleted, Deleted, Disabled, MadeAnew, PoolDeleted, Reset, SignedOutEverywhere, Time};
    for end in [Time, SignedOutEverywhere, Reset, Disabled, Deleted, MadeAnew, ClientDeleted, PoolDeleted] {
        for house in houses().await {
            let given = tokens(&house).await;
            let code = house.code(&ORDINARY).await;
            let bearer = format!("Bearer {}", text(&given, "access_token"));
            assert_eq!(user_info(&house, &[("authorization", &bearer)]).await.status, StatusCode::OK);
            bring_about(&house, end).await;
            let expected = match end {
                ClientDeleted | PoolDeleted => "invalid_client",
                _ => "invalid_grant",
            };
            let reply = refresh(&house, text(&given, "refresh_token")).await;
            assert_eq!((&reply.json()["error"], reply.status), (&json!(expected), StatusCode::BAD_REQUEST), "{end:?}");
            house.token(&redeeming(&code)).await.assert_refused(expected);
            let reply = user_info(&house, &[("authorization", &bearer)]).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{end:?}: {}", reply.text);
            assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
        }
    }
}

#[tokio::test]
async fn every_changed_letter_breaks_a_refresh_token() {
    for house in houses().await {
        let given = tokens(&house).await;
        let good = text(&given, "refresh_token");
        for at in 0..good.len() {
            let other = if &good[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
            refresh(&house, &changed).await.assert_refused("invalid_grant");
        }
        for cut in [1, 2, 3, 4, 16, good.len() / 2, good.len() - 1] {
            refresh(&house, &good[..good.len() - cut]).await.assert_refused("invalid_grant");
        }
        assert_eq!(refresh(&house, good).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_succeeds_after_a_revocation_was_answered() {
    for house in houses().await {
        let house = Arc::new(house);
        let given = tokens(&house).await;
        let token = text(&given, "refresh_token").to_owned();
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let (house, token) = (Arc::clone(&house), token.clone());
            calls.spawn(async move { refresh(&house, &token).await.status });
        }
        let revoked = house.post("/oauth2/revoke", &[("token", &*token), ("client_id", WEB)], &[]).await;
        assert_eq!(revoked.status, StatusCode::OK);
        refresh(&house, &token).await.assert_refused("invalid_grant");
        for status in calls.join_all().await {
            assert!([StatusCode::OK, StatusCode::BAD_REQUEST].contains(&status));
        }
        let again = house.post("/oauth2/revoke", &[("token", &*token), ("client_id", WEB)], &[]).await;
        assert_eq!(again.status, StatusCode::OK);
        let access = given["access_token"].as_str().unwrap();
        let bearer = format!("Bearer {access}");
        assert_eq!(user_info(&house, &[("authorization", &bearer)]).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_authorization_header_has_one_form() {
    for house in houses().await {
        let given = tokens(&house).await;
        let token = text(&given, "access_token");
        let of = |scheme: &str| format!("{scheme}{token}");
        for good in ["Bearer ", "bearer ", "BEARER "] {
            assert_eq!(user_info(&house, &[("authorization", &of(good))]).await.status, StatusCode::OK, "{good}");
        }
        let huge = format!("Bearer {}", "a".repeat(100_000));
        let bad = ["Bearer  ", "Bearer\t", "Bearer,", "Bearer, ", "Bearer:", "", " Bearer ", "Basic "].map(of);
        for bad in bad.iter().chain([&huge, &format!("{} ", of("Bearer ")), &format!("{},x", of("Bearer "))]) {
            let reply = user_info(&house, &[("authorization", bad)]).await;
            assert!(
                [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED].contains(&reply.status),
                "{bad}: {}",
                reply.status
            );
            assert!(reply.header("www-authenticate").starts_with("Bearer "));
        }
        let good = of("Bearer ");
        let twice = user_info(&house, &[("authorization", &good), ("authorization", &good)]).await;
        assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn no_origin_is_told_that_it_may_bring_credentials() {
    for house in houses().await {
        for origin in ["https://evil.example", "null", "https://app.example.evil.example", "https://app.example"] {
            for path in
                ["/oauth2/token", "/oauth2/revoke", "/oauth2/userInfo", "/us-east-1_Example01/.well-known/jwks.json"]
            {
                for method in ["OPTIONS", "GET", "POST"] {
                    let request = Request::builder().method(method).uri(path).header("origin", origin);
                    let request = request.header("access-control-request-method", "POST");
                    let reply = house.send(request.body(Body::empty()).unwrap()).await;
                    assert!(["", "*"].contains(&reply.header("access-control-allow-origin")), "{method} {path}");
                    assert!(!reply.headers.contains_key("access-control-allow-credentials"), "{method} {path}");
                }
            }
            // What a browser shows its user is no other site's business.
            for path in ["/oauth2/authorize", "/login", "/logout", "/error"] {
                let path = format!("{path}?{}", encode(&ORDINARY));
                let reply = house.send(Request::get(path).header("origin", origin).body(Body::empty()).unwrap()).await;
                assert!(!reply.headers.contains_key("access-control-allow-origin"));
            }
        }
    }
}

#[tokio::test]
async fn every_answer_of_the_endpoints_is_json_and_kept_nowhere() {
    for house in strict_houses().await {
        let authorization = basic(SERVER, SECRET);
        let wrong = basic(SERVER, "wrong");
        for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect", "/oauth2/userInfo"] {
            for headers in [&[][..], &[("authorization", &*authorization)], &[("authorization", &wrong)]] {
                for form in
                    [&[][..], &[("grant_type", "client_credentials")], &[("token", "x")], &[("a", "1"), ("a", "2")]]
                {
                    let reply = house.post(path, form, headers).await;
                    assert!(!reply.status.is_server_error(), "{path} {form:?}: {}", reply.text);
                    reply.assert_protected();
                    assert!(
                        reply.header("content-type").starts_with("application/json"),
                        "{path}: {}",
                        reply.header("content-type")
                    );
                }
            }
        }
    }
}

/// A body that was announced and never comes.
struct Silence;

impl HttpBody for Silence {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_form_that_does_not_come_is_given_up() {
    let house = House::new().await;
    let request = Request::post("/oauth2/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::new(Silence))
        .unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let reply = house.send(request).await;
    assert_eq!(reply.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn keys_and_documents_are_told_by_their_heads_and_once() {
    for house in houses().await {
        for name in ["jwks.json", "openid-configuration"] {
            let path = format!("/{POOL}/.well-known/{name}");
            let whole = house.get(&path).await;
            let head = house.send(Request::head(&path).body(Body::empty()).unwrap()).await;
            assert_eq!((head.status, &*head.text), (StatusCode::OK, ""));
            assert_eq!(head.header("etag"), whole.header("etag"));
            assert!(whole.header("cache-control").contains("max-age="));
            let known = Request::get(&path).header("if-none-match", whole.header("etag"));
            assert_eq!(house.send(known.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
            let unknown = house.get(&format!("/us-east-1_Nowhere01/.well-known/{name}")).await;
            for number in 0..50 {
                let other = house.get(&format!("/us-east-1_None{number:05}/.well-known/{name}")).await;
                assert_eq!((other.status, &other.text), (StatusCode::NOT_FOUND, &unknown.text));
            }
        }
    }
}
