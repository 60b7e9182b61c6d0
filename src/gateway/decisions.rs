//! Decisions for other proxies: `/authz` says whether a request may pass, and somebody else forwards it.
//!
//! nginx (`auth_request`), Traefik and Caddy (forward auth) and Envoy (`ext_authz` over HTTP) each tell in their own way which
//! request they ask about. The configuration names the one way that is read: a proxy passes a client's headers on, and a header
//! that the proxy does not set itself is the client's own word. So it is with the client's address, which is unknown where no header
//! is named for it. Only addresses that are trusted may ask. The answer is 200 with headers about the caller, or 401 and 403; a request that no route knows is refused, since these proxies know no 404.
//! <https://nginx.org/en/docs/http/ngx_http_auth_request_module.html>

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Version, request::Parts};
use serde_json::Value;

use super::{
    Apis, Route, access_log::Unanswered, answer_preflight, authorize, authorizer::Principal, body::Body, check_request,
    connection::Caller, exchange::Exchange, match_route, refusal::Refusal, stage,
};
use crate::{
    config::gateway::{Decisions as Config, Target},
    kit::network::Block,
};

/// Where proxies ask. Below it stands the name of an API, or with Envoy the path of the request itself.
const PATH: &str = "/authz";

const SUBJECT: HeaderName = HeaderName::from_static("x-auth-subject");
const SCOPES: HeaderName = HeaderName::from_static("x-auth-scopes");
/// The claims, or what a function said, as JSON in base64url.
const CLAIMS: HeaderName = HeaderName::from_static("x-auth-claims");

pub(super) struct Decisions {
    target: Target,
    client_address: Option<HeaderName>,
    client_scheme: Option<HeaderName>,
    trusted: Vec<Block>,
}

impl Decisions {
    pub(super) fn new(config: &Config) -> Self {
        let trusted = config.trusted.iter().filter_map(|text| Block::parse(text)).collect();
        let (client_address, client_scheme) = (config.client_address.clone(), config.client_scheme.clone());
        Self { target: config.target, client_address, client_scheme, trusted }
    }

    /// Whether a request asks for a decision, instead of going to an API.
    pub(super) fn are_asked(&self, path: &str) -> bool {
        path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The request that is asked about, and the name of its API, empty for the first one. A client chooses its host, so hosts
    /// do not choose an API here.
    fn subject(&self, head: &Parts) -> Result<(Parts, String), &'static str> {
        let below = head.uri.path().strip_prefix(PATH).unwrap_or_default();
        let (method, uri, name) = match self.target {
            Target::Forwarded => {
                (one(&head.headers, "x-forwarded-method")?, one(&head.headers, "x-forwarded-uri")?, below)
            }
            Target::Original => {
                (one(&head.headers, "x-original-method")?, one(&head.headers, "x-original-uri")?, below)
            }
            Target::Path => {
                let asked = head.uri.path_and_query().map_or("", |all| all.as_str());
                (head.method.as_str(), asked.strip_prefix(PATH).unwrap_or_default(), "")
            }
        };
        // The parser would cut a fragment off, and a backend might not.
        if !uri.starts_with('/') || uri.contains('#') {
            return Err("the URI is no path");
        }
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| "the method is none")?;
        parts.uri = uri.parse().map_err(|_| "the URI is none")?;
        parts.version = Version::HTTP_11;
        parts.headers = head.headers.clone();
        Ok((parts, name.trim_start_matches('/').to_owned()))
    }

    /// Whose request it is, and whether it came encrypted.
    fn client(&self, headers: &HeaderMap) -> Result<(Option<IpAddr>, Option<bool>), &'static str> {
        let address = match &self.client_address {
            None => None,
            Some(name) => match last(headers, name).map(str::parse::<IpAddr>) {
                Some(Ok(address)) => Some(address.to_canonical()),
                _ => return Err("the proxy does not say the client's address"),
            },
        };
        let is_encrypted = match &self.client_scheme {
            None => None,
            Some(name) => match last(headers, name) {
                Some("https" | "wss") => Some(true),
                Some("http" | "ws") => Some(false),
                _ => return Err("the proxy does not say the client's scheme"),
            },
        };
        Ok((address, is_encrypted))
    }
}

