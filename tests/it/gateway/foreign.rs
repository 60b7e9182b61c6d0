//! Issuers elsewhere: discovery, rotation and floods of unknown key ids.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{Json, Router, routing::get};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use poolhouse::kit::{network::Block, reach::Reach, trust::Trust};
use rsa::{pkcs1::EncodeRsaPrivateKey, pkcs8::DecodePrivateKey};

use super::*;
use crate::trust::Private;

pub(super) struct Elsewhere {
    pub(super) issuer: String,
    fetches: Arc<AtomicUsize>,
}

impl Elsewhere {
    pub(super) fn fetched(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

/// Serves the key of `key` under an issuer of its own; `claimed` is what its discovery document says.
pub(super) async fn elsewhere(key: &SigningKey, claimed: Option<&str>) -> Elsewhere {
    publishing(json!({"keys": [key.public().jwk()]}), claimed).await
}

/// The same with any key set.
pub(super) async fn publishing(jwks: Value, claimed: Option<&str>) -> Elsewhere {
    publishing_shared(Arc::new(Mutex::new(jwks)), claimed).await
}

/// The same with a key set that may change.
pub(super) async fn publishing_shared(jwks: Arc<Mutex<Value>>, claimed: Option<&str>) -> Elsewhere {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let fetches = Arc::new(AtomicUsize::new(0));
    let document = json!({"issuer": claimed.unwrap_or(&issuer), "jwks_uri": format!("{issuer}/keys")});
    let count = Arc::clone(&fetches);
    let keys = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let now = jwks.lock().unwrap().clone();
        async move { Json(now) }
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(move || async move { Json(document.clone()) }))
        .route("/keys", get(keys));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Elsewhere { issuer, fetches }
}

async fn trusting(issuer: &str) -> Town {
    town(vec![api(Issuer::Url(issuer.to_owned()), vec![route("GET /", true, &[], fixed("in"))])], Functions::default())
        .await
}

#[tokio::test]
async fn unknown_key_ids_make_at_most_one_fetch_in_thirty_seconds() {
    let (key, stranger) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let elsewhere = elsewhere(&key, None).await;
    let town = trusting(&elsewhere.issuer).await;
    let good = key.sign(&claims(json!({"iss": elsewhere.issuer}))).unwrap();
    assert_eq!(town.get("/", &good).await.status, 200);
    assert_eq!(elsewhere.fetches.load(Ordering::SeqCst), 1);
    let unknown = stranger.sign(&claims(json!({"iss": elsewhere.issuer}))).unwrap();
    for seconds in [0, 31, 31] {
        town.clock.advance(Duration::from_secs(seconds));
        for _ in 0..10 {
            assert_eq!(town.get("/", &unknown).await.status, 401);
        }
    }
    assert_eq!(elsewhere.fetches.load(Ordering::SeqCst), 3);
    assert_eq!(town.get("/", &good).await.status, 200);
    // A clock that is set back does not keep old keys, and lets nobody wait until the hour of the last fetch comes again.
    town.clock.freeze(town.clock.now().minus(Duration::from_secs(60)));
    for _ in 0..10 {
        assert_eq!(town.get("/", &unknown).await.status, 401);
    }
    assert_eq!(elsewhere.fetches.load(Ordering::SeqCst), 4);
    assert_eq!(town.get("/", &good).await.status, 200);
}

/// The service waits for a second and a half, and takes 150,000 bytes.
#[tokio::test]
async fn keys_that_are_slow_large_or_none_are_a_communication_error() {
    let key = SigningKey::generate().unwrap();
    let jwk = key.public().jwk();
    let sized = |length: usize| json!({"keys": [jwk], "more": "x".repeat(length)}).to_string();
    let usual = sized(0).len();
    for (body, late, status) in [
        (sized(150_000 - usual), false, 200),
        (sized(150_001 - usual), false, 401),
        ("<html>".to_owned(), false, 401),
        (sized(0), true, 401),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let document = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let keys = move || async move {
            if late {
                std::future::pending::<()>().await;
            }
            body
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { Json(document) }))
            .route("/keys", get(keys));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let town = trusting(&issuer).await;
        let began = std::time::Instant::now();
        let answer = town.get("/", &key.sign(&claims(json!({"iss": issuer}))).unwrap()).await;
        assert_eq!(answer.status, status);
        assert_eq!(began.elapsed() >= Duration::from_millis(1400), late, "{:?}", began.elapsed());
        let challenge = r#"Bearer scope="" error="invalid_token" error_description="JWKS communication error""#;
        assert_eq!(answer.header("www-authenticate"), (status == 401).then_some(challenge));
    }
}

