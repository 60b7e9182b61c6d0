//! What limits the call that runs: its time, and how much it may log.
//!
//! The engine's interrupt handler, the host functions and the event loop all look at the same watch.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// What one call may log, in bytes.
const LOG_LIMIT: usize = 64 * 1024;

pub(super) struct Watch {
    function: String,
    /// The zero of the instance's own time.
    start: Instant,
    /// Nanoseconds after `start`.
    deadline: AtomicU64,
    interrupted: AtomicBool,
    logged: AtomicUsize,
    request_id: Mutex<String>,
}

impl Watch {
    pub(super) fn new(function: &str) -> Self {
        Self {
            function: function.to_owned(),
            start: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
            interrupted: AtomicBool::new(false),
            logged: AtomicUsize::new(0),
            request_id: Mutex::default(),
        }
    }

    /// A new call begins.
    pub(super) fn set(&self, deadline: Instant, request_id: &str) {
        self.deadline.store(nanoseconds(deadline.saturating_duration_since(self.start)), Ordering::Relaxed);
        self.interrupted.store(false, Ordering::Relaxed);
        self.logged.store(0, Ordering::Relaxed);
        let mut current = self.request_id.lock().unwrap_or_else(PoisonError::into_inner);
        current.clear();
        current.push_str(request_id);
    }

    /// Time since the instance was made.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn remaining(&self) -> Duration {
        let deadline = Duration::from_nanos(self.deadline.load(Ordering::Relaxed));
        deadline.saturating_sub(self.elapsed())
    }

    /// The engine's interrupt handler: true stops the script, and there is no way back for its instance.
    pub(super) fn interrupt(&self) -> bool {
        if self.remaining() > Duration::ZERO {
            return false;
        }
        self.interrupted.store(true, Ordering::Relaxed);
        true
    }

    /// Whether the script was stopped or is due to be.
    pub(super) fn is_over(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.remaining() == Duration::ZERO
    }

    /// Whether the call has used up what it may log.
    pub(super) fn is_silenced(&self) -> bool {
        self.logged.load(Ordering::Relaxed) > LOG_LIMIT
    }

    pub(super) fn log(&self, level: &str, text: &str) {
        if self.is_silenced() {
            return;
        }
        let before = self.logged.fetch_add(text.len() + 1, Ordering::Relaxed);
        let request_id = self.request_id.lock().unwrap_or_else(PoisonError::into_inner);
        if before + text.len() + 1 > LOG_LIMIT {
            tracing::warn!(target: "function", function = %self.function, request_id = %request_id,
                "log limit of {LOG_LIMIT} bytes reached, the rest of this call is not logged");
            return;
        }
        // A script must not be able to write lines of others or to steer a terminal.
        let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
        for line in text.lines() {
            let (function, request_id) = (&self.function, &*request_id);
            match level {
                "error" => tracing::error!(target: "function", %function, %request_id, "{line}"),
                "warn" => tracing::warn!(target: "function", %function, %request_id, "{line}"),
                "debug" => tracing::debug!(target: "function", %function, %request_id, "{line}"),
                _ => tracing::info!(target: "function", %function, %request_id, "{line}"),
            }
        }
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
