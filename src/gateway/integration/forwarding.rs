//! Headers on their way to a backend and back: what belongs to one connection stays there, what only the gateway may say is
//! taken from the client, and the gateway's own words come last so that nothing can remove them.
//! <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, AUTHORIZATION, CONNECTION, HOST},
};

use crate::gateway::exchange::Exchange;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Headers that name another path or method than the one that was authorised, as some backends understand them.
const OVERRIDES: &[&str] = &[
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-real-ip",
];

pub(in crate::gateway) fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        CONNECTION
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
    ) || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
        || *name == HTTP2_SETTINGS
}

/// What only the gateway knows of a request, for who reads its headers: who asks, and how it came.
pub(super) struct Origin<'e> {
    /// The client's.
    address: &'e HeaderValue,
    /// Whether the client's connection has TLS.
    secure: bool,
    trace_id: TraceId,
}

impl<'e> Origin<'e> {
    pub(super) fn of(exchange: &'e Exchange<'_>) -> Self {
        Self { address: &exchange.address, secure: exchange.secure.is_some(), trace_id: trace_id(exchange) }
    }

    /// Says each header to `say`. `host` is the client's.
    fn tell(&self, host: Option<&HeaderValue>, mut say: impl FnMut(HeaderName, &[u8])) {
        say(FORWARDED_FOR, self.address.as_bytes());
        let (scheme, usual) = if self.secure { ("https", "443") } else { ("http", "80") };
        say(FORWARDED_PROTO, scheme.as_bytes());
        if let Some(host) = host {
            say(FORWARDED_PORT, port(host, usual).as_bytes());
        }
        say(TRACE_ID, &self.trace_id);
    }

    /// Puts the gateway's word in the place of the client's.
    fn put(&self, headers: &mut HeaderMap, host: Option<&HeaderValue>) {
        self.tell(host, |name, value| {
            // Parts of what were headers' values before.
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(name, value);
            }
        });
    }

    /// The same for a backend, which is also told what host was asked.
    pub(super) fn put_all(&self, headers: &mut HeaderMap, host: Option<HeaderValue>) {
        self.put(headers, host.as_ref());
        if let Some(host) = host {
            headers.insert(FORWARDED_HOST, host);
        }
    }

    /// The lines that [`put_all`](Self::put_all) would make, for a head that nobody reads before it is sent.
    pub(super) fn lines(&self, host: Option<&HeaderValue>) -> Vec<u8> {
        let mut lines = Vec::with_capacity(256);
        let mut say = |name: HeaderName, value: &[u8]| {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value);
            lines.extend_from_slice(b"\r\n");
        };
        self.tell(host, &mut say);
        if let Some(host) = host {
            say(FORWARDED_HOST, host.as_bytes());
        }
        lines
    }
}

/// Makes the client's headers the backend's, but for what the gateway has to say. [`remove_named`] was there before. Gives the
/// client's host.
pub(super) fn prepare_request(headers: &mut HeaderMap, backend: &HeaderValue) -> Option<HeaderValue> {
    // The server answered the expectation itself.
    remove_all(headers, |name| is_hop_by_hop(name) || *name == header::EXPECT || is_reserved(name.as_str()));
    headers.insert(HOST, backend.clone())
}

/// Puts the gateway's word in the place of the client's. Authorizers, mappings and events read it.
pub(in crate::gateway) fn vouch_for(exchange: &mut Exchange<'_>) {
    let mut headers = std::mem::take(&mut exchange.head.headers);
    remove_all(&mut headers, |name| is_own(name.as_str()));
    let host = headers.get(HOST).cloned();
    Origin::of(exchange).put(&mut headers, host.as_ref());
    exchange.head.headers = headers;
}

/// Makes the backend's headers the gateway's answer.
pub(super) fn prepare_response(headers: &mut HeaderMap) {
    remove_named(headers);
    remove_all(headers, is_hop_by_hop);
}

/// Removes what `Connection` says is meant for one connection only; of a request before anybody looks at its headers, since a backend
/// will not have what was decided by. A client cannot have credentials removed, nor the headers that say where the message ends and
/// to whom it goes. Whether it wants another protocol is asked later.
pub(in crate::gateway) fn remove_named(headers: &mut HeaderMap) {
    if let Some(first) = headers.get(CONNECTION) {
        // The two usual values name no other header.
        let plain = |value: &[u8]| value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close");
        if !plain(first.as_bytes()) || headers.get_all(CONNECTION).iter().nth(1).is_some() {
            let named: Vec<HeaderName> = headers
                .get_all(CONNECTION)
                .iter()
                .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
                .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
                .filter(|name| !is_kept(name))
                .collect();
            for name in named {
                headers.remove(name);
            }
        }
    }
}

/// What stays, also where `Connection` names it.
fn is_kept(name: &HeaderName) -> bool {
    matches!(*name, AUTHORIZATION | HOST | CONNECTION | header::CONTENT_LENGTH | header::COOKIE | header::UPGRADE)
}

