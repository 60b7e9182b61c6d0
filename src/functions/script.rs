//! JavaScript handlers in the embedded engine, QuickJS: unmodified Lambda code, no Node.
//!
//! As in Lambda an instance serves one call at a time and keeps its globals for the next one. A function has as many instances
//! as there are cores (two at least), each on a thread of its own, so that a handler that loops takes nothing from the server
//! but one core. A call that meets all of them at work waits until its own deadline.
//!
//! Time, heap, stack, payload and log output are limited. An instance that hit such a limit, or whose code threw outside of the
//! handler, is thrown away with its globals; an ordinary throw leaves it warm. One thing escapes the engine's clock: a builtin
//! that loops inside C, such as `[].indexOf.call({ length: 2 ** 53 }, 1)`. Its caller gets a timeout all the same, and the
//! thread is lost to this function until the builtin returns.
//!
//! A handler can be CommonJS or an ES module and answer by promise, value, callback or `context.done`. It finds `console`,
//! timers, `process.env`, `Buffer`, text encodings, `URL`, `structuredClone`, random values, and nothing that leaves the engine.

pub(super) mod files;
mod host;
mod instance;
mod source;
mod thrown;
mod watch;
mod worker;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};

use self::{
    source::Source,
    worker::{Job, Seat, Worker},
};
use super::{
    Call, Function, FunctionError, LoadError, Surroundings,
    log::{self, Journal},
};
use crate::config::function as config;

/// The engine's stack. Its thread has four times as much, for the C code between two checks.
const STACK: usize = 512 * 1024;
/// How long after its deadline a call may take to come back from the engine before it is given up.
const GRACE: Duration = Duration::from_millis(250);
/// Calls that may wait for a free instance. Each holds its event in memory.
const QUEUE: usize = 256;

/// A handler with its warm instances.
pub struct Script {
    pool: Arc<Pool>,
    /// One permit per instance.
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// What the workers of one function share.
struct Pool {
    plan: Arc<Plan>,
    /// The last one to finish is the first to be used again.
    idle: Mutex<Vec<Worker>>,
}

/// What an instance is made from.
struct Plan {
    name: String,
    arn: String,
    journal: Journal,
    source: Source,
    handler: String,
    timeout: Duration,
    memory_mib: u32,
    environment: String,
}

impl Script {
    /// Reads and parses the file; runs nothing yet.
    pub(super) fn load_in(
        section: &config::Function,
        file: &Path,
        around: &Surroundings,
        journal: Journal,
    ) -> Result<Self, LoadError> {
        let source = Source::load(section, file)?;
        let plan = Plan {
            name: section.name.clone(),
            arn: around.arn(&section.name),
            journal,
            source,
            handler: section.handler.rsplit('.').next().unwrap_or_default().to_owned(),
            timeout: section.timeout,
            memory_mib: section.memory_mib,
            environment: serde_json::json!(section.environment).to_string(),
        };
        let instances = thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
        Ok(Self {
            pool: Arc::new(Pool { plan: Arc::new(plan), idle: Mutex::default() }),
            free: Arc::new(Semaphore::new(instances)),
            waiting: AtomicUsize::new(0),
        })
    }

    async fn seat(&self, deadline: Instant) -> Result<Seat, FunctionError> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _place = Waiting::join(&self.waiting)?;
                let turn = Arc::clone(&self.free).acquire_owned();
                match tokio::time::timeout_at(deadline.into(), turn).await {
                    Ok(Ok(permit)) => permit,
                    _ => return Err(FunctionError::Busy),
                }
            }
        };
        let idle = self.pool.idle().pop();
        let worker = match idle {
            Some(worker) => worker,
            None => Worker::start(&self.pool).map_err(|error| FunctionError::Broken(error.to_string()))?,
        };
        Ok(Seat { worker, permit })
    }
}

#[async_trait]
impl Function for Script {
    async fn invoke(&self, call: Call) -> Result<Value, FunctionError> {
        let after = call.deadline.min(self.pool.plan.timeout);
        let deadline = Instant::now() + after;
        let seat = self.seat(deadline).await?;
        let (reply, answer) = oneshot::channel();
        let Call { event, request_id, client_context, tail, .. } = call;
        // Scripts are called far more often than anybody reads about it.
        let read = tail.clone().map(|tail| (tail, request_id.clone(), Instant::now()));
        if let Some((tail, id, _)) = &read {
            tail.push(&log::start(id));
        }
        seat.send(Job { event, request_id, client_context, tail, after, deadline, reply })?;
        let answer = match tokio::time::timeout_at((deadline + GRACE).into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(FunctionError::Broken("the engine's thread ended".into())),
            Err(_) => Err(FunctionError::TimedOut { after }),
        };
        if let Some((tail, id, began)) = read {
            log::end(&id, began.elapsed(), self.pool.plan.memory_mib).iter().for_each(|line| tail.push(line));
        }
        answer
    }

    /// Without a network and files it would only do the same once more, and it has waited for its turn already.
    fn is_worth_retrying(&self) -> bool {
        false
    }
}

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue, given back however the waiting ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize) -> Result<Self, FunctionError> {
        let place = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= QUEUE { Err(FunctionError::Busy) } else { Ok(place) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
