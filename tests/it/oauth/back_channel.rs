//! Applications hear of it when a session has ended.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Form, Router, extract::State, http::HeaderMap, routing::post};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use poolhouse::{
    domain::{client::RelyingParty, session::SessionKind, user::Status},
    flows::{
        outbox, revoke,
        user_sessions::{self, Revocation},
        users,
    },
    keys::jwt::{Token, VerifyingKey},
    kit::secret::Secret,
};
use serde_json::{Value, json};

use super::{
    ORDINARY,
    token::{CHALLENGE, VERIFIER, basic, redeeming},
};
use crate::app::{Browser, CALLBACK, House, PASSWORD, POOL, SECRET, SERVER, WEB, encode, houses, strict_houses};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// An application that takes logout tokens and answers as it is told.
#[derive(Clone, Default)]
struct Application {
    address: String,
    taken: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Application {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/out", listener.local_addr().unwrap());
        let application = Self { address, ..Self::default() };
        let router = Router::new().route("/out", post(take)).with_state(application.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        application
    }

    fn relying_party(&self, session_required: bool) -> RelyingParty {
        RelyingParty {
            backchannel_logout_uri: Some(self.address.clone()),
            backchannel_logout_session_required: session_required,
            ..RelyingParty::default()
        }
    }

    /// The claims of the tokens since the last call.
    fn told(&self) -> Vec<Value> {
        self.taken.lock().unwrap().drain(..).map(|token| claims(&token)).collect()
    }
}

async fn take(
    State(own): State<Application>,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    let [(name, token)] = &form[..] else { panic!("{form:?}") };
    assert_eq!(name, "logout_token");
    own.taken.lock().unwrap().push(token.clone());
    let answer = own.answers.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(answer).unwrap()
}

async fn listen(house: &House, client: &str, relying_party: RelyingParty) {
    house.set_client(client, |settings| settings.relying_party = relying_party).await;
}

/// Strict houses on each engine whose applications listen: the web client, and the server with the session's name.
async fn scenes() -> Vec<(House, Application, Application)> {
    let mut scenes = Vec::new();
    for house in houses().await {
        house.change_pool(|pool| pool.strict_oidc = true).await;
        let (web, server) = (Application::open().await, Application::open().await);
        listen(&house, WEB, web.relying_party(false)).await;
        listen(&house, SERVER, server.relying_party(true)).await;
        scenes.push((house, web, server));
    }
    scenes
}

/// A part of a token, unverified.
fn part(token: &str, index: usize) -> Value {
    let part = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap();
    serde_json::from_slice(&part).unwrap()
}

fn claims(token: &str) -> Value {
    part(token, 1)
}

fn request() -> String {
    encode(&[&ORDINARY[..], &CHALLENGE[..]].concat())
}

fn of_server() -> String {
    let pairs = [("response_type", "code"), ("client_id", SERVER), ("redirect_uri", CALLBACK), ("scope", "openid")];
    encode(&pairs)
}

/// The ID token for a code of the web client.
async fn web_token(house: &House, code: &str) -> String {
    let form = [&redeeming(code)[..], &[("code_verifier", VERIFIER)]].concat();
    house.token(&form).await.json()["id_token"].as_str().unwrap().to_owned()
}

async fn server_token(house: &House, code: &str) -> String {
    let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    let reply = house.post("/oauth2/token", &form, &[("authorization", &basic(SERVER, SECRET))]).await;
    reply.json()["id_token"].as_str().unwrap_or_else(|| panic!("{}", reply.text)).to_owned()
}

/// A browser that is signed in to both, and the ID tokens.
async fn signed_in<'a>(house: &'a House, name: &str) -> (Browser<'a>, String, String) {
    let mut browser = Browser::new(house);
    let code = browser.sign_in(&request(), name, PASSWORD).await.told("code").unwrap();
    let web = web_token(house, &code).await;
    let code = browser.get(&format!("/oauth2/authorize?{}", of_server())).await.told("code").unwrap();
    let server = server_token(house, &code).await;
    (browser, web, server)
}

async fn deliver(house: &House) -> usize {
    outbox::deliver_due(&house.app).await.unwrap()
}

