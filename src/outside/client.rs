//! The one client for requests to servers of others: small, quick, to the named place only.
//!
//! Redirects are not followed, nothing is unpacked, and an answer ends with its time or its size. Plain http is for this machine, and
//! for everything where [`Reach`] says so. A name is resolved and judged once, and the connection is made to what was judged: a name
//! that means another place a moment later leads nowhere else. No proxy is asked, whatever the environment says.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        Client as Connections,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use url::Url;

use super::Failure;
use crate::kit::{host::is_this_machine, reach::Reach, text::with_causes, trust::Trust};

/// A connection that nobody has used for so long is closed.
const IDLE: Duration = Duration::from_secs(10);
const IDLE_CONNECTIONS: usize = 32;

type Connector = HttpConnector<Resolver>;
type Resolving = Pin<Box<dyn Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send>>;

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// Where a name leads, whoever says so.
type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// Names, without the addresses that are not asked.
#[derive(Clone)]
struct Resolver {
    reach: Arc<Reach>,
    lookup: Lookup,
}

impl tower::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        let (reach, found) = (Arc::clone(&self.reach), (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let mut found = found.await?;
            found.retain(|found| reach.may_ask(found.ip()));
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, NoneToAsk));
            }
            Ok(found.into_iter())
        })
    }
}

/// As the machine has it.
fn system() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address that may be asked")]
struct NoneToAsk;

/// Asks. Clones share their connections. The default is development's, and believes the public authorities.
#[derive(Clone)]
pub struct Client {
    /// Or why TLS cannot be spoken, which whoever asks is told.
    connections: Result<Connections<HttpsConnector<Connector>, Full<Bytes>>, Arc<str>>,
    reach: Arc<Reach>,
    trust: Trust,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(Reach::far(), &Trust::default())
    }
}

/// How long an answer may take, from the first byte of the request to the last of the answer, and how large its body may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub time: Duration,
    pub bytes: usize,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Fails where the answer broke off or is too large. What its head says counts all the same.
    pub body: Result<Bytes, Failure>,
}

impl Client {
    /// Goes as far as `reach`, to whom `trust` takes for who they say they are.
    pub fn new(reach: Reach, trust: &Trust) -> Self {
        Self::with_lookup(reach, trust, system())
    }

    fn with_lookup(reach: Reach, trust: &Trust, lookup: Lookup) -> Self {
        let reach = Arc::new(reach);
        let resolver = Resolver { reach: Arc::clone(&reach), lookup };
        let connections = connections(resolver, trust).map_err(|error| error.to_string().into());
        Self { connections, reach, trust: trust.clone() }
    }

    /// Who is believed. For those who connect by themselves.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The same client, which speaks plain http to others where `allowed`, too.
    #[must_use]
    pub fn with_plain_http(&self, allowed: bool) -> Self {
        let plain_http = self.reach.plain_http || allowed;
        Self { reach: Arc::new(Reach { plain_http, ..Reach::clone(&self.reach) }), ..self.clone() }
    }

    /// Sends one request to `url` with the method, headers and body of `request`.
    pub async fn send(
        &self,
        url: &str,
        request: http::request::Builder,
        body: Bytes,
        limits: Limits,
    ) -> Result<Reply, Failure> {
        let uri = self.checked(url)?;
        let failed = |error: String| Failure::Connection(error);
        let mut request = request.uri(uri).body(Full::from(body)).map_err(|error| failed(error.to_string()))?;
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static("Poolhouse"));
        let connections = self.connections.as_ref().map_err(|error| failed(error.to_string()))?;
        let whole = send_unlimited(connections, request, limits.bytes);
        let reply = tokio::time::timeout(limits.time, whole).await.map_err(|_| Failure::Timeout(limits.time))?;
        reply.map_err(|error| if is_refusal(&error) { refused(url) } else { failed(with_causes(&error)) })
    }

    /// A number in an address is judged here, as is a name of this machine; another name when it is resolved.
    pub(super) fn checked(&self, address: &str) -> Result<Uri, Failure> {
        let refuse = || refused(address);
        let url = Url::parse(address).map_err(|_| refuse())?;
        let host = url.host_str().ok_or_else(refuse)?;
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_safe = match url.scheme() {
            "https" => true,
            "http" => {
                self.reach.plain_http
                    || is_this_machine(host)
                    || literal.is_some_and(|at| at.to_canonical().is_loopback())
            }
            _ => false,
        };
        if !is_safe || !self.reach.may_ask_url(&url) || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse());
        }
        url.as_str().parse().map_err(|_| refuse())
    }
}

