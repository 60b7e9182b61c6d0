//! Clients that prove themselves with a key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PSS_SHA256, RsaKeyPair},
};
use axum::{Router, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use poolhouse::{domain::client::RelyingParty, keys::signing::SigningKey};
use serde_json::{Value, json};

use super::{
    ORDINARY,
    token::{CHALLENGE, basic},
};
use crate::app::{Browser, CALLBACK, House, PASSWORD, POOL, Reply, SECRET, WEB, encode, houses, strict_houses};

const KEYED: &str = "4example23456789abcdefghij";
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "http://localhost:9229/us-east-1_Example01";

fn key() -> &'static SigningKey {
    static KEY: std::sync::OnceLock<SigningKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate().unwrap())
}

fn own_keys() -> RelyingParty {
    RelyingParty { jwks: Some(json!({"keys": [key().public().jwk()]})), ..RelyingParty::default() }
}

/// Strict houses with a machine that has keys.
async fn furnish(house: &House, relying_party: RelyingParty) {
    house.change_pool(|pool| pool.strict_oidc = true).await;
    let settings = json!({
        "CallbackURLs": [CALLBACK],
        "AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthScopes": ["https://api.example/read"],
    });
    house.client(KEYED, &[], settings).await;
    house.set_client(KEYED, |client| client.relying_party = relying_party).await;
}

async fn scenes() -> Vec<House> {
    let houses = houses().await;
    for house in &houses {
        furnish(house, own_keys()).await;
    }
    houses
}

/// The claims of a good assertion.
fn good(house: &House) -> Value {
    let now = house.app.clock.now().seconds();
    json!({"iss": KEYED, "sub": KEYED, "aud": ISSUER, "jti": house.app.random.uuid(), "iat": now, "exp": now + 60})
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn signed(claims: &Value) -> String {
    key().sign(claims).unwrap()
}

async fn ask(house: &House, assertion: &str) -> Reply {
    let form = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
    house.token(&form).await
}

fn assert_unproven(reply: &Reply, why: &str) {
    assert_eq!((reply.status, &reply.json()["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")), "{why}");
}

#[tokio::test]
async fn a_key_proves_its_client_once_at_every_endpoint() {
    for house in scenes().await {
        let assertion = signed(&good(&house));
        let tokens = ask(&house, &assertion).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
        assert_unproven(&ask(&house, &assertion).await, "a replay");
        let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
        let fresh = || signed(&good(&house));
        let proof = |assertion: String| {
            [("client_assertion_type".to_owned(), TYPE.to_owned()), ("client_assertion".to_owned(), assertion)]
        };
        for (path, form, status) in [
            ("/oauth2/introspect", vec![("token", &*token)], StatusCode::OK),
            ("/oauth2/revoke", vec![("token", &*token)], StatusCode::OK),
            ("/oauth2/par", vec![("response_type", "code"), ("redirect_uri", CALLBACK)], StatusCode::BAD_REQUEST),
            ("/oauth2/device_authorization", vec![], StatusCode::BAD_REQUEST),
        ] {
            let proof = proof(fresh());
            let pairs: Vec<(&str, &str)> =
                form.iter().copied().chain(proof.iter().map(|(name, value)| (&**name, &**value))).collect();
            let reply = house.post(path, &pairs, &[]).await;
            assert_eq!(reply.status, status, "{path}: {}", reply.text);
            assert!(!reply.text.contains("invalid_client"), "{path}: {}", reply.text);
            let again = house.post(path, &pairs, &[]).await;
            assert_unproven(&again, path);
        }
        let introspected = house.post("/oauth2/introspect", &[("token", &*token)], &[]).await;
        assert_ne!(introspected.status, StatusCode::OK, "without a proof nobody asks");
    }
}

#[tokio::test]
async fn no_other_assertion_proves_anything() {
    for house in scenes().await {
        let now = house.app.clock.now().seconds();
        let good = good(&house);
        for (name, value) in [
            ("iss", json!(WEB)),
            ("iss", Value::Null),
            ("sub", json!(WEB)),
            ("sub", Value::Null),
            ("aud", json!("http://localhost:9229/oauth2/token")),
            ("aud", json!([ISSUER, "https://other.example"])),
            ("aud", json!("https://other.example")),
            ("aud", Value::Null),
            ("exp", json!(now - 31)),
            ("exp", json!(now + 4_000)),
            ("exp", json!("tomorrow")),
            ("exp", Value::Null),
            ("nbf", json!(now + 60)),
            ("iat", json!(now + 60)),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!("j".repeat(300))),
            ("jti", json!(7)),
        ] {
            let claims = with(&good, name, value.clone());
            assert_unproven(&ask(&house, &signed(&claims)).await, &format!("{name} {value}"));
        }
        let other = SigningKey::generate().unwrap().sign(&good).unwrap();
        assert_unproven(&ask(&house, &other).await, "another key");
        let genuine = signed(&good);
        let (body, _) = genuine.rsplit_once('.').unwrap();
        assert_unproven(&ask(&house, &format!("{body}.")).await, "no signature");
        let unsigned = format!("eyJhbGciOiJub25lIiwia2lkIjoieCJ9.{}.", body.split_once('.').unwrap().1);
        assert_unproven(&ask(&house, &unsigned).await, "alg none");
        assert_unproven(&ask(&house, "no token").await, "no token");
        // None of them has used up the genuine one's jti.
        assert_eq!(ask(&house, &genuine).await.status, StatusCode::OK);
    }
}