#[tokio::test]
async fn every_client_of_the_session_gets_a_token_in_order() {
    for (house, web, server) in scenes().await {
        let (mut browser, id_token, of_server) = signed_in(&house, "ann").await;
        let session = claims(&id_token)["sid"].clone();
        assert!(session.is_string(), "ID tokens name the session");
        assert_eq!(claims(&of_server)["sid"], session, "it is one for all clients");
        browser.get(&format!("/logout?{}", encode(&[("id_token_hint", &id_token)]))).await;
        assert_eq!(deliver(&house).await, 2);
        let raw = web.taken.lock().unwrap()[0].clone();
        let token = Token::parse(&raw).unwrap();
        let header = part(&raw, 0);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("RS256")));
        let published = house.get(&format!("/{POOL}/.well-known/jwks.json")).await.json();
        let key = published["keys"].as_array().unwrap().iter().find(|key| key["kid"] == token.kid()).unwrap().clone();
        VerifyingKey::from_jwk(&key).unwrap().verify(&token).unwrap();
        let told = web.told().remove(0);
        let jti = told["jti"].clone();
        let now = house.app.clock.now().seconds();
        let expected = json!({
            "iss": format!("http://localhost:9229/{POOL}"), "aud": WEB, "iat": now, "exp": now + 120, "jti": jti,
            "events": {EVENT: {}}, "sub": claims(&id_token)["sub"], "sid": session,
        });
        assert_eq!(told, expected, "and no nonce");
        let other = server.told().remove(0);
        assert_eq!((&other["aud"], &other["sid"]), (&json!(SERVER), &session));
        assert_ne!(other["jti"], jti);
        assert_eq!(deliver(&house).await, 0, "once is enough");
    }
}

#[tokio::test]
async fn whichever_way_the_session_ends() {
    for (house, web, server) in scenes().await {
        let cx = house.cx();
        let pool = house.pool().await;
        let heard = async |way: &str, with_session: bool| {
            deliver(&house).await;
            let (web, server) = (web.told(), server.told());
            // One that needs the session named hears again of those that it has heard of.
            assert!(web.len() == 1 && !server.is_empty(), "{way}: {web:?} {server:?}");
            assert_eq!(web[0]["sid"].is_string(), with_session, "{way}");
            assert!(web[0]["sub"].is_string() && server[0]["sid"].is_string(), "{way}");
        };
        let (mut browser, ..) = signed_in(&house, "ann").await;
        browser.get(&format!("/logout?client_id={WEB}&logout_uri=https%3A%2F%2Fapp.example%2Fbye")).await;
        heard("the service's way", true).await;
        signed_in(&house, "ann").await;
        revoke::everything_of(&cx, &house.find("ann").await).await.unwrap();
        heard("everywhere", false).await;
        revoke::everything_of(&cx, &house.find("ann").await).await.unwrap();
        assert_eq!(deliver(&house).await, 0, "there is nothing left to end");
        let (_, id_token, _) = signed_in(&house, "ann").await;
        let name = SessionKind::Sso.name(claims(&id_token)["sid"].as_str().unwrap()).unwrap();
        let ann = house.find("ann").await;
        let revocation = Revocation { user: &ann, name: &name, linked: true, own: None };
        user_sessions::revoke(&cx, revocation).await.unwrap();
        heard("the session by its name", true).await;
        signed_in(&house, "ann").await;
        users::set_enabled(&cx, &pool, &house.find("ann").await, false).await.unwrap();
        heard("disabled", false).await;
        house.user("bob", PASSWORD, Status::Confirmed).await;
        signed_in(&house, "bob").await;
        let bob = house.find("bob").await;
        users::set_password(&cx, &pool, &bob, &Secret::from(PASSWORD), true).await.unwrap();
        heard("another password", false).await;
        signed_in(&house, "bob").await;
        users::delete(&cx, &house.find("bob").await).await.unwrap();
        heard("deleted", false).await;
        house.user("eve", PASSWORD, Status::Confirmed).await;
        house.user("carl", PASSWORD, Status::Confirmed).await;
        let (mut browser, ..) = signed_in(&house, "eve").await;
        browser.sign_in(&format!("{}&prompt=login", request()), "carl", PASSWORD).await;
        heard("somebody else takes the browser over", true).await;
    }
}

#[tokio::test]
async fn signing_in_again_keeps_the_session() {
    let (house, web, _) = scenes().await.remove(0);
    let (mut browser, first, _) = signed_in(&house, "ann").await;
    house.app.clock.advance(Duration::from_secs(5));
    let code = browser.sign_in(&format!("{}&prompt=login", request()), "ann", PASSWORD).await.told("code").unwrap();
    let second = web_token(&house, &code).await;
    assert_eq!(claims(&first)["sid"], claims(&second)["sid"]);
    assert_ne!(claims(&first)["auth_time"], claims(&second)["auth_time"]);
    assert_eq!(deliver(&house).await, 0);
    assert!(web.told().is_empty());
}

