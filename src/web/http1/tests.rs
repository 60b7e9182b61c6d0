//! Connections of clients to their end.

use std::{
    future::ready,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
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

/// A client that takes little at a time, and waits to be told to send its body.
#[tokio::test(start_paused = true)]
async fn a_word_that_has_begun_is_said_to_its_end_before_the_answer() {
    let (mut client, stream) = tokio::io::duplex(10);
    let served = tokio::spawn(async move {
        let answer = async |mut request: Request<Upload>| {
            let piece = timeout(Duration::from_secs(1), request.body_mut().frame()).await;
            assert!(piece.is_err(), "nobody was told to send it");
            Response::new(Full::from("no"))
        };
        let _ = serve(stream, Instant::now(), limits(), answer, &CancellationToken::new()).await;
    });
    let head = "POST / HTTP/1.1\r\ncontent-length: 5\r\nconnection: close\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") && text.ends_with("no"), "{text:?}");
    drop(client);
    served.await.unwrap();
}

/// A client that was not told to send its body may ask something else in its place.
#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_asked_for_ends_the_connection_also_where_somebody_has_it() {
    let (mut client, stream) = tokio::io::duplex(1024);
    let served = tokio::spawn(async move {
        let bodies = Mutex::new(Vec::new());
        let answer = |request: Request<Upload>| {
            bodies.lock().unwrap().push(request.into_body());
            ready(Response::new(Full::from("no")))
        };
        let _ = serve(stream, Instant::now(), limits(), answer, &CancellationToken::new()).await;
    });
    client.write_all(b"POST / HTTP/1.1\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n").await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("\r\nconnection: close\r\n") && text.ends_with("no"), "{text:?}");
    drop(client);
    served.await.unwrap();
}

/// A stream that tells whether it was ended in order, as TLS needs it, or dropped.
struct Ending(DuplexStream, Arc<AtomicBool>);

impl AsyncRead for Ending {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Ending {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.1.store(true, Relaxed);
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_between_requests_ends_in_order() {
    for (begun, leaves, stops) in [
        ("GET / HTTP/1.1\r\n\r\n", false, false),
        ("GET / HTTP/1.1\r\n\r\n", true, false),
        ("GET / HTTP/1.1\r\n\r\n", false, true),
        ("", false, false),
    ] {
        let (mut client, stream) = tokio::io::duplex(1024);
        let (ended, shutdown) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let (stream, stop) = (Ending(stream, Arc::clone(&ended)), shutdown.clone());
        let served = tokio::spawn(async move {
            let answer = |_: Request<Upload>| ready(Response::new(Full::from("yes")));
            serve(stream, Instant::now(), limits(), answer, &shutdown).await.is_ok()
        });
        client.write_all(begun.as_bytes()).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert!(!ended.load(Relaxed), "it has ended already");
        if leaves {
            client.shutdown().await.unwrap();
        }
        if stops {
            stop.cancel();
        }
        assert!(served.await.unwrap(), "{begun:?} {leaves} {stops}");
        assert!(ended.load(Relaxed), "{begun:?} {leaves} {stops}");
    }
}
