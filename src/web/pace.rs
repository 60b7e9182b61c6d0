//! How long a client may hold a connection without doing its part: saying what it wants, sending what it announced, taking what
//! it asked for. Only the client is measured; how long an answer takes is the answer's affair.
//!
//! Requests pay for this with a few counters. The clock is looked at every now and then by the connection, which compares the
//! counters with those of before, so that a limit is kept to within an eighth.
//! <https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9>

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::config::connections::Connections;

/// What is said to somebody whose head does not come.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: 29\r\n\
    connection: close\r\n\r\n{\"message\":\"Request Timeout\"}";

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From a request's first byte to the end of its head, and from a connection's first moment to its first request.
    pub head: Duration,
    /// Between requests. A connection of HTTP/2 may wait for twice as long.
    pub idle: Duration,
    /// For any piece of a body, and for any piece of an answer to be taken.
    pub stall: Duration,
}

impl From<Connections> for Patience {
    fn from(Connections { head, idle, stall }: Connections) -> Self {
        Self { head, idle, stall }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Connections::default().into()
    }
}

impl Patience {
    /// How often the counters are compared.
    pub(super) fn every(&self) -> Duration {
        self.head.min(self.idle).min(self.stall) / 8
    }
}

/// What happens on one connection. Everything but flags only ever counts up, and wraps around.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: AtomicU32,
    /// Requests whose answers are not at their end.
    open: AtomicU32,
    /// Those of them that wait for us.
    ours: AtomicU32,
    /// Pieces of answers that were ready to be sent.
    ready: AtomicU32,
    read: AtomicU32,
    written: AtomicU32,
    /// Bytes have come since the last request began.
    head: AtomicBool,
    /// Somebody waits for the next piece of a request's body.
    body: AtomicBool,
    /// The client does not take what is written.
    full: AtomicBool,
    verdict: AtomicU8,
}

const HEAD_TOO_SLOW: u8 = 1;
const BODY_TOO_SLOW: u8 = 2;

impl Pace {
    fn count(counter: &AtomicU32) {
        counter.fetch_add(1, Relaxed);
    }
}

/// What the client is waited for, with the count that shows whether it gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Head(u32),
    Next(u32),
    Body(u32),
    ToTake(u32),
    Nothing,
}

/// What is to be done with a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It goes on, perhaps only to say that it will not for long.
    On,
    /// It ends once what is under way has ended.
    Finish,
    /// It is to be broken off.
    Over,
}

/// Compares what happens on a connection with what happened before.
#[derive(Debug)]
pub(super) struct Watch {
    pace: Arc<Pace>,
    limits: Patience,
    is_http2: bool,
    waits: Wait,
    since: Instant,
}

impl Watch {
    /// `since` is when the client connected.
    pub(super) fn new(pace: Arc<Pace>, limits: Patience, is_http2: bool, since: Instant) -> Self {
        Self { pace, limits, is_http2, waits: Wait::Head(0), since }
    }

    fn waits(&self) -> Wait {
        let pace = &self.pace;
        if pace.full.load(Relaxed) {
            return Wait::ToTake(pace.written.load(Relaxed));
        }
        let begun = pace.begun.load(Relaxed);
        if pace.open.load(Relaxed) == 0 {
            // In HTTP/2 something comes that is no request.
            let comes = pace.head.load(Relaxed) && !self.is_http2;
            return if begun == 0 || comes { Wait::Head(begun) } else { Wait::Next(begun) };
        }
        if pace.body.load(Relaxed) && !self.is_http2 {
            return Wait::Body(pace.read.load(Relaxed));
        }
        // Streams have windows of their own, which can be closed while the connection moves.
        if self.is_http2 && pace.ours.load(Relaxed) == 0 {
            return Wait::ToTake(pace.ready.load(Relaxed));
        }
        Wait::Nothing
    }