/// Proxies put what they see behind what a client says.
fn last<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}

/// A header that must be there once: of two, one could be the client's.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, &'static str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err("the proxy does not say once which request it asks about");
    };
    value.to_str().map_err(|_| "a header is no text")
}

impl Apis {
    /// Answers a proxy.
    pub(super) async fn decide(&self, decisions: &Decisions, head: Parts, caller: &Caller) -> Response<Body> {
        let address = caller.peer.ip().to_canonical();
        let trusted = decisions.trusted.iter().any(|block| block.holds(address));
        let client = decisions.client(&head.headers);
        let subject = match decisions.subject(&head).and_then(|subject| Ok((subject, client?))) {
            _ if !trusted => Err(Refusal::Forbidden { explicit: false }),
            subject => subject.map_err(|reason| Refusal::BadRequest(reason.to_owned())),
        };
        let (asked, told) = match subject {
            Ok(((asked, name), client)) => (asked, Ok((name, client))),
            Err(refusal) => (head, Err(refusal)),
        };
        let mut exchange = Exchange::begin(asked, caller, self.clock.now(), &self.random);
        let unanswered = Unanswered { exchange: &mut exchange, unrouted: &self.unrouted };
        let exchange = &mut *unanswered.exchange;
        let outcome = match told {
            Ok((name, client)) => {
                (exchange.client, exchange.is_encrypted) = client;
                self.judge(exchange, &name).await
            }
            Err(refusal) => Err(refusal),
        };
        let (mut response, refusal) = self.rendered(exchange, outcome);
        self.sign(exchange, &mut response, refusal.as_ref());
        response
    }

    fn route_of<'g>(&'g self, exchange: &mut Exchange<'g>, name: &str) -> Option<&'g Route> {
        let index = if name.is_empty() { Some(0) } else { self.named(name) };
        let api = self.apis.get(index?)?;
        let (stage, prefix) = stage::find(api, exchange.path())?;
        exchange.api = Some(api);
        exchange.stage = Some(stage);
        exchange.prefix = prefix;
        match_route(exchange, stage).ok()
    }

    async fn judge<'g>(&'g self, exchange: &mut Exchange<'g>, name: &str) -> Result<Response<Body>, Refusal> {
        check_request(exchange)?;
        let route = self.route_of(exchange, name);
        // What the gateway would answer a browser itself, without anybody's token, is for the backend to answer.
        let own = match (exchange.api, exchange.stage) {
            (Some(api), Some(stage)) => answer_preflight(exchange, api, stage)?,
            _ => None,
        };
        if own.is_none() {
            let route = route.ok_or(Refusal::Forbidden { explicit: false })?;
            self.admit(route, exchange.at)?;
            authorize(exchange, route).await?;
        }
        let mut response = Response::new(Body::default());
        describe(response.headers_mut(), exchange.principal.as_ref());
        Ok(response)
    }
}

/// Says who passes. The headers are always there, so that a proxy that copies them overwrites what a client sent.
fn describe(headers: &mut HeaderMap, principal: Option<&Principal>) {
    let (subject, scopes, claims) = match principal {
        None => (String::new(), String::new(), None),
        Some(Principal::Token(bearer) | Principal::Pool(bearer)) => {
            let claims = bearer.claims();
            let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
            (subject, bearer.scopes().join(" "), Some(Value::Object(claims)))
        }
        Some(Principal::Lambda(lambda)) => {
            (lambda.principal_id.clone().unwrap_or_default(), String::new(), lambda.context.clone().map(Value::Object))
        }
    };
    let claims = claims.map_or_else(String::new, |claims| BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    for (name, value) in [(SUBJECT, subject), (SCOPES, scopes), (CLAIMS, claims)] {
        let value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""));
        headers.insert(name, value);
    }
}
