//! Who is let in when it is asked twice, elsewhere, later, or in another way.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use hands::ask_http2;
use poolhouse::functions::native::native;

use super::*;

const UNAUTHORIZED: (u16, &str) = (401, r#"{"message":"Unauthorized"}"#);

async fn said(town: &Town, path: &str, token: &str) -> (u16, String) {
    let answer = town.get(path, token).await;
    (answer.status, answer.body)
}

/// What one authorizer has found good is nothing to another.
#[tokio::test]
async fn a_token_is_remembered_for_the_authorizer_that_judged_it() {
    let own = || authorizer(Issuer::Pool(POOL.into()));
    let beyond = Beyond { require_token_use: Some("access".into()), ..Beyond::default() };
    let authorizers = [
        ("own", own()),
        ("audience", JwtAuthorizer { audience: vec![placed("another")], ..own() }),
        ("issuer", authorizer(Issuer::Url("https://issuer.invalid".into()))),
        ("use", JwtAuthorizer { beyond, ..own() }),
    ];
    let routes = authorizers.iter().map(|(name, _)| Route {
        authorizer: Some(placed(name)),
        ..route(&format!("GET /{name}"), true, &[], fixed("in"))
    });
    let routes = routes.collect();
    let authorizers = authorizers.map(|(name, authorizer)| (name.to_owned(), Authorizer::Jwt(authorizer)));
    let api = Api { authorizers: authorizers.into(), ..local(routes).remove(0) };
    let town = town(vec![api], Functions::default()).await;
    let token = town.token(json!({}));
    for _ in 0..3 {
        assert_eq!(said(&town, "/own", &token).await, (200, "in".to_owned()));
        for path in ["/audience", "/issuer", "/use"] {
            assert_eq!(said(&town, path, &token).await, (UNAUTHORIZED.0, UNAUTHORIZED.1.to_owned()), "{path}");
        }
    }
}

/// An issuer whose keys and health change while the gateway knows them.
#[derive(Clone)]
struct Changing {
    issuer: String,
    keys: Arc<Mutex<Vec<Value>>>,
    is_down: Arc<Mutex<bool>>,
    fetches: Arc<AtomicUsize>,
}

async fn changing() -> Changing {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let changing = Changing { issuer, keys: Arc::default(), is_down: Arc::default(), fetches: Arc::default() };
    let (document, own) = (changing.clone(), changing.clone());
    let is_up = |changing: &Changing| !*changing.is_down.lock().unwrap();
    let discovery = move || {
        let answer = if is_up(&document) {
            Json(json!({"issuer": document.issuer, "jwks_uri": format!("{}/keys", document.issuer)})).into_response()
        } else {
            StatusCode::BAD_GATEWAY.into_response()
        };
        async move { answer }
    };
    let keys = move || {
        own.fetches.fetch_add(1, Ordering::SeqCst);
        let answer = Json(json!({"keys": *own.keys.lock().unwrap()})).into_response();
        async move { answer }
    };
    let router = Router::new().route("/.well-known/openid-configuration", get(discovery)).route("/keys", get(keys));
    tokio::spawn(async move { axum::serve(listener, router).await });
    changing
}

impl Changing {
    fn publishes(&self, keys: &[&SigningKey]) {
        *self.keys.lock().unwrap() = keys.iter().map(|key| key.public().jwk()).collect();
    }

    async fn town(&self) -> Town {
        let api = api(Issuer::Url(self.issuer.clone()), vec![route("GET /", true, &[], fixed("in"))]);
        town(vec![api], Functions::default()).await
    }

    fn token(&self, key: &SigningKey) -> String {
        key.sign(&claims(json!({"iss": self.issuer, "exp": NOW + 400_000}))).unwrap()
    }
}

#[tokio::test]
async fn a_remembered_token_of_a_key_that_is_gone_is_judged_again() {
    let (old, new) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let issuer = changing().await;
    issuer.publishes(&[&old]);
    let town = issuer.town().await;
    let token = issuer.token(&old);
    for _ in 0..2 {
        assert_eq!(town.get("/", &token).await.status, 200);
    }
    // Nobody has told the gateway yet. Another token makes it look.
    issuer.publishes(&[&new]);
    assert_eq!(town.get("/", &token).await.status, 200);
    town.clock.advance(Duration::from_secs(31));
    assert_eq!(town.get("/", &issuer.token(&new)).await.status, 200);
    let answer = town.get("/", &token).await;
    assert_eq!((answer.status, answer.body.as_str()), UNAUTHORIZED);
    assert!(answer.header("www-authenticate").unwrap().contains("unable to find a signing key"), "{}", answer.head);
    assert_eq!(town.get("/", &issuer.token(&new)).await.status, 200);

    // Without one it looks by itself, after two hours at the latest.
    issuer.publishes(&[&old]);
    town.clock.advance(Duration::from_secs(7201));
    let answer = town.get("/", &issuer.token(&new)).await;
    assert_eq!((answer.status, answer.body.as_str()), UNAUTHORIZED);
}

#[tokio::test]
async fn an_issuer_that_goes_down_is_believed_for_a_day_and_one_that_was_never_up_not_at_all() {
    let key = SigningKey::generate().unwrap();
    let issuer = changing().await;
    issuer.publishes(&[&key]);
    *issuer.is_down.lock().unwrap() = true;
    let token = issuer.token(&key);
    let (early, town) = (issuer.town().await, issuer.town().await);
    let answer = early.get("/", &token).await;
    assert_eq!((answer.status, answer.body.as_str()), UNAUTHORIZED, "down at the start");
    assert!(answer.header("www-authenticate").unwrap().contains("communication error"), "{}", answer.head);
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 0);

    *issuer.is_down.lock().unwrap() = false;
    assert_eq!(town.get("/", &token).await.status, 200);
    early.clock.advance(Duration::from_secs(6));
    assert_eq!(early.get("/", &token).await.status, 200, "it is up");
    *issuer.is_down.lock().unwrap() = true;
    for hours in [1, 1, 12, 11] {
        town.clock.advance(Duration::from_secs(hours * 3600));
        assert_eq!(town.get("/", &token).await.status, 200, "{hours}");
    }
    town.clock.advance(Duration::from_secs(3600 + 1));
    let answer = town.get("/", &token).await;
    assert_eq!((answer.status, answer.body.as_str()), UNAUTHORIZED);
    assert!(answer.header("www-authenticate").unwrap().contains("communication error"), "{}", answer.head);
}

