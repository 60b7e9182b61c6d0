//! Clients that show a key for their tokens (DPoP), in strict pools.

use std::time::Duration;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use poolhouse::{
    domain::{Error, error::AccessTokenFault},
    flows::{
        bearer, directory,
        refresh::{self, Proof, Refresh},
    },
    keys::{jwt::Possession, signing::SigningKey},
    store,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    ORDINARY,
    token::{CHALLENGE, VERIFIER, basic, claims, redeeming},
};
use crate::app::{Browser, House, PASSWORD, Reply, SECRET, SERVER, WEB, encode, houses, strict_houses};

const TOKEN: &str = "http://localhost:9229/oauth2/token";
const USER_INFO: &str = "http://localhost:9229/oauth2/userInfo";
const PAR: &str = "http://localhost:9229/oauth2/par";

/// Somebody with a key.
struct Holder(EcdsaKeyPair);

impl Holder {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let coordinate = |range: std::ops::Range<usize>| encoded(&point[range]);
        json!({"kty": "EC", "crv": "P-256", "x": coordinate(1..33), "y": coordinate(33..65)})
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    fn sign(&self, signed: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec()
    }

    fn with(&self, claims: &Value) -> String {
        made(&self.header(), claims, |signed| self.sign(signed))
    }

    /// A proof for a request to the token endpoint.
    fn proof(&self, house: &House) -> String {
        self.with(&good(house))
    }

    /// One for userInfo with this token.
    fn proof_for(&self, house: &House, token: &str) -> String {
        self.with(&for_user_info(house, token))
    }

