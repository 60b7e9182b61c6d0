//! The body of a request, by whichever protocol it comes.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::http1::{BodyError, Incoming, Spelling};

/// The body of a request. One that comes too slowly ends with [`BodyError::TooSlow`].
#[derive(Debug)]
pub struct Upload {
    body: Protocol,
    /// In HTTP/2 there are small letters only.
    spelling: Option<Spelling>,
}

#[derive(Debug)]
enum Protocol {
    Http1(Incoming),
    Http2(hyper::body::Incoming),
}

impl Upload {
    pub(super) fn http1(body: Incoming, spelling: Spelling) -> Self {
        Self { body: Protocol::Http1(body), spelling: Some(spelling) }
    }

    pub(super) fn http2(body: hyper::body::Incoming) -> Self {
        Self { body: Protocol::Http2(body), spelling: None }
    }

    /// How the client writes its headers' names.
    pub fn spelling(&self) -> Option<&Spelling> {
        self.spelling.as_ref()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().body {
            Protocol::Http1(body) => Pin::new(body).poll_frame(cx),
            Protocol::Http2(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Protocol::Http1(body) => body.is_end_stream(),
            Protocol::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Protocol::Http1(body) => body.size_hint(),
            Protocol::Http2(body) => body.size_hint(),
        }
    }
}
