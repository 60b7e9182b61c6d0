//! Connections to backends. Each belongs to a thread of the gateway, and is driven by whoever uses it: by the request until its
//! answer's head is there, then by the answer's body. No task of its own stands between the two, so that a request wakes nobody.
//!
//! A connection whose answer was read to its end is kept for the next request to the same place. One that says something
//! unasked, is closed by the other side, or had its answer cut short, is not used again.
//! <https://www.rfc-editor.org/rfc/rfc9112#section-9.3>

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    Request, Response, Uri,
    uri::{Authority, Scheme},
};
use http_body::{Body as _, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Connection, SendRequest, handshake},
    },
};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::Service;

use super::breaker::Breakers;
use crate::gateway::{body::RequestBody, workers::PerWorker};

/// How long a connection may be kept without a request.
const IDLE: Duration = Duration::from_secs(60);
/// Kept connections to one place, by thread.
const KEPT: usize = 256;

type Connector = HttpsConnector<HttpConnector>;
type Io = <Connector as Service<Uri>>::Response;
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
    Http(#[from] hyper::Error),
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

    /// Sends a request whose URL is absolute, over a connection that was kept or a new one.
    pub(super) async fn send(
        &self,
        origin: Origin,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Answer>, SendError> {
        let kept = self.kept.here();
        while let Some(mut link) = kept.take(&origin) {
            match link.exchange(request).await {
                Ok(response) => return Ok(answer(response, link, origin, kept)),
                // The other side closed it before it took anything of the request.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut link = self.connect(&origin).await?;
        match link.exchange(request).await {
            Ok(response) => Ok(answer(response, link, origin, kept)),
            Err(error) => Err(error.into_error().into()),
        }
    }

    /// Sends a request that may switch protocols, over a connection of its own.
    pub(super) async fn open(
        &self,
        origin: &Origin,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let Link { mut sender, connection, .. } = self.connect(origin).await?;
        if let Some(connection) = connection {
            tokio::spawn(async move {
                if let Err(error) = connection.with_upgrades().await {
                    tracing::debug!(%error, "a connection to a backend ended");
                }
            });
        }
        Ok(sender.send_request(request).await?)
    }

    async fn connect(&self, origin: &Origin) -> Result<Link, SendError> {
        let attempt = self.breakers.attempt(origin).ok_or(SendError::Resting)?;
        let io = match self.reach(origin).await {
            Ok(io) => io,
            Err(error) => {
                attempt.failed();
                return Err(SendError::Connect(error));
            }
        };
        attempt.succeeded();
        let (sender, connection) = handshake(io).await?;
        Ok(Link { sender, connection: Some(Box::new(connection)), since: Instant::now() })
    }

    async fn reach(&self, (scheme, authority): &Origin) -> Result<Io, Box<dyn std::error::Error + Send + Sync>> {
        let mut place = http::uri::Parts::default();
        place.scheme = Some(scheme.clone());
        place.authority = Some(authority.clone());
        place.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        let place = Uri::from_parts(place)?;
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await?;
        connector.call(place).await
    }
}

/// One connection.
struct Link {
    sender: SendRequest<RequestBody>,
    /// `None` after its end.
    connection: Option<Box<Connection<Io, RequestBody>>>,
    /// When it was last used.
    since: Instant,
}

impl Link {
    fn drive(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = &mut self.connection else { return };
        if let Poll::Ready(outcome) = Pin::new(connection).poll(cx) {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection to a backend ended");
            }
            self.connection = None;
        }
    }

    async fn exchange(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let connection = &mut self.connection;
        poll_fn(|cx| {
            if let Some(driven) = connection
                && Pin::new(driven).poll(cx).is_ready()
            {
                // Why it ended, the answer says.
                *connection = None;
            }
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Whether another request may be sent. Sees what the other side has said or closed meanwhile.
    fn is_free(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// The connections of one thread that wait for their next request.
#[derive(Default)]
struct Kept(Mutex<Places>);

#[derive(Default)]
struct Places {
    /// The one that waits longest stands first.
    links: HashMap<Origin, VecDeque<Link>>,
    is_swept: bool,
}

impl Kept {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, origin: &Origin) -> Option<Link> {
        let mut places = self.places();
        let links = places.links.get_mut(origin)?;
        while let Some(mut link) = links.pop_back() {
            if link.since.elapsed() < IDLE && link.is_free() {
                return Some(link);
            }
        }
        None
    }

    fn keep(self: &Arc<Self>, origin: Origin, mut link: Link) {
        if !link.is_free() {
            return;
        }
        link.since = Instant::now();
        let mut places = self.places();
        let links = places.links.entry(origin).or_default();
        if links.len() < KEPT {
            links.push_back(link);
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
                links.retain_mut(|link| link.since.elapsed() < IDLE && link.is_free());
            }
            places.links.retain(|_, links| !links.is_empty());
            if places.links.is_empty() {
                places.is_swept = false;
                return;
            }
        }
    }
}

fn answer(response: Response<Incoming>, link: Link, origin: Origin, kept: &Arc<Kept>) -> Response<Answer> {
    response.map(|body| Answer { body, link: Some((link, origin)), kept: Arc::clone(kept) })
}

/// The body of a backend's answer, which drives its connection.
pub(in crate::gateway) struct Answer {
    body: Incoming,
    link: Option<(Link, Origin)>,
    kept: Arc<Kept>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("body", &self.body).finish_non_exhaustive()
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        if let Some((link, _)) = &mut this.link {
            link.drive(cx);
        }
        Pin::new(&mut this.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // What is left of an answer would be taken for the next one.
        if let Some((link, origin)) = self.link.take()
            && self.body.is_end_stream()
        {
            self.kept.keep(origin, link);
        }
    }
}
