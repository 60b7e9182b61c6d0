//! `/oauth2/token`: grants, proofs of clients, refusals.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, prelude::*};
use http::StatusCode;
use poolhouse::domain::user::Status;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::ORDINARY;
use crate::app::{API_ONLY, Browser, CALLBACK, PASSWORD, SECRET, SERVER, WEB, encode, houses};

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: [(&str, &str); 2] =
    [("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256")];

pub fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub fn redeeming(code: &str) -> [(&str, &str); 4] {
    [("grant_type", "authorization_code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("code", code)]
}

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

#[tokio::test]
async fn a_code_becomes_tokens_once() {
    for house in houses().await {
        let mut query = ORDINARY.to_vec();
        query.push(("nonce", "n-1"));
        let code = house.code(&query).await;
        house.app.clock.advance(Duration::from_secs(60));
        let reply = house.token(&redeeming(&code)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply.assert_protected();
        let tokens = reply.json();
        assert_eq!((&tokens["expires_in"], &tokens["token_type"]), (&json!(3600), &json!("Bearer")));
        let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
        assert_eq!(id["nonce"], "n-1");
        assert_eq!(id["auth_time"], 1_800_000_000);
        assert_eq!(id["iat"], 1_800_000_060);
        assert_eq!(access["scope"], "openid email");
        assert_eq!(access["version"], 2);
        assert!(tokens["refresh_token"].is_string());
        house.token(&redeeming(&code)).await.assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn a_code_ends_after_five_minutes() {
    for house in houses().await {
        let (early, late) = (house.code(&ORDINARY).await, house.code(&ORDINARY).await);
        house.app.clock.advance(Duration::from_secs(299));
        assert_eq!(house.token(&redeeming(&early)).await.status, StatusCode::OK);
        house.app.clock.advance(Duration::from_secs(1));
        house.token(&redeeming(&late)).await.assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn another_client_neither_redeems_nor_burns_a_code() {
    for house in houses().await {
        let code = house.code(&ORDINARY).await;
        let foreign = [("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code", &*code)];
        let authorization = basic(SERVER, SECRET);
        let reply = house.post("/oauth2/token", &foreign, &[("authorization", &authorization)]).await;
        reply.assert_refused("invalid_grant");
        assert_eq!(house.token(&redeeming(&code)).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_wrong_redirect_address_or_verifier_uses_the_code_up() {
    for house in houses().await {
        let code = house.code(&ORDINARY).await;
        let mut form = redeeming(&code);
        form[2].1 = "myapp://cb";
        house.token(&form).await.assert_refused("invalid_grant");
        house.token(&redeeming(&code)).await.assert_refused("invalid_grant");

        let without = house.code(&ORDINARY).await;
        let form: Vec<_> = redeeming(&without).into_iter().filter(|(name, _)| *name != "redirect_uri").collect();
        house.token(&form).await.assert_refused("invalid_grant");

        let query = [&ORDINARY[..], &CHALLENGE[..]].concat();
        for verifier in [None, Some(&VERIFIER[1..]), Some(&VERIFIER.to_lowercase()[..]), Some(&"a".repeat(129)[..])] {
            let code = house.code(&query).await;
            let mut form = redeeming(&code).to_vec();
            form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
            house.token(&form).await.assert_refused("invalid_grant");
        }
        let code = house.code(&query).await;
        let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
        assert_eq!(house.token(&form).await.status, StatusCode::OK);
        // A verifier for a code without a challenge: somebody took the challenge away.
        let code = house.code(&ORDINARY).await;
        let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
        house.token(&form).await.assert_refused("invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_parallel_redemptions_one_wins() {
    const CODES: usize = 200;
    const RACERS: usize = 16;
    for house in houses().await {
        let house = Arc::new(house);
        let mut browser = Browser::new(&house);
        browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await;
        let mut ends = BTreeMap::<String, usize>::new();
        for _ in 0..CODES {
            let given = browser.get(&format!("/oauth2/authorize?{}", encode(&ORDINARY))).await;
            let code = given.told("code").unwrap();
            let mut race = JoinSet::new();
            for _ in 0..RACERS {
                let (house, code) = (Arc::clone(&house), code.clone());
                race.spawn(async move { house.token(&redeeming(&code)).await });
            }
            let before = ends.get("won").copied().unwrap_or_default();
            for reply in race.join_all().await {
                let end = reply.json()["error"].as_str().unwrap_or("won").to_owned();
                *ends.entry(end).or_default() += 1;
            }
            assert_eq!(ends["won"], before + 1, "{ends:?}");
        }
        let expected = [("won".to_owned(), CODES), ("invalid_grant".to_owned(), CODES * (RACERS - 1))];
        assert_eq!(ends, expected.into());
    }
}

/// A verifier counts in its form alone, also where a challenge was made of something else (RFC 7636, section 4.1).
#[tokio::test]
async fn a_verifier_has_one_form() {
    for house in houses().await {
        for (verifier, counts) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a-._~".repeat(25), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            ("a+/=".repeat(11), false),
            ("\u{e4}".repeat(43), false),
            ("a ".repeat(22), false),
        ] {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest);
            let query = [&ORDINARY[..], &[("code_challenge", &*challenge), ("code_challenge_method", "S256")]].concat();
            let code = house.code(&query).await;
            let form = [&redeeming(&code)[..], &[("code_verifier", &*verifier)]].concat();
            let reply = house.token(&form).await;
            if counts {
                assert_eq!(reply.status, StatusCode::OK, "{verifier}: {}", reply.text);
            } else {
                reply.assert_refused("invalid_grant");
            }
        }
    }
}

/// Neither the answer nor its time tells a code that nobody has from one that was used or is somebody else's. What else the
/// machine does only ever adds to a time, so that the fastest tenth tells what the work itself takes; it is looked at until
/// there is enough of it.
#[tokio::test]
async fn the_time_of_a_refusal_tells_nothing_about_the_code() {
    const ROUNDS: usize = 40;
    for house in houses().await {
        let used = house.code(&ORDINARY).await;
        assert_eq!(house.token(&redeeming(&used)).await.status, StatusCode::OK);
        let elsewhere =
            [("response_type", "code"), ("client_id", SERVER), ("redirect_uri", CALLBACK), ("scope", "openid")];
        let foreign = house.code(&elsewhere).await;
        let unknown = uuid::Uuid::new_v4().to_string();
        let codes = [&used, &foreign, &unknown];
        let mut times = [const { Vec::new() }; 3];
        let mut spreads = Vec::new();
        while spreads.last().is_none_or(|spread| *spread > 1.05) {
            assert!(spreads.len() < ROUNDS, "{spreads:?}");
            for number in 0..300 {
                let which = (number / 3 + number) % 3;
                let form = redeeming(codes[which]);
                let begun = std::time::Instant::now();
                let reply = house.token(&form).await;
                times[which].push(begun.elapsed());
                assert_eq!((reply.status, &*reply.text), (StatusCode::BAD_REQUEST, r#"{"error":"invalid_grant"}"#));
            }
            let usual = times.each_mut().map(|times| {
                times.sort_unstable();
                times[times.len() / 10].as_secs_f64()
            });
            spreads.push(usual.into_iter().fold(0.0, f64::max) / usual.into_iter().fold(f64::MAX, f64::min));
        }
    }
}

#[tokio::test]
async fn a_user_who_was_disabled_meanwhile_gets_nothing() {
    for house in houses().await {
        let code = house.code(&ORDINARY).await;
        let mut ann = house.find("ann").await;
        ann.enabled = false;
        house.update(&ann).await;
        house.token(&redeeming(&code)).await.assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn clients_prove_themselves_in_exactly_one_way() {
    for house in houses().await {
        let grant = ("grant_type", "client_credentials");
        let ask = async |form: &[(&str, &str)], header: Option<&str>| {
            let headers: Vec<_> = header.into_iter().map(|value| ("authorization", value)).collect();
            house.post("/oauth2/token", &[&[grant], form].concat(), &headers).await
        };
        let good = basic(SERVER, SECRET);
        assert_eq!(ask(&[], Some(&good)).await.status, StatusCode::OK);
        assert_eq!(ask(&[("client_id", SERVER)], Some(&good)).await.status, StatusCode::OK);
        assert_eq!(ask(&[("client_id", SERVER), ("client_secret", SECRET)], None).await.status, StatusCode::OK);
        for (form, header) in [
            (&[("client_id", SERVER), ("client_secret", SECRET)][..], Some(&*good)),
            (&[("client_id", WEB)], Some(&good)),
            (&[], None),
            (&[("client_id", "")], None),
        ] {
            ask(form, header).await.assert_refused("invalid_request");
        }
        let encoded = format!("Basic {}", BASE64_STANDARD.encode(format!("{SERVER}:%39{}", &SECRET[1..])));
        let long = format!("Basic {}", "A".repeat(64_000));
        for (form, header) in [
            (&[("client_id", SERVER)][..], None),
            (&[("client_id", SERVER), ("client_secret", "")], None),
            (&[("client_id", SERVER), ("client_secret", "wrong")], None),
            (&[("client_id", WEB), ("client_secret", SECRET)], None),
            (&[("client_id", WEB), ("client_secret", "")], None),
            (&[("client_id", "nobody")], None),
            (&[], Some("Basic !!!")),
            (&[], Some("Basic YWJj")),
            (&[], Some("Basic /zo=")),
            (&[], Some("Bearer abc")),
            (&[], Some(&*encoded)),
            (&[], Some(&*long)),
        ] {
            ask(form, header).await.assert_refused("invalid_client");
        }
        let two = [("authorization", &*good), ("authorization", &*good)];
        house.post("/oauth2/token", &[grant], &two).await.assert_refused("invalid_request");
    }
}

#[tokio::test]
async fn machines_get_their_own_scopes_only() {
    for house in houses().await {
        let ask = async |scope: Option<&str>| {
            let mut form = vec![("grant_type", "client_credentials")];
            form.extend(scope.map(|scope| ("scope", scope)));
            let authorization = basic(SERVER, SECRET);
            house.post("/oauth2/token", &form, &[("authorization", &authorization)]).await
        };
        let reply = ask(None).await;
        let body = reply.json();
        assert!(body.get("id_token").is_none() && body.get("refresh_token").is_none());
        let access = claims(&body["access_token"]);
        // The other scope is allowed to the client, but its resource server does not know it.
        assert_eq!(access["scope"], "https://api.example/read");
        assert_eq!((&access["sub"], &access["client_id"]), (&json!(SERVER), &json!(SERVER)));
        assert_eq!(ask(Some("https://api.example/read")).await.status, StatusCode::OK);
        for scope in
            ["openid", "https://api.example/gone", "https://api.example/write", "openid https://api.example/read"]
        {
            ask(Some(scope)).await.assert_refused("invalid_scope");
        }
        let public = [("grant_type", "client_credentials"), ("client_id", WEB)];
        house.token(&public).await.assert_refused("unauthorized_client");
        // A client with a secret that may not, and one that has no scopes of its own.
        for (flows, scopes, error) in [
            (json!(["code"]), json!(["openid"]), "unauthorized_client"),
            (json!(["client_credentials"]), json!(["openid"]), "invalid_scope"),
        ] {
            let settings = json!({
                "CallbackURLs": [CALLBACK], "AllowedOAuthFlows": flows, "AllowedOAuthFlowsUserPoolClient": true,
                "AllowedOAuthScopes": scopes,
            });
            let id = format!("4{error}").replace('_', "");
            house.client(&id, &[SECRET], settings).await;
            let form = [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", SECRET)];
            house.token(&form).await.assert_refused(error);
        }
    }
}

#[tokio::test]
async fn passwords_are_taken_where_the_client_allows_them() {
    for house in houses().await {
        let form = |client, password| {
            [("grant_type", "password"), ("client_id", client), ("username", "ann"), ("password", password)]
        };
        let tokens = house.token(&form(WEB, PASSWORD)).await.json();
        assert_eq!(
            claims(&tokens["access_token"])["scope"],
            "openid email profile aws.cognito.signin.user.admin https://api.example/read"
        );
        let narrow = [&form(WEB, PASSWORD)[..], &[("scope", "openid")]].concat();
        assert_eq!(claims(&house.token(&narrow).await.json()["access_token"])["scope"], "openid");
        let wide = [&form(WEB, PASSWORD)[..], &[("scope", "phone")]].concat();
        house.token(&wide).await.assert_refused("invalid_scope");
        let tokens = house.token(&form(API_ONLY, PASSWORD)).await.json();
        assert_eq!(claims(&tokens["access_token"])["scope"], "aws.cognito.signin.user.admin");
        assert!(tokens["id_token"].is_string() && tokens["refresh_token"].is_string());
        house.token(&form(WEB, "Wrong-1234")).await.assert_refused("invalid_grant");
        let nobody = [("grant_type", "password"), ("client_id", WEB), ("username", "nobody"), ("password", PASSWORD)];
        house.token(&nobody).await.assert_refused("invalid_grant");
        house.user("new", "Temp-1234", Status::ForceChangePassword).await;
        let new = [("grant_type", "password"), ("client_id", WEB), ("username", "new"), ("password", "Temp-1234")];
        house.token(&new).await.assert_refused("invalid_grant");
        let server = [&form(SERVER, PASSWORD)[..], &[("client_secret", SECRET)]].concat();
        house.token(&server).await.assert_refused("unsupported_grant_type");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    for house in houses().await {
        for grant in ["", "Authorization_Code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "implicit"] {
            house.token(&[("grant_type", grant), ("client_id", WEB)]).await.assert_refused("unsupported_grant_type");
        }
        house.token(&[("client_id", WEB)]).await.assert_refused("invalid_request");
        let doubled = [&redeeming("x")[..], &[("anything", "1"), ("anything", "1")]].concat();
        house.token(&doubled).await.assert_refused("invalid_request");
        house.token(&[("grant_type", "password"), ("client_id", "a\0")]).await.assert_refused("invalid_request");
        for kind in ["application/json", "multipart/form-data", "application/x-www-form-urlencoded; charset=utf-16", ""]
        {
            let request = http::Request::post("/oauth2/token").header("content-type", kind);
            house.send(request.body("grant_type=password".into()).unwrap()).await.assert_refused("invalid_request");
        }
        let untold = http::Request::post("/oauth2/token").body("grant_type=password".into()).unwrap();
        house.send(untold).await.assert_refused("invalid_request");
        for method in ["GET", "PUT", "HEAD", "DELETE"] {
            let request = http::Request::builder().method(method).uri("/oauth2/token");
            let reply = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
            assert!(reply.header("allow").contains("POST"));
        }
        let large = house.token(&[("grant_type", "password"), ("x", &"a".repeat(65_536))]).await;
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
        large.assert_protected();
        for coding in ["gzip", "br", "deflate", "identity, gzip"] {
            let packed =
                house.post("/oauth2/token", &[("grant_type", "password")], &[("content-encoding", coding)]).await;
            assert_eq!(packed.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{coding}");
        }
    }
}
