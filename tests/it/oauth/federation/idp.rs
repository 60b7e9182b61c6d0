//! A provider that is played: it says and signs what the test wants.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
        RsaKeyPair,
    },
};
use axum::{
    Form, Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use poolhouse::keys::signing::SigningKey;
use rsa::{
    sha2::{Digest, Sha256},
    traits::PublicKeyParts,
};
use serde_json::{Value, json};

pub const CODE: &str = "the-code";
pub const CLIENT: &str = "pool-at-idp";
pub const SECRET: &str = "what-both-know-0123456789-0123456789";

/// How the ID token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Rsa,
    Ecdsa,
    /// With the client secret.
    Hmac,
    /// With the public key as a secret.
    HmacByPublicKey,
    None,
    /// By a key that is nowhere published.
    Stranger,
    /// By that key under the id of the one that is.
    Impostor,
    /// RSASSA-PSS.
    Salted,
    /// The same, said to be RS256.
    SaltedByAnotherName,
    /// The same by the key that serves RS256 alone.
    SaltedWithPinnedKey,
    /// RSASSA-PKCS1-v1_5, said to be PS256.
    PlainByTheSaltedName,
    /// ES384 by a key of P-256.
    WrongCurve,
    /// ECDSA, said to be RS256 by that key.
    CurveByTheNameOfRsa,
    /// By a key that is published for encryption.
    KeyForEncryption,
    /// By a key whose operations leave out verification.
    KeyWithoutVerification,
    /// By a key of 512 bits.
    WeakKey,
    /// With a symmetric key that anybody can read among the others.
    PublishedSecret,
}

pub struct Script {
    pub claims: Value,
    pub user_info: Value,
    pub sign: Sign,
    pub discovered_issuer: Option<String>,
    pub names_itself: bool,
    /// Status and body of the token endpoint, where it does not answer as it should.
    pub token_answer: Option<(u16, String)>,
    pub delay: Duration,
    /// What the token endpoint was sent.
    pub redeemed: Vec<HashMap<String, String>>,
    /// Methods and Authorization of requests to userInfo.
    pub informed: Vec<String>,
    pub key_fetches: usize,
    /// A JWKS instead of its own.
    pub keys: Option<Value>,
    /// What is told at userInfo as a token.
    pub signed_user_info: Option<(Value, Sign)>,
    asked: HashMap<String, String>,
}

#[derive(Clone)]
pub struct Idp {
    pub url: String,
    pub script: Arc<Mutex<Script>>,
}

fn rsa() -> &'static [SigningKey; 2] {
    static KEYS: OnceLock<[SigningKey; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [(); 2].map(|()| SigningKey::generate().unwrap()))
}

fn ecdsa() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
}

fn rsa_signature(encoding: &'static dyn RsaEncoding, signed: &[u8]) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(&rsa()[0].to_pkcs8().unwrap()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), signed, &mut signature).unwrap();
    signature
}

/// A key whose factors an afternoon finds.
fn weak() -> &'static rsa::RsaPrivateKey {
    static KEY: OnceLock<rsa::RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 512).unwrap())
}

fn weak_signature(signed: &[u8]) -> Vec<u8> {
    weak().sign(rsa::Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed)).unwrap()
}

pub fn weak_key() -> Value {
    json!({"kty": "RSA", "kid": "small", "use": "sig", "e": encode(weak().e().to_bytes_be()),
        "n": encode(weak().n().to_bytes_be())})
}

