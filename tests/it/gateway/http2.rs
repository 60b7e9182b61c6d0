//! HTTP/2 at the listener: what passes, what is refused, and floods.

use std::sync::atomic::Ordering;

use hands::{Answer2, ask_http2, hands};
use http::Request;

use super::*;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface and settings.
fn hello(settings: &[u8]) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, settings)[..]].concat()
}

/// Fields in plain letters, each up to 126 bytes long.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "front")];

/// What came of one request.
#[derive(Debug, PartialEq)]
enum Came {
    Ok,
    BadRequest,
    /// The stream or the connection ended with this code.
    Ended(u32),
}

/// Reads frames until one says what came of it.
async fn came(stream: &mut TcpStream) -> Came {
    loop {
        let mut head = [0; 9];
        tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut head)).await.unwrap().unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match (head[3], payload.first()) {
            (HEADERS, Some(0x88)) => return Came::Ok,
            (HEADERS, Some(0x8c)) => return Came::BadRequest,
            (HEADERS, other) => panic!("another answer: {other:x?}"),
            (RST_STREAM, _) => return Came::Ended(code(0)),
            (GOAWAY, _) => return Came::Ended(code(4)),
            _ => {}
        }
    }
}

async fn sent(town: &Town, block: &[u8]) -> Came {
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, block);
    stream.write_all(&[hello(&[]), request].concat()).await.unwrap();
    came(&mut stream).await
}

async fn plain(town: &Town, request: http::request::Builder, body: &'static str) -> Answer2 {
    ask_http2(TcpStream::connect(town.address).await.unwrap(), request, body).await.unwrap()
}

#[tokio::test]
async fn http2_passes_to_a_backend_that_speaks_http_1() {
    let (clear, _) = proxy::behind_with("", "$default", "").await;
    let (secure, _) = proxy::behind_with("[gateway]\ntls = 'self-signed'\n", "$default", "").await;
    for is_secure in [false, true] {
        let scheme = if is_secure { "https" } else { "http" };
        let request = Request::post(format!("{scheme}://localhost:9230/a%20b?x=1"))
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .header("x-forwarded-proto", "gopher");
        let answer = if is_secure {
            let stream = hands(secure.address, "localhost", &[b"h2"], None).await;
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            ask_http2(stream, request, "hello").await.unwrap()
        } else {
            plain(&clear, request, "hello").await
        };
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.headers.contains_key("apigw-requestid") && !answer.headers.contains_key("keep-alive"));
        let told = answer.body;
        assert!(told.starts_with("POST /a%20b?x=1\n") && told.ends_with("\n5"), "{told}");
        for there in [
            r#""cookie": "a=1; b=2""#.to_owned(),
            r#""x-forwarded-host": "localhost:9230""#.to_owned(),
            r#""x-forwarded-port": "9230""#.to_owned(),
            format!(r#""x-forwarded-proto": "{scheme}""#),
        ] {
            assert!(told.contains(&there), "{there} not in {told}");
        }
        assert!(!told.contains("\"te\"") && !told.contains("gopher"), "{told}");
    }
}

