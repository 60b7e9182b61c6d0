//! One event for each request, also for every refusal, and the counters. No token, no query and no header gets in: a query may
//! hold a token. Labels of metrics come from the configuration only, so that clients cannot make new ones.

mod lines;

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{OnceLock, PoisonError, RwLock},
    time::Duration,
};

use http::{Response, StatusCode};
use http_body::Body as _;
use metrics::{Counter, Histogram};

pub(super) use self::lines::AccessLog;
pub use self::lines::AccessLogError;
use super::{
    body::Body,
    exchange::{Answered, Exchange},
    refusal::Refusal,
};

/// The counters of one route, made when first needed: the recorder must be installed before the gateway serves.
pub(super) struct Meters {
    api: String,
    stage: String,
    route: String,
    ok: OnceLock<Counter>,
    others: RwLock<BTreeMap<u16, Counter>>,
    latency: OnceLock<Histogram>,
    integration_latency: OnceLock<Histogram>,
}

impl Meters {
    pub(super) fn new(api: &str, stage: &str, route: &str) -> Self {
        Self {
            api: api.to_owned(),
            stage: stage.to_owned(),
            route: route.to_owned(),
            ok: OnceLock::new(),
            others: RwLock::default(),
            latency: OnceLock::new(),
            integration_latency: OnceLock::new(),
        }
    }

    /// `integration` is how long the function or the backend took.
    fn count(&self, status: StatusCode, elapsed: Duration, integration: Option<Duration>) {
        if status == StatusCode::OK {
            self.ok.get_or_init(|| self.counter(status)).increment(1);
        } else {
            self.count_other(status);
        }
        let histogram = |name: &'static str| {
            let (api, stage, route) = (self.api.clone(), self.stage.clone(), self.route.clone());
            metrics::histogram!(name, "api" => api, "stage" => stage, "route" => route)
        };
        self.latency.get_or_init(|| histogram("poolhouse_gateway_request_seconds")).record(elapsed);
        if let Some(took) = integration {
            let latency = || histogram("poolhouse_gateway_integration_seconds");
            self.integration_latency.get_or_init(latency).record(took);
        }
    }

    fn count_other(&self, status: StatusCode) {
        if let Some(counter) = self.others.read().unwrap_or_else(PoisonError::into_inner).get(&status.as_u16()) {
            counter.increment(1);
            return;
        }
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        others.entry(status.as_u16()).or_insert_with(|| self.counter(status)).increment(1);
    }

    fn counter(&self, status: StatusCode) -> Counter {
        metrics::counter!(
            "poolhouse_gateway_requests_total",
            "api" => self.api.clone(), "stage" => self.stage.clone(), "route" => self.route.clone(),
            "status" => status.as_str().to_owned()
        )
    }
}

/// What stands for the status of an answer that nobody has waited for, as nginx has it.
const LEFT: u16 = 499;

/// An exchange until it is answered. Dropped before, it is written down all the same: what was asked for may have been done.
pub(super) struct Unanswered<'e, 'g> {
    pub(super) exchange: &'e mut Exchange<'g>,
    pub(super) unrouted: &'g Meters,
}

impl Drop for Unanswered<'_, '_> {
    fn drop(&mut self) {
        if self.exchange.answer.is_none() {
            self.left();
        }
    }
}

impl Unanswered<'_, '_> {
    #[cold]
    fn left(&mut self) {
        let Ok(status) = StatusCode::from_u16(LEFT) else { return };
        write_down(self.exchange, (status, None), Some(&"nobody waits for the answer any more"), self.unrouted);
    }
}

/// Writes down how a request was answered. `unrouted` counts what found no route.
pub(super) fn record(
    exchange: &mut Exchange<'_>,
    response: &Response<Body>,
    refusal: Option<&Refusal>,
    unrouted: &Meters,
) {
    if let Some(Refusal::Function(reason) | Refusal::Unavailable(reason)) = refusal {
        tracing::warn!(request_id = exchange.id, reason, "integration failed");
    }
    if let Some(Refusal::TimedOut(reason)) = refusal {
        tracing::warn!(request_id = exchange.id, reason, "integration timed out");
    }
    if let Some(Refusal::Authorizer(reason)) = refusal {
        tracing::warn!(request_id = exchange.id, reason, "authorizer failed");
    }
    let answer = (response.status(), response.body().size_hint().exact());
    write_down(exchange, answer, refusal.map(|refusal| refusal as &dyn Display), unrouted);
}

fn write_down(
    exchange: &mut Exchange<'_>,
    (status, length): (StatusCode, Option<u64>),
    error: Option<&dyn Display>,
    unrouted: &Meters,
) {
    let elapsed = exchange.began.elapsed();
    exchange.answer = Some(Answered { status: status.as_u16(), length, latency: elapsed });
    exchange.route.map_or(unrouted, |route| &route.meters).count(status, elapsed, exchange.report.latency);
    tracing::info!(
        target: "poolhouse::gateway::access",
        request_id = exchange.id,
        api = exchange.api.map(|api| api.name.as_str()),
        stage = exchange.stage.map(|stage| stage.name.as_str()),
        route = exchange.route.map(|route| route.key.as_str()),
        method = exchange.head.method.as_str(),
        path = exchange.head.uri.path(),
        status = status.as_u16(),
        length,
        source_ip = exchange.client.map(tracing::field::display),
        latency_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        error = error.map(tracing::field::display),
        "request"
    );
    if let Some(log) = exchange.stage.and_then(|stage| stage.log.as_ref()) {
        log.write(exchange);
    }
}
