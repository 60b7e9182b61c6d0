//! A request that has begun is carried through, also when its client hangs up.
//!
//! A connection that ends drops its handler wherever that waits. What comes after a commit would then not happen: the cache would
//! keep what was deleted, and on a database of our own nothing would ever correct it; a wrong password would be looked at and not
//! counted. So handlers run in tasks of their own. Those whose clients have left are bounded: beyond that, requests end with
//! their connections.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use tokio::sync::Semaphore;
use tracing::Instrument;

/// More requests than a server of this kind has in flight unless somebody floods it.
const MOST: usize = 4_096;

pub(super) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST))
}

pub(super) async fn through(State(room): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(permit) = room.try_acquire_owned() else { return next.run(request).await };
    let work = async move {
        let response = next.run(request).await;
        drop(permit);
        response
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request broke off");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, body::Body, middleware, routing::get};
    use tokio::sync::mpsc;
    use tower::ServiceExt;

    use super::*;

    async fn hung_up(room: Semaphore) -> Option<()> {
        let (done, mut seen) = mpsc::channel(1);
        let slow = move || async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(done.send(()).await.is_ok());
        };
        let layer = middleware::from_fn_with_state(Arc::new(room), through);
        let router = Router::new().route("/", get(slow)).layer(layer);
        let request = router.oneshot(Request::new(Body::empty()));
        assert!(tokio::time::timeout(Duration::from_millis(5), request).await.is_err());
        seen.recv().await
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_does_not_stop_its_request() {
        assert_eq!(hung_up(Semaphore::new(1)).await, Some(()));
    }

    #[tokio::test]
    async fn beyond_the_bound_a_request_ends_with_its_connection() {
        assert_eq!(hung_up(Semaphore::new(0)).await, None);
    }
}
