//! WebSockets through an HTTP proxy integration.

use super::*;

/// A backend that agrees to `protocol` and then sends back what it gets in capitals. It keeps the head of its first request.
pub async fn shouting(protocol: &'static str) -> (String, Arc<std::sync::Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let head = Arc::clone(&seen);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4096];
        let mut got = 0;
        while !bytes[..got].ends_with(b"\r\n\r\n") {
            got += stream.read(&mut bytes[got..]).await.unwrap();
        }
        *head.lock().unwrap() = String::from_utf8_lossy(&bytes[..got]).into_owned();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\nsec-websocket-accept: yes\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            stream.write_all(&bytes[..length].to_ascii_uppercase()).await.unwrap();
        }
    });
    (url, seen)
}

pub fn opening(token: &str) -> String {
    format!(
        "GET /chat?x=1 HTTP/1.1\r\nhost: front\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\nauthorization: {token}\r\n\r\n"
    )
}

async fn in_front_of(url: &str) -> Town {
    town(local(vec![route("GET /chat", true, &[], backend(&format!("{url}/ws")))]), Functions::default()).await
}

#[tokio::test]
async fn a_websocket_passes_after_it_was_authorised() {
    let (url, seen) = shouting("websocket").await;
    let town = in_front_of(&url).await;
    assert_eq!(town.raw(&opening("garbage").replace("keep-alive", "close")).await.status, 401);
    assert!(seen.lock().unwrap().is_empty());
    let mut stream = TcpStream::connect(town.address).await.unwrap();
    stream.write_all(opening(&town.token(json!({}))).as_bytes()).await.unwrap();
    let mut bytes = vec![0; 4096];
    let mut got = 0;
    while !bytes[..got].ends_with(b"\r\n\r\n") {
        let read =
            tokio::time::timeout(Duration::from_secs(10), stream.read(&mut bytes[got..])).await.unwrap().unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&bytes[..got]));
        got += read;
    }
    let head = String::from_utf8_lossy(&bytes[..got]).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    for line in ["upgrade: websocket", "connection: upgrade", "sec-websocket-accept: yes", "apigw-requestid: "] {
        assert!(head.contains(line), "{line} not in {head}");
    }
    stream.write_all(b"hello").await.unwrap();
    let mut word = [0; 5];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut word)).await.unwrap().unwrap();
    assert_eq!(&word, b"HELLO");
    let told = seen.lock().unwrap().to_ascii_lowercase();
    assert!(told.starts_with("get /ws?x=1 http/1.1"), "{told}");
    assert!(told.contains("upgrade: websocket") && told.contains("sec-websocket-key: "), "{told}");
}

#[tokio::test]
async fn nothing_else_is_passed_on() {
    // Another protocol than was asked for.
    let (url, _) = shouting("h2c").await;
    let town = in_front_of(&url).await;
    let token = town.token(json!({}));
    assert_eq!(town.raw(&opening(&token).replace("keep-alive", "close")).await.status, 503);
    // A backend that switches unasked, and an upgrade that is no WebSocket.
    for lines in ["connection: close\r\n", "connection: upgrade, close\r\nupgrade: h2c\r\n"] {
        let (url, seen) = shouting("websocket").await;
        let town = in_front_of(&url).await;
        let token = town.token(json!({}));
        let request = format!("GET /chat HTTP/1.1\r\nhost: front\r\n{lines}authorization: {token}\r\n\r\n");
        assert_eq!(town.raw(&request).await.status, 503, "{lines}");
        assert!(!seen.lock().unwrap().to_ascii_lowercase().contains("upgrade"), "{lines}");
    }
}
