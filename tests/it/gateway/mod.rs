//! The gateway on a loopback port, in front of backends and functions of the test.

mod authorizers;
mod beyond;
mod cors;
mod decisions;
mod events;
mod explain;
mod foreign;
mod framing;
mod guards;
mod hands;
mod hostile;
mod http2;
mod logs;
mod mapping;
mod mutual_tls;
mod proxy;
mod replace;
mod rest;
mod rest_jwt;
mod rest_responses;
mod slow;
mod stages;
mod throttling;
mod tls;
mod tokens;
mod unavailable;
mod vectors;
mod websockets;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use poolhouse::{
    config::{
        self, Config, Place, Placed, Sources,
        api::{
            Api, Authorizer, Beyond, IdentitySource, Integration, Issuer, JwtAuthorizer, PayloadFormat, Route, Throttle,
        },
        domain::Domain,
        gateway as section,
    },
    functions::Functions,
    gateway::{Gateway, GatewayError, KeySet, LocalIssuers, Surroundings},
    keys::{jwt::VerifyingKey, signing::SigningKey},
    kit::{
        clock::{Clock, Time},
        random::Random,
    },
    outside::Client,
    web::pace::Patience,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, DropGuard};

const POOL: &str = "us-east-1_Example01";
const ISSUER: &str = "http://localhost:9229/us-east-1_Example01";
const AWS_ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example01";
const CLIENT: &str = "1example23456789abcdefghij";
const NOW: i64 = 1_800_000_000;

/// One pool with one key.
struct OnePool(Arc<KeySet>);

#[async_trait]
impl LocalIssuers for OnePool {
    async fn keys(&self, pool_id: &str) -> Option<Arc<KeySet>> {
        self.keys_at_hand(pool_id)
    }

    fn keys_at_hand(&self, pool_id: &str) -> Option<Arc<KeySet>> {
        (pool_id == POOL).then(|| Arc::clone(&self.0))
    }

    fn issuers_of(&self, pool_id: &str) -> Vec<String> {
        if pool_id == POOL { vec![ISSUER.into(), AWS_ISSUER.into()] } else { Vec::new() }
    }

    fn pool_of_issuer(&self, issuer: &str) -> Option<String> {
        [ISSUER, AWS_ISSUER].contains(&issuer).then(|| POOL.to_owned())
    }
}

struct Town {
    address: SocketAddr,
    key: SigningKey,
    clock: Clock,
    gateway: Arc<Gateway>,
    _stop: DropGuard,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

fn place() -> Place {
    Place { source: Arc::new(PathBuf::from("poolhouse.toml")), line: 1 }
}

fn placed(value: &str) -> Placed<String> {
    Placed { value: value.to_owned(), at: place() }
}

fn authorizer(issuer: Issuer) -> JwtAuthorizer {
    JwtAuthorizer {
        at: place(),
        identity_source: IdentitySource::Header("authorization".into()),
        issuer,
        issuer_at: place(),
        audience: vec![placed(CLIENT)],
        beyond: Beyond::default(),
    }
}

fn route(key: &str, protected: bool, scopes: &[&str], integration: Integration) -> Route {
    Route {
        authorizer: protected.then(|| placed("JWTAuth")),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Route::new(place(), key, integration)
    }
}

fn fixed(body: &str) -> Integration {
    Integration::fixed(200, BTreeMap::new(), body.to_owned())
}

fn api(issuer: Issuer, routes: Vec<Route>) -> Api {
    let authorizers = BTreeMap::from([("JWTAuth".to_owned(), Authorizer::Jwt(authorizer(issuer)))]);
    Api { id: "abcdefghij".into(), authorizers, routes, ..Api::new(place(), "example") }
}

fn local(routes: Vec<Route>) -> Vec<Api> {
    vec![api(Issuer::Pool(POOL.into()), routes)]
}

/// An HTTP proxy integration.
fn backend(url: &str) -> Integration {
    Integration::Http { url: placed(url), method: None }
}

fn load(apis: &[Api], functions: Functions, key: &SigningKey, clock: Clock) -> Result<Gateway, GatewayError> {
    load_with(apis, &[], &own_section(), functions, key, clock)
}

fn own_section() -> section::Gateway {
    section::Gateway {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        truststores: BTreeMap::new(),
        clock_skew_seconds: 0,
        threads: None,
        stale_keys_seconds: 86_400,
        allow_insecure_issuer: false,
        decisions: None,
        rfc_challenges: false,
        account_throttle: Throttle::default(),
    }
}

fn load_with(
    apis: &[Api],
    domains: &[Domain],
    section: &section::Gateway,
    functions: Functions,
    key: &SigningKey,
    clock: Clock,
) -> Result<Gateway, GatewayError> {
    Gateway::new(apis, domains, section, around(functions, key, clock))
}

fn around(functions: Functions, key: &SigningKey, clock: Clock) -> Surroundings {
    let keys = KeySet::new([VerifyingKey::from_public(&key.public()).unwrap()], 1);
    Surroundings {
        functions: Arc::new(functions),
        issuers: Arc::new(OnePool(Arc::new(keys))),
        clock,
        random: Random::seeded(1),
        account_id: "123456789012".into(),
        region: "us-east-1".into(),
        host: "localhost".into(),
        client: Client::default(),
    }
}

async fn town(apis: Vec<Api>, functions: Functions) -> Town {
    town_with(&apis, &[], &own_section(), functions).await
}

async fn town_of(config: Config, functions: Functions) -> Town {
    town_with(&config.apis, &config.domains, &config.gateway, functions).await
}

/// A gateway of a configuration as users write it. Around it stand a pool with one client, and the names of `functions`.
async fn written(text: &str, functions: Functions) -> Town {
    town_of(read(text, &functions).unwrap(), functions).await
}

/// The configuration, or its mistakes without the file's name.
fn read(text: &str, functions: &Functions) -> Result<Config, Vec<String>> {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("stub.js"), "exports.handler = async () => ({});").unwrap();
    let file = folder.path().join("poolhouse.toml");
    let stubs: String = functions.names().map(|name| format!("[function.{name}]\nscript = 'stub.js'\n")).collect();
    let pool = format!("[[pool]]\nid = '{POOL}'\n[[pool.client]]\nid = '{CLIENT}'\n");
    std::fs::write(&file, format!("{text}\n{stubs}{pool}")).unwrap();
    config::load(&Sources { file: Some(file.clone()), ..Sources::default() }).map_err(|mistakes| {
        let shown = |mistake: &config::Mistake| mistake.to_string().replace(&format!("{}:", file.display()), "");
        mistakes.iter().map(shown).collect()
    })
}

