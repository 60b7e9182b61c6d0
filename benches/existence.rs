//! Whether the time of an answer tells who exists: `cargo bench --bench existence`.
//!
//! Calls go through the API and the pages without sockets, to a client that hides who exists, on SQLite. For each operation users
//! and names that nobody has take turns, 2,000 of each, every name once, so that no limit is met; who comes first changes with each
//! pair. What counts is the time until the answer, as whoever asks can measure it and without the noise of a network. The two
//! samples are compared by their medians and by the test of Kolmogorov and Smirnov: p is how likely two samples of one
//! distribution would differ as much.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::Request;
use poolhouse::{
    api,
    config::{Mode, database::Durability, hashing::Hashing, limits::Limits, server::Issuer},
    domain::{
        Pool, User,
        pool::{Members, PoolSettings},
        user::{Attempts, Credential, Status},
    },
    flows::{App, Cx, Parts, Setup, passwords},
    functions::Functions,
    hooks::Hooks,
    keys::{compromised::Compromised, hashing::Hasher, seal::Sealer},
    kit::{
        clock::{Clock, Time},
        random::Random,
    },
    pages,
    post::Post,
    store::{self, Store},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt;

const SAMPLES: usize = 2_000;
/// Pairs before the first that counts.
const WARM_UP: usize = 100;
const POOL: &str = "us-east-1_Existence";
/// What the medians may differ by, and what p must be above.
const GOAL: (f64, f64) = (0.05, 0.01);

fn main() {
    let only = std::env::args().nth(1).filter(|argument| !argument.starts_with("--"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        println!("{:<44} {:>9} {:>9} {:>8} {:>8}", "µs until the answer, medians", "somebody", "nobody", "differ", "p");
        for scenario in SCENARIOS.iter().copied().filter(|one| only.as_ref().is_none_or(|only| one.name.contains(only)))
        {
            // Each in a database of its own: what one has left behind would be in the way of the next.
            scenario.measure(Arc::new(Town::new(&scenario).await)).await;
        }
    });
}

/// An operation, as somebody comes to it.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    /// What the users of the pool are.
    status: Status,
    protection: &'static str,
    /// How many ask at the same time: more where answers are mostly waited for, so that it takes minutes and not an hour.
    lanes: usize,
    /// Goes before, for the same name, and is not measured.
    before: Option<fn(&str) -> Call>,
    /// May go on with what came of that.
    call: fn(&str, &Value) -> Call,
}

