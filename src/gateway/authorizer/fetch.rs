//! Fetching the public documents of foreign issuers: small, quick, from the named place only.
//!
//! Redirects are not followed and nothing is decompressed. Plain http is refused unless the host is a loopback address, so that
//! keys cannot be changed on the way. Time and size limits are API Gateway's.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use url::{Host, Url};

use crate::outside::{Client, Failure, Limits};

const LIMITS: Limits = Limits { time: Duration::from_millis(1500), bytes: 150_000 };

/// Why an address may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("it is not a URL")]
    Form,
    #[error("only https is accepted, and http for loopback addresses")]
    Scheme,
    #[error("it has no host")]
    Host,
    #[error("it must not hold a user name or a password")]
    UserInfo,
    #[error("it must not have a fragment")]
    Fragment,
}

/// Whether we may connect to `url`. `insecure` allows plain http everywhere.
pub fn check_url(url: &str, insecure: bool) -> Result<Url, UrlError> {
    let url = Url::parse(url).map_err(|_| UrlError::Form)?;
    let loopback = match url.host().ok_or(UrlError::Host)? {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => IpAddr::V4(address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(address).is_loopback(),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback || insecure => {}
        _ => return Err(UrlError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    Ok(url)
}

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Url(#[from] UrlError),
    #[error("{0}")]
    Answer(#[from] Failure),
}

/// The client for issuers' documents.
pub(in crate::gateway) struct Fetcher {
    client: Client,
    insecure: bool,
}

impl Fetcher {
    pub(in crate::gateway) fn new(client: &Client, insecure: bool) -> Self {
        Self { client: client.with_plain_http(insecure), insecure }
    }

    pub(super) async fn get(&self, url: &str) -> Result<(HeaderMap, Bytes), FetchError> {
        let url = check_url(url, self.insecure)?;
        let request = Request::builder().header(header::ACCEPT, "application/json");
        let reply = self.client.send(url.as_str(), request, Bytes::new(), LIMITS).await?;
        if reply.status != StatusCode::OK {
            return Err(Failure::Status(reply.status).into());
        }
        Ok((reply.headers, reply.body?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback() {
        for url in [
            "https://a.example/x",
            "http://localhost:1/x",
            "http://a.localhost",
            "http://127.0.0.1:9",
            "http://[::1]:9",
        ] {
            assert!(check_url(url, false).is_ok(), "{url}");
        }
        for url in ["http://a.example", "http://10.0.0.1", "ftp://localhost", "http://localhost.example"] {
            assert_eq!(check_url(url, false), Err(UrlError::Scheme), "{url}");
        }
        assert!(check_url("http://a.example", true).is_ok());
    }

    #[test]
    fn credentials_and_fragments_are_refused() {
        assert_eq!(check_url("https://u@a.example", true), Err(UrlError::UserInfo));
        assert_eq!(check_url("https://a.example/#x", true), Err(UrlError::Fragment));
        assert_eq!(check_url("a.example", true), Err(UrlError::Form));
        assert_eq!(check_url("data:x", true), Err(UrlError::Host));
    }
}
