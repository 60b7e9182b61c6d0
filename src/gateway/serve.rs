//! The listener. HTTP/1.1 only: on a port without TLS no client speaks anything else unasked, and an upgrade to HTTP/2 is not
//! offered; WebSockets are, where a backend takes them. Heads must come in ten seconds and within API Gateway's limit; at the end, requests in flight are finished.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use super::Gateway;

/// Request line and headers together, in bytes. More is answered with 431.
pub const HEAD_LIMIT: usize = 10_240;

/// The largest piece of a body that is read at once, and the most that an unfinished head can occupy.
const READ_BUFFER: usize = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests in flight may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// More connections wait in the listener's queue.
const CONNECTIONS: usize = PLACES as usize;
const PLACES: u32 = 8192;

impl Gateway {
    /// Serves until `shutdown` is cancelled, and then as long as requests are in flight, but at most thirty seconds.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(READ_BUFFER);
        let hang_up = CancellationToken::new();
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        while let Some((stream, peer)) = next(&listener, &shutdown, &room).await {
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
            let gateway = Arc::clone(&self);
            let service = service_fn(move |request| {
                let gateway = Arc::clone(&gateway);
                async move { Ok::<_, Infallible>(gateway.handle(request, peer).await) }
            });
            let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
            let (shutdown, hang_up) = (shutdown.clone(), hang_up.clone());
            tokio::spawn(async move {
                let _permit = permit;
                let mut connection = pin!(connection);
                let served = async {
                    tokio::select! {
                        outcome = connection.as_mut() => return outcome,
                        () = shutdown.cancelled() => {}
                    }
                    // The request in flight is answered, and no other is read.
                    connection.as_mut().graceful_shutdown();
                    connection.await
                };
                tokio::select! {
                    outcome = served => if let Err(error) = outcome {
                        tracing::debug!(%peer, %error, "connection ended");
                    },
                    () = hang_up.cancelled() => {}
                }
            });
        }
        drop(listener);
        // Every connection holds one place: when all are free, all have ended.
        if tokio::time::timeout(DRAIN, room.acquire_many(PLACES)).await.is_err() {
            tracing::warn!("requests that did not end in time are broken off");
        }
        hang_up.cancel();
    }
}

/// The next connection; `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    shutdown: &CancellationToken,
    room: &Semaphore,
) -> Option<(TcpStream, SocketAddr)> {
    let accept = async {
        loop {
            // Taken for real by the caller, who is the only one that takes any.
            drop(room.acquire().await);
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "small answers may be delayed");
                    }
                    return (stream, peer);
                }
                Err(error) => {
                    // Out of file descriptors, or a client that was gone already.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    tokio::select! {
        accepted = accept => Some(accepted),
        () = shutdown.cancelled() => None,
    }
}
