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
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    Method, Request, Response, Uri,
    request::Parts,
    uri::{Authority, Scheme},
};
use http_body::{Body as _, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::breaker::Breakers;
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
    /// Others have just tried, again and again.
    #[error("no connection was tried: the last ones failed")]
    Resting,
    #[error("{0}")]
    Http(#[from] NoAnswer),
}

/// Connections to all backends of a gateway.
pub(in crate::gateway) struct Connections {
    connector: Connector,
    kept: PerWorker<Arc<Kept>>,
    breakers: Breakers,
}

impl Connections {
    pub(in crate::gateway) fn new(connector: Connector) -> Self {
        Self { connector, kept: PerWorker::new(Arc::default), breakers: Breakers::default() }
    }

    /// Sends a request, over a connection that was kept or a new one. Of its URL the path and the query are sent. One that may
    /// switch protocols gets a connection of its own.
    pub(super) async fn send(
        &self,
        origin: &Origin,
        request: Request<RequestBody>,
        may_switch: bool,
    ) -> Result<Response<Answer>, SendError> {
        let kept = self.kept.here();
        let (head, body) = request.into_parts();
        let mut body = Some(body).filter(|body| !body.is_end_stream());
        while let Some(mut link) = if may_switch { None } else { kept.take(origin) } {
            let repeats = body.is_none() && is_safe(&head);
            match link.ask(&head, body.take()).await {
                Ok(answer) => return Ok(answered(answer, link, origin, kept)),
                // The other side was about to close it.
                Err(NoAnswer::Closed(_)) if repeats => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut link = self.connect(origin).await?;
        let answer = link.ask(&head, body).await?;
        Ok(answered(answer, link, origin, kept))
    }

    async fn connect(&self, origin: &Origin) -> Result<Kind, SendError> {
        let attempt = self.breakers.attempt(origin).ok_or(SendError::Resting)?;
        let stream = match self.reach(origin).await {
            Ok(stream) => stream,
            Err(error) => {
                attempt.failed();
                return Err(SendError::Connect(error));
            }
        };
        attempt.succeeded();
        Ok(Box::new(Link::new(stream)))
    }

    async fn reach(&self, (scheme, authority): &Origin) -> Result<Stream, Box<dyn std::error::Error + Send + Sync>> {
        let mut place = http::uri::Parts::default();
        place.scheme = Some(scheme.clone());
        place.authority = Some(authority.clone());
        place.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        let place = Uri::from_parts(place)?;
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await?;
        Ok(match connector.call(place).await? {
            MaybeHttpsStream::Http(stream) => Stream::Clear(stream.into_inner()),
            MaybeHttpsStream::Https(stream) => Stream::Secure(Box::new(stream.into_inner())),
        })
    }
}

/// What may be asked a second time, because it asks for nothing to be done.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1>
fn is_safe(head: &Parts) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(&head.method)
}

/// Boxed, because it moves from hand to hand.
type Kind = Box<Link<Stream, RequestBody>>;

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
struct Kept(Mutex<Places>);

#[derive(Default)]
struct Places {
    /// With the time of its last use. The one that waits longest stands first.
    links: HashMap<Origin, VecDeque<(Kind, Instant)>>,
    is_swept: bool,
}

impl Kept {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, origin: &Origin) -> Option<Kind> {
        let mut places = self.places();
        let links = places.links.get_mut(origin)?;
        while let Some((mut link, since)) = links.pop_back() {
            if since.elapsed() < IDLE && link.is_free() {
                return Some(link);
            }
        }
        None
    }

    fn keep(self: &Arc<Self>, origin: Origin, mut link: Kind) {
        if !link.is_free() {
            return;
        }
        let mut places = self.places();
        let links = places.links.entry(origin).or_default();
        if links.len() < KEPT {
            links.push_back((link, Instant::now()));
        }
        if !places.is_swept {
            places.is_swept = true;
            tokio::spawn(Arc::clone(self).sweep());
        }
    }

    /// Closes what nobody wants any more, until nothing is left.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(IDLE / 2).await;
            let mut places = self.places();
            for links in places.links.values_mut() {
                links.retain_mut(|(link, since)| since.elapsed() < IDLE && link.is_free());
            }
            places.links.retain(|_, links| !links.is_empty());
            if places.links.is_empty() {
                places.is_swept = false;
                return;
            }
        }
    }
}

fn answered(head: http::response::Parts, link: Kind, origin: &Origin, kept: &Arc<Kept>) -> Response<Answer> {
    Response::from_parts(head, Answer { link: Some((link, origin.clone())), kept: Arc::clone(kept) })
}

/// The body of a backend's answer, which drives its connection.
pub(in crate::gateway) struct Answer {
    /// `None` after its end.
    link: Option<(Kind, Origin)>,
    kept: Arc<Kept>,
}

impl Answer {
    /// The connection, where both sides have agreed to speak something else.
    pub(super) fn upgraded(mut self) -> Option<Upgraded> {
        self.link.take().map(|(link, _)| link.upgraded())
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("link", &self.link).finish_non_exhaustive()
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().link {
            Some((link, _)) => link.poll_data(cx).map(|data| data.map(|data| data.map(Frame::data))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.link.as_ref().is_none_or(|(link, _)| link.is_done())
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.link.as_ref().map_or(Some(0), |(link, _)| link.exact());
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // What is left of an answer would be taken for the next one.
        if let Some((link, origin)) = self.link.take()
            && link.is_done()
        {
            self.kept.keep(origin, link);
        }
    }
}