/// The key that signs where nothing else is said.
pub fn public_key() -> Value {
    rsa()[0].public().jwk()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Idp {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            claims: json!({"iss": url, "aud": CLIENT, "sub": "00u1", "email": "fay@idp.example", "name": "Fay",
                "iat": 1_800_000_000, "exp": 1_800_000_600}),
            user_info: json!({"sub": "00u1"}),
            sign: Sign::Rsa,
            discovered_issuer: None,
            names_itself: false,
            token_answer: None,
            delay: Duration::ZERO,
            redeemed: Vec::new(),
            informed: Vec::new(),
            key_fetches: 0,
            keys: None,
            signed_user_info: None,
            asked: HashMap::new(),
        };
        let idp = Self { url, script: Arc::new(Mutex::new(script)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", get(token_by_query).post(token))
            .route("/userinfo", get(user_info).post(user_info))
            .with_state(idp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        idp
    }

    pub fn details(&self) -> Value {
        json!({"client_id": CLIENT, "client_secret": SECRET, "attributes_request_method": "GET",
            "oidc_issuer": self.url, "authorize_scopes": "openid email", "attributes_url_add_attributes": "false"})
    }

    pub fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// Somebody comes with this question.
    pub fn asked(&self, pairs: &[(String, String)]) {
        self.set(|script| script.asked = pairs.iter().cloned().collect());
    }

    /// The claim of the next tokens; null takes it out.
    pub fn claim(&self, name: &str, value: Value) {
        self.set(|script| script.claims[name] = value);
    }

    /// Another user from now on.
    pub fn subject(&self, subject: &str) {
        self.set(|script| {
            script.claims["sub"] = json!(subject);
            script.user_info["sub"] = json!(subject);
        });
    }
}

impl Script {
    fn id_token(&self) -> String {
        let mut claims = json!({"nonce": self.asked.get("nonce")});
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.signed(claims, self.sign)
    }

    fn signed(&self, mut claims: Value, sign: Sign) -> String {
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let [own, other] = rsa();
        let made = |header: Value, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
            let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
            let signature = sign(signed.as_bytes());
            format!("{signed}.{}", encode(signature))
        };
        let mac = |secret: &[u8], signed: &[u8]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed).as_ref().to_vec()
        };
        let salted = |signed: &[u8]| rsa_signature(&RSA_PSS_SHA256, signed);
        let curve = |signed: &[u8]| ecdsa().sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec();
        match sign {
            Sign::Salted => made(json!({"alg": "PS256", "kid": "open"}), &salted),
            Sign::SaltedByAnotherName => made(json!({"alg": "RS256", "kid": "open"}), &salted),
            Sign::SaltedWithPinnedKey => made(json!({"alg": "PS256", "kid": own.kid()}), &salted),
            Sign::PlainByTheSaltedName => {
                made(json!({"alg": "PS256", "kid": "open"}), &|signed| rsa_signature(&RSA_PKCS1_SHA256, signed))
            }
            Sign::WrongCurve => made(json!({"alg": "ES384", "kid": "curve"}), &curve),
            Sign::CurveByTheNameOfRsa => made(json!({"alg": "RS256", "kid": "curve"}), &curve),
            Sign::KeyForEncryption => made(json!({"alg": "ES256", "kid": "sealing"}), &curve),
            Sign::KeyWithoutVerification => made(json!({"alg": "ES256", "kid": "signing"}), &curve),
            Sign::Rsa => own.sign(&claims).unwrap(),
            Sign::Stranger => other.sign(&claims).unwrap(),
            Sign::Impostor => {
                let token = other.sign(&claims).unwrap();
                let honest = own.sign(&claims).unwrap();
                let header = honest.split('.').next().unwrap();
                format!("{header}.{}", token.split_once('.').unwrap().1)
            }
            Sign::None => made(json!({"alg": "none", "kid": own.kid()}), &|_| Vec::new()),
            Sign::Hmac => made(json!({"alg": "HS256"}), &|signed| mac(SECRET.as_bytes(), signed)),
            Sign::HmacByPublicKey => {
                let public = own.public().jwk()["n"].as_str().unwrap().to_owned();
                made(json!({"alg": "HS256", "kid": own.kid()}), &|signed| mac(public.as_bytes(), signed))
            }
            Sign::Ecdsa => made(json!({"alg": "ES256", "kid": "curve"}), &curve),
            Sign::WeakKey => made(json!({"alg": "RS256", "kid": "small"}), &weak_signature),
            Sign::PublishedSecret => made(json!({"alg": "HS256", "kid": "weak"}), &|signed| mac(b"weak", signed)),
        }
    }
}

async fn discovery(State(idp): State<Idp>) -> Json<Value> {
    let script = idp.script.lock().unwrap();
    let url = &idp.url;
    Json(json!({
        "issuer": script.discovered_issuer.as_ref().unwrap_or(url),
        "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"), "jwks_uri": format!("{url}/keys"),
        "authorization_response_iss_parameter_supported": script.names_itself,
    }))
}

async fn keys(State(idp): State<Idp>) -> Json<Value> {
    idp.set(|script| script.key_fetches += 1);
    if let Some(keys) = idp.script.lock().unwrap().keys.clone() {
        return Json(keys);
    }
    let point = ecdsa().public_key().as_ref();
    let curve = json!({"kty": "EC", "crv": "P-256", "kid": "curve", "use": "sig", "x": encode(&point[1..33]),
        "y": encode(&point[33..])});
    let changed = |key: &Value, members: Value| {
        let mut key = key.clone();
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        key
    };
    let mut open = changed(&public_key(), json!({"kid": "open"}));
    open.as_object_mut().unwrap().remove("alg");
    let sealing = changed(&curve, json!({"kid": "sealing", "use": "enc"}));
    let signing = changed(&curve, json!({"kid": "signing", "key_ops": ["sign"]}));
    let shared = json!({"kty": "oct", "k": encode("weak"), "kid": "weak"});
    Json(json!({"keys": [public_key(), open, curve, sealing, signing, weak_key(), shared]}))
}

async fn token_by_query(state: State<Idp>, query: axum::extract::Query<HashMap<String, String>>) -> Response {
    token(state, Form(query.0)).await
}

async fn token(State(idp): State<Idp>, Form(form): Form<HashMap<String, String>>) -> Response {
    let delay = idp.script.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let mut script = idp.script.lock().unwrap();
    let code = form.get("code").cloned();
    script.redeemed.push(form);
    if let Some((status, body)) = &script.token_answer {
        let headers = [("location", "/token")];
        return (StatusCode::from_u16(*status).unwrap(), headers, body.clone()).into_response();
    }
    if code.as_deref() != Some(CODE) {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    Json(json!({"access_token": "at-of-idp", "token_type": "Bearer", "id_token": script.id_token()})).into_response()
}

async fn user_info(State(idp): State<Idp>, method: http::Method, headers: HeaderMap) -> Response {
    let mut script = idp.script.lock().unwrap();
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    script.informed.push(format!("{method} {bearer}"));
    match script.signed_user_info.clone() {
        Some((claims, sign)) => {
            ([("content-type", "application/jwt; charset=utf-8")], script.signed(claims, sign)).into_response()
        }
        None => Json(script.user_info.clone()).into_response(),
    }
}