#[tokio::test]
async fn a_client_that_begins_slowly_is_understood_in_both_versions() {
    let (town, _) = proxy::behind_with("", "$default", "").await;
    let request = [hello(&[]), frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&GET))].concat();
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    for byte in request {
        stream.write_all(&[byte]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(came(&mut stream).await, Came::Ok);
    // The same first letters.
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    for piece in ["P", "R", "OPFIND /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    // No API has such a route.
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("apigw-requestid"), "{answer}");
}

#[tokio::test]
async fn malformed_heads_of_http2_are_refused() {
    let (town, hits) = proxy::behind_with("", "$default", "").await;
    let with = |name: &'static str, value: &'static str| {
        let mut fields = GET.to_vec();
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
        fields
    };
    assert_eq!(sent(&town, &block(&with("host", "FRONT"))).await, Came::Ok);
    assert_eq!(hits.swap(0, Ordering::SeqCst), 1);
    let twice = |name: &'static str, value: &'static str| [&GET[..], &[(name, value)]].concat();
    for fields in [
        with("host", "other"),
        with(":authority", "front@other"),
        with(":path", "//a"),
        with(":path", "/x/../a"),
        with(":path", "/a b"),
        with(":path", "/a\r\nx: y"),
        with(":path", "a"),
        with(":path", ""),
        with(":method", "CONNECT"),
        with(":method", "GET /b"),
        with("connection", "keep-alive"),
        with("transfer-encoding", "chunked"),
        with("upgrade", "websocket"),
        with("te", "gzip"),
        with("X-Capital", "1"),
        with("x", "1\r\ny: 2"),
        with("content-length", "5"),
        with(":unknown", "x"),
        with(":status", "200"),
        twice(":path", "/b"),
        twice(":method", "POST"),
        twice(":authority", "other"),
        [&GET[..3], &[("x", "1"), GET[3]]].concat(),
        GET[..3].to_vec(),
        GET[1..].to_vec(),
        [&GET[..2], &GET[3..]].concat(),
    ] {
        let came = sent(&town, &block(&fields)).await;
        assert_ne!(came, Came::Ok, "{fields:?}");
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    let broken = sent(&town, b"\x82\x86\x84\xff\xff\xff\xff\xff").await;
    assert!(matches!(broken, Came::Ended(_)), "broken compression");
}

#[tokio::test]
async fn long_heads_and_bodies_of_http2_are_refused() {
    let (town, hits) = proxy::behind_with("", "$default", "").await;
    for length in [10_300, 30_000] {
        let request = Request::get("http://front/a").header("x", "x".repeat(length));
        assert_eq!(plain(&town, request, "").await.status, 431, "{length}");
    }
    let request = Request::post("http://front/a").header("content-length", "10485761");
    let stream = TcpStream::connect(town.address).await.unwrap();
    // The length is a lie, so the connection may end before the answer is read.
    assert!(ask_http2(stream, request, "").await.is_err_and(|_| true) || hits.load(Ordering::SeqCst) == 0);
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    let request = Request::get("http://front/a").header("x", "x".repeat(10_000));
    assert_eq!(plain(&town, request, "").await.status, 200);
}

/// Writes until the gateway has had enough or does not read on, and says whether another client is served meanwhile.
async fn flood(town: &Town, settings: &[u8], mut piece: impl FnMut(u32) -> Vec<u8>, pieces: u32) -> Option<Came> {
    let stream = TcpStream::connect(town.address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(&hello(settings)).await.unwrap();
    let mut stuck = false;
    for number in 0..pieces {
        match tokio::time::timeout(Duration::from_secs(1), writer.write_all(&piece(number))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => break,
            Err(_) => {
                stuck = true;
                break;
            }
        }
    }
    let began = std::time::Instant::now();
    assert_eq!(plain(town, Request::get("http://front/a"), "").await.status, 200, "others are served");
    assert!(began.elapsed() < Duration::from_secs(5), "and soon");
    if stuck {
        return None;
    }
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(2), reader.read_to_end(&mut bytes)).await;
    let mut rest = &bytes[..];
    while rest.len() >= 9 {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        if rest[3] == GOAWAY {
            return Some(Came::Ended(u32::from_be_bytes(rest[13..17].try_into().unwrap())));
        }
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    None
}

#[tokio::test]
async fn a_client_that_takes_back_what_it_asks_is_sent_away() {
    let (town, _) = proxy::behind_with("", "$default", "").await;
    let ask = block(&GET);
    let reset = |number: u32| {
        let streams = (number * 100..(number + 1) * 100).map(|at| 2 * at + 1);
        let pair = |at| {
            let asked = frame(HEADERS, END_HEADERS | END_STREAM, at, &ask);
            [asked, frame(RST_STREAM, 0, at, &[0, 0, 0, 8])].concat()
        };
        streams.flat_map(pair).collect()
    };
    assert_eq!(flood(&town, &[], reset, 100).await, Some(Came::Ended(11)), "calm is wanted");
}

#[tokio::test]
async fn a_head_without_end_is_broken_off() {
    let (town, hits) = proxy::behind_with("", "$default", "").await;
    let piece = |number: u32| match number {
        0 => frame(HEADERS, END_STREAM, 1, &block(&GET)),
        _ => frame(CONTINUATION, 0, 1, &block(&[("x", "y")])),
    };
    assert_eq!(flood(&town, &[], piece, 10_000).await, Some(Came::Ended(11)));
    assert_eq!(hits.load(Ordering::SeqCst), 1, "the other client's");
}

#[tokio::test]
async fn floods_of_control_frames_hold_up_nobody_else() {
    let (town, _) = proxy::behind_with("", "$default", "").await;
    let pings = |_| frame(PING, 0, 0, &[7; 8]).repeat(1_000);
    flood(&town, &[], pings, 200).await;
    let settings = |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]).repeat(1_000);
    flood(&town, &[], settings, 200).await;
    let ask = block(&GET);
    let empty = |number: u32| match number {
        0 => frame(HEADERS, END_HEADERS, 1, &ask),
        _ => frame(0, 0, 1, &[]).repeat(1_000),
    };
    flood(&town, &[], empty, 200).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_gets_little() {
    let routes =
        vec![route("GET /large", false, &[], fixed(&"x".repeat(100_000))), route("GET /a", false, &[], fixed(""))];
    let town = town(local(routes), Functions::default()).await;
    let large = block(&[GET[0], GET[1], (":path", "/large"), GET[3]]);
    let ask = |number: u32| frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &large);
    // No window for any stream: a hundred answers wait, and the next request is refused.
    flood(&town, &[0, 4, 0, 0, 0, 0], ask, 150).await;
}
