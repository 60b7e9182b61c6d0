//! The listener: takes connections as long as there is room, and at the end has requests in flight finished. Heads must come in
//! ten seconds and within API Gateway's limit.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use super::{Gateway, connection::Protocols};

/// Request line and headers together, in bytes. More is answered with 431.
pub const HEAD_LIMIT: usize = 10_240;

/// How long requests in flight may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// More connections wait in the listener's queue.
const CONNECTIONS: usize = PLACES as usize;
const PLACES: u32 = 8192;

impl Gateway {
    /// Serves until `shutdown` is cancelled, and then as long as requests are in flight, but at most thirty seconds.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let protocols = Arc::new(Protocols::new());
        let hang_up = CancellationToken::new();
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        while let Some((stream, peer)) = next(&listener, &shutdown, &room).await {
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
            let (gateway, protocols) = (Arc::clone(&self), Arc::clone(&protocols));
            let (shutdown, hang_up) = (shutdown.clone(), hang_up.clone());
            tokio::spawn(async move {
                let _permit = permit;
                tokio::select! {
                    outcome = protocols.serve(gateway, stream, peer, &shutdown) => if let Err(error) = outcome {
                        tracing::debug!(%peer, error, "connection ended");
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