/// An issuer that answers until it is told not to.
async fn that_can_fail(key: &SigningKey) -> (String, Arc<AtomicUsize>, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let (asked, fails) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, broken) = (Arc::clone(&asked), Arc::clone(&fails));
    // Discovery and keys in one.
    let document = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "keys": [key.public().jwk()]});
    let answer = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let broken = broken.load(Ordering::SeqCst);
        let status = if broken { http::StatusCode::BAD_GATEWAY } else { http::StatusCode::OK };
        let document = document.clone();
        async move { (status, Json(document)) }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (issuer, asked, fails)
}

#[tokio::test]
async fn keys_of_an_issuer_that_fails_serve_for_another_day_or_as_long_as_is_said() {
    const LIFE: u64 = 2 * 60 * 60;
    for (said, stale) in [("", 86_400), ("stale_keys_seconds = 60", 60), ("stale_keys_seconds = 0", 0)] {
        let key = SigningKey::generate().unwrap();
        let (issuer, asked, fails) = that_can_fail(&key).await;
        let text = format!(
            "[gateway]\n{said}\n[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = '{issuer}'\n\
             audience = ['{CLIENT}']\n[[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {{ respond = {{}} }}\n"
        );
        let town = written(&text, Functions::default()).await;
        let token = key.sign(&claims(json!({"iss": issuer, "exp": NOW + 1_000_000}))).unwrap();
        assert_eq!((town.get("/", &token).await.status, asked.load(Ordering::SeqCst)), (200, 2));
        // Not asked again while they are fresh.
        town.clock.advance(Duration::from_secs(LIFE / 2));
        assert_eq!((town.get("/", &token).await.status, asked.load(Ordering::SeqCst)), (200, 2));
        town.clock.advance(Duration::from_secs(LIFE / 2));
        assert_eq!((town.get("/", &token).await.status, asked.load(Ordering::SeqCst)), (200, 4));
        fails.store(true, Ordering::SeqCst);
        town.clock.advance(Duration::from_secs(LIFE + stale));
        let answer = town.get("/", &token).await;
        assert_eq!(answer.status, 401, "{said}");
        assert!(answer.header("www-authenticate").unwrap().contains("OIDC discovery endpoint communication error"));
        if stale > 0 {
            fails.store(false, Ordering::SeqCst);
            town.clock.advance(Duration::from_secs(5));
            assert_eq!(town.get("/", &token).await.status, 200, "it is back");
            fails.store(true, Ordering::SeqCst);
            town.clock.advance(Duration::from_secs(LIFE + stale - 1));
            assert_eq!(town.get("/", &token).await.status, 200, "{said}");
        }
    }
}

/// `ResetAuthorizersCache` counts a stage's generation on: whoever knows that a key is stolen waits for nobody.
#[tokio::test]
async fn keys_are_forgotten_with_the_answers_of_a_stage() {
    let key = SigningKey::generate().unwrap();
    let elsewhere = elsewhere(&key, None).await;
    let good = key.sign(&claims(json!({"iss": elsewhere.issuer}))).unwrap();
    let mut apis = vec![api(Issuer::Url(elsewhere.issuer.clone()), vec![route("GET /", true, &[], fixed("in"))])];
    apis[0].stages.insert("dev".to_owned(), poolhouse::config::api::Stage::new(place()));
    let town = town(apis.clone(), Functions::default()).await;
    // What one stage forgets, the other still knows, until it forgets too.
    for (default, dev, fetches) in [(0, 0, 1), (0, 0, 1), (1, 0, 2), (1, 0, 2), (1, 1, 3), (2, 1, 4)] {
        for (name, generation) in [("$default", default), ("dev", dev)] {
            apis[0].stages.get_mut(name).unwrap().authorizer_generation = generation;
        }
        town.gateway.replace(&apis, &[], Arc::new(Functions::default())).unwrap();
        for path in ["/", "/dev/"] {
            assert_eq!(town.get(path, &good).await.status, 200);
        }
        assert_eq!(elsewhere.fetches.load(Ordering::SeqCst), fetches, "{default} {dev}");
    }
}

#[tokio::test]
async fn a_token_of_this_server_does_not_pass_for_a_foreign_one() {
    let key = SigningKey::generate().unwrap();
    let elsewhere = elsewhere(&key, None).await;
    let town = trusting(&elsewhere.issuer).await;
    assert_eq!(town.get("/", &town.token(json!({}))).await.status, 401);
    let answer = town.get("/", &key.sign(&claims(json!({}))).unwrap()).await;
    assert!(answer.header("www-authenticate").unwrap().contains("issuer does not match"));
}

