//! Functions in processes, any language: the server speaks the Lambda Runtime API, and a process asks it for calls.
//!
//! A *command* is started and supervised here: as many processes as calls need, up to its `concurrency`, each with one call at a
//! time and a Runtime API of its own. One that does not answer in time is killed with everything that it started, and replaced. A
//! process that *attaches* is started elsewhere, under a debugger or in another terminal; as many calls run at once as ask for one.
//!
//! The function's timeout counts from when a process takes the call, the caller's patience from the call. Calls wait in a bounded
//! queue for a process; a call that nobody took in time was too many.

mod api;
mod child;
mod counter;
mod crew;
mod desk;
mod place;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicU32},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    counter::Counter,
    crew::Crew,
    desk::{Desk, Job},
    place::Place,
};
use super::{Call, Function, FunctionError, PAYLOAD_LIMIT, Surroundings, keeper, log::Journal};
use crate::{config::function as config, kit::random::Random};

/// How long after its deadline an answer may take to arrive.
const GRACE: Duration = Duration::from_millis(250);
/// How long the end of the server waits for processes to be gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// What processes of a function are made from and told.
struct Plan {
    name: String,
    arn: String,
    region: String,
    handler: String,
    timeout: Duration,
    memory_mib: u32,
    max_processes: Option<u32>,
    sandbox: Option<config::Sandbox>,
    /// What keeps processes of a command; a shell where there is none.
    keeper: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    /// Empty where processes attach.
    command: Vec<String>,
    directory: PathBuf,
    concurrency: usize,
    listen: SocketAddr,
    journal: Journal,
    random: Random,
    /// Ends and failed starts since the last answer.
    misfortunes: AtomicU32,
}

/// A function that runs in processes. They end with it.
pub struct Process {
    plan: Arc<Plan>,
    desk: Arc<Desk>,
    /// None where processes attach.
    crew: Option<Arc<Crew>>,
    /// What processes that attach are told.
    counter: Option<Arc<Counter>>,
    /// Where they attach.
    place: OnceLock<Arc<Place>>,
    closed: CancellationToken,
    _close: DropGuard,
}

impl Process {
    /// Of a command. Nothing runs before the first call.
    pub(super) fn command(
        section: &config::Function,
        (command, directory): (&[String], &std::path::Path),
        around: &Surroundings,
        journal: Journal,
    ) -> Self {
        let mut plan = Plan::new(section, around, journal);
        (plan.command, plan.directory) = (command.to_vec(), directory.to_owned());
        Self::new(plan, true)
    }

    /// Of processes that attach, once [`start`](Function::start) has made the place for that. With `before` it is that one's,
    /// and passes on by [`take_over`](Self::take_over); a function of the same name has the calls in common that wait there.
    pub(super) fn attached(
        section: &config::Function,
        around: &Surroundings,
        journal: Journal,
        before: Option<&Self>,
    ) -> Self {
        let mut process = Self::new(Plan::new(section, around, journal), false);
        if let Some((before, place)) = before.and_then(|before| Some((before, before.place.get()?))) {
            if before.plan.name == process.plan.name {
                process.desk = Arc::clone(&before.desk);
            }
            process.place = OnceLock::from(Arc::clone(place));
        }
        process.counter = Some(Counter::new(&process.plan, &process.desk, process.closed.clone(), None));
        process
    }

    fn new(plan: Plan, is_supervised: bool) -> Self {
        let (plan, desk, closed) = (Arc::new(plan), Arc::new(Desk::default()), CancellationToken::new());
        let crew = is_supervised.then(|| Crew::new(&plan, &desk, closed.clone()));
        let (counter, place) = (None, OnceLock::new());
        Self { plan, desk, crew, counter, place, _close: closed.clone().drop_guard(), closed }
    }

    /// Whoever asks where processes attach is given the calls of this function now.
    pub(super) fn take_over(&self) {
        if let (Some(place), Some(counter)) = (self.place.get(), &self.counter) {
            place.pass_to(counter);
        }
    }

