//! The gateway: stands in front of APIs and lets through what carries a good token, as API Gateway's HTTP APIs do.
//!
//! A request passes the phases below in their order; the first refusal is the answer. What was authorised is what is forwarded,
//! byte for byte, so a path that could be read in two ways is refused before a route is looked for. The room knows keys and
//! functions but no pools and no users: it can stand in front of anything, with any issuer.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html>

mod access_log;
mod authorizer;
mod body;
mod certificate;
mod check;
mod connection;
mod context;
mod cors;
mod decisions;
mod exchange;
mod explain;
mod gateway_response;
mod http2;
mod integration;
mod load;
mod media;
mod path;
mod refusal;
mod replace;
mod rest_refusal;
mod routes;
mod secure;
mod selection;
mod serve;
mod stage;
mod throttle;
mod trust;
mod workers;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use http::{HeaderName, HeaderValue, Method, Request, Response, Version, header};

pub use self::{
    access_log::AccessLogError,
    authorizer::{Bearer, Denial, KeySet, LambdaPrincipal, LocalIssuers, PolicyError, Principal, UrlError},
    body::{BODY_LIMIT, Body},
    check::mistakes,
    connection::Caller,
    explain::{Check, Explanation, Question, Verdict},
    gateway_response::ResponseError,
    integration::{MappingError, RespondError, TargetError},
    load::{GatewayError, Surroundings},
    path::PathError,
    replace::Gateway,
    routes::RouteError,
    selection::SelectionError,
    serve::HEAD_LIMIT,
    trust::TrustError,
};
use self::{
    access_log::{Meters, Unanswered},
    authorizer::{Authorizer, Circumstances, Decision, Policy, method_arn},
    body::Inbound,
    cors::Cors,
    decisions::Decisions,
    exchange::Exchange,
    gateway_response::GatewayResponses,
    integration::{Integration, Mapping, Place},
    media::BinaryTypes,
    refusal::Refusal,
    routes::Key,
    secure::Tls,
    selection::{Variable, View},
    stage::{Domains, Stage},
    throttle::Bucket,
};
use crate::{
    kit::{clock::Clock, host::is_host, random::Random},
    web::upload::Upload,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// The ids of REST APIs.
const REST_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const REST_APIGW_ID: HeaderName = HeaderName::from_static("x-amz-apigw-id");

/// Hosts of this form belong to an API by its id.
const HOST_SUFFIX: &str = ".execute-api.localhost";

/// Paths below this one begin with the name of an API.
const NAMED: &str = "/_apis/";

/// The APIs that are served at one time, ready to answer.
struct Apis {
    /// The first one also answers where nothing names an API.
    apis: Vec<Api>,
    by_name: HashMap<String, usize>,
    by_id: HashMap<String, usize>,
    domains: Domains,
    /// `None` where the listener is in clear text.
    tls: Option<Tls>,
    /// For the next set: what did not change keeps its cache.
    authorizers: replace::Authorizers,
    decisions: Option<Decisions>,
    rfc_challenges: bool,
    /// Shared by all routes of all sets.
    account: Option<Arc<Bucket>>,
    clock: Clock,
    random: Random,
    /// Counts requests that found no route.
    unrouted: Meters,
}

struct Api {
    name: String,
    /// One of the older kind: other errors, events, ids and order of routes.
    rest: bool,
    place: Place,
    /// Only custom domains lead here.
    disabled: bool,
    cors: Option<Cors>,
    /// Of a REST API: who may call at all.
    policy: Option<Policy>,
    /// Of a REST API.
    responses: GatewayResponses,
    /// Of a REST API.
    binary: BinaryTypes,
    stages: Vec<Stage>,
}

struct Route {
    key: String,
    parsed: Key,
    authorizer: Option<Arc<Authorizer>>,
    scopes: Vec<String>,
    /// Whether an encoded slash is a part of a segment here, and no mistake.
    encoded_slashes: bool,
    /// What a request must have, by the names that it is told.
    required: Vec<(String, Variable)>,
    bucket: Option<Arc<Bucket>>,
    timeout: Duration,
    request: Mapping,
    /// By status code.
    responses: BTreeMap<u16, Mapping>,
    integration: Integration,
    meters: Meters,
}

impl Apis {
    /// Answers one request. A refusal is an answer too: this never fails.
    async fn handle(self: Arc<Self>, request: Request<Upload>, caller: Caller) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        if head.version == Version::HTTP_2
            && let Err(refusal) = http2::translate(&mut head)
        {
            return self.refuse(head, &caller, refusal);
        }
        if let Some(decisions) = self.decisions.as_ref().filter(|decisions| decisions.are_asked(head.uri.path())) {
            return self.decide(decisions, head, &caller).await;
        }
        let mut exchange = Exchange::begin(head, &caller, self.clock.now(), &self.random);
        exchange.spelling = body.spelling().cloned();
        let unanswered = Unanswered { exchange: &mut exchange, unrouted: &self.unrouted };
        let exchange = &mut *unanswered.exchange;
        let is_preflight = cors::is_preflight(&exchange.head);
        let outcome = self.answer(exchange, body).await;
        let (mut response, refusal) = self.rendered(exchange, outcome);
        if let Some(cors) = exchange.api.and_then(|api| api.cors.as_ref())
            // Its own answer to a browser is dressed already.
            && (!is_preflight || refusal.is_some() || exchange.route.is_some())
        {
            let allowed = cors.allowed(&exchange.origins);
            cors.dress(response.headers_mut(), allowed);
        }
        self.sign(exchange, &mut response, refusal.as_ref());
        response
    }

    /// Refuses what could not be looked at.
    fn refuse(&self, head: http::request::Parts, caller: &Caller, refusal: Refusal) -> Response<Body> {
        let mut exchange = Exchange::begin(head, caller, self.clock.now(), &self.random);
        let (mut response, refusal) = self.rendered(&mut exchange, Err(refusal));
        self.sign(&mut exchange, &mut response, refusal.as_ref());
        response
    }

    /// A refusal in the words of its API.
    fn rendered(
        &self,
        exchange: &mut Exchange<'_>,
        outcome: Result<Response<Body>, Refusal>,
    ) -> (Response<Body>, Option<Refusal>) {
        match outcome {
            Ok(response) => (response, None),
            Err(refusal) => {
                exchange.refused = Some(refusal.refused());
                let rest = exchange.api.is_some_and(|api| api.rest);
                let own = || refusal.response(self.rfc_challenges);
                let response = if rest { rest_refusal::response(&refusal, exchange) } else { own() };
                (response, Some(refusal))
            }
        }
    }

    /// Puts the request's id on an answer, and writes it down.
    fn sign(&self, exchange: &mut Exchange<'_>, response: &mut Response<Body>, refusal: Option<&Refusal>) {
        let headers = response.headers_mut();
        if exchange.apigw_id.is_some() {
            headers.insert(REST_REQUEST_ID, exchange.id_header());
            let extended = HeaderValue::from_str(exchange.extended_id());
            headers.insert(REST_APIGW_ID, extended.unwrap_or(HeaderValue::from_static("-")));
        } else {
            headers.insert(REQUEST_ID, exchange.id_header());
        }
        access_log::record(exchange, response, refusal, &self.unrouted);
    }

    async fn answer<'g>(&'g self, exchange: &mut Exchange<'g>, body: Upload) -> Result<Response<Body>, Refusal> {
        check_request(exchange)?;
        check_name(exchange)?;
        let found = self.match_api(exchange);
        if exchange.api.is_some_and(|api| api.cors.is_some()) {
            // Read now: the headers move on to the backend.
            exchange.origins = exchange.head.headers.get_all(header::ORIGIN).iter().cloned().collect();
        }
        if exchange.api.is_some_and(|api| api.rest) {
            exchange.apigw_id = Some(std::mem::replace(&mut exchange.id, self.random.uuid()));
        }
        prove(exchange)?;
        let (api, stage) = found?;
        body::check_length(&body)?;
        if let Some(preflight) = answer_preflight(exchange, api, stage)? {
            return Ok(preflight);
        }
        let route = match_route(exchange, stage)?;
        self.admit(route, exchange.at)?;
        integration::remove_named(&mut exchange.head.headers);
        if route.reads_headers() {
            integration::vouch_for(exchange);
        }
        authorize(exchange, route).await?;
        check_parameters(exchange, route)?;
        integrate(exchange, route, Inbound::Stream(body)).await
    }

    /// By custom domain, by host, by path, else the first; then the stage. A name that is not known is not found: it does not
    /// fall back to the first.
    fn match_api<'g>(&'g self, exchange: &mut Exchange<'g>) -> Result<(&'g Api, &'g Stage), Refusal> {
        let domain = exchange.canonical_domain();
        let (own, id) = (self.domains.get(&*domain), api_id(&domain));
        if let Some(own) = own {
            exchange.trust = own.trust.as_ref();
            let (mapping, length) = own.find(exchange.head.uri.path()).ok_or(Refusal::NotFound)?;
            let (api, stage) = mapping.leads.ok_or(Refusal::NotFound)?;
            let api = self.apis.get(api).ok_or(Refusal::NotFound)?;
            let stage = api.stages.get(stage).ok_or(Refusal::NotFound)?;
            exchange.prefix = length;
            exchange.mapped = Some(mapping.key.strip_prefix('/').unwrap_or("(none)"));
            exchange.api = Some(api);
            exchange.stage = Some(stage);
            return Ok((api, stage));
        }
        let index = if let Some(id) = id {
            self.by_id.get(&id).copied()
        } else if let Some(rest) = exchange.head.uri.path().strip_prefix(NAMED) {
            let name = rest.split('/').next().unwrap_or_default();
            exchange.base = NAMED.len() + name.len();
            path::decode(&exchange.head.uri.path()[NAMED.len()..exchange.base]).ok().and_then(|name| self.named(&name))
        } else {
            Some(0)
        };
        let api = index.and_then(|index| self.apis.get(index)).ok_or(Refusal::NotFound)?;
        exchange.api = Some(api);
        if api.disabled {
            return Err(Refusal::DisabledEndpoint);
        }
        let (stage, prefix) = stage::find(api, exchange.path()).ok_or(Refusal::NotFound)?;
        exchange.prefix = prefix;
        exchange.stage = Some(stage);
        Ok((api, stage))
    }

    /// An id is a name as well.
    fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).or_else(|| self.by_id.get(name)).copied()
    }
}

