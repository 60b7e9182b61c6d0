//! One connection from its first byte to its end: hands are shaken where the listener has TLS, then HTTP/1.1 or HTTP/2 is spoken
//! within limits, and what is in flight when it is time to stop is finished.
//!
//! HTTP/2 is chosen by ALPN, and in clear text by clients that know beforehand; the upgrade from HTTP/1.1 that was once offered
//! is not. An HTTP/1.1 connection is only looked at, so its requests cost no more for it.
//! <https://www.rfc-editor.org/rfc/rfc9113#section-3>

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use super::{
    Gateway,
    body::Body,
    secure::{self, Secure},
    serve::HEAD_LIMIT,
};
use crate::web::tls::HANDSHAKE_TIMEOUT;

/// The largest piece of a body that is read at once, and the most that an unfinished head can occupy.
const READ_BUFFER: usize = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests of one HTTP/2 connection at a time.
const STREAMS: u32 = 100;
/// In HTTP/2's count every field weighs 32 bytes more than its text. What passes is measured again, by HTTP/1.1's count.
const HEADER_LIST: u32 = 2 * 10_240;
/// What a client has not taken of one answer.
const SEND_BUFFER: usize = 64 * 1024;
/// What a client may send before it is read: of one body, and of all.
const STREAM_WINDOW: u32 = 256 * 1024;
const WINDOW: u32 = 1024 * 1024;
/// Requests that the client took back before they were looked at, and those that we had to break off. More is a flood.
const TAKEN_BACK: usize = 20;
const BROKEN_OFF: usize = 200;
/// A client that does not answer to a ping is gone.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// An HTTP/2 connection without requests is ended.
const IDLE: Duration = Duration::from_secs(60);

/// HTTP/2 begins with this line, and no method of HTTP/1.1 does.
const PREFACE: &[u8] = b"PRI ";

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Who is connected, and how.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) peer: SocketAddr,
    /// `None` in clear text.
    pub(super) secure: Option<Arc<Secure>>,
}

impl Caller {
    /// Somebody without TLS.
    pub fn plain(peer: SocketAddr) -> Self {
        Self { peer, secure: None }
    }
}

/// The two protocols with their limits.
pub(super) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Protocols {
    pub(super) fn new() -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(READ_BUFFER);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_LIST)
            .max_send_buf_size(SEND_BUFFER)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_pending_accept_reset_streams(TAKEN_BACK)
            .max_local_error_reset_streams(BROKEN_OFF);
        Self { http1, http2 }
    }

    /// Serves one connection, after `shutdown` until its requests in flight are answered.
    pub(super) async fn serve(
        &self,
        gateway: Arc<Gateway>,
        stream: TcpStream,
        peer: SocketAddr,
        shutdown: &CancellationToken,
    ) -> Outcome {
        let client = Client { gateway, caller: Caller::plain(peer), shutdown };
        if client.gateway.serving().tls.is_some() {
            // Far larger than what a connection in clear text needs.
            return Box::pin(self.secure(stream, client)).await;
        }
        let Some(is_http2) = client.waits(HEAD_TIMEOUT, begins_http2(&stream)).await? else { return Ok(()) };
        if is_http2 { Box::pin(self.http2(stream, client)).await } else { self.http1(stream, client).await }
    }

    async fn secure(&self, stream: TcpStream, mut client: Client<'_>) -> Outcome {
        let gateway = Arc::clone(&client.gateway);
        let current = |name: Option<&str>| gateway.serving().tls.as_ref().map(|tls| tls.for_name(name));
        let accepted = client.waits(HANDSHAKE_TIMEOUT, secure::accept(stream, current)).await?;
        let Some((stream, secure)) = accepted else { return Ok(()) };
        client.caller.secure = Some(Arc::new(secure));
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if is_http2 { self.http2(stream, client).await } else { self.http1(stream, client).await }
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        client: Client<'_>,
    ) -> Outcome {
        let Client { gateway, caller, shutdown } = client;
        let service = service_fn(move |request| answer(Arc::clone(&gateway), request, caller.clone()));
        let mut connection = pin!(self.http1.serve_connection(TokioIo::new(stream), service).with_upgrades());
        tokio::select! {
            outcome = connection.as_mut() => return Ok(outcome?),
            () = shutdown.cancelled() => {}
        }
        // The request in flight is answered, and no other is read.
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        client: Client<'_>,
    ) -> Outcome {
        let Client { gateway, caller, shutdown } = client;
        let requests = Arc::new(Requests::default());
        let counted = Arc::clone(&requests);
        let service = service_fn(move |request| {
            let (gateway, caller, requests) = (Arc::clone(&gateway), caller.clone(), Arc::clone(&counted));
            requests.begun.fetch_add(1, Ordering::Relaxed);
            let ended = Ended(requests);
            async move {
                let _ended = ended;
                answer(gateway, request, caller).await
            }
        });
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        let mut before = 0;
        loop {
            let patience = if before == 0 { HEAD_TIMEOUT } else { IDLE };
            tokio::select! {
                outcome = connection.as_mut() => return Ok(outcome?),
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(patience) => {}
            }
            let begun = requests.begun.load(Ordering::Relaxed);
            if begun == 0 {
                // Perhaps not even the settings have come: there is nobody to say goodbye to.
                return Ok(());
            }
            if begun == before && requests.ended.load(Ordering::Relaxed) == begun {
                break;
            }
            before = begun;
        }
        // Streams that are open end as they would have, and no other begins.
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }
}

/// What a connection needs of its surroundings.
struct Client<'s> {
    gateway: Arc<Gateway>,
    caller: Caller,
    shutdown: &'s CancellationToken,
}

impl Client<'_> {
    /// What the client does within `time`; `None` when it is time to stop before.
    async fn waits<T>(
        &self,
        time: Duration,
        step: impl Future<Output = std::io::Result<T>>,
    ) -> std::io::Result<Option<T>> {
        tokio::select! {
            biased;
            done = tokio::time::timeout(time, step) => Ok(Some(done??)),
            () = self.shutdown.cancelled() => Ok(None),
        }
    }
}

async fn answer(
    gateway: Arc<Gateway>,
    request: Request<Incoming>,
    caller: Caller,
) -> Result<Response<Body>, Infallible> {
    Ok(gateway.handle(request, &caller).await)
}

/// How many requests there were on a connection.
#[derive(Debug, Default)]
struct Requests {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// Counts a request as ended, also one that the client took back.
struct Ended(Arc<Requests>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Looks at the first bytes and leaves them where they are.
async fn begins_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let got = stream.peek(&mut seen).await?;
        if got == PREFACE.len() || got == 0 || seen[..got] != PREFACE[..got] {
            return Ok(seen == PREFACE);
        }
        // Somebody writes letter by letter. There is no waiting for more than is there already.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
