//! A client's connection, which two may use at a time: whoever answers, and whoever reads the body of the request meanwhile.

use std::{
    io,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    decoder::Decoder,
    encoder::Outgoing,
    head::{BadHead, Search},
    incoming::{BodyError, Source},
    input::{Input, LARGE_PIECE, MARGIN, NARROW_MARGIN, PIECE},
};

/// What is read of the next requests while one is answered.
const AHEAD: usize = 16 * 1024;

/// Chunks that are smaller are handed on together, up to so many bytes: whoever keeps a piece keeps its book-keeping, and the memory
/// of all that was read with it.
const SMALL: usize = 1024;
const TOGETHER: usize = 8 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Wait {
    /// The first request, or the rest of one that has begun.
    Head,
    /// The next request.
    Next,
    /// A piece of a request's body.
    Body,
    /// That the client takes what is written.
    ToTake,
    /// Ourselves.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Wire<S> {
    io: Mutex<Io<S>>,
    waits: AtomicU8,
    /// Counts whatever shows that the client goes on.
    moves: AtomicU32,
}

#[derive(Debug)]
struct Io<S> {
    stream: S,
    input: Input,
    /// Of the request that is being answered.
    body: Decoder,
    /// Somebody has the body.
    is_read: bool,
    /// Who waits for its next piece.
    reader: Option<Waker>,
    is_too_slow: bool,
    /// What is left to say of [`CONTINUE`].
    go_on: &'static [u8],
    /// The stream may hold some of it back.
    is_go_on_unflushed: bool,
}

/// Why there is no head.
#[derive(Debug)]
pub(super) enum NoHead {
    Bad(BadHead),
    Io(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        let io = Io {
            stream,
            input: Input::default(),
            body: Decoder::length(0),
            is_read: false,
            reader: None,
            is_too_slow: false,
            go_on: b"",
            is_go_on_unflushed: false,
        };
        Self { io: Mutex::new(io), waits: AtomicU8::new(Wait::Head as u8), moves: AtomicU32::new(0) }
    }

    fn io(&self) -> MutexGuard<'_, Io<S>> {
        self.io.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_for(&self, what: Wait) {
        self.waits.store(what as u8, Relaxed);
    }

    fn moved(&self) {
        self.moves.fetch_add(1, Relaxed);
    }

    /// What is waited for, and a number that changes when something comes of it.
    pub(super) fn waits(&self) -> (Wait, u32) {
        let waits = self.waits.load(Relaxed);
        let all = [Wait::Head, Wait::Next, Wait::Body, Wait::ToTake];
        let waits = all.into_iter().find(|wait| *wait as u8 == waits).unwrap_or(Wait::Nothing);
        (waits, self.moves.load(Relaxed))
    }

