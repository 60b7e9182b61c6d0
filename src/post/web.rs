//! Calls to applications: one request with a small answer, within a few seconds. Redirects are not followed, and nothing is
//! unpacked. Which addresses may be called is decided by whoever takes them.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use super::Undelivered;
use crate::kit::{text::with_causes, trust::Trust};

type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

const TIMEOUT: Duration = Duration::from_secs(5);
const MOST_ANSWER: usize = 64 * 1024;

/// Connects when it is first used.
#[derive(Default)]
pub(super) struct Web {
    trust: Trust,
    made: OnceLock<Connections>,
}

impl Web {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, made: OnceLock::new() }
    }

    pub(super) async fn post_form(&self, url: &str, form: String) -> Result<StatusCode, Undelivered> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::USER_AGENT, "Poolhouse")
            .body(Full::from(form))
            .map_err(|error| Undelivered::Ever(error.to_string()))?;
        Ok(self.send(request).await?.0)
    }

    pub(super) async fn get(&self, url: &str) -> Result<Bytes, Undelivered> {
        let request = Request::builder()
            .uri(url)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "Poolhouse")
            .body(Full::default())
            .map_err(|error| Undelivered::Ever(error.to_string()))?;
        match self.send(request).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(Undelivered::Yet(format!("the answer was {status}"))),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Undelivered> {
        let yet = |error: String| Undelivered::Yet(error);
        let connections = self.connections().map_err(|error| yet(error.to_string()))?;
        let whole = async {
            let (head, body) =
                connections.request(request).await.map_err(|error| yet(with_causes(&error)))?.into_parts();
            let body = Limited::new(body, MOST_ANSWER).collect().await;
            let body = body.map_err(|_| yet(format!("the answer broke off or is over {MOST_ANSWER} bytes")))?;
            Ok((head.status, body.to_bytes()))
        };
        let answer = tokio::time::timeout(TIMEOUT, whole).await;
        answer.map_err(|_| yet(format!("no answer within {} s", TIMEOUT.as_secs())))?
    }

    fn connections(&self) -> Result<&Connections, rustls::Error> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(self.trust.client()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let made = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(10))
            .build(connector);
        Ok(self.made.get_or_init(|| made))
    }
}
