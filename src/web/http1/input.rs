//! What was read of a connection and is not used yet.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// What is read at once: of heads, and of bodies.
pub(super) const PIECE: usize = 4 * 1024;
pub(super) const LARGE_PIECE: usize = 64 * 1024;
/// What memory must be good for before there is more of it: a usual head.
pub(super) const MARGIN: usize = 2 * 1024;
/// The same where what was read is still in use, so that its memory cannot be used again.
pub(super) const NARROW_MARGIN: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) bytes: BytesMut,
    /// The other side has said its last word.
    pub(super) has_ended: bool,
    /// There may be memory for more than a head.
    is_large: bool,
}

impl Input {
    /// Reads more, up to `piece` bytes where there is less room than `margin`. Nothing comes after nothing has come.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        margin: usize,
        piece: usize,
    ) -> Poll<io::Result<usize>> {
        if self.has_ended {
            return Poll::Ready(Ok(0));
        }
        if self.bytes.capacity() - self.bytes.len() < margin {
            self.is_large |= piece > PIECE;
            self.bytes.reserve(piece);
        }
        let read = ready!(poll_read_buf(Pin::new(stream), cx, &mut self.bytes))?;
        self.has_ended = read == 0;
        Poll::Ready(Ok(read))
    }

    /// Gives back what a body needed, where nothing is left of it: a connection may be idle for long.
    pub(super) fn give_back(&mut self) {
        if self.is_large && self.bytes.is_empty() {
            self.bytes = BytesMut::new();
            self.is_large = false;
        }
    }
}
