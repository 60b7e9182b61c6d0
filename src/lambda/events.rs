//! `Event` calls: accepted, queued, and run behind the answer.
//!
//! As in Lambda a call whose function fails is tried twice more, after one minute and after another two. One that nobody could
//! take, because everybody is at work or away, goes back to the queue for up to six hours, at first for a second and then for
//! longer, up to five minutes. Every try has the call's request id, and asks the function that has the name then. What is given up
//! is logged; nothing is kept over a restart.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Current, error::Fault};
use crate::functions::{Call, FunctionError};

/// Calls of one function that run at once. One whose calls wait holds up no other.
const AT_WORK: usize = 64;
/// Calls that are accepted and not over.
const QUEUE: usize = 1_000;
/// What their events may take together, in KiB.
const MEMORY: usize = 64 * 1024;
/// What comes before another try of a function that failed.
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// What comes before another try where nobody took the call.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const OLDEST: Duration = Duration::from_secs(6 * 3_600);

pub(super) struct Events {
    functions: Current,
    at_work: Mutex<HashMap<String, Arc<Semaphore>>>,
    queue: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    shutdown: CancellationToken,
}

/// What a call takes until it is over.
struct Place {
    _place: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

impl Events {
    pub(super) fn new(functions: Current, shutdown: CancellationToken) -> Self {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        let at_work = Mutex::default();
        Self { functions, at_work, queue: semaphore(QUEUE), memory: semaphore(MEMORY), shutdown }
    }

    /// Takes a call of `size` bytes, which from here on runs by itself.
    pub(super) fn accept(self: &Arc<Self>, function: &str, call: Call, size: usize) -> Result<(), Fault> {
        let kilobytes = u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX);
        let place = Place {
            _place: Arc::clone(&self.queue).try_acquire_owned().map_err(|_| Fault::Throttled)?,
            _memory: Arc::clone(&self.memory).try_acquire_many_owned(kilobytes).map_err(|_| Fault::Throttled)?,
        };
        let (events, function) = (Arc::clone(self), function.to_owned());
        tokio::spawn(async move {
            let request_id = call.request_id.clone();
            let ended = tokio::select! {
                ended = events.run(&function, call) => ended,
                () = events.shutdown.cancelled() => Err("the server stops".to_owned()),
            };
            if let Err(why) = ended {
                metrics::counter!("poolhouse_function_events_lost_total").increment(1);
                tracing::error!(function, request_id, why, "an event is given up");
            }
            drop(place);
        });
        Ok(())
    }

    /// Tries until the function has answered. Says why nobody tries any more.
    async fn run(&self, name: &str, mut call: Call) -> Result<(), String> {
        let since = Instant::now();
        let (mut retries, mut pause) = (RETRIES.into_iter(), FIRST_PAUSE);
        loop {
            let error = match self.once(name, call.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let wait = match &error {
                FunctionError::Busy | FunctionError::Unreachable(_) => {
                    let wait = pause;
                    pause = LONGEST_PAUSE.min(2 * pause);
                    (since.elapsed() + wait < OLDEST).then_some(wait)
                }
                _ => retries.next(),
            };
            let Some(wait) = wait else { return Err(error.to_string()) };
            let again = wait.as_secs();
            tracing::warn!(function = name, request_id = call.request_id, %error, "an event failed: next try in {again} s");
            tokio::time::sleep(wait).await;
            call.is_retry = true;
        }
    }

    async fn once(&self, name: &str, call: Call) -> Result<(), FunctionError> {
        let at_work = {
            let mut all = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_WORK))))
        };
        // The semaphore is never closed.
        let _at_work = at_work.acquire().await;
        let function = (self.functions)().get(name);
        let function = function.ok_or_else(|| FunctionError::Broken("there is no such function any more".into()))?;
        function.invoke(call).await.map(drop)
    }
}
