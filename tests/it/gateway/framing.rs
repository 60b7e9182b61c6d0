//! Where a request ends, and what its head says: input by input, over a bare connection that is never asked to close.

use std::sync::atomic::{AtomicUsize, Ordering};

use hostile::{behind, mirror};

use super::*;

const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n";

/// What comes until the gateway closes. The test fails where it does not.
async fn all(town: &Town, pieces: &[&[u8]]) -> Answer {
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    // The gateway may answer and close before it has read everything.
    let _ = stream.write_all(&pieces.concat()).await;
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await.expect("it is closed");
    Answer::parse(&bytes)
}

/// 400, one answer, and the end of the connection: what follows is not read, and no backend is asked.
async fn refused(town: &Town, hits: &AtomicUsize, request: &[u8]) {
    let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
    let answer = all(town, &[request, NEXT]).await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{shown:?} {}", answer.head);
    assert!(["", r#"{"message":"Bad Request"}"#].contains(&answer.body.as_str()), "{shown:?} {}", answer.body);
    assert_eq!(hits.load(Ordering::SeqCst), 0, "{shown:?}");
}

#[tokio::test]
async fn every_framing_with_two_readings_is_refused_and_ends_the_connection() {
    let (town, hits) = behind().await;
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    for coding in [
        "transfer-encoding: xchunked",
        "transfer-encoding: chunkedx",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: identity, chunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: identity",
        "transfer-encoding: gzip",
        "transfer-encoding:",
        "transfer-encoding: ,chunked",
        "transfer-encoding: \x0bchunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        "transfer-encoding : chunked",
        " transfer-encoding: chunked",
        "transfer-encoding\t: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding:\r\n chunked",
    ] {
        for length in ["", "content-length: 15\r\n"] {
            let request = format!("POST /a HTTP/1.1\r\nhost: a\r\n{length}{coding}\r\n\r\n{chunks}");
            refused(&town, &hits, request.as_bytes()).await;
        }
    }
    for both in [
        "content-length: 15\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 15",
        "content-length: 4\r\nTransfer-Encoding: Chunked",
        "transfer-encoding: chunked\r\ncontent-length: 0",
    ] {
        let request = format!("POST /a HTTP/1.1\r\nhost: a\r\n{both}\r\n\r\n{chunks}");
        refused(&town, &hits, request.as_bytes()).await;
    }
    for length in [
        "content-length: 5\r\ncontent-length: 5",
        "content-length: 5\r\nContent-Length: 5",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 6\r\ncontent-length: 5",
        "content-length: 0\r\ncontent-length: 5",
        "content-length: 5, 5",
        "content-length: 5,5",
        "content-length: 5 5",
        "content-length: +5",
        "content-length: -5",
        "content-length: -0",
        "content-length: 0x5",
        "content-length: 5h",
        "content-length: 5.0",
        "content-length: 005",
        "content-length: 00",
        "content-length: 5e0",
        "content-length: 5;",
        "content-length:",
        "content-length: \x0b5",
        "content-length: \u{665}",
        "content-length: 18446744073709551621",
        "content-length: 99999999999999999999",
        "content-length : 5",
        "content-length:\r\n 5",
        " content-length: 5",
    ] {
        let request = format!("POST /a HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\nhello");
        refused(&town, &hits, request.as_bytes()).await;
    }
}

#[tokio::test]
async fn every_head_with_two_readings_is_refused_and_ends_the_connection() {
    let (town, hits) = behind().await;
    for line in [
        "x: a\r\n folded",
        "x: a\r\n\tfolded",
        "x: a\r\n \r\n y",
        "na me: 1",
        "name : 1",
        "name\t: 1",
        "name:1\r\n:2",
        ": 1",
        "na\0me: 1",
        "\0: 1",
        "na\rme: 1",
        "x: a\rb",
        "x: a\0b",
        "x: a\x1bb",
        "x: a\x7fb",
        "no colon",
        "nocolon",
        "n\u{e9}: 1",
        "(x): 1",
        "x[y]: 1",
        "x@y: 1",
        "x,y: 1",
        "x;y: 1",
        "\"x\": 1",
        "x/y: 1",
    ] {
        let request = format!("GET /a HTTP/1.1\r\nhost: a\r\n{line}\r\n\r\n");
        refused(&town, &hits, request.as_bytes()).await;
    }
    for line in [
        "GET\t/a HTTP/1.1",
        "GET  /a HTTP/1.1",
        "GET /a  HTTP/1.1",
        "GET /a HTTP/1.1 ",
        "GET /a HTTP/1.1\t",
        " GET /a HTTP/1.1",
        "GET /a HTTP/2.0",
        "GET /a HTTP/1.2",
        "GET /a HTTP/9.9",
        "GET /a http/1.1",
        "GET /a HTTP/1.1x",
        "GET /a HTTP/11",
        "GET /a",
        "GET",
        "GE(T /a HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /a\rb HTTP/1.1",
        "GET /a\0b HTTP/1.1",
        "GET /a\x7fb HTTP/1.1",
    ] {
        refused(&town, &hits, format!("{line}\r\nhost: a\r\n\r\n").as_bytes()).await;
    }
    for head in [
        "GET /a HTTP/1.1\nhost: a\n\n",
        "GET /a HTTP/1.1\nhost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\n\r\n",
        "GET /a HTTP/1.1\r\nhost: a\r\n\n",
        "GET /a HTTP/1.1\r\nhost: a\r\nx: y\ntransfer-encoding: chunked\r\n\r\n",
        "\nGET /a HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        refused(&town, &hits, head.as_bytes()).await;
    }
    for bytes in [&b"GET /a\xe9 HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"G\xc9T /a HTTP/1.1\r\nhost: a\r\n\r\n"] {
        refused(&town, &hits, bytes).await;
    }
}

/// A length that no body can have is as good as one that is too large.
#[tokio::test]
async fn a_length_beyond_all_bounds_ends_the_connection() {
    let (town, hits) = behind().await;
    for (length, status) in [("18446744073709551615", 413), ("18446744073709551613", 413), ("10485761", 413)] {
        let head = format!("POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        let answer = all(&town, &[head.as_bytes(), NEXT]).await;
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{length} {}", answer.head);
        assert!(!answer.body.contains("HTTP/1.1"), "{length} {}", answer.body);
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

/// Space around a value is no part of it, and an empty line before a request is nothing: all have one reading.
#[tokio::test]
async fn what_has_one_reading_passes_in_that_reading() {
    let town = mirror().await;
    for length in ["content-length:5", "content-length:    5", "content-length: \t5\t "] {
        let answer = all(
            &town,
            &[format!("POST /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{length}\r\n\r\nhello").as_bytes()],
        )
        .await;
        assert_eq!(answer.status, 200, "{length:?} {}", answer.head);
        let lines: Vec<_> = answer.body.lines().filter(|line| line.starts_with("content-length")).collect();
        assert_eq!(lines, ["content-length: 5"], "{length:?}");
        assert!(answer.body.ends_with("\r\n\r\nhello"), "{length:?} {}", answer.body);
    }
    for coding in ["Chunked", "CHUNKED", " chunked\t"] {
        let head = format!("POST /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding:{coding}\r\n\r\n");
        let answer = all(&town, &[head.as_bytes(), b"5\r\nhello\r\n0\r\n\r\n"]).await;
        assert_eq!(answer.status, 200, "{coding:?} {}", answer.head);
        assert!(answer.body.contains("transfer-encoding: chunked\r\n"), "{coding:?} {}", answer.body);
    }
    let answer = all(&town, &[b"\r\n\r\nGET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"]).await;
    assert!(answer.body.starts_with("GET /a HTTP/1.1\r\n"), "{} {}", answer.head, answer.body);
}

/// What stands behind a `#` is for browsers. Some backends would take it for a part of the path.
#[tokio::test]
async fn a_fragment_is_no_part_of_a_target() {
    let (town, hits) = behind().await;
    for target in ["/open#", "/open#/../admin", "/open?a#b", "/#", "#/open", "http://a/#b"] {
        refused(&town, &hits, format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await;
    }
}

/// Refused before a backend is asked, in HTTP/1.1 as in 1.0. What can be read after it is.
#[tokio::test]
async fn targets_and_versions_that_are_no_request_for_this_host_are_bad() {
    let (town, hits) = behind().await;
    for head in [
        "GET http://other.example/a HTTP/1.1\r\nhost: a",
        "GET http://a@other.example/a HTTP/1.1\r\nhost: a",
        "GET http://a:81/a HTTP/1.1\r\nhost: a",
        "GET https://other.example/a HTTP/1.1\r\nhost: a",
        "GET http://a/a HTTP/1.0",
        "GET http://a/a HTTP/1.1\r\nhost:",
        "GET /a HTTP/1.1\r\nhost: a/b",
        "GET /a HTTP/1.1\r\nhost: x@a",
        "GET /a HTTP/1.1\r\nhost: a:",
        "GET /a HTTP/1.1\r\nhost: a:b",
        "GET /a HTTP/1.1\r\nhost: a:65536",
        "GET /a HTTP/1.1\r\nhost: a, b",
        "GET /a HTTP/1.1\r\nhost: a?b",
        "GET /a HTTP/1.0\r\nhost: [a]",
        "GET http://x@a/a HTTP/1.1\r\nhost: x@a",
        "GET //other.example/a HTTP/1.1\r\nhost: a",
        "GET other.example:80 HTTP/1.1\r\nhost: a",
        "GET a HTTP/1.1\r\nhost: a",
        "GET * HTTP/1.1\r\nhost: a",
        "OPTIONS * HTTP/1.1\r\nhost: a",
        "CONNECT a:443 HTTP/1.1\r\nhost: a:443",
        "CONNECT /a HTTP/1.1\r\nhost: a",
        "GET /a HTTP/1.1\r\nhost: a\r\nhost: a",
        "GET /a HTTP/1.1\r\nhost: a\r\nhost: b",
        "GET /a HTTP/1.1\r\nx: 1",
        "GET /a\\b HTTP/1.1\r\nhost: a",
        "GET /a/../b HTTP/1.1\r\nhost: a",
        "GET /./a HTTP/1.1\r\nhost: a",
        "GET /a//b HTTP/1.1\r\nhost: a",
        "GET /a%2fb HTTP/1.1\r\nhost: a",
        "GET /%u002fa HTTP/1.1\r\nhost: a",
        "GET /%c0%af HTTP/1.1\r\nhost: a",
        "GET /%ef%bc%8fa HTTP/1.1\r\nhost: a",
        "POST /a HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked",
        "POST /a HTTP/1.0\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked",
    ] {
        let answer = all(&town, &[format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()]).await;
        assert_eq!(answer.status, 400, "{head:?} {}", answer.head);
        assert_eq!(hits.load(Ordering::SeqCst), 0, "{head:?}");
    }
    for head in [
        "GET http://a/a HTTP/1.1\r\nhost: a",
        "GET http://A/a HTTP/1.1\r\nhost: a",
        "GET /a HTTP/1.0",
        "GET /a HTTP/1.0\r\nhost:",
        "GET /a HTTP/1.1\r\nhost:",
        "GET /a HTTP/1.1\r\nhost: [::1]:80",
    ] {
        let answer = all(&town, &[format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()]).await;
        assert_eq!((answer.status, answer.body.contains("</a ")), (200, true), "{head:?} {}", answer.head);
    }
}

/// A protocol that is offered before anybody is asked for it is none that is spoken: the request is answered as it stands, and what
/// comes after its head is the next request.
#[tokio::test]
async fn an_upgrade_that_nobody_wants_is_not_spoken() {
    let (town, hits) = behind().await;
    let upgrade = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n";
    let first = format!("GET /a HTTP/1.1\r\nhost: a\r\n{upgrade}\r\n");
    let answer = all(&town, &[first.as_bytes(), b"GET /b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"]).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.header("upgrade").is_none() && !answer.body.contains(" 101 "), "{} {}", answer.head, answer.body);
    assert!(answer.body.contains("</a ") && answer.body.contains("</b "), "{}", answer.body);
    assert_eq!(hits.load(Ordering::SeqCst), 2);
    // The preface of HTTP/2 in the middle of a connection is no request.
    let answer = all(&town, &[b"GET /c HTTP/1.1\r\nhost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.body.starts_with("</c  []>HTTP/1.1 400 "), "{}", answer.body);
    assert_eq!(hits.load(Ordering::SeqCst), 3);
}

/// Nothing of the connection's own, and nobody's word but ours about who asks, from where, and for what.
#[tokio::test]
async fn what_a_client_says_for_the_gateway_is_not_heard_however_it_is_written() {
    let town = mirror().await;
    let lines = "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 6.6.6.7\r\nX_Forwarded_For: 6.6.6.8\r\nX-FORWARDED-HOST: evil\r\n\
                 x-forwarded-proto: evil\r\nx-forwarded-port: evil\r\nx-forwarded-prefix: /evil\r\nx-forwarded-uri: /evil\r\n\
                 x-forwarded-server: evil\r\nforwarded: for=evil\r\nx-real-ip: 6.6.6.6\r\nx-original-url: /evil\r\n\
                 x-rewrite-url: /evil\r\nx-http-method-override: EVIL\r\nx-http-method: EVIL\r\nx-method-override: EVIL\r\n\
                 x-amzn-oidc-identity: evil\r\nx_amzn_oidc_data: evil\r\nx-amzn-trace-id: evil\r\n\
                 keep-alive: evil\r\nte: evil\r\nproxy-connection: evil\r\ntransfer_encoding: evil\r\ncontent_length: 987654321\r\n";
    let head = "GET /a HTTP/1.1\r\nhost: front\r\nconnection: close, x-user-id, authorization, x-forwarded-for, keep-alive, te\r\n\
                x-user-id: evil\r\nauthorization: kept\r\n";
    let answer = all(&town, &[head.as_bytes(), lines.as_bytes(), b"\r\n"]).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    let told = answer.body.to_ascii_lowercase();
    assert!(!told.contains("evil") && !told.contains("6.6.6") && !told.contains("987654321"), "{told}");
    for (line, times) in [
        ("\r\nauthorization: kept\r\n", 1),
        ("\r\nx-forwarded-for: 127.0.0.1\r\n", 1),
        ("\r\nx-forwarded-proto: http\r\n", 1),
        ("\r\nx-forwarded-host: front\r\n", 1),
        ("\r\nx-forwarded-port: 80\r\n", 1),
        ("\r\nx-amzn-trace-id: root=1-", 1),
        ("\r\nx-forwarded-", 4),
        ("\r\nhost: ", 1),
    ] {
        assert_eq!(told.matches(line).count(), times, "{line:?} in {told}");
    }
}

#[tokio::test]
async fn a_protected_route_has_its_methods_and_no_others() {
    let routes = vec![
        route("GET /admin", true, &[], fixed("in")),
        route("ANY /all", true, &[], fixed("in")),
        route("GET /sub/{proxy+}", true, &[], fixed("in")),
    ];
    let town = town(local(routes), Functions::default()).await;
    let not_found = (404, r#"{"message":"Not Found"}"#);
    for method in ["HEAD", "OPTIONS", "TRACE", "POST", "get", "Get", "GETX", "PROPFIND", "X-GET"] {
        let answer = town.ask(method, "/admin", &[("authorization", "garbage")]).await;
        let body = if method == "HEAD" { "" } else { not_found.1 };
        assert_eq!((answer.status, answer.body.as_str()), (404, body), "{method}");
    }
    // An override by a header is none.
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let answer = town.ask("POST", "/admin", &[(name, "GET")]).await;
        assert_eq!((answer.status, answer.body.as_str()), not_found, "{name}");
    }
    for method in ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"] {
        assert_eq!(town.ask(method, "/all", &[]).await.status, 401, "{method}");
    }
    for method in ["TRACE", "all", "PROPFIND"] {
        assert_eq!(town.ask(method, "/all", &[]).await.status, 404, "{method}");
    }
    for path in
        ["/ADMIN", "/Admin", "/admin.", "/admin%20", "/admin;x", "/admin;", "/admin/", "/admin%", "/sub", "/sub/"]
    {
        let answer = town.get(path, "").await;
        let expected = if path == "/admin%" { 400 } else { 404 };
        assert_eq!(answer.status, expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_asked_after_a_refusal_is_answered_in_its_place_or_not_at_all() {
    let (town, hits) = behind().await;
    // A target that is refused has an end, so the next request is one.
    let answer = all(
        &town,
        &[
            b"GET /a/../b HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET /second HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET /third HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        ],
    )
    .await;
    assert_eq!(answer.status, 400);
    let (second, third) = (answer.body.find("</second ").unwrap(), answer.body.find("</third ").unwrap());
    assert!(second < third, "{}", answer.body);
    assert_eq!(hits.load(Ordering::SeqCst), 2);
}

/// What stands behind the last chunk could be taken for headers that were checked: it ends here.
#[tokio::test]
async fn no_trailer_reaches_a_backend() {
    let town = mirror().await;
    let head = "POST /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\ntrailer: authorization\r\n\r\n";
    let body = "5;extension=1\r\nhello\r\n0\r\nauthorization: Bearer x\r\nx-user-id: root\r\nhost: evil\r\n\r\n";
    let answer = all(&town, &[head.as_bytes(), body.as_bytes()]).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.body.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{}", answer.body);
    for gone in ["authorization", "trailer", "root", "evil", "extension"] {
        assert!(!answer.body.contains(gone), "{gone} in {}", answer.body);
    }
}

/// A client that goes away before the last line of its chunks has said nothing whole.
#[tokio::test]
async fn chunks_without_their_last_line_are_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let town = town(local(vec![route("$default", false, &[], backend(&url))]), Functions::default()).await;
    for end in ["", "0", "0\r\n", "0\r\nx: 1\r\n"] {
        let mut stream = TcpStream::connect(town.address).await.unwrap();
        let head = "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
        stream.write_all(format!("{head}{end}").as_bytes()).await.unwrap();
        let (mut backend, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"hello\r\n") {
            assert!(backend.read_buf(&mut got).await.unwrap() > 0, "{end:?}");
        }
        stream.shutdown().await.unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(5), backend.read_to_end(&mut got)).await.expect("aborted");
        let got = String::from_utf8(got).unwrap();
        assert!(got.contains("hello") && !got.ends_with("0\r\n\r\n"), "{end:?} {got}");
    }
}

/// A backend must not take the beginning of a body for the whole.
#[tokio::test]
async fn a_body_that_grows_too_large_or_breaks_off_is_no_request_for_the_backend() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let town = town(local(vec![route("$default", false, &[], backend(&url))]), Functions::default()).await;
    let piece = vec![b'x'; 1024 * 1024];
    let chunk = [b"100000\r\n", &piece[..], b"\r\n"].concat();
    let head = b"POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for (body, status) in [
        ([chunk.repeat(11), b"0\r\n\r\n".to_vec()].concat(), 413),
        ([&chunk[..], b"zz\r\n"].concat(), 400),
        ([&chunk[..], b"5\r\nhello0\r\n\r\n"].concat(), 400),
    ] {
        let reading = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let _ =
                tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.expect("aborted");
            bytes
        };
        let pieces = [&head[..], &body];
        let (answer, got) = tokio::join!(all(&town, &pieces), reading);
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{}", answer.head);
        let word = if status == 413 { "Request Entity Too Large" } else { "Bad Request" };
        assert_eq!(answer.body, format!(r#"{{"message":"{word}"}}"#));
        assert!(!got.ends_with(b"\r\n0\r\n\r\n"), "the backend took {} bytes for the whole", got.len());
    }
}

/// The next request of a client is read although nobody wanted the body of this one, as long as that has an end that is near.
#[tokio::test]
async fn a_body_that_nobody_wants_is_not_the_next_request() {
    let routes = vec![route("POST /fixed", false, &[], fixed("fixed"))];
    let town = town(local(routes), Functions::default()).await;
    let last = b"POST /fixed HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for length in [5, 20_000, 60_000] {
        let head = format!("POST /fixed HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        let answer = all(&town, &[head.as_bytes(), &vec![b'G'; length], last]).await;
        assert_eq!((answer.status, answer.header("connection")), (200, None), "{length}");
        assert_eq!(answer.body.matches("fixed").count(), 2, "{length} {}", answer.body);
    }
    // A small one in chunks that is there already has its end too.
    let head = "POST /fixed HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let answer = all(&town, &[head.as_bytes(), last]).await;
    assert_eq!((answer.header("connection"), answer.body.matches("fixed").count()), (None, 2), "{}", answer.body);
    let large = vec![b'G'; 1_000_000];
    let head = "POST /fixed HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
    let answer = all(&town, &[head.as_bytes(), &large, last]).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.head);
    assert_eq!(answer.body, "fixed");
}

/// A client that waits for a word before it sends its body is told once somebody wants it, and else answered.
#[tokio::test]
async fn whoever_waits_to_send_a_body_is_told_if_it_is_wanted() {
    let (town, _) = behind().await;
    let head = "POST /a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let word = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = vec![0; word.len()];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(said, word);
    stream.write_all(b"hello").await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let answer = Answer::parse(&rest);
    assert_eq!((answer.status, answer.body.as_str()), (200, "</a hello []>"), "{}", answer.head);

    let town = super::town(local(vec![route("POST /in", true, &[], fixed("in"))]), Functions::default()).await;
    let head = "POST /in HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    let answer = all(&town, &[head.as_bytes()]).await;
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")), "{}", answer.head);
    assert!(!answer.body.contains("HTTP/1.1"), "{}", answer.body);
}

/// What an older client understands: an end that it sees, and a connection that stays only where it asked for that.
#[tokio::test]
async fn http_1_0_gets_no_chunks() {
    let (town, _) = behind().await;
    let kept = b"GET /a HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n";
    let last = b"GET /b HTTP/1.0\r\nhost: a\r\n\r\n";
    let answer = all(&town, &[kept, last]).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")), "{}", answer.head);
    assert!(answer.body.contains("</a  []>") && answer.body.contains("</b  []>"), "{}", answer.body);
    let (town, _) =
        hostile::saying(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]).await;
    let answer = all(&town, &[kept]).await;
    assert_eq!((answer.body.as_str(), answer.header("transfer-encoding")), ("hello", None), "{}", answer.head);
    assert_eq!(answer.header("connection"), Some("close"));
}