enum Call {
    Api(&'static str, Value),
    /// A sign-in on the pages.
    Page(String),
}

const PLAIN: Scenario = Scenario {
    name: "",
    status: Status::Confirmed,
    protection: "OFF",
    lanes: 1,
    before: None,
    call: |name, _| with_password(name),
};

/// Where the answer to whoever asks waits for its time.
const WAITED: Scenario = Scenario { lanes: 8, ..PLAIN };

const SCENARIOS: [Scenario; 12] = [
    Scenario { name: "InitiateAuth USER_PASSWORD_AUTH, wrong", ..WAITED },
    Scenario { name: "the same where threat protection is on", protection: "AUDIT", ..WAITED },
    Scenario { name: "the login page, wrong password", call: |name, _| Call::Page(name.to_owned()), ..WAITED },
    Scenario { name: "InitiateAuth USER_SRP_AUTH", call: |name, _| with_srp(name), ..PLAIN },
    Scenario { name: "PASSWORD_VERIFIER, wrong", before: Some(with_srp), call: prove, ..PLAIN },
    Scenario { name: "InitiateAuth USER_AUTH", call: |name, _| by_choice(name, json!({})), ..WAITED },
    Scenario { name: "InitiateAuth USER_AUTH, EMAIL_OTP", call: |name, _| by_code(name), ..WAITED },
    Scenario { name: "EMAIL_OTP, wrong", before: Some(by_code), call: answer, ..WAITED },
    Scenario { name: "ForgotPassword", call: |name, _| forgot(name), ..WAITED },
    Scenario {
        name: "ConfirmForgotPassword, wrong",
        before: Some(forgot),
        call: |name, _| {
            let guess =
                json!({"ClientId": CLIENT, "Username": name, "ConfirmationCode": "000000", "Password": "Other-1234"});
            Call::Api("ConfirmForgotPassword", guess)
        },
        ..WAITED
    },
    Scenario { name: "ResendConfirmationCode", status: Status::Unconfirmed, call: |name, _| resend(name), ..WAITED },
    Scenario {
        name: "ConfirmSignUp, wrong",
        status: Status::Unconfirmed,
        before: Some(resend),
        call: |name, _| {
            let guess = json!({"ClientId": CLIENT, "Username": name, "ConfirmationCode": "000000"});
            Call::Api("ConfirmSignUp", guess)
        },
        ..WAITED
    },
];

const CLIENT: &str = "1existence";

fn begin(flow: &str, name: &str, parameters: Value) -> Call {
    let mut all = json!({ "USERNAME": name });
    all.as_object_mut().unwrap().extend(parameters.as_object().cloned().unwrap());
    Call::Api("InitiateAuth", json!({"ClientId": CLIENT, "AuthFlow": flow, "AuthParameters": all}))
}

fn with_password(name: &str) -> Call {
    begin("USER_PASSWORD_AUTH", name, json!({"PASSWORD": "Wrong-1234"}))
}

fn with_srp(name: &str) -> Call {
    // Any number but a multiple of the group's prime will do.
    begin("USER_SRP_AUTH", name, json!({"SRP_A": "3".repeat(768)}))
}

fn by_choice(name: &str, parameters: Value) -> Call {
    begin("USER_AUTH", name, parameters)
}

fn by_code(name: &str) -> Call {
    by_choice(name, json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"}))
}

fn prove(_: &str, asked: &Value) -> Call {
    let asked = &asked["ChallengeParameters"];
    let responses = json!({
        "USERNAME": asked["USER_ID_FOR_SRP"], "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
        "PASSWORD_CLAIM_SIGNATURE": BASE64_STANDARD.encode([7; 32]), "TIMESTAMP": "Fri Jan 15 08:00:00 UTC 2027",
    });
    respond("PASSWORD_VERIFIER", &Value::Null, &responses)
}

fn answer(name: &str, asked: &Value) -> Call {
    respond("EMAIL_OTP", &asked["Session"], &json!({"USERNAME": name, "EMAIL_OTP_CODE": "00000000"}))
}

fn respond(challenge: &str, session: &Value, responses: &Value) -> Call {
    let answer =
        json!({"ClientId": CLIENT, "ChallengeName": challenge, "Session": session, "ChallengeResponses": responses});
    Call::Api("RespondToAuthChallenge", answer)
}

fn forgot(name: &str) -> Call {
    Call::Api("ForgotPassword", json!({"ClientId": CLIENT, "Username": name}))
}

fn resend(name: &str) -> Call {
    Call::Api("ResendConfirmationCode", json!({"ClientId": CLIENT, "Username": name}))
}

impl Scenario {
    async fn measure(self, town: Arc<Town>) {
        let mut lanes = JoinSet::new();
        for lane in 0..self.lanes {
            lanes.spawn(self.lane(Arc::clone(&town), lane));
        }
        let (mut somebody, mut nobody) = (Vec::new(), Vec::new());
        for (one, other) in lanes.join_all().await {
            somebody.extend(one);
            nobody.extend(other);
        }
        somebody.sort_unstable_by(f64::total_cmp);
        nobody.sort_unstable_by(f64::total_cmp);
        let (one, other) = (somebody[SAMPLES / 2], nobody[SAMPLES / 2]);
        let differ = one / other - 1.0;
        let p = kolmogorov_smirnov(&somebody, &nobody);
        let word = if differ.abs() <= GOAL.0 && p >= GOAL.1 { "" } else { "  tells" };
        println!("{:<44} {one:>9.0} {other:>9.0} {:>+7.1}% {p:>8.3}{word}", self.name, 100.0 * differ);
    }

    /// The times of one of the askers, for somebody and for nobody.
    async fn lane(self, town: Arc<Town>, lane: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut somebody, mut nobody) = (Vec::new(), Vec::new());
        for (turn, number) in (lane..WARM_UP + SAMPLES).step_by(self.lanes).enumerate() {
            for is_known in if turn % 2 == 0 { [true, false] } else { [false, true] } {
                let name = if is_known { known(number) } else { unknown(number) };
                let time = self.time(&town, &name).await;
                if number >= WARM_UP {
                    if is_known { somebody.push(time) } else { nobody.push(time) }
                }
            }
        }
        (somebody, nobody)
    }

    /// Microseconds.
    async fn time(&self, town: &Town, name: &str) -> f64 {
        let asked = match self.before {
            Some(before) => town.call(before(name)).await.1,
            None => Value::Null,
        };
        town.call((self.call)(name, &asked)).await.0
    }
}

/// How likely two samples of one distribution, both sorted, would differ as much as these.
fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> f64 {
    let (mut i, mut j, mut widest) = (0, 0, 0.0_f64);
    while i < one.len() && j < other.len() {
        let at = one[i].min(other[j]);
        while i < one.len() && one[i] <= at {
            i += 1;
        }
        while j < other.len() && other[j] <= at {
            j += 1;
        }
        widest = widest.max((i as f64 / one.len() as f64 - j as f64 / other.len() as f64).abs());
    }
    let size = (one.len() as f64 * other.len() as f64 / (one.len() + other.len()) as f64).sqrt();
    let lambda = (size + 0.12 + 0.11 / size) * widest;
    let term = |k: i32| f64::from(if k % 2 == 1 { 2 } else { -2 }) * (-2.0 * (f64::from(k) * lambda).powi(2)).exp();
    if lambda < 0.2 { 1.0 } else { (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0) }
}

fn known(number: usize) -> String {
    format!("user{number:06}")
}

/// As long as the others, and among them in the order of names.
fn unknown(number: usize) -> String {
    format!("user{number:05}x")
}

/// A server without sockets.
struct Town {
    router: Router,
    _folder: tempfile::TempDir,
}

impl Town {
    async fn new(scenario: &Scenario) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let app = Arc::new(app(&folder).await);
        furnish(&app, scenario).await;
        let router = api::router().with_state(Arc::clone(&app)).merge(pages::router(app));
        Self { router, _folder: folder }
    }