impl Route {
    /// Whether anybody looks at a request's headers before they are made a backend's.
    fn reads_headers(&self) -> bool {
        let asks = matches!(self.authorizer.as_deref(), Some(Authorizer::Lambda(_)));
        asks || !self.request.is_empty() || !matches!(self.integration, Integration::Http(_))
    }
}

/// Refuses what two readers could understand in two ways, before anything is looked up.
fn check_request(exchange: &Exchange<'_>) -> Result<(), Refusal> {
    let head = &exchange.head;
    let bad = |reason: &str| Err(Refusal::BadRequest(reason.to_owned()));
    if head.method == Method::CONNECT {
        return bad("this is no forward proxy");
    }
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return bad("more than one host");
    }
    if host.is_none() && head.version >= Version::HTTP_11 {
        return bad("no host");
    }
    // An empty one is that of a target without a host.
    if host.is_some_and(|host| !host.is_empty() && !is_host(host.as_bytes())) {
        return bad("the host is none");
    }
    if let Some(named) = head.uri.authority()
        && !host.is_some_and(|host| named.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()))
    {
        return bad("the target and the host differ");
    }
    // Whether an encoded slash may be there only the route says.
    path::check_all_but_slashes(head.uri.path()).map_err(|reason| Refusal::BadRequest(reason.to_string()))
}

