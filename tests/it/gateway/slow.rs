//! Clients that are slow, or do nothing at all. What takes ten and thirty seconds elsewhere takes less than one here.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
    time::Instant,
};

use axum::{Router, body::Body, extract::Request};
use bytes::Bytes;
use hands::hands;
use http_body_util::Empty;
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

const PATIENCE: Patience =
    Patience { head: Duration::from_millis(400), idle: Duration::from_millis(800), stall: Duration::from_millis(600) };
/// Far below the limits of a real server.
const SOON: Duration = Duration::from_secs(5);

const TOO_SLOW: (u16, &str) = (408, r#"{"message":"Request Timeout"}"#);

/// A body without end, which says when it is dropped.
struct Endless(Arc<AtomicBool>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A body that comes after a while.
struct Late(Option<Pin<Box<tokio::time::Sleep>>>);

impl http_body::Body for Late {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let Some(sleep) = &mut self.0 else { return Poll::Ready(None) };
        std::task::ready!(sleep.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(b"late")))))
    }
}

/// A backend that reads what it gets, or answers without end at `/endless`, and tells when that answer has ended.
async fn behind(section: &str) -> (Town, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    let answer = move |request: Request| {
        let told = Arc::clone(&told);
        async move {
            match request.uri().path() {
                "/endless" => return Body::new(Endless(told)),
                "/late" => return Body::new(Late(Some(Box::pin(tokio::time::sleep(2 * PATIENCE.idle))))),
                _ => {}
            }
            let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
            Body::from(format!("{} bytes", body.len()))
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let route = format!("[[api]]\nname = 'x'\n[[api.route]]\nkey = '$default'\nintegration = {{ http = '{url}' }}\n");
    let functions = Functions::default();
    let config = read(&format!("{section}{route}"), &functions).unwrap();
    (town_within(&config.apis, &config.domains, &config.gateway, functions, PATIENCE).await, ended)
}

/// What comes until the connection ends, and how long that took.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> (Answer, Duration) {
    let began = Instant::now();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "the connection is still there");
    (Answer::parse(&bytes), began.elapsed())
}

async fn connect(town: &Town, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn whoever_does_not_finish_a_head_is_told_and_hung_up_on() {
    let (town, _) = behind("").await;
    for begun in ["P", "POST /a HTTP", "GET /a HTTP/1.1\r\nhost: a\r\nx: "] {
        let (answer, took) = rest(&mut connect(&town, begun).await).await;
        assert_eq!((answer.status, answer.body.as_str()), TOO_SLOW, "{begun:?} {}", answer.head);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(took >= PATIENCE.head - Duration::from_millis(50), "{begun:?} {took:?}");
    }
    let mut stream = connect(&town, "GET /a HTTP/1.1\r\nhost: a\r\n").await;
    let began = Instant::now();
    while began.elapsed() < SOON && stream.write_all(b"x: 1\r\n").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() < SOON, "a head that grows is not one that ends");
}

#[tokio::test]
async fn whoever_says_nothing_is_hung_up_on_without_a_word_and_takes_no_place() {
    let (town, _) = behind("").await;
    let mut silent = Vec::new();
    for number in 0..500 {
        let begun = if number % 2 == 0 { "" } else { "GET /slow HTTP/1.1\r\nhost: a\r\nx: " };
        silent.push(connect(&town, begun).await);
    }
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(town.get("/quick", "").await.status, 200);
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let (answer, _) = rest(&mut silent[0]).await;
    assert_eq!(answer.head, "");
}

