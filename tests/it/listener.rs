//! Clients of the main listener that are slow, or do nothing at all. The gateway's tests say the rest: both share the code.

use std::time::Duration;

use poolhouse::{
    config::{self, Sources},
    server::Poolhouse,
    web::pace::Patience,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PATIENCE: Patience =
    Patience { head: Duration::from_millis(400), idle: Duration::from_millis(800), stall: Duration::from_millis(600) };

async fn served() -> (std::net::SocketAddr, tempfile::TempDir) {
    let ([address, _], folder) = served_with("", Some(PATIENCE)).await;
    (address, folder)
}

/// The main listener and the gateway's.
async fn served_with(section: &str, patience: Option<Patience>) -> ([std::net::SocketAddr; 2], tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("poolhouse.toml");
    let listeners = "[server]\nlisten = '127.0.0.1:0'\n[gateway]\nlisten = '127.0.0.1:0'\n";
    std::fs::write(&file, format!("{listeners}{section}")).unwrap();
    let config = config::load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
    let builder = Poolhouse::builder(config);
    let builder = match patience {
        Some(patience) => builder.patience(patience),
        None => builder,
    };
    let server = builder.build().await.unwrap();
    let addresses = [server.address().unwrap(), server.gateway_address().unwrap()];
    tokio::spawn(server.serve(std::future::pending()));
    (addresses, folder)
}

async fn until_the_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut text)).await;
    read.expect("the connection is still there").unwrap();
    text
}

#[tokio::test]
async fn whoever_is_slow_is_told_and_whoever_says_nothing_is_hung_up_on() {
    let (address, _folder) = served().await;
    let api = "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-amz-json-1.1\r\n\
               x-amz-target: AWSCognitoIdentityProviderService.SignUp\r\ncontent-length: 100\r\n\r\n{";
    let health = "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
    for (begun, starts) in
        [("", ""), ("GET /a HTTP/1.1\r\n", "HTTP/1.1 408 "), (api, "HTTP/1.1 4"), (health, "HTTP/1.1 ")]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let answer = until_the_end(&mut stream).await;
        assert!(answer.starts_with(starts), "{begun:?} {answer}");
        assert_eq!(answer.is_empty(), starts.is_empty(), "{begun:?} {answer}");
    }
}

#[tokio::test]
async fn the_configuration_says_how_long_both_listeners_wait() {
    let (addresses, _folder) = served_with("[connections]\nhead_seconds = 1\n", None).await;
    for address in addresses {
        let began = std::time::Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /a HTTP/1.1\r\n").await.unwrap();
        let answer = until_the_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && began.elapsed() >= Duration::from_millis(900), "{answer}");
    }
}
