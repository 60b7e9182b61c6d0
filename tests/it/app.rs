//! A whole server without sockets: a database of its own, one pool with clients and users, and a browser to visit it with.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode, header};
use poolhouse::{
    config::{Mode, database::Durability, hashing::Hashing, limits::Limits, server::Issuer},
    domain::{
        Asker, Client, Pool, ResourceServer, User,
        attribute::standard_schema,
        client::{ClientSecret, ClientSettings},
        pool::PoolSettings,
        user::{Attempts, Attributes, Credential, Status},
    },
    flows::{App, Cx, Parts, Setup, passwords, pools},
    functions::Functions,
    hooks::Hooks,
    keys::{compromised::Compromised, hashing::Hasher, signing::SigningKey},
    kit::{
        clock::{Clock, Time},
        random::Random,
        secret::Secret,
    },
    oauth, pages,
    post::Post,
    store::{self, signing_keys::SigningKeyRecord},
};
use serde_json::{Value, json};
use tower::ServiceExt;
use url::form_urlencoded;

use crate::store::{Engine, engines, sealer, sqlite};

pub const POOL: &str = "us-east-1_Example01";
pub const WEB: &str = "1example23456789abcdefghij";
pub const SERVER: &str = "2example23456789abcdefghij";
pub const API_ONLY: &str = "3example23456789abcdefghij";
pub const SECRET: &str = "9secret0secret0secret0secret0secret0secret0secret0s";
pub const CALLBACK: &str = "https://app.example/cb";
pub const PASSWORD: &str = "Right-1234";

pub struct House {
    pub app: Arc<App>,
    pub router: Router,
    _engine: Engine,
}

/// A house on each engine at hand.
pub async fn houses() -> Vec<House> {
    houses_with(|_| {}).await
}

/// Houses on each engine at hand that stand on other parts than the usual ones.
pub async fn houses_with(change: impl Fn(&mut Parts)) -> Vec<House> {
    let mut houses = Vec::new();
    for engine in engines().await {
        houses.push(House::on(engine, &change).await);
    }
    houses
}

/// A house on each engine at hand, whose pool keeps to OpenID Connect where the service does not.
pub async fn strict_houses() -> Vec<House> {
    let houses = houses().await;
    for house in &houses {
        house.set_strict(true).await;
    }
    houses
}

/// Houses on each engine at hand: some whose pool keeps to OpenID Connect, which the second value says, and some faithful ones.
pub async fn houses_of_both_kinds() -> Vec<(House, bool)> {
    let strict = strict_houses().await.into_iter().map(|house| (house, true));
    strict.chain(houses().await.into_iter().map(|house| (house, false))).collect()
}

impl House {
    pub async fn new() -> Self {
        Self::on(sqlite(Durability::Relaxed).await, |_| {}).await
    }

    async fn on(engine: Engine, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Parts {
            clock: Clock::frozen(Time::from_seconds(1_800_000_000)),
            random: Random::system(),
            sealer: sealer(),
            hasher: Hasher::new(Hashing::DEVELOPMENT, 2).unwrap(),
            compromised: Compromised::default(),
            hooks: Hooks::new(Arc::new(Functions::default())),
            post: Post::inbox(),
            setup: Setup {
                mode: Mode::Development,
                account_id: "123456789012".into(),
                region: "us-east-1".into(),
                public_url: "http://localhost:9229".into(),
                issuer: Issuer::Local,
                admin_keys: Vec::new(),
                limits: Limits::default(),
            },
            store: engine.store.clone(),
        };
        change(&mut parts);
        let app = Arc::new(App::new(parts));
        let router = oauth::router(Arc::clone(&app)).merge(pages::router(Arc::clone(&app)));
        let house = Self { app, router, _engine: engine };
        house.furnish().await;
        house
    }

    pub fn cx(&self) -> Cx {
        Cx::new(Arc::clone(&self.app), "us-east-1", "test".into())
    }

