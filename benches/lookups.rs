//! What it costs to find a user among a thousand and among a hundred thousand, on SQLite: `cargo bench --bench lookups`.
//!
//! Calls go through the API without sockets: head, table, model, operation, answer. What counts is the processor time of this
//! process, all threads of it: how long one thread takes to wake another says more about the machine. Both pools take turns, and
//! the ratio is formed within each round, so that a slow moment favours neither. Linux only, as `load` is. On more than one
//! processor a thread of one database may happen to lie beside its caller and that of the other not, which costs more than the
//! look-up: `cargo bench --bench lookups --no-run && taskset -c 0 cargo bench --bench lookups`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::{
    path::Path,
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
        Pool, User,
        pool::{Members, PoolSettings},
        user::{Attempts, Credential, Status},
    },
    flows::{App, Parts, Setup},
    functions::Functions,
    hooks::Hooks,
    keys::{compromised::Compromised, hashing::Hasher, seal::Sealer},
    kit::{
        clock::{Clock, Time},
        random::Random,
    },
    post::Post,
    store::{self, Store, StoreError},
};
use serde_json::{Value, json};
use tower::ServiceExt;

const FEW: usize = 1_000;
const MANY: usize = 100_000;
/// The share of the cost among few that finding somebody among many may cost.
const GOAL: f64 = 1.5;
const ROUNDS: usize = 15;
const TURNS: usize = 10;
const CALLS: usize = 50;
const BATCH: usize = 2_000;
const POOL: &str = "us-east-1_Lookups01";

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let began = Instant::now();
        let few = Town::of(&folder.path().join("few.db"), FEW).await;
        let many = Town::of(&folder.path().join("many.db"), MANY).await;
        println!("{} users written in {:.1} s", FEW + MANY, began.elapsed().as_secs_f64());
        println!("{:<32} {:>10} {:>10} {:>8} {:>7}", "µs of processor time per call", FEW, MANY, "ratio", "±");
        for (name, operation, input) in LOOKUPS {
            measure(&few, &many, name, |number| (operation, input(number))).await;
        }
    });
}

type Lookup = (&'static str, &'static str, fn(usize) -> Value);

const LOOKUPS: [Lookup; 6] = [
    ("AdminGetUser by user name", "AdminGetUser", |number| json!({"UserPoolId": POOL, "Username": name(number)})),
    ("AdminGetUser by e-mail alias", "AdminGetUser", |number| json!({"UserPoolId": POOL, "Username": email(number)})),
    ("AdminGetUser, nobody", "AdminGetUser", |number| json!({"UserPoolId": POOL, "Username": format!("no{number}")})),
    ("ListUsers email = …", "ListUsers", |number| filtered(&format!("email = \"{}\"", email(number)))),
    ("ListUsers email ^= …", "ListUsers", |number| filtered(&format!("email ^= \"{}@\"", name(number)))),
    ("ListUsers username = …", "ListUsers", |number| filtered(&format!("username = \"{}\"", name(number)))),
];

fn name(number: usize) -> String {
    format!("user{number:06}")
}

fn email(number: usize) -> String {
    format!("{}@example.com", name(number))
}

fn filtered(filter: &str) -> Value {
    json!({"UserPoolId": POOL, "Filter": filter})
}