#[tokio::test]
async fn a_token_counts_in_the_place_that_is_configured_and_nowhere_else() {
    let town = town(local(vec![route("GET /", true, &[], fixed("in"))]), Functions::default()).await;
    let (token, other) = (town.token(json!({})), town.token(json!({"sub": "other"})));
    let cookie = format!("authorization={token}; access_token={token}; token={token}");
    let query = format!("/?authorization={token}&Authorization={token}&access_token={token}&token={token}");
    for (path, lines) in [
        (query.as_str(), vec![]),
        ("/", vec![("cookie", cookie.as_str())]),
        ("/", vec![("proxy-authorization", &token)]),
        ("/", vec![("x-authorization", &token)]),
        ("/", vec![("x-amz-security-token", &token)]),
        ("/", vec![("authorization", &token), ("authorization", &token)]),
        ("/", vec![("authorization", &token), ("Authorization", &other)]),
        ("/", vec![("authorization", ""), ("authorization", &token)]),
        ("/", vec![("authorization", "garbage"), ("authorization", &token)]),
    ] {
        let answer = town.ask("GET", path, &lines).await;
        assert_eq!((answer.status, answer.body.as_str()), UNAUTHORIZED, "{path:.20} {lines:?}");
        let combined = format!("{token}, {other}");
        assert_eq!(town.get("/", &combined).await.status, 401, "two in one");
    }
    // One that stands where it counts is not spoilt by others that do not.
    assert_eq!(town.ask("GET", &query, &[("authorization", &token), ("cookie", &cookie)]).await.status, 200);

    let text = format!(
        "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\naudience = ['{CLIENT}']\n\
         identity_source = '$request.querystring.token'\n\
         [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {{ respond = {{ body = 'in' }} }}\n"
    );
    let town = written(&text, Functions::default()).await;
    let token = town.token(json!({}));
    assert_eq!(town.get(&format!("/?token={token}"), "").await.status, 200);
    assert_eq!(town.get(&format!("/?token={token}"), "garbage").await.status, 200);
    for path in
        ["/".to_owned(), format!("/?Token={token}"), format!("/?token={token}&token={token}"), "/?token=".to_owned()]
    {
        assert_eq!(town.get(&path, &token).await.status, 401, "{path:.20}");
    }
}

