//! What goes on beside requests: removing what has ended, going on with imports that were interrupted,
//! refreshing what providers publish, and waiting for the signal
//! to stop.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    flows::{App, auth_events, saml::metadata, users_import::work},
    store,
};

const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Rows of a kind in one transaction: few enough that nobody waits for the sweep.
const SWEEP_ROWS: i64 = 500;

/// How long the inbox keeps messages, and the outbox what became of them.
const MESSAGES_STAY: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Runs until `shutdown`.
pub(super) async fn run(app: Arc<App>, shutdown: CancellationToken) {
    if let Err(error) = work::resume_all(&app).await {
        tracing::warn!(%error, "imports that were interrupted do not go on yet; the next sweep tries again");
    }
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    // The first tick is immediate, and a start has better things to do.
    ticks.tick().await;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sweep(&app, &shutdown).await {
            tracing::warn!(%error, "what has ended was not removed; the next sweep tries again");
        }
        if let Err(error) = work::resume(&app).await {
            tracing::warn!(%error, "imports that were interrupted do not go on yet; the next sweep tries again");
        }
        let refreshed = tokio::select! {
            () = shutdown.cancelled() => return,
            refreshed = metadata::refresh_due(&app) => refreshed,
        };
        if let Err(error) = refreshed {
            tracing::warn!(%error, "metadata of SAML providers were not refreshed; the next sweep tries again");
        }
    }
}

async fn sweep(app: &App, shutdown: &CancellationToken) -> store::Result<()> {
    while !shutdown.is_cancelled() {
        let mut tx = app.store.begin().await?;
        let now = app.clock.now();
        let removed = store::grants::sweep(&mut tx, now, SWEEP_ROWS).await?
            + store::outbox::sweep(&mut tx, now.minus(MESSAGES_STAY), SWEEP_ROWS).await?;
        tx.commit().await?;
        let removed = removed + auth_events::sweep(app, SWEEP_ROWS).await?;
        if removed == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns at the first interrupt or request to terminate.
pub(super) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return interrupt().await };
    tokio::select! {
        () = interrupt() => {}
        _ = terminate.recv() => {}
    }
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler nothing ever arrives; the process still ends by the signal's default.
        std::future::pending::<()>().await;
    }
}