/// Rounds in turns; prints the medians and the ratio's.
async fn measure(few: &Town, many: &Town, name: &str, call: impl Fn(usize) -> (&'static str, Value)) {
    let (mut costs, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..=ROUNDS {
        let mut times = [0.0; 2];
        for turn in 0..TURNS {
            for which in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
                let began = processor_time();
                for number in 0..CALLS {
                    [few, many][which].call((round * TURNS + turn) * CALLS + number, &call).await;
                }
                times[which] += (processor_time() - began) as f64 / 1e3 / (TURNS * CALLS) as f64;
            }
        }
        // The first round fills caches.
        if round > 0 {
            costs[0].push(times[0]);
            costs[1].push(times[1]);
            ratios.push(times[1] / times[0]);
        }
    }
    let spread = ratios.iter().copied().fold(f64::MIN, f64::max) - ratios.iter().copied().fold(f64::MAX, f64::min);
    let ratio = median(&mut ratios);
    let word = if ratio <= GOAL { "" } else { "  over the goal" };
    println!(
        "{name:<32} {:>10.1} {:>10.1} {ratio:>7.2}× {:>6.0}%{word}",
        median(&mut costs[0]),
        median(&mut costs[1]),
        50.0 * spread / ratio
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server without sockets, and how many users it has.
struct Town {
    router: Router,
    users: usize,
}

impl Town {
    async fn of(path: &Path, users: usize) -> Self {
        furnish(&app(path).await, users).await;
        // What was written last lies in a log beside the database and is read from there at another price. Closing it puts an end
        // to that, in both databases alike.
        Self { router: api::router().with_state(Arc::new(app(path).await)), users }
    }

    /// A prime far from both sizes leads all over the pool: neighbours in time are none in the index.
    async fn call(&self, number: usize, call: &impl Fn(usize) -> (&'static str, Value)) {
        let (operation, input) = call(number * 7_919 % self.users);
        let request = request(operation, &input);
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert!(status == 200 || body.windows(5).any(|part| part == b"exist"), "{operation} {status}");
    }
}

/// Nanoseconds that the threads of this process have run so far.
fn processor_time() -> u64 {
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    std::fs::read_dir("/proc/self/task").unwrap().flatten().filter_map(of).sum()
}

/// Opens the database as soon as nobody else has it open.
async fn app(path: &Path) -> App {
    let sealer = Sealer::new(&[7; 32], &Random::seeded(7));
    let url = format!("sqlite:{}", path.display());
    let store = loop {
        match Store::open(&url, Durability::Relaxed, sealer.clone()).await {
            Err(StoreError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            opened => break opened.unwrap(),
        }
    };
    store.migrate().await.unwrap();
    App::new(Parts {
        clock: Clock::frozen(Time::from_seconds(1_800_000_000)),
        random: Random::seeded(7),
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
            limits: Limits::default(),
        },
        store,
    })
}

fn request(operation: &str, input: &Value) -> Request<Body> {
    Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .header("x-amz-date", "20270115T080000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20270115/us-east-1/cognito-idp/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00",
        )
        .body(Body::from(input.to_string()))
        .unwrap()
}

async fn furnish(app: &App, users: usize) {
    let now = app.clock.now();
    let members: Members = json!({"PoolName": "lookups", "AliasAttributes": ["email"]}).as_object().cloned().unwrap();
    let pool = Pool {
        id: POOL.into(),
        name: "lookups".into(),
        strict_oidc: false,
        settings: PoolSettings::requested(members).unwrap(),
        created_at: now,
        modified_at: now,
    };
    let mut tx = app.store.begin().await.unwrap();
    assert!(store::pools::insert(&mut tx, &pool).await.unwrap());
    for number in 0..users {
        let user = user(app, number);
        assert!(store::users::insert(&mut tx, &pool, &user).await.unwrap());
        assert!(store::users::claim_alias(&mut tx, &pool, "email", &email(number), &user.sub).await.unwrap());
        if number % BATCH == BATCH - 1 {
            tx.commit().await.unwrap();
            tx = app.store.begin().await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

fn user(app: &App, number: usize) -> User {
    let now = app.clock.now();
    let attributes = [
        ("email", email(number)),
        ("email_verified", "true".to_owned()),
        ("given_name", format!("Given{}", number % 977)),
        ("family_name", format!("Family{}", number % 4_999)),
        ("locale", "en-GB".to_owned()),
    ];
    User {
        pool_id: POOL.into(),
        sub: app.random.uuid(),
        username: name(number),
        status: Status::Confirmed,
        enabled: true,
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        credential: Credential::default(),
        attempts: Attempts::default(),
        created_at: now,
        modified_at: now,
    }
}
