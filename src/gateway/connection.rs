//! One connection of the gateway from its first byte to its end: hands are shaken where the listener has TLS, and then HTTP is
//! spoken.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderValue, Request};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{
    Gateway,
    secure::{self, Secure},
    serve::HEAD_LIMIT,
    workers::Room,
};
use crate::web::{
    connection::{self, Outcome, Sizes},
    http1::OnUpgrade,
    pace::Patience,
    tls::HANDSHAKE_TIMEOUT,
};

/// In HTTP/2's count every field weighs 32 bytes more than its text. What passes is measured again, by HTTP/1.1's count.
const SIZES: Sizes = Sizes { head: HEAD_LIMIT, header_list: 2 * 10_240, streams: 100 };

/// Who is connected, and how.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) peer: SocketAddr,
    /// Their address, for backends.
    pub(super) address: HeaderValue,
    /// `None` in clear text.
    pub(super) secure: Option<Arc<Secure>>,
}

impl Caller {
    /// Somebody without TLS.
    pub fn plain(peer: SocketAddr) -> Self {
        Self::new(peer, None)
    }

    pub(super) fn new(peer: SocketAddr, secure: Option<Arc<Secure>>) -> Self {
        let address = HeaderValue::try_from(peer.ip().to_canonical().to_string());
        Self { peer, address: address.unwrap_or(HeaderValue::from_static("unknown")), secure }
    }
}

/// What is spoken, for the gateway's requests.
pub(super) struct Protocols(connection::Protocols);

impl Protocols {
    pub(super) fn new(patience: Patience) -> Self {
        Self(connection::Protocols::new(SIZES, patience))
    }

    /// Serves one connection, after `shutdown` until its requests in flight are answered.
    pub(super) async fn serve(
        &self,
        gateway: Arc<Gateway>,
        stream: TcpStream,
        (peer, place): (SocketAddr, Room),
        shutdown: &CancellationToken,
    ) -> Outcome {
        if gateway.serving().tls.is_some() {
            // Far larger than what a connection in clear text needs.
            return Box::pin(self.secure(gateway, stream, (peer, place), shutdown)).await;
        }
        let caller = Caller::plain(peer);
        let answer = move |request| gateway.handle(with_room(request, &place), caller.clone());
        self.0.serve_clear(stream, answer, shutdown).await
    }

    async fn secure(
        &self,
        gateway: Arc<Gateway>,
        stream: TcpStream,
        (peer, place): (SocketAddr, Room),
        shutdown: &CancellationToken,
    ) -> Outcome {
        let current = |name: Option<&str>| gateway.serving().tls.as_ref().map(|tls| tls.for_name(name));
        let (stream, secure) = tokio::select! {
            biased;
            shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, secure::accept(stream, current)) => shaken??,
            () = shutdown.cancelled() => return Ok(()),
        };
        let caller = Caller::new(peer, Some(Arc::new(secure)));
        let answer = move |request| gateway.handle(with_room(request, &place), caller.clone());
        self.0.serve_secure(stream, answer, shutdown).await
    }
}

/// Lends the connection's place to a request that may make another protocol of it.
fn with_room<B>(mut request: Request<B>, place: &Room) -> Request<B> {
    if request.extensions().get::<OnUpgrade>().is_some() {
        request.extensions_mut().insert(Arc::clone(place));
    }
    request
}
