//! The body of a request, read while it comes.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::decoder::BadChunks;

/// Why a body has no end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the next piece did not come in time")]
    TooSlow,
    #[error("the connection ended before the body did")]
    BrokenOff,
    #[error("{0}")]
    Chunks(#[from] BadChunks),
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Of an answer that began before its request was sent.
    #[error("{0}")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0}")]
    Http2(#[from] hyper::Error),
}

/// Where a body comes from.
pub(super) trait Source: Send + Sync {
    fn poll_data(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>>;

    /// What is known to come.
    fn exact(&self) -> Option<u64>;

    fn is_done(&self) -> bool;

    /// Nobody reads any more.
    fn leave(&self);
}

/// The body of a request. A client that waits to be told to send it is told at the first look.
pub struct Incoming(Option<Arc<dyn Source>>);

impl Incoming {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Self(Some(source))
    }

    /// No body.
    pub fn empty() -> Self {
        Self(None)
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &self.0 {
            Some(source) => source.poll_data(cx).map(|data| data.map(|data| data.map(Frame::data))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|source| source.is_done())
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.0.as_ref().map_or(Some(0), |source| source.exact());
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(source) = &self.0 {
            source.leave();
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("has_source", &self.0.is_some()).finish()
    }
}