#[tokio::test]
async fn an_issuer_that_is_not_there_or_not_itself_is_a_discovery_error() {
    let key = SigningKey::generate().unwrap();
    let liar = elsewhere(&key, Some("https://issuer.example")).await;
    for issuer in [liar.issuer.as_str(), "http://127.0.0.1:1"] {
        let town = trusting(issuer).await;
        let answer = town.get("/", &key.sign(&claims(json!({"iss": issuer}))).unwrap()).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().contains("OIDC discovery endpoint communication error"));
    }
    assert_eq!(liar.fetches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn production_asks_an_issuer_inside_that_is_named_and_every_backend() {
    let key = SigningKey::generate().unwrap();
    let elsewhere = elsewhere(&key, None).await;
    let good = key.sign(&claims(json!({"iss": elsewhere.issuer}))).unwrap();
    let routes = vec![
        route("GET /", true, &[], fixed("in")),
        // Whoever configures the gateway knows where the backends are: inside.
        route("GET /backend", false, &[], backend(&format!("{}/keys", elsewhere.issuer))),
    ];
    let apis = [api(Issuer::Url(elsewhere.issuer.clone()), routes)];
    let named = Block::parse("127.0.0.0/8").unwrap();
    for (allow, status, fetches) in [(Vec::new(), 401, 0), (vec![named], 200, 1)] {
        let town = town_asking(&apis, Client::new(Reach::public_and(allow), &Trust::default())).await;
        let answer = town.get("/", &good).await;
        assert_eq!((answer.status, elsewhere.fetches.swap(0, Ordering::SeqCst)), (status, fetches));
        if status == 401 {
            let told = answer.header("www-authenticate").unwrap();
            assert!(told.contains("OIDC discovery endpoint communication error"), "{told}");
        }
        assert_eq!(town.get("/backend", "").await.status, 200);
        elsewhere.fetches.store(0, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn issuers_and_backends_may_have_a_certificate_of_a_private_authority() {
    let key = SigningKey::generate().unwrap();
    let jwk = key.public().jwk();
    // Discovery and keys in one.
    let private = Private::answering(|origin| {
        json!({"issuer": origin, "jwks_uri": format!("{origin}/keys"), "keys": [jwk]}).to_string()
    })
    .await;
    let issuer = private.url.strip_suffix("/x").unwrap();
    let good = key.sign(&claims(json!({"iss": issuer}))).unwrap();
    let routes = vec![route("GET /", true, &[], fixed("in")), route("GET /backend", false, &[], backend(&private.url))];
    let apis = [api(Issuer::Url(issuer.to_owned()), routes)];
    for (trust, issued, served) in [(&Trust::default(), 401, 503), (&private.trust, 200, 200)] {
        let town = town_asking(&apis, Client::new(Reach::far(), trust)).await;
        assert_eq!(town.get("/", &good).await.status, issued);
        assert_eq!(town.get("/backend", "").await.status, served);
    }
}

/// A key that names no algorithm serves RSA's three; what else tokens come with is refused, whoever signed them.
#[tokio::test]
async fn tokens_have_one_of_rsas_three_algorithms_and_a_key_that_is_published() {
    let (key, stranger) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let mut jwk = key.public().jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let modulus = jwk["n"].as_str().unwrap().to_owned();
    let elsewhere = publishing(json!({"keys": [jwk]}), None).await;
    let town = trusting(&elsewhere.issuer).await;
    let private = rsa::RsaPrivateKey::from_pkcs8_der(&key.to_pkcs8().unwrap()).unwrap();
    let private = EncodingKey::from_rsa_der(private.to_pkcs1_der().unwrap().as_bytes());
    let public = EncodingKey::from_secret(modulus.as_bytes());
    let signed = |algorithm: Algorithm, kid: Option<&str>, with: &EncodingKey| {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, &claims(json!({"iss": elsewhere.issuer})), with).unwrap()
    };
    let own = Some(key.kid());
    for (algorithm, kid, with, status) in [
        (Algorithm::RS256, own, &private, 200),
        (Algorithm::RS384, own, &private, 200),
        (Algorithm::RS512, own, &private, 200),
        (Algorithm::PS256, own, &private, 401),
        (Algorithm::HS256, own, &public, 401),
        (Algorithm::RS256, None, &private, 401),
        (Algorithm::RS256, Some(stranger.kid()), &private, 401),
    ] {
        let answer = town.get("/", &signed(algorithm, kid, with)).await;
        assert_eq!(answer.status, status, "{algorithm:?} {kid:?}");
    }
}