    /// Why nobody took the call.
    fn nobody(&self, patience: Duration) -> FunctionError {
        match (&self.crew, self.runtime_api()) {
            (Some(crew), _) if crew.is_starting() => FunctionError::TimedOut { after: patience },
            (Some(_), _) => FunctionError::Busy,
            (None, Some(address)) if !self.desk.was_attended() => FunctionError::Unreachable(format!(
                "no process has attached: start one with AWS_LAMBDA_RUNTIME_API={address}"
            )),
            (None, _) => FunctionError::Busy,
        }
    }
}

impl Plan {
    /// Whether everything that the configuration asks for can be done. A function that could not would run in the open.
    fn can_be_kept(&self) -> io::Result<()> {
        let asked = match (&self.sandbox, self.max_processes) {
            (Some(_), _) => "`sandbox`",
            (None, Some(_)) => "`max_processes`",
            (None, None) => return Ok(()),
        };
        if self.keeper.is_none() {
            let message = format!("{asked} needs Linux and, where the server is embedded, `Builder::keeper`");
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        if self.sandbox.is_some() { keeper::probe() } else { Ok(()) }
    }

    fn new(section: &config::Function, around: &Surroundings, journal: Journal) -> Self {
        Self {
            name: section.name.clone(),
            arn: around.arn(&section.name),
            region: around.region.clone(),
            handler: section.handler.clone(),
            timeout: section.timeout,
            memory_mib: section.memory_mib,
            max_processes: section.max_processes,
            sandbox: section.sandbox.clone(),
            keeper: around.keeper.clone(),
            environment: section.environment.clone(),
            command: Vec::new(),
            directory: PathBuf::new(),
            concurrency: usize::try_from(section.concurrency).unwrap_or(usize::MAX),
            listen: section.listen,
            journal,
            random: around.random.clone(),
            misfortunes: AtomicU32::new(0),
        }
    }
}

#[async_trait]
impl Function for Process {
    async fn invoke(&self, call: Call) -> Result<Value, FunctionError> {
        let event = serde_json::to_vec(&call.event).map_err(|error| FunctionError::InvalidJson(error.to_string()))?;
        if event.len() > PAYLOAD_LIMIT {
            return Err(FunctionError::TooLarge { limit: PAYLOAD_LIMIT });
        }
        let (reply, answer) = oneshot::channel();
        let (patience, deadline) = (call.deadline, Instant::now() + call.deadline);
        // Callers may use an id twice, and others than UUIDs do not fit into a path.
        let is_uuid = uuid::Uuid::parse_str(&call.request_id).is_ok();
        let is_usable = is_uuid && self.desk.takes(&call.request_id, call.is_retry);
        let id = if is_usable { call.request_id } else { self.plan.random.uuid() };
        let (client_context, lineage, tail) = (call.client_context, call.lineage, call.tail);
        self.desk.admit(Job { id, event: event.into(), client_context, lineage, patience, deadline, tail, reply })?;
        if let Some(crew) = &self.crew {
            crew.help();
        }
        match tokio::time::timeout_at((deadline + GRACE).into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.nobody(patience)),
            Err(_) => Err(self.nobody(patience)),
        }
    }

    async fn start(&self) -> io::Result<()> {
        self.plan.can_be_kept()?;
        let Some(counter) = self.counter.as_ref().filter(|_| self.place.get().is_none()) else { return Ok(()) };
        let listens = match api::bind(self.plan.listen).await {
            Ok(listener) => Place::open(listener, Arc::clone(counter)),
            Err(error) => Err(error),
        };
        let place =
            listens.map_err(|error| io::Error::new(error.kind(), format!("the Runtime API cannot listen: {error}")))?;
        let address = place.address;
        // Nobody else sets it: a function is started once.
        let _ = self.place.set(place);
        tracing::info!(function = self.plan.name, "a process attaches with AWS_LAMBDA_RUNTIME_API={address}");
        Ok(())
    }

    fn runtime_api(&self) -> Option<SocketAddr> {
        Some(self.place.get()?.address)
    }

    async fn stop(&self) {
        self.closed.cancel();
        if let (Some(place), Some(counter)) = (self.place.get(), &self.counter) {
            place.leave(counter);
        }
        if let Some(crew) = &self.crew {
            crew.tasks.close();
            if tokio::time::timeout(FAREWELL, crew.tasks.wait()).await.is_err() {
                tracing::warn!(function = self.plan.name, "processes did not end in time");
            }
        }
    }
}
