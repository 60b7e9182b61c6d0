//! One place where calls are handed out and answers come back: of one supervised process, or of all that attach to a function.
//!
//! It knows which calls are out, ends each at its deadline, and keeps the order of Lambda's runtime: ask, answer, ask again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    sync::{mpsc::UnboundedSender, oneshot},
    task::AbortHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Plan,
    desk::{Desk, Job},
};
use crate::{
    functions::{
        FunctionError,
        log::{self, CALL_LIMIT, Level, Tail},
    },
    kit::lineage::Lineage,
};

/// Answered calls that are told from those that never were.
const REMEMBERED: usize = 64;
/// How long an answer waits for the last lines that were printed before it, where somebody wants to read them.
const LINES_ARRIVE: Duration = Duration::from_millis(20);
/// The least time that a process has to ask again, however late it answered.
const RETURN: Duration = Duration::from_millis(250);

/// What a supervisor is told about its process.
pub(super) enum News {
    /// It asked for its first call.
    Ready,
    /// It did not answer in time, or has not asked again.
    Late,
    /// It cannot start, it says.
    InitFailed(FunctionError),
}

/// Why a process may not do what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misstep {
    /// No call that is out has this id.
    UnknownId,
    /// The state that it is in, and the one that it asked for.
    WrongState(&'static str, &'static str),
}

pub(super) struct Counter {
    pub(super) plan: Arc<Plan>,
    pub(super) desk: Arc<Desk>,
    /// Cancelled when the function goes.
    pub(super) closed: CancellationToken,
    /// None where somebody else started the process.
    supervisor: Option<UnboundedSender<News>>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    was_asked: bool,
    is_asked: bool,
    /// It has answered, and does not ask yet: what ends it when it never does.
    returning: Option<AbortHandle>,
    /// It is gone, and comes back no more.
    is_abandoned: bool,
    out: HashMap<String, Out>,
    answered: VecDeque<String>,
    /// What is printed belongs to this call.
    last: (String, Option<Arc<Tail>>),
    printed: usize,
}

impl Held {
    fn take(&mut self, id: &str) -> Option<Out> {
        let out = self.out.remove(id)?;
        if let Some(timer) = &out.timer {
            timer.abort();
        }
        Some(out)
    }

    fn expects(&self, id: &str) -> Result<(), Misstep> {
        match self.out.contains_key(id) {
            true => Ok(()),
            false if self.answered.iter().any(|known| known == id) => {
                Err(Misstep::WrongState("InvocationResponse", "InvocationResponse"))
            }
            false => Err(Misstep::UnknownId),
        }
    }
}

/// A call that a process works on.
struct Out {
    reply: oneshot::Sender<Result<Value, FunctionError>>,
    after: Duration,
    began: Instant,
    tail: Option<Arc<Tail>>,
    timer: Option<AbortHandle>,
}

/// A call as it is handed out.
pub(super) struct Handed {
    pub(super) job: Task,
    pub(super) left: Duration,
}

/// What a process needs to know of a call.
pub(super) struct Task {
    pub(super) id: String,
    pub(super) event: bytes::Bytes,
    pub(super) client_context: Option<String>,
    pub(super) lineage: Lineage,
}