/// A connection that was made for one name is not used for another: certificates and what they prove belong to names.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.4>
fn check_name(exchange: &Exchange<'_>) -> Result<(), Refusal> {
    let name = exchange.secure.as_ref().and_then(|secure| secure.name.as_deref());
    if name.is_some_and(|name| !exchange.is_for(name)) {
        return Err(Refusal::Misdirected);
    }
    Ok(())
}

/// A domain with mutual TLS serves whom its store trusts, on a connection that was made for it.
fn prove(exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
    let Some(store) = exchange.trust else { return Ok(()) };
    let shown = exchange.secure.as_ref().and_then(|secure| secure.shown.as_ref()).ok_or(Refusal::Misdirected)?;
    exchange.certificate = Some(shown.proves(store, exchange.at).map_err(Refusal::ClientCertificate)?);
    Ok(())
}

/// The gateway's own answer to a browser that asks if it may ask. No authorizer is asked: a browser sends no token then. A path
/// that the request itself would be refused for is refused here already.
fn answer_preflight<'g>(
    exchange: &mut Exchange<'g>,
    api: &'g Api,
    stage: &'g Stage,
) -> Result<Option<Response<Body>>, Refusal> {
    let Some(cors) = api.cors.as_ref().filter(|_| cors::is_preflight(&exchange.head)) else { return Ok(None) };
    let route = |method: &Method| {
        let found = stage.matcher.find(method, exchange.path());
        found.and_then(|found| stage.routes.get(found.route))
    };
    let is_quirk = |route: &Route| route.parsed.is_default() && route.authorizer.is_some();
    if cors.default_route_quirk && route(&exchange.head.method).is_some_and(is_quirk) {
        return Ok(None);
    }
    let wanted = exchange.head.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let wanted = wanted.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    check_slashes(exchange, wanted.as_ref().and_then(route))?;
    Ok(Some(cors.preflight(cors.allowed(&exchange.origins))))
}

/// An encoded slash is a part of a segment where the route says so, and nowhere else.
fn check_slashes(exchange: &Exchange<'_>, route: Option<&Route>) -> Result<(), Refusal> {
    if path::has_encoded_slash(exchange.head.uri.path()) && !route.is_some_and(|route| route.encoded_slashes) {
        return Err(Refusal::BadRequest(PathError::EncodedSyntax.to_string()));
    }
    Ok(())
}

