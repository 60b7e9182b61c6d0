//! Backends behind the gateway: what reaches them and what comes back.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::HeaderMap,
    response::IntoResponse,
};

use super::*;

const LARGE: usize = 8 * 1024 * 1024;

/// Says what it received; `/large` sends much, and a response header that belongs to the connection.
async fn echo(State(hits): State<Arc<AtomicUsize>>, request: Request) -> impl IntoResponse {
    hits.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    if head.uri.path() == "/large" {
        return (HeaderMap::new(), Body::from(vec![b'x'; LARGE]));
    }
    let length = axum::body::to_bytes(body, usize::MAX).await.map_or(0, |body| body.len());
    let mut headers = HeaderMap::new();
    headers.insert("keep-alive", "timeout=1".parse().unwrap());
    let text = format!("{} {}\n{:?}\n{length}", head.method, head.uri, head.headers);
    (headers, Body::from(text))
}

pub(super) async fn echoing() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hits = Arc::new(AtomicUsize::new(0));
    let router = Router::new().fallback(echo).with_state(Arc::clone(&hits));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, hits)
}

async fn behind(key: &str, path: &str, protected: bool) -> (Town, Arc<AtomicUsize>) {
    let (url, hits) = echoing().await;
    let integration = backend(&format!("{url}{path}"));
    (town(local(vec![route(key, protected, &[], integration)]), Functions::default()).await, hits)
}

/// The same for everybody, with other sections.
pub async fn behind_with(sections: &str, key: &str, path: &str) -> (Town, Arc<AtomicUsize>) {
    let (url, hits) = echoing().await;
    let route = format!("[[api.route]]\nkey = '{key}'\nintegration = {{ http = '{url}{path}' }}\n");
    (written(&format!("{sections}[[api]]\nname = 'x'\n{route}"), Functions::default()).await, hits)
}

#[tokio::test]
async fn the_path_arrives_byte_for_byte_with_the_token_untouched() {
    let (town, _) = behind("ANY /v1/{proxy+}", "/base/{proxy}", true).await;
    let token = town.token(json!({}));
    let answer = town.get("/v1/a%20b/c@d?x=%2F&y", &format!("Bearer {token}")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("GET /base/a%20b/c@d?x=%2F&y"), "{}", answer.body);
    assert!(answer.body.contains(&format!("Bearer {token}")));
    assert!(answer.header("keep-alive").is_none());
}

#[tokio::test]
async fn an_encoded_slash_is_a_part_of_a_segment_where_the_route_says_so() {
    let (url, hits) = echoing().await;
    let route = |key: &str, more: &str| {
        format!("[[api.route]]\nkey = '{key}'\n{more}integration = {{ http = '{url}/base/{{name}}' }}\n")
    };
    let allowed = "allow_encoded_slash = true\n";
    let text = format!("[[api]]\nname = 'x'\n{}{}", route("GET /projects/{name}", allowed), route("GET /{name}", ""));
    let town = written(&text, Functions::default()).await;
    let answer = town.get("/projects/group%2Fone%2ftwo", "").await;
    assert!(answer.body.starts_with("GET /base/group%2Fone%2ftwo\n"), "{}", answer.body);
    let asked = hits.load(Ordering::SeqCst);
    for path in [
        "/projects%2Fone",
        "/one%2Ftwo",
        "/none/at/all%2Fhere",
        "/projects/%2Fone",
        "/projects/one%2F",
        "/projects/one%2F..",
        "/projects/one%2F%2E%2E%2Ftwo",
        "/projects/one%252Ftwo",
        "/projects/..%2Fone",
    ] {
        assert_eq!(town.get(path, "").await.status, 400, "{path}");
    }
    assert_eq!(hits.load(Ordering::SeqCst), asked);
}

