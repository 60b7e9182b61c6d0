//! Connections to backends. Each belongs to a thread of the gateway, and is driven by whoever uses it: by the request until its
//! answer's head is there, then by the answer's body. No task of its own stands between the two, so that a request wakes nobody.
//!
//! A connection whose answer was read to its end is kept for the next request to the same place. One that says something
//! unasked, is closed by the other side, or had its answer cut short, is not used again.
//! <https://www.rfc-editor.org/rfc/rfc9112#section-9.3>

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    Method, Response, Uri,
    request::Parts,
    uri::{Authority, Scheme},
};
use http_body::{Body as _, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::{alarm::Alarm, breaker::Breakers};
use crate::{
    gateway::{body::RequestBody, workers::PerWorker},
    web::http1::{
        BodyError, Upgraded,
        client::{Link, NoAnswer},
    },
};

/// How long a connection may be kept without a request.
const IDLE: Duration = Duration::from_secs(60);
/// Kept connections to one place, by thread.
const KEPT: usize = 256;

type Connector = HttpsConnector<HttpConnector>;
pub(super) type Origin = (Scheme, Authority);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("no connection: {0}")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer in time")]
    TimedOut,
    /// Others have just tried, again and again.
    #[error("no connection was tried: the last ones failed")]
    Resting,
    #[error("{0}")]
    Http(#[from] NoAnswer),
}

/// Connections to all backends of a gateway.
pub(in crate::gateway) struct Connections {
    threads: usize,
    connector: Connector,
    places: Mutex<HashMap<Origin, Weak<Place>>>,
    breakers: Breakers,
}

impl Connections {
    /// `threads` is how many serve connections.
    pub(in crate::gateway) fn new(threads: usize, connector: Connector) -> Self {
        Self { threads, connector, places: Mutex::default(), breakers: Breakers::default() }
    }

    /// The connections to one backend, which all that lead there share.
    pub(super) fn to(self: &Arc<Self>, origin: Origin) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, place| place.strong_count() > 0);
        if let Some(place) = places.get(&origin).and_then(Weak::upgrade) {
            return place;
        }
        let kept = PerWorker::new(self.threads, Kept::default);
        let place = Arc::new(Place { origin: origin.clone(), kept, connections: Arc::clone(self) });
        places.insert(origin, Arc::downgrade(&place));
        place
    }
}

/// Connections to one backend.
pub(in crate::gateway) struct Place {
    origin: Origin,
    kept: PerWorker<Kept>,
    connections: Arc<Connections>,
}

impl Place {
    /// Sends a request that began just now, over a connection that was kept or a new one, and waits until `deadline` for the
    /// answer's head, which takes the memory of the request's. Of its URL the path and the query are sent, and behind its headers
    /// more lines. One that may switch protocols gets a connection of its own.
    pub(super) async fn send(
        self: &Arc<Self>,
        (head, lines): (&mut Parts, &[u8]),
        body: RequestBody,
        may_switch: bool,
        began: Instant,
        deadline: Instant,
    ) -> Result<Response<Answer>, SendError> {
        let kept = self.kept.here();
        let mut body = Some(body).filter(|body| !body.is_end_stream());
        while let Some(mut line) = if may_switch { None } else { kept.take(began) } {
            let repeats = body.is_none() && is_safe(head);
            match line.ask(head, lines, body.take(), deadline).await {
                Ok(answer) => return Ok(self.answered(answer, line)),
                // The other side was about to close it.
                Err(SendError::Http(NoAnswer::Closed(_))) if repeats => {}
                Err(error) => return Err(error),
            }
        }
        let connected = tokio::time::timeout_at(deadline, self.connect()).await;
        let mut line = connected.unwrap_or(Err(SendError::TimedOut))?;
        let answer = line.ask(head, lines, body, deadline).await?;
        Ok(self.answered(answer, line))
    }

    fn answered(self: &Arc<Self>, head: http::response::Parts, line: Box<Line>) -> Response<Answer> {
        Response::from_parts(head, Answer { line: Some(line), place: Arc::clone(self) })
    }

    async fn connect(&self) -> Result<Box<Line>, SendError> {
        let attempt = self.connections.breakers.attempt(&self.origin).ok_or(SendError::Resting)?;
        let stream = match self.reach().await {
            Ok(stream) => stream,
            Err(error) => {
                attempt.failed();
                return Err(SendError::Connect(error));
            }
        };
        attempt.succeeded();
        Ok(Box::new(Line { link: Link::new(stream), alarm: Alarm::default(), asked: Instant::now() }))
    }

