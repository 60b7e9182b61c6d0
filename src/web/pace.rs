//! How long a client may hold a connection without doing its part: saying what it wants, sending what it announced, taking what
//! it asked for. Only the client is measured; how long an answer takes is the answer's affair.
//!
//! Requests pay for this with a few counters. The clock is looked at every now and then by the connection, which compares the
//! counters with those of before, so that a limit is kept to within an eighth. Here are the counters of HTTP/2, whose streams have
//! windows of their own, which can be closed while the connection moves; one of HTTP/1.1 knows by itself what it waits for.
//! <https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9>

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::config::connections::Connections;

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

/// What happens on one connection. Everything but the flag only ever counts up, and wraps around.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: AtomicU32,
    /// Requests whose answers are not at their end.
    open: AtomicU32,
    /// Those of them that wait for us.
    ours: AtomicU32,
    /// Pieces of answers that were ready to be sent.
    ready: AtomicU32,
    written: AtomicU32,
    /// The client does not take what is written.
    full: AtomicBool,
}

impl Pace {
    fn count(counter: &AtomicU32) {
        counter.fetch_add(1, Relaxed);
    }
}

/// What the client is waited for, with the count that shows whether it gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    First,
    Next(u32),
    ToTake(u32),
    Nothing,
}

/// What is to be done with a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
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
    waits: Wait,
    since: Instant,
}

impl Watch {
    /// `since` is when the client connected.
    pub(super) fn new(pace: Arc<Pace>, limits: Patience, since: Instant) -> Self {
        Self { pace, limits, waits: Wait::First, since }
    }

    fn waits(&self) -> Wait {
        let pace = &self.pace;
        if pace.full.load(Relaxed) {
            return Wait::ToTake(pace.written.load(Relaxed));
        }
        let begun = pace.begun.load(Relaxed);
        if pace.open.load(Relaxed) == 0 {
            return if begun == 0 { Wait::First } else { Wait::Next(begun) };
        }
        if pace.ours.load(Relaxed) == 0 {
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
            Wait::First => self.limits.head,
            Wait::Next(_) => self.limits.idle * 2,
            Wait::ToTake(_) => self.limits.stall,
            Wait::Nothing => return Look::On,
        };
        if now.duration_since(self.since) < limit {
            return Look::On;
        }
        if matches!(waits, Wait::Next(_)) { Look::Finish } else { Look::Over }
    }
}

/// A connection whose writes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    pace: Arc<Pace>,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Self {
        Self { stream, pace }
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

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
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
