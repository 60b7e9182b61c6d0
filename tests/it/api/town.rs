//! A server without sockets that takes AWS JSON calls, and what its answers must be.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::body::{Body, to_bytes};
use http::Request;
use poolhouse::{
    api,
    config::{Mode, hashing::Hashing, limits::Limits, server::Issuer},
    flows::{App, Cx, Parts, Setup},
    functions::Functions,
    hooks::Hooks,
    keys::{compromised::Compromised, hashing::Hasher},
    kit::{
        clock::{Clock, Time},
        random::Random,
    },
    model::MODEL,
    post::Post,
    store::Store,
    web::client_ip::ClientAddress,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::every_error;
use crate::store::{Engine, engines, sealer};

pub(crate) const ACCOUNT: &str = "123456789012";

/// Any key's: nobody looks at it in development.
const SIGNATURE: &[(&str, &str)] = &[
    ("x-amz-date", "20270115T080000Z"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKID/20270115/us-east-1/cognito-idp/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00",
    ),
];

/// Operations, and what they answered: [`SUCCESS`] or an exception's name.
pub(super) type Answers = BTreeSet<(String, String)>;
pub(super) const SUCCESS: &str = "success";

pub(crate) struct Town {
    pub(crate) app: Arc<App>,
    answers: Arc<Mutex<Answers>>,
    /// Goes with the value; a twin lives in its sibling's.
    _engine: Option<Engine>,
}

/// A town of its own on each engine.
pub(crate) async fn towns() -> Vec<Town> {
    towns_with(|_| {}).await
}

/// Towns that stand on other parts than the usual ones.
pub(super) async fn towns_with(change: impl Fn(&mut Parts)) -> Vec<Town> {
    engines().await.into_iter().map(|engine| Town::on(engine, &change)).collect()
}

impl Town {
    fn on(engine: Engine, change: impl Fn(&mut Parts)) -> Self {
        let app = Self::app(&engine.store, change);
        Self { app, answers: Arc::default(), _engine: Some(engine) }
    }

    /// Another instance on the same database. It must not outlive this one.
    pub(crate) fn twin(&self) -> Self {
        let (clock, random, setup) = (self.app.clock.clone(), Random::seeded(8), self.app.setup.clone());
        let app = Self::app(&self.app.store, |parts| {
            parts.clock = clock.clone();
            parts.random = random.clone();
            parts.setup = setup.clone();
        });
        Self { app, answers: Arc::clone(&self.answers), _engine: None }
    }

    fn app(store: &Store, change: impl Fn(&mut Parts)) -> Arc<App> {
        let mut parts = Parts {
            clock: Clock::frozen(Time::from_seconds(1_800_000_000)),
            random: Random::seeded(7),
            sealer: sealer(),
            hasher: Hasher::new(Hashing::DEVELOPMENT, 2).unwrap(),
            compromised: Compromised::default(),
            hooks: Hooks::new(Arc::new(Functions::default())),
            post: Post::inbox(),
            setup: Setup {
                mode: Mode::Development,
                account_id: ACCOUNT.into(),
                region: "us-east-1".into(),
                public_url: "http://localhost:9229".into(),
                issuer: Issuer::Local,
                admin_keys: Vec::new(),
                limits: Limits::default(),
            },
            store: store.clone(),
        };
        change(&mut parts);
        Arc::new(App::new(parts))
    }

    pub(crate) fn cx(&self) -> Cx {
        Cx::new(Arc::clone(&self.app), "us-east-1", "test".into())
    }

    /// Everything that was answered here, or by a twin, so far.
    pub(super) fn answers(&self) -> Answers {
        self.answers.lock().unwrap().clone()
    }

    /// A call as clients make it: signed by any key at administrator operations, unsigned at public ones.
    pub(super) async fn send(&self, operation: &str, input: &Value) -> (u16, Value) {
        let is_public = MODEL.operation(operation).unwrap().public;
        self.send_with(operation, input, if is_public { &[] } else { SIGNATURE }).await
    }

    /// A call with exactly these further headers.
    pub(super) async fn send_with(&self, operation: &str, input: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        self.post(operation, input.to_string(), headers, None).await
    }

    /// A call that comes from an address, as the assembly tells it.
    pub(super) async fn send_from(&self, ip: &str, agent: Option<&str>, call: (&str, &Value)) -> (u16, Value) {
        let (operation, input) = call;
        let is_public = MODEL.operation(operation).unwrap().public;
        let mut headers = if is_public { Vec::new() } else { SIGNATURE.to_vec() };
        headers.extend(agent.map(|agent| ("user-agent", agent)));
        self.post(operation, input.to_string(), &headers, Some(ip)).await
    }

    /// A public call whose body is this text, whatever it is.
    pub(super) async fn send_text(&self, operation: &str, body: String) -> (u16, Value) {
        self.post(operation, body, &[], None).await
    }

    async fn post(&self, operation: &str, body: String, headers: &[(&str, &str)], ip: Option<&str>) -> (u16, Value) {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut request = request.body(Body::from(body)).unwrap();
        if let Some(ip) = ip {
            request.extensions_mut().insert(ClientAddress(ip.parse().unwrap()));
        }
        let response = api::router().with_state(Arc::clone(&self.app)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 22).await.unwrap();
        let value: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        let answer = if status == 200 { SUCCESS } else { value["__type"].as_str().unwrap_or_default() };
        let excuse = every_error::excuse(operation, answer);
        assert_eq!(excuse, None, "{operation} answers what it was thought never to: {value}");
        self.answers.lock().unwrap().insert((operation.to_owned(), answer.to_owned()));
        (status, value)
    }

    /// The answer of a call that must succeed. It fits the operation's published output.
    pub(crate) async fn call(&self, operation: &str, input: Value) -> Value {
        let (status, output) = self.send(operation, &input).await;
        assert_eq!(status, 200, "{operation} {input}: {output}");
        assert_eq!(MODEL.output_faults(operation, &output), Vec::<String>::new(), "{operation}");
        output
    }

    /// `Exception: message` of a call that must be refused with an exception that the operation declares.
    pub(crate) async fn refused(&self, operation: &str, input: Value) -> String {
        let (status, body) = self.send(operation, &input).await;
        assert_eq!(status, 400, "{operation} {input}: {body}");
        let exception = body["__type"].as_str().unwrap();
        assert!(MODEL.declares(operation, exception), "{operation} does not declare {exception}");
        format!("{exception}: {}", body["message"].as_str().unwrap_or_default())
    }

    /// The same from an address.
    pub(crate) async fn call_from(&self, ip: &str, operation: &str, input: Value) -> Value {
        let (status, output) = self.send_from(ip, None, (operation, &input)).await;
        assert_eq!(status, 200, "{operation} {input}: {output}");
        output
    }

    pub(crate) async fn refused_from(&self, ip: &str, operation: &str, input: Value) -> String {
        let (status, body) = self.send_from(ip, None, (operation, &input)).await;
        assert_eq!(status, 400, "{operation} {input}: {body}");
        let exception = body["__type"].as_str().unwrap();
        assert!(MODEL.declares(operation, exception), "{operation} does not declare {exception}");
        format!("{exception}: {}", body["message"].as_str().unwrap_or_default())
    }

    /// A new pool's id.
    pub(crate) async fn pool(&self) -> String {
        let output = self.call("CreateUserPool", json!({"PoolName": "example"})).await;
        output["UserPool"]["Id"].as_str().unwrap().to_owned()
    }

    /// A user that has a password.
    pub(crate) async fn user(&self, pool: &str, username: &str) {
        let made = json!({"UserPoolId": pool, "Username": username, "MessageAction": "SUPPRESS"});
        self.call("AdminCreateUser", made).await;
    }
}

/// `first` with the members of `second` added or replaced.
pub(crate) fn with(first: &Value, second: Value) -> Value {
    let mut all = first.clone();
    let Value::Object(members) = second else { panic!("no object: {second}") };
    all.as_object_mut().unwrap().extend(members);
    all
}

/// What every operation on something inside a pool answers when the pool is not there.
pub(crate) const NO_POOL: &str = "ResourceNotFoundException: User pool us-east-1_Nowhere does not exist.";
pub(crate) const NOWHERE: &str = "us-east-1_Nowhere";