    async fn furnish(&self) {
        let now = self.app.clock.now();
        let pool = Pool {
            id: POOL.into(),
            name: "example".into(),
            strict_oidc: false,
            settings: PoolSettings {
                schema: standard_schema(),
                auto_verified_attributes: vec!["email".into()],
                ..PoolSettings::default()
            },
            created_at: now,
            modified_at: now,
        };
        let mut tx = self.app.store.begin().await.unwrap();
        assert!(store::pools::insert(&mut tx, &pool).await.unwrap());
        for (der, token_use) in keys().iter().zip(["id", "access"]) {
            let record = SigningKeyRecord {
                kid: SigningKey::from_pkcs8(der).unwrap().kid().to_owned(),
                pool_id: POOL.into(),
                token_use: token_use.into(),
                private_key: der.clone().into(),
                created_at: now,
                retired_at: None,
            };
            store::signing_keys::insert(&mut tx, &record).await.unwrap();
        }
        let api = ResourceServer {
            pool_id: POOL.into(),
            identifier: "https://api.example".into(),
            name: "api".into(),
            scopes: [("read".to_owned(), "Read".to_owned())].into(),
        };
        assert!(store::resource_servers::insert(&mut tx, &api).await.unwrap());
        tx.commit().await.unwrap();
        let callbacks = json!([CALLBACK, "myapp://cb", "https://app.example/cb?a=1&b=2"]);
        self.client(WEB, &[], json!({
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            "CallbackURLs": callbacks, "LogoutURLs": ["https://app.example/bye"],
            "AllowedOAuthFlows": ["code", "implicit"], "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthScopes": ["openid", "email", "profile", "aws.cognito.signin.user.admin", "https://api.example/read"],
        }))
        .await;
        self.client(
            SERVER,
            &[SECRET],
            json!({
                "CallbackURLs": callbacks,
                "AllowedOAuthFlows": ["code", "client_credentials"], "AllowedOAuthFlowsUserPoolClient": true,
                "AllowedOAuthScopes": ["openid", "https://api.example/read", "https://api.example/gone"],
            }),
        )
        .await;
        self.client(API_ONLY, &[], json!({ "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"] })).await;
        self.user("ann", PASSWORD, Status::Confirmed).await;
    }

    pub async fn client(&self, id: &str, secrets: &[&str], settings: Value) {
        self.client_of(POOL, id, secrets, settings).await;
    }

    /// A client of this pool, which need not be the usual one.
    pub async fn client_of(&self, pool_id: &str, id: &str, secrets: &[&str], settings: Value) {
        let now = self.app.clock.now();
        let secret = |value: &&str| ClientSecret { id: format!("{id}--1"), value: (*value).into(), created_at: now };
        let client = Client {
            id: id.into(),
            pool_id: pool_id.into(),
            name: "web <&> app".into(),
            secrets: secrets.iter().map(secret).collect(),
            settings: serde_json::from_value::<ClientSettings>(settings).unwrap(),
            created_at: now,
            modified_at: now,
        };
        let mut tx = self.app.store.begin().await.unwrap();
        assert!(store::clients::insert(&mut tx, &client).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// The id of one more pool.
    pub async fn other_pool(&self) -> String {
        let members = json!({"PoolName": "other"}).as_object().unwrap().clone();
        pools::create(&self.cx(), members).await.unwrap().id.clone()
    }

    pub async fn pool(&self) -> Pool {
        store::pools::find(&mut self.app.store.read().await.unwrap(), POOL).await.unwrap().unwrap()
    }

    /// Another form of the pool, before anybody has asked for it.
    pub async fn change_pool(&self, change: impl FnOnce(&mut Pool)) {
        let mut pool = self.pool().await;
        change(&mut pool);
        let mut tx = self.app.store.begin().await.unwrap();
        store::pools::update(&mut tx, &pool).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Whether the pool keeps to OpenID Connect where the service does not.
    pub async fn set_strict(&self, strict_oidc: bool) {
        self.change_pool(|pool| pool.strict_oidc = strict_oidc).await;
        self.app.directory.forget_pool(POOL);
    }

    /// Changes the pool's settings.
    pub async fn set_pool(&self, change: impl FnOnce(&mut PoolSettings)) {
        self.change_pool(|pool| change(&mut pool.settings)).await;
        self.app.directory.forget_pool(POOL);
    }

    /// Changes a client's settings.
    pub async fn set_client(&self, id: &str, change: impl FnOnce(&mut ClientSettings)) {
        let mut client = store::clients::find(&mut self.app.store.read().await.unwrap(), id).await.unwrap().unwrap();
        change(&mut client.settings);
        let mut tx = self.app.store.begin().await.unwrap();
        assert!(store::clients::update(&mut tx, &client).await.unwrap());
        tx.commit().await.unwrap();
        self.app.directory.forget_client(id);
    }

    /// The code of the message that was sent last.
    pub async fn newest_code(&self) -> String {
        let newest = store::messages::newest(&mut self.app.store.read().await.unwrap(), None, 1).await.unwrap();
        newest.into_iter().next().unwrap().code.unwrap()
    }

    pub async fn user(&self, name: &str, password: &str, status: Status) -> User {
        let now = self.app.clock.now();
        let pool = self.pool().await;
        let attributes: Attributes = [("email", format!("{name}@example.com")), ("email_verified", "true".to_owned())]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        let mut user = User {
            pool_id: POOL.into(),
            sub: self.app.random.uuid(),
            username: name.into(),
            status,
            enabled: true,
            attributes,
            credential: Credential::default(),
            attempts: Attempts::default(),
            created_at: now,
            modified_at: now,
        };
        let temporary = status == Status::ForceChangePassword;
        let password = Secret::from(password);
        user.credential =
            passwords::credential(&self.cx(), &pool, &user, &password, temporary, Asker::Administrator).await.unwrap();
        let mut tx = self.app.store.begin().await.unwrap();
        assert!(store::users::insert(&mut tx, &pool, &user).await.unwrap());
        tx.commit().await.unwrap();
        user
    }

    /// Writes a user that was changed.
    pub async fn update(&self, user: &User) {
        let pool = self.pool().await;
        let mut tx = self.app.store.begin().await.unwrap();
        assert!(store::users::update(&mut tx, &pool, user).await.unwrap());
        tx.commit().await.unwrap();
    }

    pub async fn find(&self, name: &str) -> User {
        let pool = self.pool().await;
        store::users::by_login(&mut self.app.store.read().await.unwrap(), &pool, name).await.unwrap().unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A form to `path`, with further headers.
    pub async fn post(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Reply {
        let request = headers.iter().fold(form_request(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::from(encode(form))).unwrap()).await
    }

    pub async fn token(&self, form: &[(&str, &str)]) -> Reply {
        self.post("/oauth2/token", form, &[]).await
    }

    /// Signs ann in on the pages and gives the code that the client gets.
    pub async fn code(&self, query: &[(&str, &str)]) -> String {
        let mut browser = Browser::new(self);
        let reply = browser.sign_in(&encode(query), "ann", PASSWORD).await;
        assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
        reply.told("code").unwrap_or_else(|| panic!("no code in {}", reply.location()))
    }
}

fn form_request(path: &str) -> http::request::Builder {
    Request::builder().method(Method::POST).uri(path).header("content-type", "application/x-www-form-urlencoded")
}

/// Made once: a key takes a tenth of a second.
fn keys() -> &'static [Vec<u8>; 2] {
    static KEYS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [(); 2].map(|()| SigningKey::generate().unwrap().to_pkcs8().unwrap().to_vec()))
}

pub fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header(header::LOCATION.as_str())
    }

    /// A parameter of the address that the reply redirects to, in its query or fragment.
    pub fn told(&self, name: &str) -> Option<String> {
        let (_, answer) = self.location().split_once('#').or_else(|| self.location().split_once('?'))?;
        form_urlencoded::parse(answer.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }

    /// The value of an input of the page.
    pub fn input(&self, name: &str) -> String {
        let from = self.text.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name} in {}", self.text));
        let value = self.text[from..].split_once("value=\"").unwrap().1;
        value.split_once('"').unwrap().0.to_owned()
    }

    /// What the page alerts to.
    pub fn alert(&self) -> &str {
        let Some((_, alert)) = self.text.split_once("role=\"alert\">") else { return "" };
        alert.split_once("</p>").unwrap().0
    }

    /// Address and hidden fields of the page's form that goes to `path`.
    fn form(&self, path: &str) -> (String, Vec<(String, String)>) {
        let start = format!("action=\"{path}?");
        let (_, behind) = self.text.split_once(&start).unwrap_or_else(|| panic!("no form to {path} in {}", self.text));
        let (query, behind) = behind.split_once('"').unwrap();
        let (form, _) = behind.split_once("</form>").unwrap();
        let plain =
            |text: &str| text.replace("&#38;", "&").replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">");
        let hidden = form.split("type=\"hidden\" name=\"").skip(1).map(|input| {
            let (name, rest) = input.split_once('"').unwrap();
            let value = rest.split_once("value=\"").unwrap().1.split_once('"').unwrap().0;
            (name.to_owned(), plain(value))
        });
        (format!("{path}?{}", plain(query)), hidden.collect())
    }

    /// `TOK(code)`: 400, the code, never kept.
    pub fn assert_refused(&self, code: &str) {
        assert_eq!((self.status, &self.json()["error"]), (StatusCode::BAD_REQUEST, &json!(code)), "{}", self.text);
        self.assert_protected();
    }

    pub fn assert_protected(&self) {
        assert!(self.header("cache-control").contains("no-store"));
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert!(self.header("content-type").starts_with("application/json"), "{}", self.header("content-type"));
    }
}

