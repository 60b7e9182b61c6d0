//! One request on its way through the phases, with what each phase found.

use std::{
    borrow::Cow,
    net::IpAddr,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE};
use http::{HeaderName, HeaderValue, header, request::Parts};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{
    Api, Route, authorizer::Principal, certificate::ClientCertificate, connection::Caller, integration::Changes,
    secure::Secure, stage::Stage, trust::TrustStore,
};
use crate::{
    kit::{clock::Time, random::Random},
    web::http1::Spelling,
};

#[derive(Debug)]
pub(super) struct Exchange<'g> {
    pub(super) head: Parts,
    /// How the client wrote the headers' names. `None` in HTTP/2, and where another proxy asks.
    pub(super) spelling: Option<Spelling>,
    /// The client's address. `None` where another proxy asks and does not say.
    pub(super) client: Option<IpAddr>,
    /// Who is connected, in words, for backends.
    pub(super) address: HeaderValue,
    /// Whether the client's connection is encrypted. `None` where another proxy asks and does not say.
    pub(super) is_encrypted: Option<bool>,
    /// `None` on a connection in clear text.
    pub(super) secure: Option<Arc<Secure>>,
    /// The same in the header `apigw-requestid`, the event and the log.
    pub(super) id: String,
    /// Of a REST API, whose ids are UUIDs: the id of the form that HTTP APIs have.
    pub(super) apigw_id: Option<String>,
    /// Of a domain with mutual TLS.
    pub(super) trust: Option<&'g Arc<TrustStore>>,
    /// What that store trusts.
    pub(super) certificate: Option<Arc<ClientCertificate>>,
    pub(super) at: Time,
    pub(super) began: Instant,
    pub(super) api: Option<&'g Api>,
    /// How many bytes of the path led to the API: those of `/_apis/<name>`. Nobody behind us sees them.
    pub(super) base: usize,
    /// How many bytes after those named the stage, or the API's place below a custom domain.
    pub(super) prefix: usize,
    /// The key of the custom domain's mapping.
    pub(super) mapped: Option<&'g str>,
    /// Of an API that answers browsers: what they say they come from.
    pub(super) origins: Vec<HeaderValue>,
    pub(super) stage: Option<&'g Stage>,
    pub(super) route: Option<&'g Route>,
    /// Where in the API's path the route's parameters stand.
    pub(super) captures: Vec<Range<usize>>,
    pub(super) principal: Option<Principal>,
    pub(super) authorizer_error: Option<String>,
    /// What the integration gets instead of the client's own words.
    pub(super) changes: Option<Changes>,
    pub(super) report: Report,
    pub(super) refused: Option<Refused>,
    pub(super) answer: Option<Answered>,
}

/// How the integration did.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What the function or the backend answered.
    pub(super) status: Option<u16>,
    /// What whoever runs the function answered: 200 also where the function failed. A backend speaks for itself.
    pub(super) service_status: Option<u16>,
    pub(super) latency: Option<Duration>,
    pub(super) error: Option<String>,
}

/// What the gateway said itself.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// REST APIs have nothing to say where an authorizer fails.
    pub(super) message: Option<Cow<'static, str>>,
    /// `$context.error.responseType`
    pub(super) kind: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// Unknown for a stream without a length.
    pub(super) length: Option<u64>,
    pub(super) latency: Duration,
}

impl<'g> Exchange<'g> {
    pub(super) fn begin(head: Parts, caller: &Caller, at: Time, random: &Random) -> Self {
        // Eleven bytes make fifteen characters and one `=`, which is what ids of HTTP APIs look like.
        let mut id = String::with_capacity(16);
        BASE64_URL_SAFE.encode_string(random.bytes::<11>(), &mut id);
        Self {
            head,
            spelling: None,
            client: Some(caller.peer.ip().to_canonical()),
            is_encrypted: Some(caller.secure.is_some()),
            address: caller.address.clone(),
            secure: caller.secure.clone(),
            trust: None,
            certificate: None,
            id,
            apigw_id: None,
            at,
            began: Instant::now(),
            api: None,
            base: 0,
            prefix: 0,
            mapped: None,
            origins: Vec::new(),
            stage: None,
            route: None,
            captures: Vec::new(),
            principal: None,
            authorizer_error: None,
            changes: None,
            report: Report::default(),
            refused: None,
            answer: None,
        }
    }

    /// A header's name as a function is told it. REST APIs keep the client's letters, and have their own for what they add.
    pub(super) fn spelled<'n>(&'n self, name: &'n HeaderName) -> &'n str {
        if !self.api.is_some_and(|api| api.rest) {
            return name.as_str();
        }
        match name.as_str() {
            "host" => "Host",
            "x-amzn-trace-id" => "X-Amzn-Trace-Id",
            "x-forwarded-for" => "X-Forwarded-For",
            "x-forwarded-port" => "X-Forwarded-Port",
            "x-forwarded-proto" => "X-Forwarded-Proto",
            other => self.spelling.as_ref().and_then(|spelling| spelling.of(name)).unwrap_or(other),
        }
    }

    /// The client's address in events, which is empty where nobody knows it.
    pub(super) fn source_ip(&self) -> String {
        self.client.map_or_else(String::new, |address| address.to_string())
    }

    pub(super) fn extended_id(&self) -> &str {
        self.apigw_id.as_deref().unwrap_or(&self.id)
    }

    /// The path as the API sees it, undecoded: what routes are looked up by.
    pub(super) fn path(&self) -> &str {
        self.path_from(self.base + self.prefix)
    }

    /// The path as events have it, with the stage in front where its URL has one.
    pub(super) fn raw_path(&self) -> &str {
        self.path_from(self.base)
    }

    fn path_from(&self, at: usize) -> &str {
        match self.head.uri.path().get(at..) {
            None | Some("") => "/",
            Some(path) => path,
        }
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    /// The query that the integration gets.
    pub(super) fn sent_query(&self) -> Option<&str> {
        match self.changes.as_ref().and_then(|changes| changes.query.as_deref()) {
            Some("") => None,
            Some(changed) => Some(changed),
            None => self.query(),
        }
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

    /// Hosts have no case, and a dot at the end changes nothing.
    pub(super) fn canonical_domain(&self) -> Cow<'_, str> {
        let domain = without_dot(self.domain());
        let is_written_so = !domain.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_written_so { Cow::Borrowed(domain) } else { Cow::Owned(domain.to_ascii_lowercase()) }
    }

    /// `name` is in lower case.
    pub(super) fn is_for(&self, name: &str) -> bool {
        without_dot(self.domain()).eq_ignore_ascii_case(name)
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
    let name = host.trim_end_matches(|c: char| c.is_ascii_digit());
    name.strip_suffix(':').filter(|name| !name.ends_with(':')).unwrap_or(host)
}

fn without_dot(domain: &str) -> &str {
    domain.strip_suffix('.').unwrap_or(domain)
}

const COMMON_LOG: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// `12/Mar/2020:19:03:58 +0000`
pub(super) fn written_time(at: Time) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(COMMON_LOG).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_in_access_logs() {
        assert_eq!(written_time(Time::from_seconds(1_584_039_838)), "12/Mar/2020:19:03:58 +0000");
    }
}