    async fn reach(&self) -> Result<Stream, Box<dyn std::error::Error + Send + Sync>> {
        let (scheme, authority) = &self.origin;
        let mut place = http::uri::Parts::default();
        place.scheme = Some(scheme.clone());
        place.authority = Some(authority.clone());
        place.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        let place = Uri::from_parts(place)?;
        let mut connector = self.connections.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await?;
        Ok(match connector.call(place).await? {
            MaybeHttpsStream::Http(stream) => Stream::Clear(stream.into_inner()),
            MaybeHttpsStream::Https(stream) => Stream::Secure(Box::new(stream.into_inner())),
        })
    }

    fn keep(self: &Arc<Self>, line: Box<Line>) {
        let mut waiting = self.kept.here().waiting();
        if waiting.lines.len() < KEPT {
            waiting.lines.push_back(line);
        }
        if !waiting.is_swept {
            waiting.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }
}

/// Closes what nobody wants any more on this thread, until nothing is left. What waits on has no memory but for heads.
async fn sweep(place: Weak<Place>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        // What belonged to a place that is gone has gone with it.
        let Some(place) = place.upgrade() else { return };
        let mut waiting = place.kept.here().waiting();
        let now = Instant::now();
        waiting.lines.retain_mut(|line| line.is_free(now));
        waiting.lines.iter_mut().for_each(|line| line.link.give_back());
        if waiting.lines.is_empty() {
            waiting.is_swept = false;
            return;
        }
    }
}

/// What may be asked a second time, because it asks for nothing to be done.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1>
fn is_safe(head: &Parts) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(&head.method)
}

/// A connection. Boxed, because it moves from hand to hand.
#[derive(Debug)]
struct Line {
    link: Link<Stream, RequestBody>,
    alarm: Alarm,
    /// When its last request began.
    asked: Instant,
}

impl Line {
    async fn ask(
        &mut self,
        head: &mut Parts,
        lines: &[u8],
        body: Option<RequestBody>,
        deadline: Instant,
    ) -> Result<http::response::Parts, SendError> {
        let Self { link, alarm, .. } = self;
        let mut answer = pin!(link.ask(head, lines, body));
        poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(answer.map_err(SendError::from)),
            Poll::Pending => alarm.poll(cx, deadline).map(|()| Err(SendError::TimedOut)),
        })
        .await
    }

    /// Whether it may be asked something else.
    fn is_free(&mut self, now: Instant) -> bool {
        now.duration_since(self.asked) < IDLE && self.link.is_free()
    }
}

#[derive(Debug)]
enum Stream {
    Clear(TcpStream),
    Secure(Box<TlsStream<TokioIo<TokioIo<TcpStream>>>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Secure(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// The connections of one thread that wait for their next request.
#[derive(Default)]
struct Kept(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// The one that waits longest stands first.
    lines: VecDeque<Box<Line>>,
    is_swept: bool,
}

impl Kept {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a request that begins now.
    fn take(&self, now: Instant) -> Option<Box<Line>> {
        let mut waiting = self.waiting();
        while let Some(mut line) = waiting.lines.pop_back() {
            if line.is_free(now) {
                line.asked = now;
                return Some(line);
            }
        }
        None
    }
}

/// The body of a backend's answer, which drives its connection.
pub(in crate::gateway) struct Answer {
    /// `None` after its end.
    line: Option<Box<Line>>,
    place: Arc<Place>,
}

impl Answer {
    /// The connection, where both sides have agreed to speak something else.
    pub(super) fn upgraded(mut self) -> Option<Upgraded> {
        self.line.take().map(|line| line.link.upgraded())
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("line", &self.line).finish_non_exhaustive()
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().line {
            Some(line) => line.link.poll_data(cx).map(|data| data.map(|data| data.map(Frame::data))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.line.as_ref().is_none_or(|line| line.link.is_done())
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.line.as_ref().map_or(Some(0), |line| line.link.exact());
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // What is left of an answer would be taken for the next one.
        if let Some(line) = self.line.take().filter(|line| line.link.may_go_on()) {
            self.place.keep(line);
        }
    }
}
