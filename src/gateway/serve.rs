//! The listener: takes connections as long as there is room, and at the end has requests in flight finished. Heads must come in
//! ten seconds and within API Gateway's limit.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    Gateway,
    connection::Protocols,
    workers::{Accepted, Workers},
};
use crate::web::pace::Patience;

/// Request line and headers together, in bytes. More is answered with 431.
pub const HEAD_LIMIT: usize = 10_240;

/// How long requests in flight may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// More connections wait in the listener's queue.
const CONNECTIONS: usize = 8192;

impl Gateway {
    /// Starts the threads for connections. What comes back serves until `shutdown` is cancelled, and then as long as requests
    /// are in flight, but at most thirty seconds. `patience` says how long clients are waited for.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        patience: Patience,
        shutdown: CancellationToken,
    ) -> io::Result<impl Future<Output = ()> + Send + 'static> {
        let hang_up = CancellationToken::new();
        let mut workers = {
            let (protocols, shutdown) = (Arc::new(Protocols::new(patience)), shutdown.clone());
            Workers::start(self.threads, &hang_up, move |stream, peer, place| {
                let (gateway, protocols, shutdown) = (Arc::clone(&self), Arc::clone(&protocols), shutdown.clone());
                async move {
                    if let Err(error) = protocols.serve(gateway, stream, (peer, place), &shutdown).await {
                        tracing::debug!(%peer, error, "connection ended");
                    }
                }
            })?
        };
        Ok(async move {
            let room = Arc::new(Semaphore::new(CONNECTIONS));
            while let Some(accepted) = next(&listener, &shutdown, &room).await {
                let peer = accepted.peer;
                if let Err(error) = workers.give(accepted) {
                    tracing::warn!(%peer, %error, "a connection could not be served");
                }
            }
            drop(listener);
            let mut finished = pin!(workers.finish());
            if tokio::time::timeout(DRAIN, finished.as_mut()).await.is_err() {
                tracing::warn!("requests that did not end in time are broken off");
                hang_up.cancel();
                finished.await;
            }
        })
    }
}

/// The next connection; `None` when it is time to stop.
async fn next(listener: &TcpListener, shutdown: &CancellationToken, room: &Arc<Semaphore>) -> Option<Accepted> {
    let accept = async {
        // Nobody closes the semaphore.
        let place = Arc::new(Arc::clone(room).acquire_owned().await.ok()?);
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "small answers may be delayed");
                    }
                    return Some(Accepted { stream, peer, place });
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
        accepted = accept => accepted,
        () = shutdown.cancelled() => None,
    }
}
