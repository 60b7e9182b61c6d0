//! Bodies on their way through: requests up to the limit, responses as they come. Trailers are dropped in both directions,
//! since they could carry what the header was checked for.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{integration::Answer, refusal::Refusal};
use crate::web::{
    http1::BodyError as Broken,
    upload::Upload,
    whole::{NotWhole, whole},
};

/// API Gateway's limit for a request body.
pub const BODY_LIMIT: u64 = 10 * 1024 * 1024;

/// The body of an answer: bytes at hand, or a stream from a backend.
#[derive(Debug)]
pub struct Body(Source);

#[derive(Debug)]
enum Source {
    Bytes(Bytes),
    Backend(Answer),
}

impl Body {
    pub(super) fn backend(body: Answer) -> Self {
        Self(Source::Backend(body))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Source::Bytes(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.get_mut().0 {
            Source::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Backend(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Bytes(bytes) => bytes.is_empty(),
            Source::Backend(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Backend(body) => body.size_hint(),
        }
    }
}

/// The client's body: still on its way, or read because something in it was asked for.
#[derive(Debug)]
pub(super) enum Inbound {
    Stream(Upload),
    Read(Bytes),
}

impl Inbound {
    /// The whole body, within the limits of size and `time`.
    pub(super) async fn read(self, time: Duration) -> Result<Bytes, Refusal> {
        let stream = match self {
            Self::Read(bytes) => return Ok(bytes),
            Self::Stream(stream) => stream,
        };
        let limit = usize::try_from(BODY_LIMIT).unwrap_or(usize::MAX);
        whole(stream, limit, time).await.map_err(|error| match error {
            NotWhole::Slow | NotWhole::Broken(Broken::TooSlow) => Refusal::SlowBody,
            NotWhole::TooLarge => Refusal::TooLarge,
            NotWhole::Broken(_) => Refusal::BadRequest(error.to_string()),
        })
    }
}

impl http_body::Body for Inbound {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Stream(stream) => Pin::new(stream).poll_frame(cx),
            Self::Read(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Read(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.is_end_stream(),
            Self::Read(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Stream(stream) => stream.size_hint(),
            Self::Read(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

/// The client's body on its way to a backend. Its length is held against the limit up front when it was announced, and while
/// it streams when it was not.
#[derive(Debug)]
pub(super) struct RequestBody {
    source: Option<Inbound>,
    left: u64,
    fault: Option<Fault>,
}

/// What is wrong with a body, for those who see only that it did not arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct Fault(Arc<AtomicU8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It went past the limit while it streamed.
    TooLarge = 1,
    /// It broke off, or its chunks make no sense.
    Broken = 2,
    /// The next piece has not come.
    Missing = 3,
}

impl Fault {
    fn set(&self, found: Option<Found>) {
        self.0.store(found.map_or(0, |found| found as u8), Ordering::Relaxed);
    }

    pub(super) fn found(&self) -> Option<Found> {
        let found = self.0.load(Ordering::Relaxed);
        [Found::TooLarge, Found::Broken, Found::Missing].into_iter().find(|one| *one as u8 == found)
    }
}

/// The announced length is over the limit.
#[derive(Debug)]
pub(super) struct TooLarge;

impl RequestBody {
    pub(super) fn new(body: Inbound) -> Result<Self, TooLarge> {
        use http_body::Body as _;
        let (source, fault) = match body.size_hint().exact() {
            Some(0) => (None, None),
            Some(length) if length > BODY_LIMIT => return Err(TooLarge),
            _ => (Some(body), Some(Fault::default())),
        };
        Ok(Self { source, left: BODY_LIMIT, fault })
    }

    /// What tells later whether the body is why there is no answer. `None` where there is no body.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.clone()
    }

    fn end(&mut self, found: Found) {
        if let Some(fault) = &self.fault {
            fault.set(Some(found));
        }
        self.source = None;
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(source) = &mut this.source else { return Poll::Ready(None) };
        let frame = Pin::new(source).poll_frame(cx);
        if let Some(fault) = &this.fault {
            fault.set(frame.is_pending().then_some(Found::Missing));
        }
        let frame = std::task::ready!(frame);
        let Some(frame) = without_trailers(frame) else { return Poll::Ready(None) };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                this.end(if matches!(error, Broken::TooSlow) { Found::Missing } else { Found::Broken });
                return Poll::Ready(Some(Err(BodyError::Client(error))));
            }
        };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(left) = this.left.checked_sub(length) else {
            this.end(Found::TooLarge);
            return Poll::Ready(Some(Err(BodyError::TooLarge)));
        };
        this.left = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.source.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.source.as_ref().map_or(SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

/// Why a request body ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the client's body broke off: {0}")]
    Client(Broken),
    #[error("the request body is too large")]
    TooLarge,
}

fn without_trailers(frame: Option<Result<Frame<Bytes>, Broken>>) -> Option<Result<Frame<Bytes>, Broken>> {
    match frame {
        Some(Ok(frame)) if frame.is_trailers() => None,
        frame => frame,
    }
}

/// Refuses a body that is announced to be too large, before anybody is asked about it.
pub(super) fn check_length(body: &Upload) -> Result<(), Refusal> {
    use http_body::Body as _;
    let is_too_large = body.size_hint().exact().is_some_and(|length| length > BODY_LIMIT);
    if is_too_large { Err(Refusal::TooLarge) } else { Ok(()) }
}