/// A token with this header, signed by `sign`.
fn made(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", encode(&signature))
}

#[tokio::test]
async fn keys_of_curves_and_salted_signatures_prove_a_client_too() {
    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = curve.public_key().as_ref();
    let coordinate = |range: std::ops::Range<usize>| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
    let ec = json!({"kty": "EC", "crv": "P-256", "kid": "curve", "x": coordinate(1..33), "y": coordinate(33..65)});
    let changed = |members: Value| {
        let mut key = ec.clone();
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        key
    };
    let mut open = key().public().jwk();
    open["kid"] = json!("open");
    open.as_object_mut().unwrap().remove("alg");
    let keys = json!({"keys": [
        ec, changed(json!({"kid": "sealing", "use": "enc"})), changed(json!({"kid": "other", "crv": "P-384"})),
        key().public().jwk(), open,
    ]});
    let by_curve = |signed: &[u8]| curve.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec();
    let pair = RsaKeyPair::from_pkcs8(&key().to_pkcs8().unwrap()).unwrap();
    let salted = |signed: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed, &mut signature).unwrap();
        signature
    };
    let public = coordinate(1..33);
    let mac =
        |signed: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), signed).as_ref().to_vec();
    for house in houses().await {
        furnish(&house, RelyingParty { jwks: Some(keys.clone()), ..RelyingParty::default() }).await;
        let claims = || good(&house);
        for assertion in [
            made(&json!({"alg": "ES256", "kid": "curve"}), &claims(), by_curve),
            made(&json!({"alg": "PS256", "kid": "open"}), &claims(), salted),
        ] {
            let reply = ask(&house, &assertion).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
            assert_unproven(&ask(&house, &assertion).await, "a replay");
        }
        for (why, assertion) in [
            ("none", made(&json!({"alg": "none", "kid": "curve"}), &claims(), |_| Vec::new())),
            ("a public key as a secret", made(&json!({"alg": "HS256", "kid": "curve"}), &claims(), mac)),
            ("another curve's algorithm", made(&json!({"alg": "ES384", "kid": "curve"}), &claims(), by_curve)),
            ("a key of another curve", made(&json!({"alg": "ES256", "kid": "other"}), &claims(), by_curve)),
            ("a key for encryption", made(&json!({"alg": "ES256", "kid": "sealing"}), &claims(), by_curve)),
            ("RSA's name", made(&json!({"alg": "RS256", "kid": "curve"}), &claims(), by_curve)),
            ("another form's name", made(&json!({"alg": "RS256", "kid": "open"}), &claims(), salted)),
            ("a key that serves RS256", made(&json!({"alg": "PS256", "kid": key().kid()}), &claims(), salted)),
        ] {
            assert_unproven(&ask(&house, &assertion).await, why);
        }
        let document = house.get("/us-east-1_Example01/.well-known/openid-configuration").await.json();
        let told = document["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
        assert!(["RS256", "PS256", "ES256"].iter().all(|alg| told.contains(&json!(alg))), "{told:?}");
        assert!(!told.contains(&json!("none")) && !told.contains(&json!("HS256")));
    }
}

