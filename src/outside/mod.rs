//! Requests to servers of others, on the way of somebody who waits: small, quick, to the named place only.
//!
//! Redirects are not followed and nothing is decompressed. Plain http is for this machine, and for everything in development.
//! What is asked for often, keys and descriptions of issuers, is kept for a while.

mod address;
mod documents;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;
use url::Url;

use crate::kit::{clock::Time, host::is_this_machine, text::with_causes, trust::Trust};
use documents::Documents;

/// All of one request. A person waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the address {0} may not be asked")]
    Address(String),
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("the connection failed: {0}")]
    Connection(String),
    #[error("status {0}")]
    Status(StatusCode),
    #[error("the answer broke off or is over {MOST_BYTES} bytes")]
    Body,
    #[error("the answer is not JSON")]
    Json,
}

type Connector = HttpConnector<tower::util::ServiceFn<fn(Name) -> Resolving>>;
type Resolving = BoxFuture<std::io::Result<std::vec::IntoIter<std::net::SocketAddr>>>;
type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;
type HttpClient = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// Asks.
pub struct Outside {
    /// Or why TLS cannot be spoken, which whoever asks is told.
    client: Result<HttpClient, rustls::Error>,
    documents: Documents,
    /// Whether plain http is spoken to other machines too.
    allows_http: bool,
}

/// What is asked.
#[derive(Debug, Default)]
pub struct Question<'a> {
    pub url: &'a str,
    /// A form, which is posted.
    pub form: Option<&'a [(&'a str, &'a str)]>,
    pub bearer: Option<&'a str>,
    /// Media types that are understood; JSON where nothing is said.
    pub accept: Option<&'static str>,
}

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    /// As it was sent, parameters included; empty for none.
    pub media_type: String,
    pub body: Bytes,
}

impl Outside {
    pub fn new(allows_http: bool, trust: &Trust) -> Self {
        Self { client: client(trust), documents: Documents::default(), allows_http }
    }

    /// A public document, if need be as it was up to `age` ago.
    pub async fn document(&self, url: &str, (now, age): (Time, Duration)) -> Result<Arc<Value>, Failure> {
        if let Some(document) = self.documents.get(url, (now, age)) {
            return Ok(document);
        }
        let document = Arc::new(self.ask_json(Question { url, ..Question::default() }).await?);
        self.documents.put(url, (now, Arc::clone(&document)));
        Ok(document)
    }

    /// A good answer. Any other status than 200 is a failure.
    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, Failure> {
        tokio::time::timeout(TIMEOUT, self.ask_unlimited(question)).await.map_err(|_| Failure::Timeout)?
    }

    /// The same for an answer in JSON.
    pub async fn ask_json(&self, question: Question<'_>) -> Result<Value, Failure> {
        let answer = self.ask(question).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Json)
    }

    async fn ask_unlimited(&self, question: Question<'_>) -> Result<Answer, Failure> {
        let uri = self.checked(question.url)?;
        let mut request = Request::builder()
            .method(if question.form.is_some() { Method::POST } else { Method::GET })
            .uri(uri)
            .header(header::ACCEPT, question.accept.unwrap_or("application/json"))
            .header(header::USER_AGENT, "Poolhouse");
        if let Some(token) = question.bearer {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| Failure::Connection("the token is no header text".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut body = Bytes::new();
        if let Some(form) = question.form {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into();
        }
        let request = request.body(Full::from(body)).map_err(|error| Failure::Connection(error.to_string()))?;
        let client = self.client.as_ref().map_err(|error| Failure::Connection(error.to_string()))?;
        let answer = client.request(request).await;
        let (head, body) = answer.map_err(|error| Failure::Connection(with_causes(&error)))?.into_parts();
        if head.status != StatusCode::OK {
            return Err(Failure::Status(head.status));
        }
        let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        let body = Limited::new(body, MOST_BYTES).collect().await.map_err(|_| Failure::Body)?;
        Ok(Answer { media_type, body: body.to_bytes() })
    }

    fn checked(&self, address: &str) -> Result<Uri, Failure> {
        let refuse = || Failure::Address(address.to_owned());
        let url = Url::parse(address).map_err(|_| refuse())?;
        let host = url.host_str().ok_or_else(refuse)?;
        let is_safe = match url.scheme() {
            "https" => true,
            "http" => self.allows_http || is_this_machine(host),
            _ => false,
        };
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_safe = is_safe && literal.map_or(true, address::may_be_asked);
        if !is_safe || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse());
        }
        url.as_str().parse().map_err(|_| refuse())
    }
}

fn client(trust: &Trust) -> Result<HttpClient, rustls::Error> {
    let resolve: fn(Name) -> Resolving = |name| Box::pin(address::resolve(name));
    let mut http = HttpConnector::new_with_resolver(tower::service_fn(resolve));
    http.enforce_http(false);
    http.set_nodelay(true);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(trust.client()?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(10))
        .pool_max_idle_per_host(2)
        .build(connector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        let outside = Outside::new(false, &Trust::default());
        for url in ["https://a.example/x", "http://localhost:1/x", "http://127.0.0.1:9"] {
            assert!(outside.checked(url).is_ok(), "{url}");
        }
        for url in
            ["http://a.example", "http://10.0.0.1", "ftp://localhost", "file:///etc/passwd", "https://u@a.example"]
        {
            assert!(outside.checked(url).is_err(), "{url}");
        }
        let development = Outside::new(true, &Trust::default());
        assert!(development.checked("http://a.example").is_ok());
        for url in ["http://169.254.169.254/latest", "http://0xA9FEA9FE/", "http://[fe80::1]/", "https://0.0.0.0/"] {
            assert!(development.checked(url).is_err(), "{url}");
        }
    }
}
