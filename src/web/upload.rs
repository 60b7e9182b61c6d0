//! The body of a request, by whichever protocol it comes.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::http1::{BodyError, Incoming};

/// The body of a request. One that comes too slowly ends with [`BodyError::TooSlow`].
#[derive(Debug)]
pub struct Upload(Protocol);

#[derive(Debug)]
enum Protocol {
    Http1(Incoming),
    Http2(hyper::body::Incoming),
}

impl From<Incoming> for Upload {
    fn from(body: Incoming) -> Self {
        Self(Protocol::Http1(body))
    }
}

impl From<hyper::body::Incoming> for Upload {
    fn from(body: hyper::body::Incoming) -> Self {
        Self(Protocol::Http2(body))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Protocol::Http1(body) => Pin::new(body).poll_frame(cx),
            Protocol::Http2(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Protocol::Http1(body) => body.is_end_stream(),
            Protocol::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Protocol::Http1(body) => body.size_hint(),
            Protocol::Http2(body) => body.size_hint(),
        }
    }
}
