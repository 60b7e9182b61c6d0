//! Five hundred people sign in with their passwords at the same moment: `cargo bench --bench flood`.
//!
//! Hashes cost what they cost in production. What is measured: how many are let in and how many are told to come back, when the
//! last of either has an answer, and the most memory that the process ever had. The same flood runs in a second process whose
//! hashes take as long in next to no memory: what the first process has more is the memory of hashes, and must be no
//! more than one hash's for each worker. Linux only.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::{
    env, fs,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::Request;
use poolhouse::{
    api,
    config::{Mode, database::Durability, hashing::Hashing, limits::Limits, server::Issuer},
    domain::{
        User,
        user::{Attempts, Attributes, Credential, Status},
    },
    flows::{App, Cx, Parts, Setup, directory, passwords},
    functions::Functions,
    hooks::Hooks,
    keys::{compromised::Compromised, hashing::Hasher, seal::Sealer},
    kit::{clock::Clock, random::Random},
    post::Post,
    store::{self, Store},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt;

const PEOPLE: usize = 500;
const PASSWORD: &str = "Right-1234";

/// What a process of the flood is started with, and after it the iterations of a hash in little memory, none for production's.
const ITERATIONS: &str = "--iterations";

fn main() {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if let Some(iterations) = env::args().skip_while(|argument| argument != ITERATIONS).nth(1) {
        let iterations: u32 = iterations.parse().unwrap();
        let hashing = if iterations == 0 { Hashing::OWASP } else { Hashing { iterations, ..SMALL } };
        return flood(hashing, workers);
    }
    let as_slow = (took(Hashing::OWASP).as_secs_f64() / took(SMALL).as_secs_f64()).ceil().max(1.0);
    let [without, with] = [format!("{as_slow:.0}"), "0".to_owned()].map(|iterations| {
        println!("{}", if iterations == "0" { "production's hash" } else { "a hash as slow, in little memory" });
        let flood = Command::new(env::current_exe().unwrap()).args([ITERATIONS, &*iterations]).output().unwrap();
        let text = String::from_utf8(flood.stdout).unwrap();
        assert!(flood.status.success(), "{}", String::from_utf8_lossy(&flood.stderr));
        let (rounds, most) = text.trim_end().rsplit_once('\n').unwrap();
        println!("{rounds}");
        most.parse::<f64>().unwrap()
    });
    let of_all = |hashing: Hashing| workers as f64 * f64::from(hashing.memory_kib) / 1024.0;
    let (without, allowed) = (without - of_all(SMALL), of_all(Hashing::OWASP));
    println!(
        "at most {with:.1} MB, {without:.1} MB without the memory of hashes: {:.1} MB of {allowed:.1} MB ({workers} workers)",
        with - without
    );
}

/// One mebibyte, to be passed over as often as takes the time of production's.
const SMALL: Hashing = Hashing { memory_kib: 1_024, iterations: 1, parallelism: 1 };

/// How long one hash takes on an idle thread, the best of ten.
fn took(hashing: Hashing) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let hasher = Hasher::new(hashing, 1).unwrap();
    let once = || {
        let began = Instant::now();
        runtime.block_on(hasher.hash(PASSWORD.into())).unwrap();
        began.elapsed()
    };
    (0..10).map(|_| once()).min().unwrap()
}

fn flood(hashing: Hashing, workers: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let app = Arc::new(app(&folder, hashing, workers).await);
        let router = api::router().with_state(Arc::clone(&app));
        let client = furnish(&router, &app).await;
        // The first of all makes what every process makes once.
        sign_in(router.clone(), client.clone(), 0).await;
        let mut most: f64 = 0.0;
        for round in 1..=3 {
            // Forgets the highest mark of before.
            fs::write("/proc/self/clear_refs", "5").unwrap();
            let (base, began) = (resident("VmRSS:"), Instant::now());
            let mut calls = JoinSet::new();
            for number in 0..PEOPLE {
                calls.spawn(sign_in(router.clone(), client.clone(), number));
            }
            let answers = calls.join_all().await;
            let last = |status: u16| {
                let times = answers.iter().filter(|(own, at)| *own == status && *at >= began);
                let times: Vec<f64> = times.map(|(_, at)| (*at - began).as_secs_f64()).collect();
                (times.len(), times.into_iter().fold(0.0, f64::max))
            };
            let ((inside, last_in), (refused, last_refused)) = (last(200), last(400));
            println!(
                "round {round}: {inside} let in, the last after {last_in:.2} s; {refused} told to come back, the last after \
                 {last_refused:.2} s; {base:.1} MB, at most {:.1} MB more ({workers} workers)",
                resident("VmHWM:") - base
            );
            most = most.max(resident("VmHWM:"));
        }
        println!("{most}");
    });
}

async fn sign_in(router: Router, client: String, number: usize) -> (u16, Instant) {
    let parameters = json!({"USERNAME": name(number), "PASSWORD": PASSWORD});
    let call = json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters});
    let (status, answer) = call_api(router, "InitiateAuth", &call).await;
    assert!(status == 200 || answer["__type"] == "TooManyRequestsException", "{answer}");
    (status, Instant::now())
}

async fn call_api(router: Router, operation: &str, input: &Value) -> (u16, Value) {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .header("x-amz-date", "20270115T080000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20270115/us-east-1/cognito-idp/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00",
        )
        .body(Body::from(input.to_string()))
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// Megabytes, as the kernel counts them.
fn resident(mark: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(mark)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn name(number: usize) -> String {
    format!("user{number:03}")
}

async fn app(folder: &tempfile::TempDir, hashing: Hashing, workers: usize) -> App {
    let random = Random::system();
    let sealer = Sealer::new(&[7; 32], &random);
    let url = format!("sqlite:{}", folder.path().join("flood.db").display());
    let store = Store::open(&url, Durability::Full, sealer.clone()).await.unwrap();
    store.migrate().await.unwrap();
    App::new(Parts {
        clock: Clock::system(),
        random,
        sealer,
        hasher: Hasher::new(hashing, workers).unwrap(),
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
        store,
    })
}

/// The people, who share a password, and the client that they come through.
async fn furnish(router: &Router, app: &Arc<App>) -> String {
    let made = call_api(router.clone(), "CreateUserPool", &json!({"PoolName": "flood"})).await.1;
    let pool_id = made["UserPool"]["Id"].as_str().unwrap();
    let flows = json!(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
    let client = json!({"UserPoolId": pool_id, "ClientName": "web", "ExplicitAuthFlows": flows});
    let client = call_api(router.clone(), "CreateUserPoolClient", &client).await.1;
    let cx = Cx::new(Arc::clone(app), "us-east-1", "bench".into());
    let pool = directory::pool(&cx, pool_id).await.unwrap();
    let user = |number: usize, credential: Credential| User {
        pool_id: pool_id.to_owned(),
        sub: app.random.uuid(),
        username: name(number),
        status: Status::Confirmed,
        enabled: true,
        attributes: Attributes::new(),
        credential,
        attempts: Attempts::default(),
        created_at: cx.now(),
        modified_at: cx.now(),
    };
    let first = user(0, Credential::default());
    let credential = passwords::unjudged(&cx, &first, &PASSWORD.into()).await.unwrap();
    let mut tx = app.store.begin().await.unwrap();
    for number in 0..PEOPLE {
        assert!(store::users::insert(&mut tx, &pool, &user(number, credential.clone())).await.unwrap());
    }
    tx.commit().await.unwrap();
    client["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}