impl Counter {
    pub(super) fn new(
        plan: &Arc<Plan>,
        desk: &Arc<Desk>,
        closed: CancellationToken,
        supervisor: Option<UnboundedSender<News>>,
    ) -> Arc<Self> {
        let (plan, desk) = (Arc::clone(plan), Arc::clone(desk));
        Arc::new(Self { plan, desk, closed, supervisor, held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: News) {
        if let Some(supervisor) = &self.supervisor {
            // A supervisor that is gone has ended the process.
            let _ = supervisor.send(news);
        }
    }

    /// Waits for a call. A supervised process has one at a time; how many ask at once elsewhere is for them to know.
    pub(super) async fn next(self: &Arc<Self>) -> Result<Handed, Misstep> {
        let _asking = self.begin_asking()?;
        let job = self.desk.next().await;
        Ok(self.hand_out(job))
    }

    fn begin_asking(self: &Arc<Self>) -> Result<Asking, Misstep> {
        let mut held = self.held();
        if self.supervisor.is_some() && !held.out.is_empty() {
            return Err(Misstep::WrongState("Running", "Ready"));
        }
        if self.supervisor.is_some() && held.is_asked {
            return Err(Misstep::WrongState("Ready", "Ready"));
        }
        held.is_asked = true;
        self.end_return(&mut held);
        if !held.was_asked {
            held.was_asked = true;
            self.tell(News::Ready);
        }
        Ok(Asking(Arc::clone(self)))
    }

    fn hand_out(self: &Arc<Self>, job: Job) -> Handed {
        let Job { id, event, client_context, lineage, patience, deadline, tail, reply } = job;
        let began = Instant::now();
        let own = began + self.plan.timeout;
        let (until, after) = if own <= deadline { (own, self.plan.timeout) } else { (deadline, patience) };
        self.plan.journal.note(&id, tail.as_deref(), &log::start(&id));
        let mut held = self.held();
        held.last = (id.clone(), tail.clone());
        held.printed = 0;
        held.out.insert(id.clone(), Out { reply, after, began, tail, timer: None });
        let (own, late) = (Arc::downgrade(self), id.clone());
        let timer = tokio::spawn(async move {
            tokio::time::sleep_until(until.into()).await;
            if let Some(counter) = own.upgrade() {
                counter.end_late(&late);
            }
        });
        if let Some(out) = held.out.get_mut(&id) {
            out.timer = Some(timer.abort_handle());
        }
        let left = until.saturating_duration_since(began);
        Handed { job: Task { id, event, client_context, lineage }, left }
    }

    fn end_late(&self, id: &str) {
        let Some(out) = self.take(id) else { return };
        if self.supervisor.is_none() {
            self.desk.is_owed(id);
        }
        let after = out.after;
        let line = format!("{id} Task timed out after {:.2} seconds", after.as_secs_f64());
        self.plan.journal.note(id, out.tail.as_deref(), &line);
        let took = out.began.elapsed();
        self.close(id, out, took, Err(FunctionError::TimedOut { after }));
        self.tell(News::Late);
    }

    /// Whether an answer for this id would be taken.
    pub(super) fn expects(&self, id: &str) -> Result<(), Misstep> {
        self.held().expects(id)
    }

    /// The process answers. What it printed before may still be on its way: a caller who wants to read that is answered a moment
    /// later, out of the call's time, and so is the process.
    pub(super) async fn answer(
        self: &Arc<Self>,
        id: &str,
        outcome: Result<Value, FunctionError>,
    ) -> Result<(), Misstep> {
        let out = self.take_back(id)?;
        let took = out.began.elapsed();
        self.plan.misfortunes.store(0, std::sync::atomic::Ordering::Relaxed);
        if out.tail.is_none() {
            self.close(id, out, took, outcome);
            return Ok(());
        }
        let (own, id) = (Arc::clone(self), id.to_owned());
        let closing = tokio::spawn(async move {
            tokio::time::sleep(LINES_ARRIVE).await;
            own.close(&id, out, took, outcome);
        });
        // A task of its own: the process may be gone before it is told, and its answer counts all the same.
        let _ = closing.await;
        Ok(())
    }

    /// The call that is answered. As one step: the process may ask again, or end, at any moment.
    fn take_back(self: &Arc<Self>, id: &str) -> Result<Out, Misstep> {
        let mut held = self.held();
        held.expects(id)?;
        let out = held.take(id).ok_or(Misstep::UnknownId)?;
        held.answered.push_back(id.to_owned());
        if held.answered.len() > REMEMBERED {
            held.answered.pop_front();
        }
        // Before the caller knows of the answer, who may call again at once.
        if self.supervisor.is_some() && !held.is_abandoned && held.returning.is_none() {
            self.desk.will_be_back();
            held.returning = Some(self.expect_back(id, &out));
        }
        Ok(out)
    }

    /// In Lambda the time of a call runs on until the process asks for the next one.
    fn expect_back(self: &Arc<Self>, id: &str, out: &Out) -> AbortHandle {
        let told = Instant::now() + if out.tail.is_some() { LINES_ARRIVE } else { Duration::ZERO };
        let until = (out.began + self.plan.timeout).max(told + RETURN);
        let (own, id) = (Arc::downgrade(self), id.to_owned());
        let timer = tokio::spawn(async move {
            tokio::time::sleep_until(until.into()).await;
            let Some(counter) = own.upgrade() else { return };
            // It may have asked in this very moment, and work on another call.
            let held = counter.held();
            if held.returning.is_some() && held.last.0 == id {
                let after = counter.plan.timeout.as_secs_f64();
                let line =
                    format!("{id} Task timed out after {after:.2} seconds: it has answered, and does not ask again");
                counter.plan.journal.note(&id, None, &line);
                counter.tell(News::Late);
            }
        });
        timer.abort_handle()
    }

    /// It asks again, or never will.
    fn end_return(&self, held: &mut Held) {
        if let Some(timer) = held.returning.take() {
            timer.abort();
            self.desk.is_back();
        }
    }

    /// The process says that it cannot start.
    pub(super) fn init_failed(&self, error: FunctionError) -> Result<(), Misstep> {
        if self.supervisor.is_none() {
            self.plan.journal.print(Level::Error, "init", None, &format!("a process cannot start: {error}"));
            if !self.desk.is_attended() {
                self.desk.fail(&error);
            }
            return Ok(());
        }
        if self.held().was_asked {
            return Err(Misstep::WrongState("Ready", "InitError"));
        }
        self.tell(News::InitFailed(error));
        Ok(())
    }

    /// The process is gone, and whatever it worked on with it.
    pub(super) fn abandon(&self, why: impl Fn(&str) -> FunctionError) {
        let ids: Vec<String> = {
            let mut held = self.held();
            held.is_abandoned = true;
            self.end_return(&mut held);
            held.out.keys().cloned().collect()
        };
        for id in ids {
            if let Some(out) = self.take(&id) {
                let took = out.began.elapsed();
                self.close(&id, out, took, Err(why(&id)));
            }
        }
    }

    /// Whether some call is out.
    pub(super) fn is_busy(&self) -> bool {
        !self.held().out.is_empty()
    }

    /// A line that the process printed. False when nothing of this call is kept any more.
    pub(super) fn print(&self, text: &str) -> bool {
        let (id, tail, before) = {
            let mut held = self.held();
            let before = held.printed;
            held.printed = before.saturating_add(text.len() + 1);
            (held.last.0.clone(), held.last.1.clone(), before)
        };
        let id = if id.is_empty() { "init" } else { &id };
        if before > CALL_LIMIT {
            return false;
        }
        if before + text.len() + 1 > CALL_LIMIT {
            let line = format!("log limit of {CALL_LIMIT} bytes reached, the rest of this call is not logged");
            self.plan.journal.print(Level::Warn, id, tail.as_deref(), &line);
            return false;
        }
        self.plan.journal.print(Level::Info, id, tail.as_deref(), text);
        true
    }

    fn take(&self, id: &str) -> Option<Out> {
        self.held().take(id)
    }

    fn close(&self, id: &str, out: Out, took: Duration, outcome: Result<Value, FunctionError>) {
        for line in log::end(id, took, self.plan.memory_mib) {
            self.plan.journal.note(id, out.tail.as_deref(), &line);
        }
        // Nobody listens any more when the caller went away.
        let _ = out.reply.send(outcome);
    }
}

/// A process that waits for a call, until it has one or goes away.
struct Asking(Arc<Counter>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.held().is_asked = false;
    }
}

#[cfg(test)]
mod tests;
