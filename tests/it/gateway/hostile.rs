//! Clients and backends that break the rules of HTTP, or keep them to the letter and mean harm.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Router, extract::Request};
use tokio::io::AsyncBufReadExt;

use super::*;

/// Says path and body.
async fn echo(request: Request) -> String {
    let (head, body) = request.into_parts();
    let trailing: Vec<_> = head.headers.keys().filter(|name| name.as_str() == "authorization").collect();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    format!("<{} {} {trailing:?}>", head.uri.path(), String::from_utf8_lossy(&body))
}

pub(super) async fn behind() -> (Town, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let router = Router::new().fallback(move |request: Request| {
        counted.fetch_add(1, Ordering::SeqCst);
        echo(request)
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (town(local(vec![route("$default", false, &[], backend(&url))]), Functions::default()).await, hits)
}

/// A backend that answers each connection's requests with these bytes, one after the other, and counts its connections.
pub(super) async fn saying(answers: &'static [&'static str]) -> (Town, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut stream = tokio::io::BufReader::new(stream);
                for answer in answers {
                    let mut line = String::new();
                    while line != "\r\n" {
                        line.clear();
                        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (town(local(vec![route("$default", false, &[], backend(&url))]), Functions::default()).await, connections)
}

#[tokio::test]
async fn a_thousand_requests_in_one_piece_are_answered_in_their_order() {
    let (town, hits) = behind().await;
    let mut requests: String = (0..1000).map(|number| format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    requests += "GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut bytes = Vec::new();
    let both = async { tokio::join!(write.write_all(requests.as_bytes()), read.read_to_end(&mut bytes)) };
    let (written, answered) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    written.unwrap();
    answered.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let paths: Vec<&str> = text.split("</").skip(1).map(|rest| rest.split(' ').next().unwrap()).collect();
    let expected: Vec<String> = (0..1000).map(|number| number.to_string()).chain(["last".to_owned()]).collect();
    assert_eq!(paths, expected);
    assert_eq!(hits.load(Ordering::SeqCst), 1001);
}

#[tokio::test]
async fn nothing_is_read_after_a_request_that_cannot_be_understood() {
    let (town, hits) = behind().await;
    let next = "GET /next HTTP/1.1\r\nhost: a\r\n\r\n";
    for broken in [
        "GET /a HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nna me: 1\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nna\0me: 1\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nname : 1\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nx: 1\r\n folded\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
        "GET\t/a HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a HTTP/1.1 \r\nhost: a\r\n\r\n",
        "GET /a HTTP/9.9\r\nhost: a\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5,5\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5 5\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nhello",
    ] {
        let answer = town.raw(&format!("{broken}{next}")).await;
        assert_eq!(answer.status, 400, "{broken:?} {}", answer.head);
        assert!(!answer.body.contains("HTTP/1.1"), "{broken:?} {}", answer.body);
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn chunks_that_cannot_be_understood_end_the_request_and_the_connection() {
    let (town, hits) = behind().await;
    let head = "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = format!("5;x={}\r\nhello\r\n0\r\n\r\n", "x".repeat(1024 * 1024));
    for body in [
        "FFFFFFFFFFFFFFFFF\r\nhello",
        "-1\r\nhello",
        "0x5\r\nhello",
        "5\r\nhelloworld\r\n",
        "5 5\r\nhello",
        endless.as_str(),
    ] {
        let answer = town.raw(&format!("{head}{body}\r\n0\r\n\r\nGET /next HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let shown = &body[..body.len().min(40)];
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{shown:?} {}", answer.head);
        assert!(!answer.body.contains("HTTP/1.1"), "{shown:?} {}", answer.body);
    }
    // The backend may have seen the beginning of a request, but nothing as a whole, and no next one.
    assert!(hits.load(Ordering::SeqCst) <= 6);
}

#[tokio::test]
async fn what_comes_after_a_body_is_no_header() {
    let (town, _) = behind().await;
    let request = "POST /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\
                   authorization: Bearer x\r\n\r\n";
    let answer = town.raw(request).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.body.contains("</a hello []>"), "{}", answer.body);
}

#[tokio::test]
async fn more_than_a_hundred_headers_are_too_many() {
    let (town, hits) = behind().await;
    let lines: String = (0..200).map(|number| format!("x{number}: 1\r\n")).collect();
    let answer = town.raw(&format!("GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{lines}\r\n")).await;
    assert_eq!(answer.status, 431, "{}", answer.head);
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "x".repeat(32 * 1024));
    assert!(matches!(town.raw(&long).await.status, 414 | 431));
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

/// A backend that says more than it was asked for could answer somebody else's request with it.
#[tokio::test]
async fn what_a_backend_says_unasked_answers_nobody() {
    let (town, connections) = saying(&[
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond",
    ])
    .await;
    for _ in 0..3 {
        let answer = town.get("/a", "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "first"), "{}", answer.head);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_answer_that_cannot_be_understood_is_none() {
    for answers in [
        &["HTTP/1.1 200 OK\r\nno colon\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\nx: a\r\n folded: b\r\ncontent-length: 0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\ncontent-length: 0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\nx : a\r\ncontent-length: 0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"],
        &["HTTP/1.1 99999 OK\r\n\r\n"],
        &["nonsense\r\n\r\n"],
    ] {
        let (town, _) = saying(answers).await;
        let token = "a.secret.token";
        let answer = town.ask("GET", "/a", &[("authorization", token)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#), "{answers:?}");
        assert!(!answer.head.contains(token), "{}", answer.head);
    }
}

/// The head may be told already, so that it is the connection that says that something is missing.
#[tokio::test]
async fn an_answer_that_breaks_off_is_broken_off_and_its_connection_not_used_again() {
    for answers in [
        &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nevil\r\n0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloevil\r\n0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"],
        &["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"],
    ] {
        let (town, connections) = saying(answers).await;
        for number in 1..=2 {
            let answer = town.raw("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
            assert!(matches!(answer.status, 0 | 200), "{answers:?} {}", answer.head);
            assert!(
                !answer.body.contains("evil") && !answer.body.ends_with("0\r\n\r\n"),
                "{answers:?} {}",
                answer.body
            );
            assert!(answer.body.len() < 16, "{answers:?} {}", answer.body);
            assert_eq!(connections.load(Ordering::SeqCst), number, "{answers:?}");
        }
    }
}

/// What follows an upgrade that nobody asked for is no answer to anybody.
#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_ends_the_connection() {
    let (town, connections) = saying(&[
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond",
    ])
    .await;
    for number in 1..=3 {
        let answer = town.get("/a", "").await;
        assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
        assert_eq!(connections.load(Ordering::SeqCst), number);
    }
}

/// Early hints and the like are for the connection; what counts is the answer after them.
#[tokio::test]
async fn interim_answers_do_not_take_the_place_of_the_last_one() {
    let (town, _) =
        saying(&["HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlast"]).await;
    let answer = town.get("/a", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "last"), "{}", answer.head);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_unavailable() {
    let nobody = backend("https://backend.invalid/");
    let town = town(local(vec![route("GET /", false, &[], nobody)]), Functions::default()).await;
    let answer = town.get("/", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
}

/// A backend that answers with what it got, byte for byte.
pub(super) async fn mirror() -> Town {
    mirror_at("$default", "").await
}

/// The same, at `path` behind the route of this key.
pub(super) async fn mirror_at(key: &str, path: &str) -> Town {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut piece = [0; 4096];
                // The whole request has come when nothing more does.
                while let Ok(Ok(got @ 1..)) =
                    tokio::time::timeout(Duration::from_millis(300), stream.read(&mut piece)).await
                {
                    bytes.extend_from_slice(&piece[..got]);
                }
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", bytes.len());
                let _ = stream.write_all(&[head.as_bytes(), &bytes].concat()).await;
            });
        }
    });
    town(local(vec![route(key, false, &[], backend(&format!("{url}{path}")))]), Functions::default()).await
}

/// A connection that was kept may be given up by the other side just when it is used. What changes nothing is asked once more.
#[tokio::test]
async fn a_request_that_changes_nothing_is_repeated_where_a_kept_connection_ends() {
    const FIRST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst";
    // After its first answer each connection takes a request and ends without a word.
    for (method, second, made) in
        [("GET", "HTTP/1.1 200 ", 2), ("HEAD", "HTTP/1.1 200 ", 2), ("POST", "HTTP/1.1 503 ", 1)]
    {
        let (town, connections) = saying(&[FIRST, ""]).await;
        let requests =
            format!("GET /a HTTP/1.1\r\nhost: a\r\n\r\n{method} /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = town.raw(&requests).await;
        assert_eq!(answer.status, 200, "{method} {}", answer.head);
        assert!(answer.body.starts_with(&format!("first{second}")), "{method} {}", answer.body);
        assert_eq!(connections.load(Ordering::SeqCst), made, "{method}");
    }
}

/// Old programs end their lines with a line feed alone. Whatever was understood is written anew.
#[tokio::test]
async fn a_backend_may_end_its_lines_badly_and_say_its_length_twice() {
    for answers in [
        &["HTTP/1.1 200 OK\ncontent-length: 5\nx: y\n\nhello"],
        &["HTTP/1.0 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\nx: y\n\r\nhello"],
    ] {
        let (town, _) = saying(answers).await;
        let answer = town.get("/a", "").await;
        assert_eq!((answer.status, answer.body.as_str(), answer.header("x")), (200, "hello", Some("y")));
        assert_eq!(answer.head.matches("content-length: 5").count(), 1, "{}", answer.head);
    }
    let both = &["HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"];
    assert_eq!(saying(both).await.0.get("/a", "").await.status, 503);
}

/// Whoever looks like a load balancer, a health check or another gateway is asked for a token like everybody else.
#[tokio::test]
async fn no_name_and_no_path_spares_anybody_the_token() {
    let town = town(local(vec![route("ANY /{proxy+}", true, &[], fixed("inside"))]), Functions::default()).await;
    for agent in ["GoogleHC/1.0", "kube-probe/1.33", "ELB-HealthChecker/2.0"] {
        for path in ["/a", "/health", "/livez", "/ping", "/oauth2/start", "/.well-known/jwks.json"] {
            let answer = town.ask("GET", path, &[("user-agent", agent), ("x-health-check", "1")]).await;
            assert_eq!(answer.status, 401, "{agent} {path} {}", answer.head);
        }
    }
}