/// Looking at the few names that are there costs less than looking for many that are not.
fn remove_all(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let found: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Names that only the gateway may use. An underscore counts as a hyphen, as it does for CGI and WSGI.
fn is_own(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'x') => begins(name, "x-forwarded-") || begins(name, "x-amzn-"),
        Some(b'f') => name == "forwarded",
        _ => false,
    }
}

fn begins(name: &str, other: &str) -> bool {
    name.len() >= other.len() && name.bytes().zip(other.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

/// Names that a backend could take for another request than the one that was authorised.
fn is_reserved(name: &str) -> bool {
    if !name.starts_with(['x', 'f', 'p', 'h', 'c', 't']) {
        return false;
    }
    let like = |other: &str| name.len() == other.len() && begins(name, other);
    match name.as_bytes()[0] {
        b'x' => is_own(name) || OVERRIDES.iter().any(|other| like(other)),
        b'f' => is_own(name),
        // A program behind CGI takes it for `HTTP_PROXY`, and asks others through it.
        b'p' => name == "proxy",
        // A second reading of the headers that frame the message.
        b'c' => name == "content_length",
        b't' => name == "transfer_encoding",
        _ => name == "http_proxy",
    }
}

type TraceId = [u8; 40];

/// The form of AWS X-Ray: the time and 96 bits, here those of the request id.
fn trace_id(exchange: &Exchange<'_>) -> TraceId {
    let (time, id) = (exchange.at.seconds().to_be_bytes(), exchange.id.as_bytes());
    let mut text = *b"Root=1-00000000-000000000000000000000000";
    // An id is longer than that; of a shorter one nothing is told.
    let _ = hex::encode_to_slice(&time[4..], &mut text[7..15]);
    let _ = hex::encode_to_slice(&id[..id.len().min(12)], &mut text[16..]);
    text
}

fn port<'h>(host: &'h HeaderValue, usual: &'static str) -> &'h str {
    let text = host.to_str().unwrap_or_default();
    let name = crate::gateway::exchange::without_port(text);
    let port = text[name.len()..].trim_start_matches(':');
    if port.is_empty() { usual } else { port }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &TraceId = b"Root=1-01234567-0123456789abcdef01234567";

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn prepared(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = headers(lines);
        headers.insert(HOST, HeaderValue::from_static("api.localhost:9230"));
        remove_named(&mut headers);
        let address = HeaderValue::from_static("192.0.2.7");
        let origin = Origin { address: &address, secure: false, trace_id: *TRACE };
        let host = prepare_request(&mut headers, &HeaderValue::from_static("backend:8080"));
        let lines = origin.lines(host.as_ref());
        origin.put_all(&mut headers, host);
        // Both ways say the same.
        for line in std::str::from_utf8(&lines).unwrap().lines() {
            let (name, value) = line.split_once(": ").unwrap();
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{name}");
        }
        let own = headers.keys().filter(|name| is_own(name.as_str())).count();
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), own);
        headers
    }

    #[test]
    fn what_belongs_to_the_connection_stays_there() {
        let headers = prepared(&[
            ("connection", "keep-alive, X-Hop"),
            ("connection", "x-other"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("x-hop", "1"),
            ("x-other", "2"),
            ("upgrade", "h2c"),
            ("http2-settings", "AA"),
            ("proxy-authorization", "x"),
            ("trailer", "a"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ]);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "host",
                "x-amzn-trace-id",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-port",
                "x-forwarded-proto"
            ]
        );
    }

    #[test]
    fn a_client_cannot_have_credentials_or_our_headers_removed() {
        let headers = prepared(&[
            ("connection", "authorization, host, x-forwarded-for, x-amzn-trace-id"),
            ("authorization", "a.b.c"),
        ]);
        assert_eq!(headers["authorization"], "a.b.c");
        assert_eq!(headers["host"], "backend:8080");
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(headers["x-amzn-trace-id"].as_bytes(), TRACE);
    }

    #[test]
    fn what_is_named_for_the_connection_is_gone_before_anybody_looks() {
        let mut headers = headers(&[
            ("connection", "close, x-tenant, Upgrade"),
            ("upgrade", "websocket"),
            ("x-tenant", "a"),
            ("x-other", "b"),
        ]);
        remove_named(&mut headers);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["connection", "upgrade", "x-other"]);
    }

    #[test]
    fn what_only_the_gateway_may_say_is_taken_from_the_client() {
        let headers = prepared(&[
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x_forwarded_for", "10.0.0.3"),
            ("forwarded", "for=x"),
            ("x-amzn-oidc-identity", "me"),
            ("x_amzn_oidc_data", "me"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/x"),
            ("x-forwarded-prefix", "/x"),
            ("x-real-ip", "1"),
            ("proxy", "http://evil.example"),
            ("x-mine", "kept"),
        ]);
        assert_eq!(headers.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), ["192.0.2.7"]);
        assert_eq!(headers["x-forwarded-port"], "9230");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-mine"], "kept");
        assert_eq!(headers.len(), 7, "{headers:?}");
    }
}