#[tokio::test]
async fn who_cannot_be_reached_is_told_later_and_who_refuses_is_not() {
    let (house, web, server) = scenes().await.remove(0);
    let (mut browser, id_token, _) = signed_in(&house, "ann").await;
    web.answers.lock().unwrap().extend([503, 500]);
    server.answers.lock().unwrap().push_back(400);
    browser.get(&format!("/logout?{}", encode(&[("id_token_hint", &id_token)]))).await;
    deliver(&house).await;
    for _ in 0..2 {
        assert_eq!(deliver(&house).await, 0, "it is not due yet");
        house.app.clock.advance(Duration::from_secs(60));
        deliver(&house).await;
    }
    house.app.clock.advance(Duration::from_secs(600));
    assert_eq!(deliver(&house).await, 0);
    let told = web.told();
    assert_eq!((told.len(), server.told().len()), (3, 1));
    let times: Vec<i64> = told.iter().map(|token| token["iat"].as_i64().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one < other), "each try has a young token: {times:?}");
    assert_ne!(told[0]["jti"], told[1]["jti"]);
}

#[tokio::test]
async fn nobody_is_told_for_ever() {
    let (house, web, _) = scenes().await.remove(0);
    listen(&house, SERVER, RelyingParty::default()).await;
    let (mut browser, id_token, _) = signed_in(&house, "ann").await;
    web.answers.lock().unwrap().extend([503; 100]);
    browser.get(&format!("/logout?{}", encode(&[("id_token_hint", &id_token)]))).await;
    for _ in 0..40 {
        deliver(&house).await;
        house.app.clock.advance(Duration::from_secs(500));
    }
    let tries = web.told().len();
    assert!((5..=12).contains(&tries), "{tries}");
}

#[tokio::test]
async fn a_faithful_pool_tells_nobody() {
    for house in houses().await {
        let reply = house.token(&redeeming(&house.code(&ORDINARY).await)).await.json();
        assert_eq!(claims(reply["id_token"].as_str().unwrap())["sid"], Value::Null);
        let web = Application::open().await;
        // The pool was strict once.
        listen(&house, WEB, web.relying_party(false)).await;
        house.code(&ORDINARY).await;
        revoke::everything_of(&house.cx(), &house.find("ann").await).await.unwrap();
        deliver(&house).await;
        assert!(web.told().is_empty());
        let metadata = house.get(&format!("/{POOL}/.well-known/openid-configuration")).await.json();
        assert_eq!(metadata["backchannel_logout_supported"], Value::Null);
        house.set_strict(true).await;
        let metadata = house.get(&format!("/{POOL}/.well-known/openid-configuration")).await.json();
        let member = |name: &str| metadata[name].clone();
        assert_eq!(
            (member("backchannel_logout_supported"), member("backchannel_logout_session_supported")),
            (json!(true), json!(true))
        );
    }
}

#[tokio::test]
async fn an_address_must_be_one_that_may_be_called() {
    for house in strict_houses().await {
        let pool = house.pool().await;
        let cx = house.cx();
        let check = async |relying_party: RelyingParty| {
            let mut client =
                poolhouse::store::clients::find(&mut cx.read().await.unwrap(), WEB).await.unwrap().unwrap();
            client.settings.relying_party = relying_party;
            client.settings.allowed_oauth_scopes = vec!["openid".into()];
            client.check(&pool, &[])
        };
        let at = |uri: &str| RelyingParty { backchannel_logout_uri: Some(uri.into()), ..RelyingParty::default() };
        check(at("https://rp.example/out?x=1")).await.unwrap();
        for uri in ["http://rp.example/out", "https://rp.example/out#x", "rp.example", "https://u:p@rp.example/"] {
            assert!(check(at(uri)).await.is_err(), "{uri}");
        }
        let alone = RelyingParty { backchannel_logout_session_required: true, ..RelyingParty::default() };
        assert!(check(alone).await.is_err());
        house.set_strict(false).await;
        let faithful = house.pool().await;
        let mut client = poolhouse::store::clients::find(&mut cx.read().await.unwrap(), WEB).await.unwrap().unwrap();
        client.settings.relying_party = at("https://rp.example/out");
        client.settings.allowed_oauth_scopes = vec!["openid".into()];
        assert!(client.check(&faithful, &[]).unwrap_err().to_string().contains("strict"));
    }
}
