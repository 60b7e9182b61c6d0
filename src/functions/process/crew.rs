//! The supervised processes of a function: started when calls wait, kept while they answer, replaced when they end.
//!
//! One that runs over a deadline, or dies, is replaced at once, and later the more often that happens. One that cannot start is
//! not tried again for a while; calls that come meanwhile are told why.

use std::{
    net::Ipv4Addr,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Plan, api,
    child::Child,
    counter::{Counter, News},
    desk::Desk,
    place::Counters,
};
use crate::functions::{EXITED, FunctionError, keeper, log::Level};

/// Lambda's own limit for what a runtime does before it asks for its first call.
const INIT: Duration = Duration::from_secs(10);
/// How long a call waits for a process that has just answered, before another one is started for it.
const RETURNS: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// One that has worked is away for less than a second, however often it ends.
const LONGEST_AWAY: Duration = Duration::from_millis(800);

pub(super) struct Crew {
    plan: Arc<Plan>,
    desk: Arc<Desk>,
    pub(super) closed: CancellationToken,
    pub(super) tasks: TaskTracker,
    /// Processes are looked after here, where the function was loaded: a caller's own runtime may end before them.
    home: Option<Handle>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    starting: usize,
    ready: usize,
    /// Why the last start failed, and until when none is tried.
    pause: Option<(Instant, FunctionError)>,
}

/// How a process came to its end.
enum End {
    /// The function goes.
    Closed,
    /// It never asked for a call.
    Init(FunctionError),
    /// It had asked for calls before.
    Later,
}

