//! A thread that holds one instance and serves calls one after the other.

use std::{
    io,
    sync::{Arc, Weak, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Plan, Pool, STACK, instance};
use crate::functions::{FunctionError, log::Tail};

/// What a worker is asked to do.
pub(super) struct Job {
    pub(super) event: Value,
    pub(super) request_id: String,
    /// JSON, for `context.clientContext`.
    pub(super) client_context: Option<String>,
    pub(super) tail: Option<Arc<Tail>>,
    /// The limit in words: what a timeout reports.
    pub(super) after: Duration,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<Value, FunctionError>>,
}

/// The address of a worker's thread. The thread ends when it is dropped.
pub(super) struct Worker(mpsc::Sender<(Job, Seat)>);

/// A worker that is taken for one call, and the permit to use it.
pub(super) struct Seat {
    pub(super) worker: Worker,
    pub(super) permit: OwnedSemaphorePermit,
}

/// Where a worker finds its calls.
pub(super) type Inbox = mpsc::Receiver<(Job, Seat)>;

impl Worker {
    pub(super) fn start(pool: &Arc<Pool>) -> io::Result<Self> {
        let (sender, inbox) = mpsc::channel();
        let plan = Arc::clone(&pool.plan);
        // Weak, for the pool holds the addresses of its idle threads: they end when it goes.
        let pool = Arc::downgrade(pool);
        let thread = thread::Builder::new().name(format!("js {}", plan.name)).stack_size(4 * STACK);
        thread.spawn(move || work(&plan, &pool, &inbox))?;
        Ok(Self(sender))
    }
}

impl Seat {
    pub(super) fn send(self, job: Job) -> Result<(), FunctionError> {
        let address = self.worker.0.clone();
        address.send((job, self)).map_err(|_| FunctionError::Broken("the engine's thread ended".into()))
    }

    /// Frees the worker for the next call, then answers: who calls again finds it warm.
    pub(super) fn leave(self, pool: &Weak<Pool>, job: Job, answer: Result<Value, FunctionError>) {
        if let Some(pool) = pool.upgrade() {
            pool.idle().push(self.worker);
        }
        drop(self.permit);
        // Nobody listens any more when the caller went away: the answer is of no use then.
        drop(job.reply.send(answer));
    }
}

fn work(plan: &Arc<Plan>, pool: &Weak<Pool>, inbox: &Inbox) {
    while let Ok((job, seat)) = inbox.recv() {
        // The instance lives in here, for this call and those that follow, until a call spoils it or the function goes.
        let Some((job, seat, answer)) = instance::live(plan, pool, inbox, (job, seat)) else { return };
        seat.leave(pool, job, answer);
    }
}