    /// Microseconds until the answer, and the answer.
    async fn call(&self, call: Call) -> (f64, Value) {
        let request = match call {
            Call::Api(operation, input) => Request::post("/")
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
                .body(Body::from(input.to_string()))
                .unwrap(),
            Call::Page(name) => self.form(&name).await,
        };
        let router = self.router.clone();
        let began = Instant::now();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let time = began.elapsed().as_secs_f64() * 1e6;
        let value = serde_json::from_slice(&body).unwrap_or_default();
        assert!(status.as_u16() < 500 && !told_apart(&value), "{value}");
        (time, value)
    }

    /// The form of the login page, filled in.
    async fn form(&self, name: &str) -> Request<Body> {
        let path = format!("/login?response_type=code&client_id={CLIENT}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb");
        let page = self.router.clone().oneshot(Request::get(&path).body(Body::empty()).unwrap()).await.unwrap();
        let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let html = String::from_utf8(to_bytes(page.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        let token = html.split_once("name=\"_csrf\" value=\"").unwrap().1.split_once('"').unwrap().0;
        Request::post(&path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie)
            .body(Body::from(format!("_csrf={token}&username={name}&password=Wrong-1234")))
            .unwrap()
    }
}

/// Limits must not be met, nor anything be wrong with the call itself.
fn told_apart(answer: &Value) -> bool {
    let name = answer["__type"].as_str().unwrap_or_default();
    ["TooManyRequestsException", "LimitExceededException", "InvalidParameterException", "UserNotFoundException"]
        .contains(&name)
}

async fn app(folder: &tempfile::TempDir) -> App {
    let random = Random::system();
    let sealer = Sealer::new(&[7; 32], &random);
    let url = format!("sqlite:{}", folder.path().join("existence.db").display());
    // Waiting for the disk would drown what is to be seen.
    let store = Store::open(&url, Durability::Relaxed, sealer.clone()).await.unwrap();
    store.migrate().await.unwrap();
    App::new(Parts {
        clock: Clock::frozen(Time::from_seconds(1_800_000_000)),
        random,
        sealer,
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
            limits: Limits { failed_sign_ins: 1_000_000, codes: 1_000_000, ..Limits::default() },
        },
        store,
    })
}

async fn furnish(app: &Arc<App>, scenario: &Scenario) {
    let now = app.clock.now();
    let factors = json!({"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]});
    let members: Members = json!({
        "PoolName": "existence", "AutoVerifiedAttributes": ["email"], "UserPoolTier": "PLUS",
        "UserPoolAddOns": {"AdvancedSecurityMode": scenario.protection}, "Policies": {"SignInPolicy": factors},
    })
    .as_object()
    .cloned()
    .unwrap();
    let pool = Pool {
        id: POOL.into(),
        name: "existence".into(),
        strict_oidc: false,
        settings: PoolSettings::requested(members).unwrap(),
        created_at: now,
        modified_at: now,
    };
    let client = poolhouse::domain::Client {
        id: CLIENT.into(),
        pool_id: POOL.into(),
        name: "web".into(),
        secrets: Vec::new(),
        settings: serde_json::from_value(json!({
            "PreventUserExistenceErrors": "ENABLED",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"],
            "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthScopes": ["openid"],
            "CallbackURLs": ["https://app.example/cb"],
        }))
        .unwrap(),
        created_at: now,
        modified_at: now,
    };
    let cx = Cx::new(Arc::clone(app), "us-east-1", "bench".into());
    let first = user(app, 0, scenario.status, Credential::default());
    // One password for all of them: what it is does not matter to whoever guesses wrongly.
    let credential = passwords::unjudged(&cx, &first, &"Right-1234".into()).await.unwrap();
    let mut tx = app.store.begin().await.unwrap();
    assert!(store::pools::insert(&mut tx, &pool).await.unwrap());
    assert!(store::clients::insert(&mut tx, &client).await.unwrap());
    for number in 0..WARM_UP + SAMPLES {
        let user = user(app, number, scenario.status, credential.clone());
        assert!(store::users::insert(&mut tx, &pool, &user).await.unwrap());
    }
    tx.commit().await.unwrap();
}

fn user(app: &App, number: usize, status: Status, credential: Credential) -> User {
    let now = app.clock.now();
    let verified = if status == Status::Confirmed { "true" } else { "false" };
    let attributes = [("email", format!("{}@example.com", known(number))), ("email_verified", verified.to_owned())];
    User {
        pool_id: POOL.into(),
        sub: app.random.uuid(),
        username: known(number),
        status,
        enabled: true,
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        credential,
        attempts: Attempts::default(),
        created_at: now,
        modified_at: now,
    }
}
