//! The main listener: HTTP/1.1 and HTTP/2, with or without TLS, bounded in time and size, and gentle at the end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::{
    config,
    web::{
        connection::{Outcome, Protocols, Sizes},
        pace::Patience,
        tls::{HANDSHAKE_TIMEOUT, Identity},
        upload::Upload,
    },
};

const SIZES: Sizes = Sizes { head: 64 * 1024, header_list: 16 * 1024, streams: 256 };
/// More connections wait in the listener's queue.
const CONNECTIONS: usize = 8_192;
/// How long requests in flight may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// The hosts of pools that have a prefix.
const PREFIXES: &str = "*.auth.localhost";

/// A certificate and its key, ready for handshakes.
pub(super) struct Tls(TlsAcceptor);

impl Tls {
    /// Reads the files, or makes a certificate for this run.
    pub(super) fn new(said: &config::tls::Tls, public_url: &str) -> anyhow::Result<Self> {
        let public = url::Url::parse(public_url)?.host_str().map(str::to_owned);
        let identity = Identity::of(said, public.into_iter().chain([PREFIXES.to_owned()]))?;
        Ok(Self(TlsAcceptor::from(Arc::new(identity.config(None)?))))
    }
}

/// Takes connections until `shutdown`, then waits for requests in flight.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    patience: Patience,
    shutdown: CancellationToken,
) {
    let protocols = Arc::new(Protocols::new(SIZES, patience));
    let connections = TaskTracker::new();
    let hang_up = CancellationToken::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = Arc::clone(&room).acquire_owned() => match place {
                Ok(place) => place,
                // Nobody closes the semaphore.
                Err(_) => break,
            },
        };
        let (stream, peer) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: others must end before one more can begin.
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (protocols, router, acceptor) =
            (Arc::clone(&protocols), router.clone(), tls.as_ref().map(|tls| tls.0.clone()));
        let (shutdown, hang_up) = (shutdown.clone(), hang_up.clone());
        connections.spawn(async move {
            let _place = place;
            let serve = connection(&protocols, stream, peer, acceptor, router, &shutdown);
            tokio::select! {
                outcome = serve => if let Err(error) = outcome {
                    tracing::debug!(%peer, error, "a connection broke");
                },
                () = hang_up.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!("requests that did not end in time are cut off");
    }
    hang_up.cancel();
}

async fn connection(
    protocols: &Protocols,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: &CancellationToken,
) -> Outcome {
    // Answers are written whole, and nobody should wait for the kernel to collect more.
    stream.set_nodelay(true)?;
    let answer = move |request| answer(router.clone(), request, peer);
    match tls {
        None => protocols.serve_clear(stream, answer, shutdown).await,
        Some(acceptor) => {
            let stream = tokio::select! {
                shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)) => shaken??,
                () = shutdown.cancelled() => return Ok(()),
            };
            protocols.serve_secure(stream, answer, shutdown).await
        }
    }
}

async fn answer(router: Router, request: Request<Upload>, peer: SocketAddr) -> Response<Body> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}