    fn thumbprint(&self) -> String {
        let proof = self.with(&json!({}));
        Possession::read(&proof).unwrap().thumbprint
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn made(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", encoded(&signature))
}

/// The claims of a good proof for the token endpoint.
fn good(house: &House) -> Value {
    json!({"jti": house.app.random.uuid(), "htm": "POST", "htu": TOKEN, "iat": house.app.clock.now().seconds()})
}

fn for_user_info(house: &House, token: &str) -> Value {
    with(
        &with(&with(&good(house), "htm", json!("GET")), "htu", json!(USER_INFO)),
        "ath",
        json!(Possession::hash_of(token)),
    )
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    match value {
        Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
        value => object[name] = value,
    }
    object
}

/// A machine asks for a token, with these proofs.
async fn machine(house: &House, proofs: &[&str]) -> Reply {
    let basic = basic(SERVER, SECRET);
    let proofs = proofs.iter().map(|proof| ("dpop", *proof));
    let headers: Vec<(&str, &str)> = std::iter::once(("authorization", &*basic)).chain(proofs).collect();
    house.post("/oauth2/token", &[("grant_type", "client_credentials")], &headers).await
}

async fn redeem(house: &House, code: &str, proof: &str) -> Reply {
    let form = [&redeeming(code)[..], &[("code_verifier", VERIFIER)]].concat();
    house.post("/oauth2/token", &form, &[("dpop", proof)]).await
}

async fn refreshed(house: &House, token: &Value, proof: Option<&str>) -> Reply {
    let form = [("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", token.as_str().unwrap())];
    let headers: Vec<(&str, &str)> = proof.map(|proof| ("dpop", proof)).into_iter().collect();
    house.post("/oauth2/token", &form, &headers).await
}

async fn user_info(house: &House, scheme: &str, token: &str, proofs: &[&str]) -> Reply {
    let authorization = format!("{scheme} {token}");
    let request = http::Request::get("/oauth2/userInfo").header("authorization", authorization);
    let request = proofs.iter().fold(request, |request, proof| request.header("dpop", *proof));
    house.send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// The request of a public client, with its challenge.
fn asked() -> Vec<(&'static str, &'static str)> {
    [&ORDINARY[..], &CHALLENGE[..]].concat()
}

async fn tokens(house: &House, holder: &Holder) -> Value {
    let reply = redeem(house, &house.code(&asked()).await, &holder.proof(house)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

fn assert_challenged(reply: &Reply, error: &str, why: &str) {
    assert_eq!(
        (reply.status, &reply.json()["error"]),
        (StatusCode::UNAUTHORIZED, &json!(error)),
        "{why} {}",
        reply.text
    );
    let challenge = reply.header("www-authenticate");
    assert!(challenge.starts_with(&format!("DPoP error=\"{error}\"")) && challenge.contains("ES256"), "{challenge}");
}

#[tokio::test]
async fn tokens_are_bound_to_the_key_that_is_shown() {
    for house in strict_houses().await {
        let holder = Holder::new();
        let told = tokens(&house, &holder).await;
        assert_eq!(told["token_type"], "DPoP");
        let token = told["access_token"].as_str().unwrap();
        assert_eq!(claims(&told["access_token"])["cnf"], json!({"jkt": holder.thumbprint()}));
        assert_eq!(claims(&told["id_token"])["cnf"], Value::Null, "nobody shows a key with an ID token");
        let proof = holder.proof_for(&house, token);
        let info = user_info(&house, "DPoP", token, &[&proof]).await;
        assert_eq!((info.status, &info.json()["username"]), (StatusCode::OK, &json!("ann")), "{}", info.text);
        let found =
            house.post("/oauth2/introspect", &[("token", token)], &[("authorization", &basic(SERVER, SECRET))]).await;
        assert_eq!(found.json()["token_type"], "DPoP", "{}", found.text);
        assert_eq!(found.json()["cnf"]["jkt"], json!(holder.thumbprint()));
        // Whoever shows no key gets what everybody else gets.
        let bare =
            house.token(&[&redeeming(&house.code(&asked()).await)[..], &[("code_verifier", VERIFIER)]].concat()).await;
        assert_eq!(bare.json()["token_type"], "Bearer");
        assert_eq!(claims(&bare.json()["access_token"])["cnf"], Value::Null);
    }
}

#[tokio::test]
async fn no_other_proof_counts_at_the_token_endpoint() {
    for house in strict_houses().await {
        let holder = Holder::new();
        let now = house.app.clock.now().seconds();
        let fresh = || good(&house);
        for (name, value) in [
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!(7)),
            ("jti", json!("j".repeat(257))),
            ("htm", json!("GET")),
            ("htm", json!("post")),
            ("htm", Value::Null),
            ("htu", json!("http://localhost:9229/oauth2/userInfo")),
            ("htu", json!("https://localhost:9229/oauth2/token")),
            ("htu", json!("http://evil.example/oauth2/token")),
            ("htu", json!("/oauth2/token")),
            ("htu", Value::Null),
            ("iat", json!(now - 301)),
            ("iat", json!(now + 61)),
            ("iat", json!("now")),
            ("iat", Value::Null),
        ] {
            let reply = machine(&house, &[&holder.with(&with(&fresh(), name, value.clone()))]).await;
            assert_eq!(reply.json()["error"], "invalid_dpop_proof", "{name} {value}");
            reply.assert_refused("invalid_dpop_proof");
        }
        let own = |header: &Value| made(header, &fresh(), |signed| holder.sign(signed));
        let header = holder.header();
        let private = with(&holder.jwk(), "d", json!("AAAA"));
        let secret = json!({"kty": "oct", "k": "AAAA"});
        let mac = |signed: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[0; 3]), signed).as_ref().to_vec();
        let genuine = holder.proof(&house);
        let (body, _) = genuine.rsplit_once('.').unwrap();
        for (why, proof) in [
            ("alg none", made(&with(&header, "alg", json!("none")), &fresh(), |_| Vec::new())),
            (
                "HMAC with a key that everybody reads",
                made(&with(&with(&header, "alg", json!("HS256")), "jwk", secret), &fresh(), mac),
            ),
            ("another algorithm's name", own(&with(&header, "alg", json!("RS256")))),
            ("a private key", own(&with(&header, "jwk", private))),
            ("another's key", own(&with(&header, "jwk", Holder::new().jwk()))),
            ("no key", own(&with(&header, "jwk", Value::Null))),
            ("a name in place of a key", own(&with(&with(&header, "jwk", Value::Null), "kid", json!("k")))),
            ("another type", own(&with(&header, "typ", json!("JWT")))),
            ("no type", own(&with(&header, "typ", Value::Null))),
            ("an extension", own(&with(&header, "crit", json!(["b64"])))),
            ("no signature", format!("{body}.")),
            ("no token", "proof".to_owned()),
            ("nothing", String::new()),
        ] {
            let reply = machine(&house, &[&proof]).await;
            assert_eq!(reply.json()["error"], "invalid_dpop_proof", "{why}");
            reply.assert_refused("invalid_dpop_proof");
        }
        machine(&house, &[&holder.proof(&house), &holder.proof(&house)]).await.assert_refused("invalid_dpop_proof");
        // At both ends of what clocks may differ by, and none of all that has used up the genuine one.
        for made in [now - 300, now + 60] {
            assert_eq!(
                machine(&house, &[&holder.with(&with(&fresh(), "iat", json!(made)))]).await.status,
                StatusCode::OK
            );
        }
        assert_eq!(machine(&house, &[&genuine]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_proof_counts_once() {
    for house in strict_houses().await {
        let holder = Holder::new();
        let proof = holder.proof(&house);
        assert_eq!(machine(&house, &[&proof]).await.json()["token_type"], "DPoP");
        machine(&house, &[&proof]).await.assert_refused("invalid_dpop_proof");
        // As long as it could be sent again, and whoever has another key cannot use it up.
        house.app.clock.advance(Duration::from_secs(299));
        machine(&house, &[&proof]).await.assert_refused("invalid_dpop_proof");
        let shared = good(&house);
        assert_eq!(machine(&house, &[&Holder::new().with(&shared)]).await.status, StatusCode::OK);
        let proof = holder.with(&shared);
        let mut uses = JoinSet::new();
        for _ in 0..8 {
            let (router, proof) = (house.router.clone(), proof.clone());
            uses.spawn(async move {
                let request = http::Request::post("/oauth2/token")
                    .header("content-type", "application/x-www-form-urlencoded")
                    .header("authorization", basic(SERVER, SECRET))
                    .header("dpop", proof)
                    .body(axum::body::Body::from("grant_type=client_credentials"))
                    .unwrap();
                tower::ServiceExt::oneshot(router, request).await.unwrap().status()
            });
        }
        let ends = uses.join_all().await;
        assert_eq!(ends.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{ends:?}");
    }
}

#[tokio::test]
async fn a_proof_is_remembered_for_as_long_as_it_counts() {
    for house in strict_houses().await {
        let ahead = house.app.clock.now().seconds() + 60;
        let proof = Holder::new().with(&with(&good(&house), "iat", json!(ahead)));
        assert_eq!(machine(&house, &[&proof]).await.status, StatusCode::OK);
        for wait in [360_000, 900, 60_000] {
            house.app.clock.advance(Duration::from_millis(wait));
            let mut tx = house.app.store.begin().await.unwrap();
            store::grants::sweep(&mut tx, house.app.clock.now(), 100).await.unwrap();
            tx.commit().await.unwrap();
            machine(&house, &[&proof]).await.assert_refused("invalid_dpop_proof");
        }
    }
}

#[tokio::test]
async fn a_bound_token_is_nothing_without_its_key() {
    for house in strict_houses().await {
        let (holder, thief) = (Holder::new(), Holder::new());
        let told = tokens(&house, &holder).await;
        let token = told["access_token"].as_str().unwrap();
        let bare = user_info(&house, "Bearer", token, &[]).await;
        assert_eq!((bare.status, &bare.json()["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_token")));
        let proof = holder.proof_for(&house, token);
        assert_eq!(user_info(&house, "Bearer", token, &[&proof]).await.status, StatusCode::UNAUTHORIZED);
        let form = house.post("/oauth2/userInfo", &[("access_token", token)], &[("dpop", &proof)]).await;
        assert_eq!(form.status, StatusCode::UNAUTHORIZED, "{}", form.text);
        assert_challenged(&user_info(&house, "DPoP", token, &[]).await, "invalid_dpop_proof", "no proof");
        let two = [&*holder.proof_for(&house, token), &*holder.proof_for(&house, token)];
        assert_challenged(&user_info(&house, "DPoP", token, &two).await, "invalid_dpop_proof", "two proofs");
        let stolen = thief.proof_for(&house, token);
        assert_challenged(&user_info(&house, "DPoP", token, &[&stolen]).await, "invalid_token", "another key");
        for (name, value) in [
            ("ath", Value::Null),
            ("ath", json!(Possession::hash_of("another"))),
            ("htu", json!(TOKEN)),
            ("htm", json!("POST")),
            ("iat", json!(house.app.clock.now().seconds() - 301)),
        ] {
            let proof = holder.with(&with(&for_user_info(&house, token), name, value));
            assert_challenged(&user_info(&house, "DPoP", token, &[&proof]).await, "invalid_dpop_proof", name);
        }
        assert_eq!(user_info(&house, "DPoP", token, &[&proof]).await.status, StatusCode::OK);
        assert_challenged(&user_info(&house, "DPoP", token, &[&proof]).await, "invalid_dpop_proof", "a replay");
        // A token that is bound to nothing does not become so by a proof.
        let code = house.code(&asked()).await;
        let bare = house.token(&[&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat()).await.json();
        let bare = bare["access_token"].as_str().unwrap();
        let proof = holder.proof_for(&house, bare);
        assert_challenged(&user_info(&house, "DPoP", bare, &[&proof]).await, "invalid_token", "an unbound token");
        assert_eq!(user_info(&house, "Bearer", bare, &[]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_refresh_tokens_of_public_clients_stay_with_their_key() {
    for house in strict_houses().await {
        let (holder, thief) = (Holder::new(), Holder::new());
        let told = tokens(&house, &holder).await;
        let old = &told["refresh_token"];
        refreshed(&house, old, None).await.assert_refused("invalid_dpop_proof");
        refreshed(&house, old, Some(&thief.proof(&house))).await.assert_refused("invalid_dpop_proof");
        let next = refreshed(&house, old, Some(&holder.proof(&house))).await;
        assert_eq!(next.status, StatusCode::OK, "the refusals cost nothing: {}", next.text);
        assert_eq!(next.json()["token_type"], "DPoP");
        assert_eq!(claims(&next.json()["access_token"])["cnf"]["jkt"], json!(holder.thumbprint()));
        // A thief without the key does not even end the sign-in with an old copy; its owner's would.
        refreshed(&house, old, Some(&thief.proof(&house))).await.assert_refused("invalid_dpop_proof");
        let next = refreshed(&house, &next.json()["refresh_token"], Some(&holder.proof(&house))).await;
        assert_eq!(next.status, StatusCode::OK, "{}", next.text);
        refreshed(&house, old, Some(&holder.proof(&house))).await.assert_refused("invalid_grant");
        refreshed(&house, &next.json()["refresh_token"], Some(&holder.proof(&house)))
            .await
            .assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn a_refresh_token_is_bound_when_its_client_begins_to_show_a_key() {
    for house in strict_houses().await {
        let code = house.code(&asked()).await;
        let told = house.token(&[&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat()).await.json();
        let next = refreshed(&house, &told["refresh_token"], None).await.json();
        assert_eq!(next["token_type"], "Bearer");
        let holder = Holder::new();
        let bound = refreshed(&house, &next["refresh_token"], Some(&holder.proof(&house))).await.json();
        assert_eq!(bound["token_type"], "DPoP");
        refreshed(&house, &bound["refresh_token"], None).await.assert_refused("invalid_dpop_proof");
        let last = refreshed(&house, &bound["refresh_token"], Some(&holder.proof(&house))).await;
        assert_eq!(last.status, StatusCode::OK, "{}", last.text);
    }
}

#[tokio::test]
async fn a_client_with_a_secret_may_come_with_a_new_key() {
    for house in strict_houses().await {
        house
            .set_client(SERVER, |client| {
                client.callback_urls = vec![crate::app::CALLBACK.into()];
                client.allowed_oauth_flows = vec!["code".into()];
                client.allowed_oauth_scopes = vec!["openid".into()];
            })
            .await;
        let query = [
            ("response_type", "code"),
            ("client_id", SERVER),
            ("redirect_uri", crate::app::CALLBACK),
            ("scope", "openid"),
        ];
        let code = house.code(&query).await;
        let secret = basic(SERVER, SECRET);
        let ask = async |form: &[(&str, &str)], proof: &str| {
            let reply = house.post("/oauth2/token", form, &[("authorization", &secret), ("dpop", proof)]).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
            reply.json()
        };
        let form = [("grant_type", "authorization_code"), ("redirect_uri", crate::app::CALLBACK), ("code", &*code)];
        let told = ask(&form, &Holder::new().proof(&house)).await;
        let second = Holder::new();
        let form = [("grant_type", "refresh_token"), ("refresh_token", told["refresh_token"].as_str().unwrap())];
        let told = ask(&form, &second.proof(&house)).await;
        assert_eq!(claims(&told["access_token"])["cnf"]["jkt"], json!(second.thumbprint()));
    }
}

#[tokio::test]
async fn a_code_can_be_bound_before_it_is_given() {
    for house in strict_houses().await {
        let (holder, thief) = (Holder::new(), Holder::new());
        let thumbprint = holder.thumbprint();
        let bound = [&asked()[..], &[("dpop_jkt", &*thumbprint)]].concat();
        let code = house.code(&bound).await;
        redeem(&house, &code, &thief.proof(&house)).await.assert_refused("invalid_dpop_proof");
        redeem(&house, &code, &holder.proof(&house)).await.assert_refused("invalid_grant");
        let code = house.code(&bound).await;
        let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
        house.token(&form).await.assert_refused("invalid_dpop_proof");
        let code = house.code(&bound).await;
        assert_eq!(redeem(&house, &code, &holder.proof(&house)).await.status, StatusCode::OK);
        let odd = [&asked()[..], &[("dpop_jkt", "short")]].concat();
        let refused = house.get(&format!("/oauth2/authorize?{}", encode(&odd))).await;
        assert_eq!(refused.told("error").as_deref(), Some("invalid_request"), "{}", refused.location());
    }
}

#[tokio::test]
async fn whoever_shows_a_key_while_pushing_binds_the_code() {
    for house in strict_houses().await {
        let (holder, thief) = (Holder::new(), Holder::new());
        let push = async |pairs: &[(&str, &str)], holder: &Holder| {
            let proof = holder.with(&with(&good(&house), "htu", json!(PAR)));
            house.post("/oauth2/par", pairs, &[("dpop", &proof)]).await
        };
        let named = holder.thumbprint();
        let mismatch = push(&[&asked()[..], &[("dpop_jkt", &*named)]].concat(), &thief).await;
        mismatch.assert_refused("invalid_dpop_proof");
        let elsewhere = house.post("/oauth2/par", &asked(), &[("dpop", &holder.proof(&house))]).await;
        elsewhere.assert_refused("invalid_dpop_proof");
        for (holder_of_code, expected) in [(&thief, StatusCode::BAD_REQUEST), (&holder, StatusCode::OK)] {
            let pushed = push(&asked(), &holder).await;
            assert_eq!(pushed.status, StatusCode::CREATED, "{}", pushed.text);
            let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
            let query = encode(&[("client_id", WEB), ("request_uri", &uri)]);
            let reply = Browser::new(&house).sign_in(&query, "ann", PASSWORD).await;
            let code = reply.told("code").unwrap();
            assert_eq!(redeem(&house, &code, &holder_of_code.proof(&house)).await.status, expected);
        }
    }
}

#[tokio::test]
async fn a_client_may_have_bound_tokens_only() {
    for house in strict_houses().await {
        house
            .set_client(WEB, |client| {
                client.relying_party.dpop_bound_access_tokens = true;
                client.allowed_oauth_flows = vec!["code".into(), "implicit".into()];
            })
            .await;
        let code = house.code(&asked()).await;
        let form = [&redeeming(&code)[..], &[("code_verifier", VERIFIER)]].concat();
        house.token(&form).await.assert_refused("invalid_dpop_proof");
        let holder = Holder::new();
        let told = redeem(&house, &code, &holder.proof(&house)).await;
        assert_eq!(told.json()["token_type"], "DPoP", "the refusal has not used the code up: {}", told.text);
        let query = [
            ("response_type", "token"),
            ("client_id", WEB),
            ("redirect_uri", crate::app::CALLBACK),
            ("scope", "openid"),
            ("nonce", "n"),
        ];
        let implicit = house.get(&format!("/oauth2/authorize?{}", encode(&query))).await;
        assert!(implicit.location().contains("error=unauthorized_client"), "{}", implicit.location());
        house.set_client(SERVER, |client| client.relying_party.dpop_bound_access_tokens = true).await;
        machine(&house, &[]).await.assert_refused("invalid_dpop_proof");
        assert_eq!(machine(&house, &[&holder.proof(&house)]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_service_looks_past_proofs() {
    for house in houses().await {
        let holder = Holder::new();
        for proofs in [&["no proof"][..], &[&*holder.proof(&house), "another"]] {
            let told = machine(&house, proofs).await.json();
            assert_eq!(told["token_type"], "Bearer");
            assert_eq!(claims(&told["access_token"])["cnf"], Value::Null);
        }
        let reply = redeem(&house, &house.code(&[&asked()[..], &[("dpop_jkt", "short")]].concat()).await, "x").await;
        let told = reply.json();
        assert_eq!(told["token_type"], "Bearer", "{}", reply.text);
        let token = told["access_token"].as_str().unwrap();
        let as_bound = user_info(&house, "DPoP", token, &[&holder.proof_for(&house, token)]).await;
        assert_eq!(as_bound.status, StatusCode::BAD_REQUEST);
        let document = house.get("/us-east-1_Example01/.well-known/openid-configuration").await.json();
        assert_eq!(document["dpop_signing_alg_values_supported"], Value::Null);
    }
}

#[tokio::test]
async fn the_document_names_the_algorithms_and_each_works() {
    for house in strict_houses().await {
        let document = house.get("/us-east-1_Example01/.well-known/openid-configuration").await.json();
        let told = document["dpop_signing_alg_values_supported"].as_array().unwrap();
        assert!(told.contains(&json!("ES256")) && told.contains(&json!("RS256")), "{told:?}");
        assert!(!told.contains(&json!("none")) && told.iter().all(|alg| !alg.as_str().unwrap().starts_with("HS")));
        let key = SigningKey::generate().unwrap();
        let jwk = key.public().jwk();
        let public = json!({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]});
        let pair = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        for (alg, padding) in [
            ("RS256", &aws_lc_rs::signature::RSA_PKCS1_SHA256 as &dyn aws_lc_rs::signature::RsaEncoding),
            ("PS256", &aws_lc_rs::signature::RSA_PSS_SHA256),
        ] {
            let header = json!({"typ": "dpop+jwt", "alg": alg, "jwk": public});
            let proof = made(&header, &good(&house), |signed| {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), signed, &mut signature).unwrap();
                signature
            });
            let told = machine(&house, &[&proof]).await;
            assert_eq!(told.json()["token_type"], "DPoP", "{alg} {}", told.text);
        }
    }
}

#[tokio::test]
async fn what_is_bound_to_a_key_opens_nothing_where_none_is_shown() {
    for house in strict_houses().await {
        let scopes = ["openid", "aws.cognito.signin.user.admin"].map(str::to_owned);
        house.set_client(WEB, |client| client.allowed_oauth_scopes = scopes.to_vec()).await;
        let query = with_scope("openid aws.cognito.signin.user.admin");
        let told = redeem(&house, &house.code(&query).await, &Holder::new().proof(&house)).await.json();
        let token = told["access_token"].as_str().unwrap();
        let cx = house.cx();
        let refused = bearer::self_service(&cx, token).await.err();
        assert!(matches!(refused, Some(Error::AccessToken(AccessTokenFault::Invalid))), "{refused:?}");
        assert!(bearer::holder(&cx, token).await.is_ok());
        let (pool, client) = directory::client(&cx, WEB).await.unwrap();
        let token = told["refresh_token"].as_str().unwrap();
        let by_api = Refresh {
            pool,
            client,
            token,
            proof: Proof::Secret(None),
            device_key: None,
            resource: None,
            key: None,
            metadata: None,
        };
        let refused = refresh::refresh(&cx, by_api).await.err();
        assert!(matches!(refused, Some(Error::Possession(_))), "{refused:?}");
    }
}

fn with_scope(scope: &'static str) -> Vec<(&'static str, &'static str)> {
    asked().into_iter().filter(|(name, _)| *name != "scope").chain([("scope", scope)]).collect()
}
