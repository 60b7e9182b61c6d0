//! Backends that are not there, or fail: how soon a client is told, and what neither it nor a log is told.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use super::*;

const UNAVAILABLE: (u16, &str) = (503, r#"{"message":"Service Unavailable"}"#);
/// The gateway's own, after five failures in a row.
const REST: Duration = Duration::from_secs(1);

/// Answers each request with these bytes on a connection of its own, and counts.
fn answering(listener: TcpListener, answer: &'static str) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    asked
}

async fn to(address: SocketAddr) -> Town {
    let routes = vec![route("$default", false, &[], backend(&format!("http://{address}")))];
    town(local(routes), Functions::default()).await
}

async fn status_and_body(town: &Town) -> (u16, String) {
    let answer = town.get("/a", "").await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_backend_that_is_down_is_not_asked_again_and_again_and_soon_after_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let town = to(address).await;
    // Down and up again before it was given up: nothing is remembered.
    drop(listener);
    for _ in 0..4 {
        assert_eq!(status_and_body(&town).await, (UNAVAILABLE.0, UNAVAILABLE.1.to_owned()));
    }
    const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nup";
    let listener = TcpListener::bind(address).await.unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    });
    assert_eq!(status_and_body(&town).await, (200, "up".to_owned()));
    server.await.unwrap();
    for _ in 0..5 {
        assert_eq!(status_and_body(&town).await, (UNAVAILABLE.0, UNAVAILABLE.1.to_owned()));
    }
    // It is back, and rests all the same.
    let failed = Instant::now();
    let asked = answering(TcpListener::bind(address).await.unwrap(), OK);
    let answer = status_and_body(&town).await;
    if failed.elapsed() < REST {
        assert_eq!(answer, (UNAVAILABLE.0, UNAVAILABLE.1.to_owned()));
        assert_eq!(asked.load(Ordering::SeqCst), 0, "it was asked while it rested");
    }
    tokio::time::sleep(REST).await;
    for number in 1..=3 {
        assert_eq!(status_and_body(&town).await, (200, "up".to_owned()));
        assert!(asked.load(Ordering::SeqCst) >= number);
    }
}

#[tokio::test]
async fn a_backend_that_answers_with_errors_or_hangs_up_is_asked_every_time() {
    for (answer, status, body) in [
        ("HTTP/1.1 500 x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nown", 500, "own"),
        ("HTTP/1.1 503 x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nown", 503, "own"),
        ("HTTP/1.1 504 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 504, ""),
        ("", UNAVAILABLE.0, UNAVAILABLE.1),
        ("nonsense\r\n\r\n", UNAVAILABLE.0, UNAVAILABLE.1),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let town = to(listener.local_addr().unwrap()).await;
        let asked = answering(listener, answer);
        for number in 1..=12 {
            assert_eq!(status_and_body(&town).await, (status, body.to_owned()), "{answer:?}");
            assert_eq!(asked.load(Ordering::SeqCst), number, "{answer:?}");
        }
    }
}

/// A backend that takes no connection: its queue is full, and nobody empties it.
#[tokio::test]
async fn a_backend_that_takes_no_connection_is_unavailable_within_the_routes_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let filling: Vec<_> = (0..5000)
        .map_while(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok())
        .collect();
    let mut own = route("$default", false, &[], backend(&format!("http://{address}")));
    own.timeout_in_millis = 1_100;
    let town = town(local(vec![own]), Functions::default()).await;
    for number in 0..7 {
        let began = Instant::now();
        assert_eq!(status_and_body(&town).await, (UNAVAILABLE.0, UNAVAILABLE.1.to_owned()));
        let took = began.elapsed();
        assert!(took < Duration::from_secs(4), "{number} {took:?}");
    }
    drop(filling);
}

#[tokio::test]
async fn neither_an_answer_nor_a_log_has_the_token_of_a_request_that_failed() {
    let folder = tempfile::TempDir::new().unwrap();
    let nonsense = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (first, second) = (nonsense.local_addr().unwrap(), hangs_up.local_addr().unwrap());
    answering(nonsense, "nonsense\r\n\r\n");
    answering(hangs_up, "");
    let text = format!(
        "[[api]]\nname = 'x'\n[api.stage.'$default'.access_log_settings]\n\
         format = '$context.requestId|$context.status|$context.integrationErrorMessage|$context.integration.error|$context.error.message|$context.path'\n\
         file = '{}'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\naudience = ['{CLIENT}']\n\
         [[api.route]]\nkey = 'GET /down'\nauthorizer = 'A'\nintegration = {{ http = 'http://127.0.0.1:1/x' }}\n\
         [[api.route]]\nkey = 'GET /nobody'\nauthorizer = 'A'\nintegration = {{ http = 'https://backend.invalid/x' }}\n\
         [[api.route]]\nkey = 'GET /nonsense'\nauthorizer = 'A'\nintegration = {{ http = 'http://{first}/x' }}\n\
         [[api.route]]\nkey = 'GET /gone'\nauthorizer = 'A'\nintegration = {{ http = 'http://{second}/x' }}\n",
        folder.path().join("access.log").display()
    );
    let town = written(&text, Functions::default()).await;
    let token = town.token(json!({}));
    let secret = token.rsplit('.').next().unwrap();
    let paths = ["/down", "/nobody", "/nonsense", "/gone"];
    for path in paths {
        let answer = town.get(&format!("{path}?key={secret}"), &format!("Bearer {token}")).await;
        assert_eq!((answer.status, answer.body.as_str()), UNAVAILABLE, "{path}");
        assert!(!answer.head.contains(secret), "{path} {}", answer.head);
    }
    let lines = logs::lines(&folder, paths.len()).await;
    for (line, path) in lines.iter().zip(paths) {
        assert!(line.contains("|503|") && line.ends_with(&format!("|Service Unavailable|{path}")), "{line}");
        assert!(!line.contains(secret) && !line.contains("Bearer"), "{line}");
        assert!(line.len() > 60, "{line} says why");
    }
}

/// The time of a route is that of the whole body where a mapping reads it.
#[tokio::test]
async fn a_body_that_a_mapping_waits_for_comes_within_the_routes_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    let text = format!(
        "[[api]]\nname = 'x'\n[[api.route]]\nkey = '$default'\n[api.route.integration]\nhttp = '{url}'\n\
         timeout_in_millis = 300\nresponse_parameters.200 = {{ 'overwrite:header.x-a' = '$response.body.a' }}\n"
    );
    let town = written(&text, Functions::default()).await;
    let began = Instant::now();
    assert_eq!(status_and_body(&town).await, (UNAVAILABLE.0, UNAVAILABLE.1.to_owned()));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
