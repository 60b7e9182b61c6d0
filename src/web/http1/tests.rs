//! Connections of clients to their end.

use std::{future::ready, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::server::{Limits, serve};
use crate::web::{pace::Patience, upload::Upload};

fn limits() -> Limits {
    Limits { head: 1024, patience: Patience::default() }
}

/// Over a real connection: its system takes an answer back when it is closed with something unread.
#[tokio::test]
async fn whoever_goes_on_asking_after_the_last_answer_gets_it_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let body = Bytes::from(vec![b'x'; 256 * 1024]);
    let served = tokio::spawn(async move {
        let answer = |_: Request<Upload>| ready(Response::new(Full::from(body.clone())));
        serve(stream, Instant::now(), limits(), answer, &CancellationToken::new())
            .await
            .map_err(|error| error.to_string())
    });
    client.write_all(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
    client.write_all(&[b'y'; 64 * 1024]).await.unwrap();
    sleep(Duration::from_millis(200)).await;
    let (mut text, began) = (Vec::new(), Instant::now());
    client.read_to_end(&mut text).await.unwrap();
    assert!(text.ends_with(&[b'x'; 256 * 1024]), "{}", text.len());
    // Who waits for the end is not made to wait for ours.
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    drop(client);
    served.await.unwrap().unwrap();
}
