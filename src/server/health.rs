//! `/healthz`, `/readyz` and `/metrics`: for whoever keeps the server running.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::flows::App;

pub(super) fn router(app: Arc<App>, metrics: Option<PrometheusHandle>) -> Router {
    let mut router = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(app);
    if let Some(metrics) = metrics {
        router = router.route("/metrics", get(move || async move { exposition(&metrics) }));
    }
    router
}

/// The process answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// The database answers too.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.store.health().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

fn exposition(metrics: &PrometheusHandle) -> Response {
    metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}