fn match_route<'g>(exchange: &mut Exchange<'g>, stage: &'g Stage) -> Result<&'g Route, Refusal> {
    let found = stage.matcher.find(&exchange.head.method, exchange.path());
    let route = found.as_ref().and_then(|found| stage.routes.get(found.route));
    check_slashes(exchange, route)?;
    let (found, route) = found.zip(route).ok_or(Refusal::NotFound)?;
    exchange.route = Some(route);
    exchange.captures = found.captures;
    Ok(route)
}

/// What the API's own policy says of a method. A denial is one before anybody is asked.
fn consult(exchange: &Exchange<'_>) -> Result<Option<Decision>, Refusal> {
    let Some(policy) = exchange.api.and_then(|api| api.policy.as_ref()) else { return Ok(None) };
    let arn = method_arn(exchange).ok_or(Refusal::NotFound)?;
    match policy.decide(&arn, &Circumstances::of(exchange)) {
        Decision::ExplicitDeny => Err(Refusal::OutOfPolicy { explicit: true, arn }),
        decision => Ok(Some(decision)),
    }
}

/// With a function's answer the policy is combined; beside everything else it must allow the method itself.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html>
async fn judge(exchange: &Exchange<'_>, route: &Route) -> Result<Option<Principal>, Refusal> {
    let resource = consult(exchange)?;
    let principal = match &route.authorizer {
        Some(authorizer) => Some(authorizer.authorize(exchange, &route.scopes, resource).await?),
        None => None,
    };
    match resource {
        Some(Decision::ImplicitDeny) if !matches!(principal, Some(Principal::Lambda(_))) => {
            let arn = method_arn(exchange).ok_or(Refusal::NotFound)?;
            Err(Refusal::OutOfPolicy { explicit: false, arn })
        }
        _ => Ok(principal),
    }
}

async fn authorize(exchange: &mut Exchange<'_>, route: &Route) -> Result<(), Refusal> {
    match judge(exchange, route).await {
        Ok(principal) => exchange.principal = principal,
        Err(refusal) => {
            exchange.authorizer_error = Some(refusal.to_string());
            return Err(refusal);
        }
    }
    Ok(())
}

/// What the method asks for must be there, and not be blank.
fn check_parameters(exchange: &Exchange<'_>, route: &Route) -> Result<(), Refusal> {
    let view = View::of(exchange);
    let is_missing = |part: &Variable| part.value(&view).is_none_or(|value| value.trim().is_empty());
    let missing: Vec<&str> =
        route.required.iter().filter(|(_, part)| is_missing(part)).map(|(name, _)| name.as_str()).collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::MissingParameters(missing.join(", "))) }
}

async fn integrate(exchange: &mut Exchange<'_>, route: &Route, mut body: Inbound) -> Result<Response<Body>, Refusal> {
    if !route.request.is_empty() {
        let mut read = None;
        if route.request.reads_body() {
            let bytes = body.read(integration::TIMEOUT).await?;
            body = Inbound::Read(bytes.clone());
            read = Some(bytes);
        }
        let view = View { exchange, body: read.as_deref(), response: None };
        exchange.changes = Some(route.request.changes(&view)?);
    }
    // A backend that fails has taken the headers already, and the answer to that may name one.
    let reads = exchange.api.is_some_and(|api| api.responses.read_request);
    let kept = reads.then(|| exchange.head.headers.clone());
    let response = match route.integration.answer(exchange, body, route.timeout).await {
        Ok(response) => response,
        Err(refusal) => {
            exchange.head.headers = kept.unwrap_or_else(|| std::mem::take(&mut exchange.head.headers));
            return Err(refusal);
        }
    };
    if route.responses.is_empty() {
        return Ok(response);
    }
    integration::map_response(exchange, route, response).await
}

/// The id that a host names. Hosts have no case, and a dot at the end changes nothing.
fn api_id(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let at = domain.len().checked_sub(HOST_SUFFIX.len())?;
    let suffix = domain.get(at..)?;
    suffix.eq_ignore_ascii_case(HOST_SUFFIX).then(|| domain[..at].to_ascii_lowercase())
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{exchange::without_port, *};

    #[test]
    fn hosts_name_an_api_whatever_their_case() {
        assert_eq!(api_id("abc123.execute-api.localhost").as_deref(), Some("abc123"));
        assert_eq!(api_id("ABC.Execute-API.localhost.").as_deref(), Some("abc"));
        assert_eq!(api_id("execute-api.localhost"), None);
        assert_eq!(api_id("localhost"), None);
        assert_eq!(without_port("a.localhost:9230"), "a.localhost");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
