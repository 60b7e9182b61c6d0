//! What limits the call that runs: its time, and how much it may log.
//!
//! The engine's interrupt handler, the host functions and the event loop all look at the same watch.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::Plan;
use crate::functions::log::{CALL_LIMIT, Level, Tail};

pub(super) struct Watch {
    plan: Arc<Plan>,
    /// The zero of the instance's own time.
    start: Instant,
    /// Nanoseconds after `start`.
    deadline: AtomicU64,
    interrupted: AtomicBool,
    logged: AtomicUsize,
    call: Mutex<(String, Option<Arc<Tail>>)>,
}

impl Watch {
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        Self {
            plan: Arc::clone(plan),
            start: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
            interrupted: AtomicBool::new(false),
            logged: AtomicUsize::new(0),
            call: Mutex::default(),
        }
    }

    /// A new call begins.
    pub(super) fn set(&self, deadline: Instant, request_id: &str, tail: Option<Arc<Tail>>) {
        self.deadline.store(nanoseconds(deadline.saturating_duration_since(self.start)), Ordering::Relaxed);
        self.interrupted.store(false, Ordering::Relaxed);
        self.logged.store(0, Ordering::Relaxed);
        *self.call.lock().unwrap_or_else(PoisonError::into_inner) = (request_id.to_owned(), tail);
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
        self.logged.load(Ordering::Relaxed) > CALL_LIMIT
    }

    pub(super) fn log(&self, level: &str, text: &str) {
        if self.is_silenced() {
            return;
        }
        let before = self.logged.fetch_add(text.len() + 1, Ordering::Relaxed);
        let call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        let (request_id, tail) = (&*call.0, call.1.as_deref());
        if before + text.len() + 1 > CALL_LIMIT {
            let line = format!("log limit of {CALL_LIMIT} bytes reached, the rest of this call is not logged");
            self.plan.journal.print(Level::Warn, request_id, tail, &line);
            return;
        }
        let level = match level {
            "error" => Level::Error,
            "warn" => Level::Warn,
            "debug" => Level::Debug,
            _ => Level::Info,
        };
        self.plan.journal.print(level, request_id, tail, text);
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
