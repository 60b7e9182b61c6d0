//! TLS of the listener, and certificates of domains.

use std::path::Path;

use hands::{hands, over_tls};

use super::*;

const SECURE: &str = r#"
[gateway]
tls = "self-signed"
[[api]]
name = "x"
[[api.route]]
key = "GET /a"
integration = { respond = { body = "here" } }
[[domain]]
name = "api.example.com"
[[domain.mapping]]
api = "x"
"#;

/// Writes a certificate for `name` and its key; gives the certificate.
fn certify(folder: &Path, name: &str) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), made.cert.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().to_vec()
}

fn files(folder: &Path, name: &str) -> String {
    let folder = folder.display();
    format!("tls = {{ cert = '{folder}/{name}.pem', key = '{folder}/{name}.key' }}")
}

async fn shown(town: &Town, name: &str) -> Vec<u8> {
    let stream = hands(town.address, name, &[], None).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn the_listener_speaks_https_and_tells_backends() {
    let (town, _) = proxy::behind_with("[gateway]\ntls = 'self-signed'\n", "$default", "").await;
    let answer = over_tls(&town, "localhost", None, "GET /a HTTP/1.1\r\nhost: localhost").await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    for there in [r#""x-forwarded-proto": "https""#, r#""x-forwarded-port": "443""#] {
        assert!(answer.body.contains(there), "{there} not in {}", answer.body);
    }
    let answer = over_tls(&town, "localhost", None, "GET /a HTTP/1.1\r\nhost: localhost:9230").await;
    assert!(answer.body.contains(r#""x-forwarded-port": "9230""#), "{}", answer.body);
    // Clear text is not understood.
    assert_eq!(town.get("/a", "").await.status, 0);
}

#[tokio::test]
async fn every_name_has_its_certificate() {
    let folder = tempfile::TempDir::new().unwrap();
    let (listener, own) = (certify(folder.path(), "listener"), certify(folder.path(), "own"));
    let text = SECURE.replace("tls = \"self-signed\"", &files(folder.path(), "listener"));
    let text = text + "[[domain]]\nname = 'own.example.com'\n" + &files(folder.path(), "own");
    let town = written(&text, Functions::default()).await;
    assert_eq!(shown(&town, "own.example.com").await, own);
    for other in ["api.example.com", "localhost", "x.execute-api.localhost", "127.0.0.1"] {
        assert_eq!(shown(&town, other).await, listener, "{other}");
    }

    // Self-signed ones bear the name they are asked for.
    let town = written(SECURE, Functions::default()).await;
    for (asked, name) in [
        ("api.example.com", "api.example.com"),
        ("localhost", "localhost"),
        ("abc.execute-api.localhost", "*.execute-api.localhost"),
    ] {
        let shown = shown(&town, asked).await;
        assert!(shown.windows(name.len()).any(|bytes| bytes == name.as_bytes()), "{asked}");
    }
}

#[tokio::test]
async fn certificates_are_read_again_and_broken_files_change_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let first = certify(folder.path(), "listener");
    let text = SECURE.replace("tls = \"self-signed\"", &files(folder.path(), "listener"));
    let functions = Functions::default();
    let config = read(&text, &functions).unwrap();
    let town = town_of(config.clone(), functions.clone()).await;
    let again = || town.gateway.replace(&config.apis, &config.domains, Arc::new(functions.clone())).unwrap();
    assert_eq!(shown(&town, "localhost").await, first);
    let second = certify(folder.path(), "listener");
    again();
    assert_eq!(shown(&town, "localhost").await, second);
    std::fs::write(folder.path().join("listener.pem"), "half").unwrap();
    again();
    assert_eq!(shown(&town, "localhost").await, second);
    // At the start there is nothing to stay with.
    let key = SigningKey::generate().unwrap();
    let gateway = load_with(&config.apis, &config.domains, &config.gateway, functions, &key, Clock::system());
    let Err(GatewayError::Certificate { .. }) = gateway else { panic!("no certificate is no TLS") };
}

#[tokio::test]
async fn a_connection_serves_the_name_it_was_made_for() {
    let town = written(SECURE, Functions::default()).await;
    let status = async |name: &str, host: &str| {
        over_tls(&town, name, None, &format!("GET /a HTTP/1.1\r\nhost: {host}")).await.status
    };
    for (name, host) in [
        ("api.example.com", "api.example.com"),
        ("API.example.com", "Api.Example.com.:9230"),
        ("localhost", "localhost:9230"),
        ("127.0.0.1", "api.example.com"),
    ] {
        assert_eq!(status(name, host).await, 200, "{name} {host}");
    }
    for (name, host) in
        [("localhost", "api.example.com"), ("api.example.com", "localhost"), ("localhost", "localhost.localhost")]
    {
        assert_eq!(status(name, host).await, 421, "{name} {host}");
    }
}

#[tokio::test]
async fn nothing_below_tls_1_2_is_spoken() {
    let town = written(SECURE, Functions::default()).await;
    // The same hello twice: suites for both versions, a curve, its form, and signatures.
    let extensions = [0, 24, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    for (minor, kind, end) in [(2, 21, &[2, 70][..]), (3, 22, &[])] {
        let suites = [0, 0, 8, 0xc0, 0x13, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x09, 1, 0];
        let body = [&[3, minor][..], &[7; 32], &suites, &extensions].concat();
        let length = u8::try_from(body.len()).unwrap();
        let hello = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
        let mut stream = TcpStream::connect(town.address).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        let mut answer = [0; 7];
        tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer[0], kind, "an alert for 1.1, a hello for 1.2");
        assert!(answer.ends_with(end), "fatal, protocol version: {answer:?}");
    }
}

#[tokio::test]
async fn websockets_pass_over_tls() {
    let (url, _) = websockets::shouting("websocket").await;
    let text = format!(
        "[gateway]\ntls = 'self-signed'\n[[api]]\nname = 'x'\n[[api.route]]\nkey = 'GET /chat'\nintegration = {{ http = '{url}/ws' }}\n"
    );
    let town = written(&text, Functions::default()).await;
    let mut stream = hands(town.address, "localhost", &[b"h2", b"http/1.1"], None).await;
    // A browser asks for HTTP/1.1 alone where it wants a WebSocket.
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    drop(stream);
    stream = hands(town.address, "localhost", &[b"http/1.1"], None).await;
    stream.write_all(websockets::opening("x").replace("host: front", "host: localhost").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::time::timeout(Duration::from_secs(10), stream.read_u8()).await.unwrap().unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"hello").await.unwrap();
    let mut word = [0; 5];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"HELLO");
}