    /// The next head. `None` when the client has gone, or when nothing has begun and `is_over`.
    pub(super) fn poll_head(
        &self,
        cx: &mut Context<'_>,
        search: &mut Search,
        limit: usize,
        is_over: impl Fn() -> bool,
    ) -> Poll<Result<Option<Bytes>, NoHead>> {
        let io = &mut *self.io();
        loop {
            // Some old clients write an empty line behind a body.
            while io.input.bytes.starts_with(b"\r\n") {
                let _ = io.input.bytes.split_to(2);
                *search = Search::default();
            }
            match search.end(&io.input.bytes).map_err(NoHead::Bad)? {
                Some(end) if end <= limit => {
                    self.wait_for(Wait::Nothing);
                    self.moved();
                    return Poll::Ready(Ok(Some(io.input.bytes.split_to(end).freeze())));
                }
                None if io.input.bytes.len() <= limit => {}
                _ => return Poll::Ready(Err(NoHead::Bad(BadHead::TooLarge))),
            }
            match io.poll_fill(cx, MARGIN, PIECE) {
                Poll::Ready(Ok(0)) if io.input.bytes.is_empty() => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(NoHead::Io(io::ErrorKind::UnexpectedEof.into()))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(NoHead::Io(error))),
                Poll::Pending if io.input.bytes.is_empty() => {
                    return if is_over() { Poll::Ready(Ok(None)) } else { Poll::Pending };
                }
                Poll::Pending => {
                    self.wait_for(Wait::Head);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Begins with the body of a request.
    pub(super) fn begin_body(&self, body: Decoder, expects_word: bool) {
        let mut io = self.io();
        io.is_read = !body.is_done();
        io.body = body;
        io.go_on = if expects_word && io.is_read { CONTINUE } else { b"" };
    }

    /// What is left of the body when the answer begins. Somebody may still read it.
    pub(super) fn leftover(&self) -> Leftover {
        let io = &mut *self.io();
        // A word that has begun is said to its end before the answer; another is not said any more.
        let is_waited_with = io.go_on.len() == CONTINUE.len();
        if is_waited_with {
            io.go_on = b"";
        }
        if !io.is_read {
            while let Ok(Some(_)) = io.body.next(&mut io.input.bytes) {}
        }
        match io.body.exact() {
            Some(0) => Leftover::None,
            _ if is_waited_with => Leftover::Unsent,
            _ if io.is_read => Leftover::Read,
            Some(length) => Leftover::Known(length),
            None => Leftover::Unknown,
        }
    }

    /// Reads the rest of a body, to no end.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        loop {
            match ready!(self.poll_piece(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Whatever comes, to no end; ready when nothing more can come.
    pub(super) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<()> {
        let io = &mut *self.io();
        loop {
            io.input.bytes.clear();
            match ready!(io.poll_fill(cx, MARGIN, LARGE_PIECE)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    /// Whether the client has gone while it is answered. Reads ahead, up to a limit.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let io = &mut *self.io();
        if !io.body.is_done() {
            return Poll::Pending;
        }
        while io.input.bytes.len() < AHEAD {
            match ready!(io.poll_fill(cx, NARROW_MARGIN, PIECE)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }

    /// Writes what was gathered of an answer.
    pub(super) fn poll_write<B>(&self, cx: &mut Context<'_>, out: &mut Outgoing<B>) -> Poll<io::Result<()>>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
    {
        let before = out.left();
        let io = &mut *self.io();
        if !io.go_on.is_empty() && io.poll_go_on(cx).map_err(io::Error::other)?.is_pending() {
            self.wait_for(Wait::ToTake);
            return Poll::Pending;
        }
        match out.poll_write(cx, &mut io.stream) {
            Poll::Ready(outcome) => {
                self.moved();
                self.wait_for(Wait::Nothing);
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                if out.left() < before {
                    self.moved();
                }
                self.wait_for(Wait::ToTake);
                Poll::Pending
            }
        }
    }

    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.io().stream).poll_shutdown(cx);
        if ended.is_pending() {
            self.wait_for(Wait::ToTake);
        }
        ended
    }

    /// Whether a request has begun to come.
    pub(super) fn has_begun(&self) -> bool {
        !self.io().input.bytes.is_empty()
    }

    /// Gives back memory that the next head does not need.
    pub(super) fn give_back(&self) {
        self.io().input.give_back();
    }

    /// Has whoever reads the body know that it comes too slowly. `false` if that was said before.
    pub(super) fn call_too_slow(&self) -> bool {
        let mut io = self.io();
        let is_new = !io.is_too_slow;
        io.is_too_slow = true;
        if let Some(reader) = io.reader.take() {
            reader.wake();
        }
        is_new
    }

    /// The stream, and what came after the last head.
    pub(super) fn into_parts(self) -> (S, Bytes) {
        let io = self.io.into_inner().unwrap_or_else(PoisonError::into_inner);
        (io.stream, io.input.bytes.freeze())
    }

    fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let io = &mut *self.io();
        loop {
            if io.is_too_slow {
                return Poll::Ready(Some(Err(BodyError::TooSlow)));
            }
            match io.body.next(&mut io.input.bytes) {
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
                Ok(Some(data)) => {
                    self.moved();
                    self.wait_for(Wait::Nothing);
                    let is_small = data.len() < SMALL && io.body.exact().is_none();
                    return Poll::Ready(Some(Ok(if is_small { io.with_next(data) } else { data })));
                }
                Ok(None) if io.body.is_done() => {
                    self.wait_for(Wait::Nothing);
                    return Poll::Ready(None);
                }
                Ok(None) => {}
            }
            match io.poll_go_on(cx) {
                Poll::Ready(told) => told?,
                Poll::Pending => {
                    self.wait_for(Wait::ToTake);
                    return Poll::Pending;
                }
            }
            let room = io.body.wants().clamp(PIECE, LARGE_PIECE);
            match io.poll_fill(cx, MARGIN, room) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Some(Err(BodyError::BrokenOff))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Pending => {
                    self.wait_for(Wait::Body);
                    io.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Io<S> {
    fn poll_fill(&mut self, cx: &mut Context<'_>, margin: usize, piece: usize) -> Poll<io::Result<usize>> {
        self.input.poll_fill(cx, &mut self.stream, margin, piece)
    }
}

impl<S> Io<S> {
    /// A small chunk and those behind it that have come already. What is wrong with them is found again at the next look.
    fn with_next(&mut self, first: Bytes) -> Bytes {
        let Ok(Some(second)) = self.body.next(&mut self.input.bytes) else { return first };
        let mut together = BytesMut::with_capacity(TOGETHER);
        together.extend_from_slice(&first);
        together.extend_from_slice(&second);
        while together.len() < TOGETHER
            && let Ok(Some(next)) = self.body.next(&mut self.input.bytes)
        {
            together.extend_from_slice(&next);
        }
        together.freeze()
    }
}

impl<S: AsyncWrite + Unpin> Io<S> {
    /// Has a client that waits for the word send its body.
    fn poll_go_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while !self.go_on.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, self.go_on))?;
            if written == 0 {
                return Poll::Ready(Err(BodyError::BrokenOff));
            }
            self.go_on = &self.go_on[written..];
            self.is_go_on_unflushed = true;
        }
        if self.is_go_on_unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_go_on_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Source for Wire<S> {
    fn poll_data(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.poll_piece(cx)
    }

    fn exact(&self) -> Option<u64> {
        self.io().body.exact()
    }

    fn is_done(&self) -> bool {
        self.io().body.is_done()
    }

    fn leave(&self) {
        self.io().is_read = false;
        // It is no piece that is waited for any more.
        let _ = self.waits.compare_exchange(Wait::Body as u8, Wait::Nothing as u8, Relaxed, Relaxed);
    }
}

/// What is left of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leftover {
    None,
    /// Somebody reads it.
    Read,
    /// The client waits for a word that is not said any more.
    Unsent,
    Known(u64),
    Unknown,
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// The pieces that a body comes in, all of whose bytes have come.
    async fn pieces(body: &[u8]) -> Vec<Bytes> {
        let (mut client, stream) = tokio::io::duplex(64 * 1024);
        client.write_all(body).await.unwrap();
        let wire = Wire::new(stream);
        wire.begin_body(Decoder::chunks(), false);
        let mut pieces = Vec::new();
        while let Some(piece) = poll_fn(|cx| wire.poll_data(cx)).await {
            pieces.push(piece.unwrap());
        }
        assert!(wire.is_done());
        pieces
    }

    #[tokio::test]
    async fn small_chunks_come_together() {
        let many = pieces(format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(10_000)).as_bytes()).await;
        assert!(many.len() < 20 && many.concat() == "x".repeat(10_000).as_bytes(), "{}", many.len());
        let large = "y".repeat(SMALL);
        let mixed = pieces(format!("1\r\nx\r\n400\r\n{large}\r\n1\r\nz\r\n0\r\n\r\n").as_bytes()).await;
        assert_eq!(mixed.concat(), format!("x{large}z").as_bytes());
    }

    #[tokio::test]
    async fn what_a_body_needed_is_given_back() {
        let (mut client, stream) = tokio::io::duplex(LARGE_PIECE);
        let wire = Wire::new(stream);
        let capacity = || wire.io().input.bytes.capacity();
        wire.begin_body(Decoder::length(50_000), false);
        client.write_all(&[b'x'; 50_010]).await.unwrap();
        poll_fn(|cx| wire.poll_drain(cx)).await.unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(wire.poll_head(&mut cx, &mut Search::default(), 1024, || false).is_pending());
        wire.give_back();
        assert!(wire.has_begun() && capacity() > 0, "the next head has begun");
        let _ = wire.io().input.bytes.split();
        wire.give_back();
        assert_eq!(capacity(), 0);
        assert!(wire.poll_head(&mut cx, &mut Search::default(), 1024, || false).is_pending());
        wire.give_back();
        assert!(capacity() >= PIECE, "what a head needs is kept");
    }

    #[tokio::test]
    async fn what_is_wrong_behind_small_chunks_is_told() {
        let (mut client, stream) = tokio::io::duplex(1024);
        client.write_all(b"1\r\nx\r\n1\r\ny\r\nno size\r\n").await.unwrap();
        let wire = Wire::new(stream);
        wire.begin_body(Decoder::chunks(), false);
        assert_eq!(poll_fn(|cx| wire.poll_data(cx)).await.unwrap().unwrap(), "xy");
        assert!(matches!(poll_fn(|cx| wire.poll_data(cx)).await, Some(Err(BodyError::Chunks(_)))));
        assert!(matches!(wire.poll_data(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(Err(_)))));
    }
}