    pub(super) fn look(&mut self, now: Instant) -> Look {
        let waits = self.waits();
        if waits != self.waits {
            (self.waits, self.since) = (waits, now);
            return Look::On;
        }
        let limit = match waits {
            Wait::Head(_) => self.limits.head,
            Wait::Next(_) if self.is_http2 => self.limits.idle * 2,
            Wait::Next(_) => self.limits.idle,
            Wait::Body(_) | Wait::ToTake(_) => self.limits.stall,
            Wait::Nothing => return Look::On,
        };
        if now.duration_since(self.since) < limit {
            return Look::On;
        }
        let comes = self.pace.head.load(Relaxed) && !self.is_http2;
        match waits {
            Wait::Head(_) if comes => self.say(HEAD_TOO_SLOW),
            Wait::Body(_) => self.say(BODY_TOO_SLOW),
            Wait::Next(_) => Look::Finish,
            _ => Look::Over,
        }
    }

    /// Has the next read say so. One look later there is nothing left to say.
    fn say(&self, verdict: u8) -> Look {
        if self.pace.verdict.swap(verdict, Relaxed) == verdict { Look::Over } else { Look::On }
    }
}

/// A connection whose reads and writes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    pace: Arc<Pace>,
    /// Bytes of [`TOO_SLOW`].
    said: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Counted<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Self {
        Self { stream, pace, said: 0 }
    }

    /// The error that a read ends with when the client was too slow. Nothing else is being written while a head is waited for.
    fn too_slow(&mut self, cx: &mut Context<'_>, verdict: u8) -> Poll<io::Result<()>> {
        if verdict == HEAD_TOO_SLOW {
            while let Some(rest) = TOO_SLOW.get(self.said..).filter(|rest| !rest.is_empty()) {
                match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                    0 => break,
                    written => self.said += written,
                }
            }
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn wrote(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Ready(Ok(_)) => {
                Pace::count(&self.pace.written);
                self.pace.full.store(false, Relaxed);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pace.full.store(true, Relaxed),
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let verdict = this.pace.verdict.load(Relaxed);
        if verdict != 0 {
            return this.too_slow(cx, verdict);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            Pace::count(&this.pace.read);
            this.pace.head.store(true, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        this.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// TLS keeps what has not been taken, and goes on with it here.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.pace.full.store(outcome.is_pending(), Relaxed);
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.pace.full.store(outcome.is_pending(), Relaxed);
        outcome
    }
}

/// A request from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Ongoing {
    pace: Arc<Pace>,
    /// It waits for us and not for the client.
    ours: bool,
}

impl Ongoing {
    pub(super) fn begin(pace: &Arc<Pace>) -> Self {
        Pace::count(&pace.begun);
        Pace::count(&pace.open);
        Pace::count(&pace.ours);
        pace.head.store(false, Relaxed);
        Self { pace: Arc::clone(pace), ours: true }
    }

    fn waits_for_us(&mut self, ours: bool) {
        if ours && !self.ours {
            Pace::count(&self.pace.ours);
        } else if !ours && self.ours {
            self.pace.ours.fetch_sub(1, Relaxed);
        }
        self.ours = ours;
        if !ours {
            Pace::count(&self.pace.ready);
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.waits_for_us(false);
        self.pace.open.fetch_sub(1, Relaxed);
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Download<B> {
    body: B,
    ongoing: Ongoing,
}

impl<B> Download<B> {
    pub(super) fn new(body: B, mut ongoing: Ongoing) -> Self {
        ongoing.waits_for_us(false);
        Self { body, ongoing }
    }
}

impl<B: http_body::Body + Unpin> http_body::Body for Download<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        this.ongoing.waits_for_us(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request. One that comes too slowly ends with an error.
#[derive(Debug)]
pub struct Upload {
    body: Incoming,
    /// `None` where nothing is to come.
    pace: Option<Arc<Pace>>,
}

impl Upload {
    pub(super) fn new(body: Incoming, pace: &Arc<Pace>) -> Self {
        let is_there = http_body::Body::is_end_stream(&body);
        Self { body, pace: (!is_there).then(|| Arc::clone(pace)) }
    }
}

/// Whether a body broke off because the client was too slow.
pub fn was_too_slow(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::TimedOut)
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let Some(pace) = &this.pace {
            pace.body.store(frame.is_pending(), Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(pace) = &self.pace {
            pace.body.store(false, Relaxed);
        }
    }
}