async fn town_with(apis: &[Api], domains: &[Domain], section: &section::Gateway, functions: Functions) -> Town {
    town_within(apis, domains, section, functions, Patience::default()).await
}

/// `patience` says how long clients are waited for.
async fn town_within(
    apis: &[Api],
    domains: &[Domain],
    section: &section::Gateway,
    functions: Functions,
    patience: Patience,
) -> Town {
    let (key, clock) = (SigningKey::generate().unwrap(), Clock::frozen(Time::from_seconds(NOW)));
    let gateway = load_with(apis, domains, section, functions, &key, clock.clone()).unwrap();
    open(gateway, key, clock, patience).await
}

/// One that asks others in a way of its own.
async fn town_asking(apis: &[Api], client: Client) -> Town {
    let (key, clock) = (SigningKey::generate().unwrap(), Clock::frozen(Time::from_seconds(NOW)));
    let around = Surroundings { client, ..around(Functions::default(), &key, clock.clone()) };
    open(Gateway::new(apis, &[], &own_section(), around).unwrap(), key, clock, Patience::default()).await
}

async fn open(gateway: Gateway, key: SigningKey, clock: Clock, patience: Patience) -> Town {
    let gateway = Arc::new(gateway);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    tokio::spawn(Arc::clone(&gateway).serve(listener, patience, stop.clone()).unwrap());
    Town { address, key, clock, gateway, _stop: stop.drop_guard() }
}

impl Town {
    /// Claims of a good ID token with `changes`; a `null` takes the claim away.
    fn token(&self, changes: Value) -> String {
        self.key.sign(&claims(changes)).unwrap()
    }

    /// A request with header lines of its own, and no body.
    async fn ask(&self, method: &str, path: &str, lines: &[(&str, &str)]) -> Answer {
        let host = if lines.iter().any(|(name, _)| *name == "host") { "" } else { "host: localhost\r\n" };
        let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.raw(&format!("{method} {path} HTTP/1.1\r\n{host}connection: close\r\n{lines}\r\n")).await
    }

    async fn get(&self, path: &str, authorization: &str) -> Answer {
        let line = if authorization.is_empty() { String::new() } else { format!("authorization: {authorization}\r\n") };
        self.raw(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{line}\r\n")).await
    }

    /// Sends bytes as they are, and reads until the gateway closes.
    async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The gateway may answer and close before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap();
        Answer::parse(&bytes)
    }
}

fn claims(changes: Value) -> Value {
    let mut claims =
        json!({"iss": ISSUER, "aud": CLIENT, "sub": "u", "iat": NOW, "exp": NOW + 3600, "token_use": "id"});
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            _ => claims[name] = value.clone(),
        }
    }
    claims
}
