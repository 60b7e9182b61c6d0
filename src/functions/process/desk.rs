//! Where the calls of one function meet the processes that ask for them. Whoever comes first waits. Of processes that wait, the
//! one that worked last goes first: what it keeps from call to call is used as often as can be.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    functions::{FunctionError, log::Tail},
    kit::lineage::Lineage,
};

/// Calls that may wait for a process. Each holds its event in memory.
const QUEUE: usize = 256;
/// Ids that are not given to another call: a process that is late must not answer for it.
const REMEMBERED: usize = 1024;

/// A call that no process has taken yet.
pub(super) struct Job {
    pub(super) id: String,
    pub(super) event: Bytes,
    pub(super) client_context: Option<String>,
    pub(super) lineage: Lineage,
    /// The caller's patience, and when it ends.
    pub(super) patience: Duration,
    pub(super) deadline: Instant,
    pub(super) tail: Option<Arc<Tail>>,
    pub(super) reply: oneshot::Sender<Result<Value, FunctionError>>,
}

impl Job {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed() && Instant::now() < self.deadline
    }
}

#[derive(Default)]
pub(super) struct Desk(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    pollers: Vec<oneshot::Sender<Job>>,
    /// Processes that have answered and will ask in a moment.
    returning: usize,
    ids: VecDeque<String>,
    /// Of calls that a process may still answer, although nobody waits for it.
    owed: VecDeque<String>,
    was_attended: bool,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may have this id: it was not used lately, or only by earlier tries of the same event, each of which is over.
    /// From now on it was used.
    pub(super) fn takes(&self, id: &str, is_retry: bool) -> bool {
        let mut state = self.state();
        if state.owed.iter().any(|owed| owed == id) {
            return false;
        }
        if state.ids.iter().any(|used| used == id) {
            return is_retry;
        }
        remember(&mut state.ids, id);
        true
    }

    /// A process that nobody ends did not answer in time, and may do so later.
    pub(super) fn is_owed(&self, id: &str) {
        remember(&mut self.state().owed, id);
    }

    /// Hands the call to a process that waits for one, or lets it wait.
    pub(super) fn admit(&self, mut job: Job) -> Result<(), FunctionError> {
        let mut state = self.state();
        while let Some(poller) = state.pollers.pop() {
            match poller.send(job) {
                Ok(()) => return Ok(()),
                Err(back) => job = back,
            }
        }
        state.waiting.retain(Job::is_wanted);
        if state.waiting.len() >= QUEUE {
            return Err(FunctionError::Busy);
        }
        state.waiting.push_back(job);
        Ok(())
    }

    /// The next call. When the asker goes away, a call that it was just given stays for another one.
    pub(super) async fn next(&self) -> Job {
        let mut place = {
            let mut state = self.state();
            state.was_attended = true;
            while let Some(job) = state.waiting.pop_front() {
                if job.is_wanted() {
                    return job;
                }
            }
            let (send, receive) = oneshot::channel();
            state.pollers.retain(|poller| !poller.is_closed());
            state.pollers.push(send);
            Place { desk: self, receive }
        };
        match (&mut place.receive).await {
            Ok(job) => job,
            // The desk keeps the other end as long as it is asked.
            Err(_) => std::future::pending().await,
        }
    }

    /// Calls that wait for a process.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.iter().filter(|job| job.is_wanted()).count()
    }

    /// Processes that have answered and not asked again yet.
    pub(super) fn returning(&self) -> usize {
        self.state().returning
    }

    /// A process is about to answer, and will ask again. Each is followed by [`is_back`](Self::is_back).
    pub(super) fn will_be_back(&self) {
        self.state().returning += 1;
    }

    /// It asks, or it is gone.
    pub(super) fn is_back(&self) {
        self.state().returning -= 1;
    }

    /// Whether some process waits for a call.
    pub(super) fn is_attended(&self) -> bool {
        self.state().pollers.iter().any(|poller| !poller.is_closed())
    }

    /// Whether some process has ever asked for a call.
    pub(super) fn was_attended(&self) -> bool {
        self.state().was_attended
    }

    /// Tells everybody who waits that nothing will come.
    pub(super) fn fail(&self, error: &FunctionError) {
        let waiting = std::mem::take(&mut self.state().waiting);
        for job in waiting {
            // A caller who went away needs no answer.
            let _ = job.reply.send(Err(error.clone()));
        }
    }
}

fn remember(ids: &mut VecDeque<String>, id: &str) {
    ids.push_back(id.to_owned());
    if ids.len() > REMEMBERED {
        ids.pop_front();
    }
}

/// The place of a process that waits.
struct Place<'a> {
    desk: &'a Desk,
    receive: oneshot::Receiver<Job>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.receive.close();
        let Ok(mut job) = self.receive.try_recv() else { return };
        let mut state = self.desk.state();
        while let Some(poller) = state.pollers.pop() {
            match poller.send(job) {
                Ok(()) => return,
                Err(back) => job = back,
            }
        }
        // It has waited longest.
        state.waiting.push_front(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<Value, FunctionError>>;

    fn job(id: &str) -> (Job, Answer) {
        let (reply, answer) = oneshot::channel();
        let patience = Duration::from_secs(5);
        let deadline = Instant::now() + patience;
        let (event, client_context, tail) = (Bytes::from_static(b"1"), None, None);
        (
            Job { id: id.into(), event, client_context, lineage: Lineage::default(), patience, deadline, tail, reply },
            answer,
        )
    }

    #[tokio::test]
    async fn a_call_survives_the_process_that_went_away_with_it() {
        let desk = Desk::default();
        let mut gone = Box::pin(desk.next());
        assert!(polled(&mut gone).is_none());
        let (first, _answer) = job("1");
        desk.admit(first).unwrap();
        drop(gone);
        assert_eq!(desk.waiting(), 1);
        assert_eq!(desk.next().await.id, "1");
    }

    #[test]
    fn an_id_is_for_one_event() {
        let desk = Desk::default();
        assert!(desk.takes("1", false));
        assert!(!desk.takes("1", false), "another call");
        assert!(desk.takes("1", true) && desk.takes("1", true), "other tries");
        desk.is_owed("1");
        assert!(!desk.takes("1", true), "a late answer would be taken for this try's");
    }

    #[tokio::test]
    async fn calls_wait_in_their_order_and_not_without_bound() {
        let desk = Desk::default();
        let mut answers = Vec::new();
        for number in 0..QUEUE {
            let (job, answer) = job(&number.to_string());
            desk.admit(job).unwrap();
            answers.push(answer);
        }
        assert_eq!(desk.admit(job("x").0), Err(FunctionError::Busy));
        answers.remove(0);
        assert_eq!(desk.next().await.id, "1");
        desk.fail(&FunctionError::OutOfMemory);
        assert_eq!(answers.pop().unwrap().await.unwrap(), Err(FunctionError::OutOfMemory));
        assert_eq!(desk.waiting(), 0);
    }

    fn polled<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }
}