async fn send_unlimited(
    connections: &Connections<HttpsConnector<Connector>, Full<Bytes>>,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Reply, hyper_util::client::legacy::Error> {
    let (head, body) = connections.request(request).await?.into_parts();
    let body = Limited::new(body, most).collect().await.map(http_body_util::Collected::to_bytes);
    let body =
        body.map_err(|error| if error.is::<LengthLimitError>() { Failure::TooLarge(most) } else { Failure::Body });
    Ok(Reply { status: head.status, headers: head.headers, body })
}

fn refused(address: &str) -> Failure {
    Failure::Address(address.to_owned())
}

fn connections(
    resolver: Resolver,
    trust: &Trust,
) -> Result<Connections<HttpsConnector<Connector>, Full<Bytes>>, rustls::Error> {
    let mut http = HttpConnector::new_with_resolver(resolver);
    http.enforce_http(false);
    http.set_nodelay(true);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(trust.client()?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(Connections::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build(connector))
}

/// Whether nobody was asked, for where the name leads.
fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    matches!(inner, Some(inner) if inner.is::<NoneToAsk>()) || error.source().is_some_and(is_refusal)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::kit::network::Block;

    const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 1 };

    fn near(allow: &[&str]) -> Client {
        let allow = allow.iter().map(|block| Block::parse(block).unwrap()).collect();
        Client::new(Reach::public_and(allow), &Trust::default())
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        let outside = near(&["127.0.0.0/8", "10.0.0.0/8"]);
        for url in ["https://a.example/x", "http://localhost:1/x", "http://127.0.0.9:9", "https://10.0.0.1"] {
            assert!(outside.checked(url).is_ok(), "{url}");
        }
        for url in
            ["http://a.example", "http://10.0.0.1", "ftp://localhost", "file:///etc/passwd", "https://u@a.example"]
        {
            assert!(outside.checked(url).is_err(), "{url}");
        }
        assert!(outside.with_plain_http(true).checked("http://a.example").is_ok());
        let development = Client::default();
        assert!(development.checked("http://a.example").is_ok());
        for url in ["http://169.254.169.254/latest", "http://0xA9FEA9FE/", "http://[fe80::1]/", "https://0.0.0.0/"] {
            assert!(development.checked(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn production_asks_no_private_address_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "127.1",
            "[::1]",
            "0.0.0.0",
            "0",
            "169.254.169.254",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.0.0.1.",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[::]",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "[fd00::1]",
            "[fe80::1]",
            "224.0.0.1",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "%6cocalhost",
            "a.localhost",
        ] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:9/");
                let refused = near(&[]).send(&url, Request::builder(), Bytes::new(), LIMITS).await.unwrap_err();
                assert!(matches!(refused, Failure::Address(_)), "{url}: {refused}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_named_is_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = tokio::spawn(async move {
            for _ in 0..3 {
                listener.accept().await.unwrap();
            }
        });
        let client = near(&["127.0.0.0/8"]);
        for host in ["127.0.0.1", "localhost", "2130706433"] {
            let url = format!("http://{host}:{port}/");
            let failed = client.send(&url, Request::builder(), Bytes::new(), LIMITS).await.unwrap_err();
            assert!(matches!(failed, Failure::Connection(_)), "{host}: {failed}");
        }
        accepted.await.unwrap();
    }

    /// A client for whom every name leads to the next of these, and how often it has looked.
    fn with_names(allow: &[&str], leads: &'static [&'static [&'static str]]) -> (Client, Arc<AtomicUsize>) {
        let looked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&looked);
        let lookup: Lookup = Arc::new(move |_| {
            let at = count.fetch_add(1, Ordering::SeqCst);
            let found = leads[at].iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
            Box::pin(async move { Ok(found) })
        });
        let allow = allow.iter().map(|block| Block::parse(block).unwrap()).collect();
        let reach = Reach { plain_http: true, ..Reach::public_and(allow) };
        (Client::with_lookup(reach, &Trust::default(), lookup), looked)
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_leads_to() {
        const LEADS: &[&[&str]] = &[&["10.0.0.1", "::1"], &["169.254.169.254"], &["::ffff:7f00:1"], &[]];
        let (client, looked) = with_names(&[], LEADS);
        for _ in LEADS {
            let refused =
                client.send("https://a.example/", Request::builder(), Bytes::new(), LIMITS).await.unwrap_err();
            assert!(matches!(refused, Failure::Address(_)), "{refused}");
        }
        assert_eq!(looked.load(Ordering::SeqCst), LEADS.len());
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_after_it_was_judged_leads_nowhere() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://rebinds.example:{}/", listener.local_addr().unwrap().port());
        let inside = tokio::net::TcpListener::bind(("127.0.0.2", listener.local_addr().unwrap().port())).await.unwrap();
        // 127.0.0.1 stands for a public address, 127.0.0.2 for one of the network.
        let (client, looked) =
            with_names(&["127.0.0.1"], &[&["127.0.0.2", "127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]]);
        let server = tokio::spawn(async move {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 4096];
                assert!(stream.read(&mut buffer).await.unwrap() > 0);
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        });
        for (index, is_told) in [true, false, true].into_iter().enumerate() {
            let told = client.send(&url, Request::builder(), Bytes::new(), LIMITS).await;
            assert_eq!(told.is_ok(), is_told, "{index}: {told:?}");
            // Once for each connection: what was judged is what was connected to.
            assert_eq!(looked.load(Ordering::SeqCst), index + 1);
        }
        server.await.unwrap();
        let nobody = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
        assert!(nobody.is_err(), "somebody came in");
    }
}