/// Keeps its cookies.
pub struct Browser<'a> {
    house: &'a House,
    pub cookie: Option<String>,
    /// One that holds something else than the session.
    pub other: Option<String>,
}

impl<'a> Browser<'a> {
    pub fn new(house: &'a House) -> Self {
        Self { house, cookie: None, other: None }
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        let request = self.request(Request::get(path));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Reply {
        let request = self.request(form_request(path));
        self.send(request.body(Body::from(encode(form))).unwrap()).await
    }

    /// Sends the form of `page` that goes to `path` with these fields beside those that it hides.
    /// It takes a second to fill in.
    pub async fn send_form(&mut self, page: &Reply, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.house.app.clock.advance(Duration::from_secs(1));
        let (address, hidden) = page.form(path);
        let untouched = hidden.iter().filter(|(name, _)| fields.iter().all(|(own, _)| own != name));
        let mut form: Vec<(&str, &str)> = untouched.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form.extend_from_slice(fields);
        self.post(&address, &form).await
    }

    pub async fn sign_in(&mut self, query: &str, username: &str, password: &str) -> Reply {
        let page = self.get(&format!("/login?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{} {}", page.location(), page.text);
        let token = page.input("_csrf");
        let form = [("_csrf", &*token), ("username", username), ("password", password)];
        self.post(&format!("/login?{query}"), &form).await
    }

    fn request(&self, request: http::request::Builder) -> http::request::Builder {
        let cookies = self.cookie.iter().chain(&self.other);
        cookies.fold(request, |request, cookie| request.header("cookie", cookie))
    }

    async fn send(&mut self, request: Request<Body>) -> Reply {
        let reply = self.house.send(request).await;
        for set in reply.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let kept = if pair.contains("poolhouse") { &mut self.cookie } else { &mut self.other };
            *kept = (!pair.ends_with('=')).then_some(pair);
        }
        reply
    }
}