/// What keeps a connection open, or speaks another protocol over it, is asked for its token first.
#[tokio::test]
async fn no_upgrade_and_no_stream_begins_without_a_token() {
    let (url, hits) = proxy::echoing().await;
    let town = town(local(vec![route("$default", true, &[], backend(&url))]), Functions::default()).await;
    let websocket = [
        ("connection", "upgrade, close"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("sec-websocket-version", "13"),
    ];
    let h2c =
        [("connection", "upgrade, http2-settings, close"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")];
    let events = [("accept", "text/event-stream"), ("cache-control", "no-cache")];
    for lines in [&websocket[..], &h2c, &events] {
        for token in ["", "garbage"] {
            let mut lines = lines.to_vec();
            lines.push(("authorization", token));
            let answer = town.ask("GET", "/a", &lines).await;
            assert_eq!((answer.status, answer.body.as_str()), UNAUTHORIZED, "{lines:?}");
            assert!(answer.header("upgrade").is_none(), "{}", answer.head);
        }
    }
    let call = http::Request::post("http://localhost/package.Service/Method")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let answer = ask_http2(TcpStream::connect(town.address).await.unwrap(), call, "\0\0\0\0\0").await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), UNAUTHORIZED);
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

/// Whatever a function says beside its yes, or instead of it, too much of it is none.
#[tokio::test]
async fn an_authorizer_that_says_too_much_lets_nobody_in() {
    for (long, status) in [(1024, 200), (7 * 1024 * 1024, 500)] {
        let mut functions = Functions::default();
        let answer = json!({"isAuthorized": true, "context": {"x": "x".repeat(long)}});
        functions.insert(
            "judge",
            native(move |_| {
                let answer = answer.clone();
                async move { Ok(answer) }
            }),
        );
        let text = "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'REQUEST'\nfunction = 'judge'\npayload_format = '2.0'\n\
                    enable_simple_responses = true\nidentity_source = '$request.header.authorization'\n\
                    [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = { respond = { body = 'in' } }\n";
        let town = written(text, functions).await;
        let body = if status == 200 { "in" } else { r#"{"message":"Internal Server Error"}"# };
        assert_eq!(said(&town, "/", "me").await, (status, body.to_owned()), "{long}");
    }
}

/// Whatever stands in a captured value, the request goes to the host of the configuration.
#[tokio::test]
async fn no_captured_value_leads_to_another_host() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let evil = elsewhere.local_addr().unwrap();
    let town = hostile::mirror_at("ANY /{proxy+}", "/base/{proxy}").await;
    for value in [
        format!("@{evil}/x"),
        format!("{evil}/x"),
        format!(":@{evil}"),
        format!("http:{evil}"),
        format!("a?@{evil}"),
        format!("a?http://{evil}/"),
        "%40evil.example".to_owned(),
    ] {
        let answer = town.get(&format!("/{value}"), "").await;
        assert_eq!(answer.status, 200, "{value} {}", answer.head);
        assert!(answer.body.starts_with(&format!("GET /base/{value} HTTP/1.1\r\n")), "{value} {}", answer.body);
        assert!(!answer.body.contains(&format!("host: {evil}")), "{value} {}", answer.body);
    }
    for value in
        [format!("/{evil}"), format!("http://{evil}"), "..".to_owned(), "../x".to_owned(), "a/../../x".to_owned()]
    {
        assert_eq!(town.get(&format!("/{value}"), "").await.status, 400, "{value}");
    }
    let nobody = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
    assert!(nobody.is_err(), "somebody came to another host");
}
