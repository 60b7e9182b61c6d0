//! One request on its way through the phases, with what each phase found.

use std::{net::SocketAddr, ops::Range, time::Instant};

use base64::{Engine, prelude::BASE64_URL_SAFE};
use http::{HeaderValue, header, request::Parts};

use super::{Api, Route, authorizer::Principal};
use crate::kit::{clock::Time, random::Random};

#[derive(Debug)]
pub(super) struct Exchange<'g> {
    pub(super) head: Parts,
    pub(super) peer: SocketAddr,
    /// The same in the header `apigw-requestid`, the event and the log.
    pub(super) id: String,
    pub(super) at: Time,
    pub(super) began: Instant,
    pub(super) api: Option<&'g Api>,
    /// How many bytes of the path led to the API: those of `/_apis/<name>`.
    pub(super) base: usize,
    pub(super) route: Option<&'g Route>,
    /// Where in the API's path the route's parameters stand.
    pub(super) captures: Vec<Range<usize>>,
    pub(super) principal: Option<Principal>,
}

impl<'g> Exchange<'g> {
    pub(super) fn begin(head: Parts, peer: SocketAddr, at: Time, random: &Random) -> Self {
        // Eleven bytes make fifteen characters and one `=`, which is what ids of HTTP APIs look like.
        let id = BASE64_URL_SAFE.encode(random.bytes::<11>());
        Self {
            head,
            peer,
            id,
            at,
            began: Instant::now(),
            api: None,
            base: 0,
            route: None,
            captures: Vec::new(),
            principal: None,
        }
    }

    /// The path as the API sees it, undecoded.
    pub(super) fn path(&self) -> &str {
        match &self.head.uri.path()[self.base..] {
            "" => "/",
            path => path,
        }
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    /// The undecoded values of the route's parameters in their order.
    pub(super) fn captured(&self) -> impl Iterator<Item = &str> {
        self.captures.iter().filter_map(|range| self.path().get(range.clone()))
    }

    /// The host as the client named it, possibly with a port.
    pub(super) fn host(&self) -> &str {
        self.head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn domain(&self) -> &str {
        without_port(self.host())
    }

    pub(super) fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn id_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.id).unwrap_or(HeaderValue::from_static("-"))
    }
}

/// `host:port`, `[::1]:port` or either without a port.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}