#[tokio::test]
async fn one_way_at_a_time() {
    for house in houses().await {
        furnish(&house, own_keys()).await;
        let assertion = signed(&good(&house));
        let proof = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
        let form = |more: &[(&'static str, &'static str)]| {
            [&[("grant_type", "client_credentials")][..], &proof[..], more].concat()
        };
        house.token(&form(&[("client_secret", "x")])).await.assert_refused("invalid_request");
        house.token(&form(&[("client_id", WEB)])).await.assert_refused("invalid_request");
        let basic = basic(KEYED, SECRET);
        house.post("/oauth2/token", &form(&[]), &[("authorization", &basic)]).await.assert_refused("invalid_request");
        let alone = [("grant_type", "client_credentials"), ("client_assertion", &*assertion)];
        house.token(&alone).await.assert_refused("invalid_request");
        let other = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "saml"),
            ("client_assertion", &*assertion),
        ];
        house.token(&other).await.assert_refused("invalid_request");
        // A client with keys has nothing else to show, and is no public one.
        for headers in [&[][..], &[("authorization", &*basic)][..]] {
            let form = [("grant_type", "client_credentials"), ("client_id", KEYED)];
            assert_unproven(&house.post("/oauth2/token", &form, headers).await, "no assertion");
        }
        let secret = [("grant_type", "client_credentials"), ("client_id", KEYED), ("client_secret", "")];
        assert_unproven(&house.token(&secret).await, "an empty secret");
        // One that has no keys proves nothing with those of others.
        let now = house.app.clock.now().seconds();
        let of_web = json!({"iss": WEB, "sub": WEB, "aud": ISSUER, "jti": "1", "iat": now, "exp": now + 60});
        assert_unproven(&ask(&house, &signed(&of_web)).await, "a client without keys");
        assert_eq!(ask(&house, &assertion).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn of_many_uses_at_once_one_counts() {
    for house in scenes().await {
        let assertion = signed(&good(&house));
        let uses: Vec<_> = (0..8)
            .map(|_| {
                let (app, assertion) = (house.router.clone(), assertion.clone());
                tokio::spawn(async move {
                    let form = encode(&[
                        ("grant_type", "client_credentials"),
                        ("client_assertion_type", TYPE),
                        ("client_assertion", &assertion),
                    ]);
                    let request = http::Request::post("/oauth2/token")
                        .header("content-type", "application/x-www-form-urlencoded")
                        .body(axum::body::Body::from(form))
                        .unwrap();
                    tower::ServiceExt::oneshot(app, request).await.unwrap().status()
                })
            })
            .collect();
        let mut won = 0;
        for one in uses {
            won += usize::from(one.await.unwrap() == StatusCode::OK);
        }
        assert_eq!(won, 1);
    }
}

/// Keys at an address, and how often they were fetched.
async fn publish(keys: impl Fn(usize) -> Value + Clone + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let fetched = Arc::new(AtomicUsize::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let count = Arc::clone(&fetched);
    let answer = move || {
        let (keys, count) = (keys.clone(), Arc::clone(&count));
        async move { axum::Json(keys(count.fetch_add(1, Ordering::SeqCst))) }
    };
    let router = Router::new().route("/jwks.json", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, fetched)
}

#[tokio::test]
async fn published_keys_are_fetched_seldom_and_followed() {
    for house in houses().await {
        // The first time another key is there.
        let (address, fetched) = publish(|time| match time {
            0 => json!({"keys": [SigningKey::generate().unwrap().public().jwk(), {"kty": "EC"}]}),
            _ => json!({"keys": [key().public().jwk()]}),
        })
        .await;
        furnish(&house, RelyingParty { jwks_uri: Some(address), ..RelyingParty::default() }).await;
        for _ in 0..5 {
            assert_unproven(&ask(&house, &signed(&good(&house))).await, "not its key yet");
        }
        assert_eq!(fetched.load(Ordering::SeqCst), 1, "a flood of unknown keys is one fetch");
        house.app.clock.advance(Duration::from_secs(31));
        for _ in 0..5 {
            assert_eq!(ask(&house, &signed(&good(&house))).await.status, StatusCode::OK);
        }
        assert_eq!(fetched.load(Ordering::SeqCst), 2);
        house.app.clock.advance(Duration::from_secs(301));
        assert_eq!(ask(&house, &signed(&good(&house))).await.status, StatusCode::OK);
        assert_eq!(fetched.load(Ordering::SeqCst), 3, "old ones are looked at again");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_prove_nobody() {
    let (huge, _) = publish(|_| json!({"keys": [key().public().jwk()], "padding": "x".repeat(100_000)})).await;
    for uri in [huge, "http://127.0.0.1:1/jwks.json".to_owned()] {
        for house in houses().await {
            furnish(&house, RelyingParty { jwks_uri: Some(uri.clone()), ..RelyingParty::default() }).await;
            assert_unproven(&ask(&house, &signed(&good(&house))).await, &uri);
        }
    }
}

#[tokio::test]
async fn the_code_grant_works_with_a_key() {
    for house in strict_houses().await {
        house.set_client(WEB, |client| client.relying_party = own_keys()).await;
        let query = encode(&[&ORDINARY[..], &CHALLENGE[..]].concat());
        let code = Browser::new(&house).sign_in(&query, "ann", PASSWORD).await.told("code").unwrap();
        let claims = with(&with(&good(&house), "iss", json!(WEB)), "sub", json!(WEB));
        let assertion = signed(&claims);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", super::token::VERIFIER),
            ("client_assertion_type", TYPE),
            ("client_assertion", &*assertion),
        ];
        let tokens = house.token(&form).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
        let metadata = house.get(&format!("/{POOL}/.well-known/openid-configuration")).await.json();
        for name in ["token", "revocation", "introspection"] {
            let methods = metadata[format!("{name}_endpoint_auth_methods_supported")].as_array().unwrap().clone();
            assert!(methods.contains(&json!("private_key_jwt")), "{name}: {methods:?}");
        }
        let algorithms = &metadata["token_endpoint_auth_signing_alg_values_supported"];
        let expected = json!(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]);
        assert_eq!(algorithms, &expected);
    }
}

#[tokio::test]
async fn keys_are_said_in_one_way_and_can_be_read() {
    for house in strict_houses().await {
        let pool = house.pool().await;
        let check = async |relying_party: RelyingParty, secrets: bool| {
            let id = if secrets { crate::app::SERVER } else { WEB };
            let found = poolhouse::store::clients::find(&mut house.cx().read().await.unwrap(), id).await;
            let mut client = found.unwrap().unwrap();
            client.settings.relying_party = relying_party;
            client.settings.allowed_oauth_scopes = vec!["openid".into()];
            client.settings.allowed_oauth_flows = vec!["code".into()];
            client.check(&pool, &[])
        };
        let set = |jwks: Value| RelyingParty { jwks: Some(jwks), ..RelyingParty::default() };
        let at = |uri: &str| RelyingParty { jwks_uri: Some(uri.into()), ..RelyingParty::default() };
        check(own_keys(), false).await.unwrap();
        check(at("https://rp.example/jwks"), false).await.unwrap();
        assert!(check(own_keys(), true).await.is_err(), "a secret besides");
        let both = RelyingParty { jwks_uri: Some("https://rp.example/jwks".into()), ..own_keys() };
        assert!(check(both, false).await.is_err(), "two ways");
        assert!(check(at("http://rp.example/jwks"), false).await.is_err(), "in the clear");
        for bad in [json!([]), json!({}), json!({"keys": []}), json!({"keys": "x"})] {
            assert!(check(set(bad.clone()), false).await.is_err(), "{bad}");
        }
        let mut private = key().public().jwk();
        private["d"] = json!("AQAB");
        assert!(check(set(json!({"keys": [private]})), false).await.is_err(), "a private key");
    }
}