/// A browser is not told that it may ask for what is refused then.
#[tokio::test]
async fn a_preflight_for_an_encoded_slash_is_answered_where_the_request_would_be() {
    let text = "[[api]]\nname = 'x'\ncors_configuration = { allow_origins = ['https://app.example'], allow_methods = ['*'] }\n\
                [[api.route]]\nkey = 'GET /projects/{name}'\nallow_encoded_slash = true\nintegration = { respond = {} }\n\
                [[api.route]]\nkey = 'PUT /projects/{name}'\nintegration = { respond = {} }\n\
                [[api.route]]\nkey = 'GET /{name}'\nintegration = { respond = {} }\n";
    let town = written(text, Functions::default()).await;
    for (path, method, status) in [
        ("/projects/a%2Fb", "GET", 204),
        ("/projects/a%2fb", "PUT", 400),
        ("/projects/a%2Fb", "DELETE", 400),
        ("/projects/a%2Fb", "get", 400),
        ("/projects/a%2Fb", "", 400),
        ("/projects%2Fa", "GET", 400),
        ("/none/at/all%2Fhere", "GET", 400),
        ("/projects/a", "DELETE", 204),
        ("/none/at/all", "GET", 204),
    ] {
        let origin = ("origin", "https://app.example");
        let answer = town.ask("OPTIONS", path, &[origin, ("access-control-request-method", method)]).await;
        let allowed = answer.header("access-control-allow-methods");
        assert_eq!((answer.status, allowed), (status, (status == 204).then_some("*")), "{method} {path}");
        // The page may read why.
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"), "{method} {path}");
        if status == 400 && path.contains("b") {
            let request = town.ask(if method == "PUT" { method } else { "DELETE" }, path, &[origin]).await;
            assert_eq!(request.status, 400, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_refused_request_does_not_reach_the_backend() {
    let (town, hits) = behind("ANY /{proxy+}", "/{proxy}", true).await;
    assert_eq!(town.get("/x", "").await.status, 401);
    assert_eq!(town.get("/x", "garbage").await.status, 401);
    let upgrade = "GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(town.raw(upgrade).await.status, 401);
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn headers_of_the_connection_and_of_the_gateway_do_not_pass() {
    let (town, _) = behind("$default", "", false).await;
    let answer = town
        .raw("GET /a HTTP/1.1\r\nhost: front\r\nconnection: close, x-hop\r\nx-hop: 1\r\nte: trailers\r\nx-forwarded-for: 6.6.6.6\r\n\
              x_forwarded_for: 6.6.6.6\r\nx-amzn-oidc-identity: me\r\nx-original-url: /admin\r\nx-mine: kept\r\n\r\n")
        .await;
    for gone in ["x-hop", "\"te\"", "6.6.6.6", "oidc-identity", "x-original-url", "\"connection\""] {
        assert!(!answer.body.contains(gone), "{gone} in {}", answer.body);
    }
    for there in [r#""x-mine": "kept""#, r#""x-forwarded-for": "127.0.0.1""#, r#""x-forwarded-host": "front""#] {
        assert!(answer.body.contains(there), "{there} not in {}", answer.body);
    }
}

#[tokio::test]
async fn large_bodies_stream_and_too_large_ones_are_refused() {
    let (town, _) = behind("$default", "", false).await;
    assert_eq!(town.get("/large", "").await.body.len(), LARGE);
    let body = "x".repeat(LARGE);
    let head = "POST /up HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let answer = town.raw(&format!("{head}content-length: {LARGE}\r\n\r\n{body}")).await;
    assert!(answer.body.ends_with(&format!("\n{LARGE}")), "{}", answer.head);
    assert_eq!(town.raw(&format!("{head}content-length: 10485761\r\n\r\n")).await.status, 413);
    let chunk = format!("{LARGE:x}\r\n{body}\r\n");
    assert_eq!(town.raw(&format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n")).await.status, 413);
}

/// Whoever announces too much is told so before routes and tokens are looked at, whatever would answer.
#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_first() {
    let apis = |protocol: &str| {
        format!(
            "[[api]]\nname = 'x'\nprotocol_type = '{protocol}'\n[api.stage.prod]\n\
             [[api.route]]\nkey = 'POST /fixed'\nintegration = {{ respond = {{}} }}\n"
        )
    };
    for (protocol, body) in
        [("HTTP", r#"{"message":"Request Entity Too Large"}"#), ("REST", r#"{"message":"Request Too Long"}"#)]
    {
        let town = written(&apis(protocol), Functions::default()).await;
        for path in ["/prod/fixed", "/prod/nowhere"] {
            let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\n");
            let answer = town.raw(&format!("{head}content-length: 10485761\r\n\r\n")).await;
            assert_eq!((answer.status, answer.body.as_str()), (413, body), "{protocol} {path}");
            assert_eq!(answer.header("connection"), Some("close"));
        }
        let head = "POST /prod/fixed HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
        assert_eq!(town.raw(&format!("{head}content-length: 1\r\n\r\nx")).await.status, 200, "{protocol}");
    }
}

#[tokio::test]
async fn nothing_can_be_smuggled_behind_a_body() {
    let (town, hits) = behind("$default", "", false).await;
    let head = "POST /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    for framing in [
        "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "content-length: +5\r\n\r\nhello",
        "content-length: -1\r\n\r\n",
        "content-length: 0x5\r\n\r\nhello",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "x: 1\r\n folded\r\n\r\n",
        "host: b\r\ncontent-length: 0\r\n\r\n",
    ] {
        assert_eq!(town.raw(&format!("{head}{framing}")).await.status, 400, "{framing:?}");
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    let old = "POST /a HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(town.raw(old).await.status, 400);
    let other = "GET http://other.example/a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(town.raw(other).await.status, 400);
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    // With both, two readers could find two ends.
    let both =
        "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = town.raw(&format!("{head}{both}")).await;
    assert_eq!((answer.status, answer.body.contains("smuggled")), (400, false), "{}", answer.body);
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn long_heads_are_refused_and_missing_backends_unavailable() {
    let (town, _) = behind("$default", "", false).await;
    let long = format!("GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {}\r\n\r\n", "x".repeat(10_240));
    assert_eq!(town.raw(&long).await.status, 431);
    let longer = long.replace('x', &"x".repeat(7));
    assert!(longer.len() > 65_000);
    assert_eq!(town.raw(&longer).await.status, 431);
    let nobody = backend("http://127.0.0.1:1/");
    let town = super::town(local(vec![route("GET /", false, &[], nobody)]), Functions::default()).await;
    let answer = town.get("/", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
}