impl Crew {
    pub(super) fn new(plan: &Arc<Plan>, desk: &Arc<Desk>, closed: CancellationToken) -> Arc<Self> {
        let (plan, desk) = (Arc::clone(plan), Arc::clone(desk));
        let (tasks, home) = (TaskTracker::new(), Handle::try_current().ok());
        Arc::new(Self { plan, desk, closed, tasks, home, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a process is on its way to its first call.
    pub(super) fn is_starting(&self) -> bool {
        self.state().starting > 0
    }

    /// Starts a process where calls wait and there may be one more. Whoever calls again as soon as it is answered is heard by the
    /// same process: that one has a moment to ask.
    pub(super) fn help(self: &Arc<Self>) {
        let returning = self.desk.returning();
        if returning == 0 || self.desk.waiting() > self.state().starting + returning {
            return self.start();
        }
        let own = Arc::clone(self);
        self.run(async move {
            tokio::select! {
                () = own.closed.cancelled() => {}
                () = tokio::time::sleep(RETURNS) => own.start(),
            }
        });
    }

    fn start(self: &Arc<Self>) {
        let waiting = self.desk.waiting();
        let mut state = self.state();
        if waiting <= state.starting
            || state.starting + state.ready >= self.plan.concurrency
            || self.closed.is_cancelled()
        {
            return;
        }
        if let Some((until, error)) = &state.pause
            && Instant::now() < *until
        {
            if state.starting + state.ready == 0 {
                self.desk.fail(error);
            }
            return;
        }
        state.starting += 1;
        drop(state);
        self.run(Arc::clone(self).work());
    }

    fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.home {
            Some(home) => drop(self.tasks.spawn_on(work, home)),
            None => drop(self.tasks.spawn(work)),
        }
    }

    /// One place in the crew: one process after the other.
    async fn work(self: Arc<Self>) {
        loop {
            match self.one_process().await {
                End::Closed => return,
                End::Init(error) => {
                    self.cannot_start(error);
                    return;
                }
                End::Later => {
                    let pause = pause(self.plan.misfortunes.fetch_add(1, Ordering::Relaxed)).min(LONGEST_AWAY);
                    {
                        let mut state = self.state();
                        state.ready -= 1;
                        state.starting += 1;
                    }
                    tokio::select! {
                        () = self.closed.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    fn cannot_start(&self, error: FunctionError) {
        self.plan.journal.print(Level::Error, "init", None, &format!("the process cannot start: {error}"));
        let failures = self.plan.misfortunes.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        state.starting -= 1;
        if state.starting + state.ready == 0 {
            self.desk.fail(&error);
        }
        state.pause = Some((Instant::now() + pause(failures + 1), error));
    }

    async fn one_process(self: &Arc<Self>) -> End {
        let bound = match api::bind((Ipv4Addr::LOCALHOST, 0).into()).await {
            Ok(listener) => listener.local_addr().map(|address| (listener, address)),
            Err(error) => Err(error),
        };
        let (listener, address) = match bound {
            Ok(bound) => bound,
            Err(error) => return End::Init(FunctionError::Broken(format!("no Runtime API: {error}"))),
        };
        let (tell, mut news) = mpsc::unbounded_channel();
        let ended = self.closed.child_token();
        let counter = Counter::new(&self.plan, &self.desk, ended.clone(), Some(tell));
        let mut child = match Child::start(&self.plan, address, &counter) {
            Ok(child) => child,
            Err(error) => {
                return End::Init(FunctionError::Broken(format!("cannot start what keeps a process: {error}")));
            }
        };
        let counters = Counters::of(Arc::clone(&counter));
        self.tasks.spawn(api::serve(listener, counters, ended.clone().cancelled_owned()));
        let end = self.watch(&mut child, &counter, &mut news).await;
        child.kill().await;
        counter.abandon(|id| exited(Some(id), None));
        ended.cancel();
        end
    }

    async fn watch(&self, child: &mut Child, counter: &Counter, news: &mut mpsc::UnboundedReceiver<News>) -> End {
        let mut is_ready = false;
        let init = Instant::now() + INIT;
        loop {
            tokio::select! {
                biased;
                () = self.closed.cancelled() => return End::Closed,
                Some(news) = news.recv() => match news {
                    News::Ready => {
                        is_ready = true;
                        let mut state = self.state();
                        state.starting -= 1;
                        state.ready += 1;
                        state.pause = None;
                    }
                    News::Late => return End::Later,
                    News::InitFailed(error) => return End::Init(error),
                },
                status = child.ended() => {
                    if !is_ready {
                        return End::Init(self.not_started(status));
                    }
                    if !counter.is_busy() {
                        let line = format!("the process ended between two calls: {}", shown(status));
                        self.plan.journal.print(Level::Warn, "init", None, &line);
                    }
                    counter.abandon(|id| self.too_many(status).unwrap_or_else(|| exited(Some(id), status)));
                    return End::Later;
                }
                () = tokio::time::sleep_until(init.into()), if !is_ready => {
                    return End::Init(FunctionError::TimedOut { after: INIT });
                }
            }
        }
    }

    fn not_started(&self, status: Option<ExitStatus>) -> FunctionError {
        let program = self.plan.command.first().map(String::as_str).unwrap_or_default();
        match self.code(status) {
            Some(keeper::CANNOT_RUN) => FunctionError::Broken(format!("cannot run `{program}`")),
            Some(keeper::NOT_FOUND) => FunctionError::Broken(format!("there is no program `{program}`")),
            Some(keeper::NOT_CONFINED) if self.plan.keeper.is_some() => {
                FunctionError::Broken("it cannot be held to its limits and its sandbox; its log says why".into())
            }
            _ => self.too_many(status).unwrap_or_else(|| exited(None, status)),
        }
    }

    /// What is said of a process that was ended with all that it started, because there was too much of it.
    fn too_many(&self, status: Option<ExitStatus>) -> Option<FunctionError> {
        let is_so = self.plan.keeper.is_some() && self.code(status) == Some(keeper::TOO_MANY);
        is_so.then(|| {
            let message = "Runtime exited with error: too many processes and threads".to_owned();
            FunctionError::reported(None, Some(json!({"errorType": EXITED, "errorMessage": message})))
        })
    }

    fn code(&self, status: Option<ExitStatus>) -> Option<u8> {
        u8::try_from(status?.code()?).ok()
    }
}

/// Nothing after the first, then longer and longer.
fn pause(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        more => Duration::from_millis(100).saturating_mul(1 << more.min(10)).min(LONGEST_PAUSE),
    }
}

fn shown(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string().replace(':', ""))
}

/// Lambda's `Runtime.ExitError`.
fn exited(id: Option<&str>, status: Option<ExitStatus>) -> FunctionError {
    let how = match status {
        Some(status) if status.success() => "Runtime exited without providing a reason".to_owned(),
        status => format!("Runtime exited with error: {}", shown(status)),
    };
    let message = id.map_or_else(|| how.clone(), |id| format!("RequestId: {id} Error: {how}"));
    FunctionError::reported(None, Some(json!({"errorType": EXITED, "errorMessage": message})))
}