#[tokio::test]
async fn a_connection_waits_for_its_next_request_for_so_long() {
    let (town, _) = behind("").await;
    let mut stream = connect(&town, "").await;
    for _ in 0..3 {
        stream.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut buffer = [0; 4096];
        let got = stream.read(&mut buffer).await.unwrap();
        assert_eq!(Answer::parse(&buffer[..got]).status, 200);
        // Longer than a head may take.
        tokio::time::sleep(PATIENCE.head + Duration::from_millis(100)).await;
    }
    let (answer, took) = rest(&mut stream).await;
    assert_eq!(answer.head, "", "nothing is said to somebody who said nothing");
    assert!(took + PATIENCE.head >= PATIENCE.idle - Duration::from_millis(200), "{took:?}");

    let mut stream = connect(&town, "GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut buffer = [0; 4096];
    let got = stream.read(&mut buffer).await.unwrap();
    assert_eq!(Answer::parse(&buffer[..got]).status, 200);
    stream.write_all(b"GET /next HTTP/1.1\r\n").await.unwrap();
    let (answer, _) = rest(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_str()), TOO_SLOW, "{}", answer.head);
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up_and_one_that_comes_slowly_is_not() {
    let (town, _) = behind("").await;
    for head in ["content-length: 100\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let mut stream = connect(&town, &format!("POST /a HTTP/1.1\r\nhost: a\r\n{head}")).await;
        let (answer, took) = rest(&mut stream).await;
        assert_eq!((answer.status, answer.body.as_str()), TOO_SLOW, "{head:?} {}", answer.head);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(took >= PATIENCE.stall - Duration::from_millis(50), "{took:?}");
    }
    let mut stream =
        connect(&town, "POST /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 8\r\n\r\n").await;
    for _ in 0..8 {
        tokio::time::sleep(PATIENCE.stall / 3).await;
        stream.write_all(b"x").await.unwrap();
    }
    let (answer, _) = rest(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "8 bytes"));
}

#[tokio::test]
async fn a_backend_may_take_longer_than_its_clients() {
    let (town, _) = behind("").await;
    let answer = town.get("/late", "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("late"), "{}", answer.body);
}

#[tokio::test]
async fn whoever_does_not_take_an_answer_is_hung_up_on() {
    let (town, ended) = behind("").await;
    let mut stream = connect(&town, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // Somebody who is slow but goes on.
    let began = Instant::now();
    let mut buffer = vec![0; 1024 * 1024];
    while began.elapsed() < 3 * PATIENCE.stall {
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!ended.load(Ordering::SeqCst));
    let began = Instant::now();
    while !ended.load(Ordering::SeqCst) {
        assert!(began.elapsed() < SOON, "the backend still answers");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() >= PATIENCE.stall - Duration::from_millis(300), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_same_goes_for_tls() {
    let (town, ended) = behind("[gateway]\ntls = 'self-signed'\n").await;
    let mut stream = hands(town.address, "localhost", &[b"http/1.1"], None).await;
    stream.write_all(b"GET /a HTTP/1.1\r\n").await.unwrap();
    let (answer, _) = rest(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_str()), TOO_SLOW, "{}", answer.head);

    let mut stream = hands(town.address, "localhost", &[b"http/1.1"], None).await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let began = Instant::now();
    while !ended.load(Ordering::SeqCst) {
        assert!(began.elapsed() < SOON, "the backend still answers");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

type Client = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

/// A client of HTTP/2, and the end of its connection.
async fn client(town: &Town) -> (Client, tokio::task::JoinHandle<Result<(), hyper::Error>>) {
    let stream = TcpStream::connect(town.address).await.unwrap();
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (client, tokio::spawn(connection))
}

fn get(path: &str) -> http::Request<Empty<Bytes>> {
    http::Request::get(format!("http://front{path}")).body(Empty::new()).unwrap()
}

/// Pings are answered, so that the connection lives; the answer alone is not taken.
#[tokio::test]
async fn a_stream_that_is_never_taken_ends_its_connection() {
    let (town, ended) = behind("").await;
    let (mut client, connection) = client(&town).await;
    let answer = client.send_request(get("/endless")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(client.send_request(get("/quick")).await.unwrap().status(), 200);
    let began = Instant::now();
    while !ended.load(Ordering::SeqCst) {
        assert!(began.elapsed() < SOON, "the backend still answers");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(tokio::time::timeout(SOON, connection).await.is_ok(), "the connection is still there");
    drop(answer);
}

#[tokio::test]
async fn an_http2_connection_without_requests_ends() {
    let (town, _) = behind("").await;
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0, 0, 0, 4, 0, 0, 0, 0, 0][..]].concat();
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    rest(&mut stream).await;

    let (mut client, connection) = client(&town).await;
    assert_eq!(client.send_request(get("/quick")).await.unwrap().status(), 200);
    let ended = tokio::time::timeout(SOON, connection).await;
    assert!(ended.is_ok_and(|ended| ended.unwrap().is_ok()), "it says goodbye");
}
