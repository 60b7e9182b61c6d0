//! Connections of the listeners: HTTP/1.1 or HTTP/2 is spoken within limits of size, number and time, and what is in flight when
//! it is time to stop is finished.
//!
//! HTTP/2 is chosen by ALPN, and in clear text by clients that know beforehand; the upgrade from HTTP/1.1 that was once offered
//! is not. A connection in clear text is only looked at, so that its requests cost no more for it.
//! <https://www.rfc-editor.org/rfc/rfc9113#section-3>

use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    http1::server,
    pace::{Counted, Download, Look, Ongoing, Pace, Patience, Watch},
    upload::Upload,
};

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

/// HTTP/2 begins with this line, and no method of HTTP/1.1 does.
const PREFACE: &[u8] = b"PRI ";

/// How seldom one that has begun with it is looked at.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a connection ended.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Request line and headers of HTTP/1.1, in bytes.
    pub head: usize,
    /// The headers of HTTP/2, where each weighs 32 bytes more than its text.
    pub header_list: u32,
    /// Requests of one HTTP/2 connection at a time.
    pub streams: u32,
}

/// The two protocols with their limits.
pub struct Protocols {
    http1: server::Limits,
    http2: http2::Builder<TokioExecutor>,
}

impl Protocols {
    pub fn new(sizes: Sizes, patience: Patience) -> Self {
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(sizes.streams)
            .max_header_list_size(sizes.header_list)
            .max_send_buf_size(SEND_BUFFER)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_pending_accept_reset_streams(TAKEN_BACK)
            .max_local_error_reset_streams(BROKEN_OFF);
        Self { http1: server::Limits { head: sizes.head, patience }, http2 }
    }

    /// Serves a connection in clear text, after `shutdown` until its requests in flight are answered.
    pub async fn serve_clear<F, B>(
        &self,
        stream: TcpStream,
        answer: impl Fn(Request<Upload>) -> F + Send + Sync + 'static,
        shutdown: &CancellationToken,
    ) -> Outcome
    where
        F: Future<Output = Response<B>> + Send + 'static,
        B: Answer,
    {
        let since = Instant::now();
        let first = tokio::select! {
            biased;
            first = tokio::time::timeout(self.http1.patience.head, begins_http2(&stream)) => first,
            () = shutdown.cancelled() => return Ok(()),
        };
        // Whoever wrote something, but not enough, is told so in HTTP/1.1.
        let is_http2 = first.unwrap_or(Ok(false))?;
        self.speak(is_http2, stream, since, answer, shutdown).await
    }

    /// Serves a connection on which hands were shaken.
    pub async fn serve_secure<S, F, B>(
        &self,
        stream: tokio_rustls::server::TlsStream<S>,
        answer: impl Fn(Request<Upload>) -> F + Send + Sync + 'static,
        shutdown: &CancellationToken,
    ) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Answer,
    {
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.speak(is_http2, stream, Instant::now(), answer, shutdown).await
    }

    async fn speak<S, F, B>(
        &self,
        is_http2: bool,
        stream: S,
        since: Instant,
        answer: impl Fn(Request<Upload>) -> F + Send + Sync + 'static,
        shutdown: &CancellationToken,
    ) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Answer,
    {
        if !is_http2 {
            return server::serve(stream, since, self.http1, answer, shutdown).await;
        }
        let pace = Arc::new(Pace::default());
        let watch = Watch::new(Arc::clone(&pace), self.http1.patience, since);
        let io = TokioIo::new(Counted::new(stream, Arc::clone(&pace)));
        let service = service_fn(move |request| paced(&pace, request, &answer));
        // Far larger than what a connection of HTTP/1.1 needs.
        let mut connection = Box::pin(self.http2.serve_connection(io, service));
        self.run(connection.as_mut(), http2::Connection::graceful_shutdown, watch, shutdown).await
    }

    /// To the connection's end. `finish` has it take no more requests than it has.
    async fn run<C>(
        &self,
        mut connection: Pin<&mut C>,
        finish: impl Fn(Pin<&mut C>),
        mut watch: Watch,
        shutdown: &CancellationToken,
    ) -> Outcome
    where
        C: Future<Output = Result<(), hyper::Error>>,
    {
        let every = self.http1.patience.every();
        let mut look = pin!(tokio::time::sleep(every));
        let (mut stopping, mut finishing) = (false, false);
        loop {
            tokio::select! {
                outcome = connection.as_mut() => return Ok(outcome?),
                () = shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    finish(connection.as_mut());
                }
                () = look.as_mut() => {
                    let now = Instant::now();
                    match watch.look(now) {
                        Look::On => {}
                        Look::Finish if !finishing => {
                            finishing = true;
                            finish(connection.as_mut());
                        }
                        Look::Finish | Look::Over => return Ok(()),
                    }
                    look.as_mut().reset(now + every);
                }
            }
        }
    }
}

/// A body that answers can have.
pub trait Answer:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin + Send + 'static
{
}

impl<B> Answer for B where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin + Send + 'static
{
}

/// Has a request answered, and the connection know how far it is.
fn paced<A, F, B>(
    pace: &Arc<Pace>,
    request: Request<Incoming>,
    answer: &A,
) -> impl Future<Output = Result<Response<Download<B>>, Infallible>> + use<A, F, B>
where
    A: Fn(Request<Upload>) -> F,
    F: Future<Output = Response<B>>,
{
    let ongoing = Ongoing::begin(pace);
    let answered = answer(request.map(Upload::http2));
    async move { Ok(answered.await.map(|body| Download::new(body, ongoing))) }
}

/// Looks at the first bytes and leaves them where they are.
async fn begins_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    let mut pauses = pauses();
    loop {
        let got = stream.peek(&mut seen).await?;
        if got == PREFACE.len() || got == 0 || seen[..got] != PREFACE[..got] {
            return Ok(seen == PREFACE);
        }
        // Somebody writes letter by letter. There is no waiting for more than is there already.
        tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

/// Each is as long as all before it, so that who stops after a letter is not looked at again and again.
fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(Duration::from_millis(10)), |pause| Some((*pause * 2).min(LONGEST_PAUSE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_after_a_letter_is_looked_at_seldom() {
        let limit = Patience::default().head;
        let after = pauses().scan(Duration::ZERO, |passed, pause| {
            *passed += pause;
            Some(*passed)
        });
        let looks = after.take_while(|after| *after < limit).count();
        assert!(looks <= 16, "{looks} looks in {limit:?}");
        assert!(pauses().take(4).sum::<Duration>() < Duration::from_millis(200), "who is slow waits no longer for it");
    }
}
