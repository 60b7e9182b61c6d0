//! The main listener: HTTP/1.1 and HTTP/2, with or without TLS, bounded in time and size, and gentle at the end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    config,
    web::tls::{HANDSHAKE_TIMEOUT, Identity},
};

/// Slow heads hold no connection longer than this.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Request line and headers of HTTP/1.1 together.
const HEAD_LIMIT: usize = 64 * 1024;
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
pub(super) async fn serve(listener: TcpListener, tls: Option<Tls>, router: Router, shutdown: CancellationToken) {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_LIMIT);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .max_concurrent_streams(256);
    let http = Arc::new(http);
    let graceful = GracefulShutdown::new();
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
        let (http, router, acceptor) = (Arc::clone(&http), router.clone(), tls.as_ref().map(|tls| tls.0.clone()));
        let (watcher, hang_up) = (graceful.watcher(), hang_up.clone());
        tokio::spawn(async move {
            let _place = place;
            let serve = connection(&http, watcher, stream, peer, acceptor, router);
            tokio::select! {
                outcome = serve => if let Err(error) = outcome {
                    tracing::debug!(%peer, error, "a connection broke");
                },
                () = hang_up.cancelled() => {}
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that did not end in time are cut off");
    }
    hang_up.cancel();
}

type Http = auto::Builder<TokioExecutor>;

async fn connection(
    http: &Http,
    watcher: hyper_util::server::graceful::Watcher,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Answers are written whole, and nobody should wait for the kernel to collect more.
    stream.set_nodelay(true)?;
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    match tls {
        None => watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await,
        Some(acceptor) => {
            let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
            watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await
        }
    }
}
