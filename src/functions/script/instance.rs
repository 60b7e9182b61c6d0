//! A warm instance: one engine with its globals, and the event loop that drives a call to its end.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use rquickjs::{Context, Ctx, Function, Object, Promise, Runtime, Value as Script, promise::PromiseState};
use serde_json::Value;

use super::{
    Plan, Pool, STACK, host,
    source::Kind,
    thrown,
    watch::Watch,
    worker::{Inbox, Job, Seat},
};
use crate::functions::{FunctionError, PAYLOAD_LIMIT};

/// Lambda's word for a rejection that nobody handles.
const UNHANDLED: &str = "Runtime.UnhandledPromiseRejection";

/// A call that spoiled its instance, also by what it left behind, to be answered when the engine is gone.
type Last = (Job, Seat, Result<Value, FunctionError>);

/// Makes an instance, serves this call and those that follow. Comes back with the call that spoiled the instance, or with
/// nothing when the function itself is gone.
pub(super) fn live(plan: &Arc<Plan>, pool: &Weak<Pool>, inbox: &Inbox, first: (Job, Seat)) -> Option<Last> {
    let (mut job, mut seat) = first;
    let watch = Arc::new(Watch::new(plan));
    watch.set(job.deadline, &job.request_id, job.tail.clone());
    let context = match engine(plan, &watch) {
        Ok(context) => context,
        Err(error) => return Some((job, seat, Err(FunctionError::Broken(error.to_string())))),
    };
    context.with(|cx| {
        let instance = match Instance::start(&cx, plan, &watch) {
            Ok(instance) => instance,
            Err(end) => return Some(last(job, seat, end)),
        };
        loop {
            let answer = match instance.serve(&mut job) {
                Ok(value) => Ok(value),
                Err(End::Failed(error)) => Err(error),
                Err(spoiled) => return Some(last(job, seat, spoiled)),
            };
            if !instance.outlives_call() {
                return Some((job, seat, answer));
            }
            seat.leave(pool, job, answer);
            (job, seat) = inbox.recv().ok()?;
            watch.set(job.deadline, &job.request_id, job.tail.clone());
        }
    })
}

fn last(job: Job, seat: Seat, end: End) -> Last {
    let error = match end {
        End::TimedOut => FunctionError::TimedOut { after: job.after },
        End::Failed(error) | End::Spoiled(error) => error,
    };
    (job, seat, Err(error))
}

fn engine(plan: &Plan, watch: &Arc<Watch>) -> rquickjs::Result<Context> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(usize::try_from(plan.memory_mib).unwrap_or(usize::MAX).saturating_mul(1024 * 1024));
    runtime.set_max_stack_size(STACK);
    let watch = Arc::clone(watch);
    runtime.set_interrupt_handler(Some(Box::new(move || watch.interrupt())));
    runtime.set_host_promise_rejection_tracker(Some(Box::new(|cx, promise, _, is_handled| {
        note_rejection(&cx, promise, is_handled);
    })));
    Context::full(&runtime)
}

/// Promises that were rejected and that nobody looks at yet. The engine keeps them, since they must not outlive it.
type Rejected<'js> = RefCell<Vec<Script<'js>>>;

fn note_rejection<'js>(cx: &Ctx<'js>, promise: Script<'js>, is_handled: bool) {
    let Some(rejected) = cx.userdata::<Rejected<'js>>() else { return };
    let Ok(mut rejected) = rejected.try_borrow_mut() else { return };
    if !is_handled {
        rejected.push(promise);
    } else if let Some(at) = rejected.iter().position(|known| *known == promise) {
        rejected.remove(at);
    }
}

/// Of a promise whose end is looked at here.
fn forget_rejection<'js>(cx: &Ctx<'js>, promise: &Promise<'js>) {
    note_rejection(cx, promise.as_value().clone(), true);
}

fn take_rejected<'js>(cx: &Ctx<'js>) -> Vec<Script<'js>> {
    let rejected = cx.userdata::<Rejected<'js>>();
    rejected
        .and_then(|rejected| rejected.try_borrow_mut().ok().map(|mut list| std::mem::take(&mut *list)))
        .unwrap_or_default()
}

/// How a call ends without a value.
enum End {
    /// An ordinary failure. The globals stay.
    Failed(FunctionError),
    /// The instance cannot be trusted any more.
    Spoiled(FunctionError),
    TimedOut,
}

impl From<FunctionError> for End {
    fn from(error: FunctionError) -> Self {
        match error {
            FunctionError::OutOfMemory | FunctionError::StackOverflow => Self::Spoiled(error),
            other => Self::Failed(other),
        }
    }
}

struct Instance<'js> {
    cx: Ctx<'js>,
    watch: Arc<Watch>,
    handler: Function<'js>,
    /// Calls the handler; gives a promise of its answer.
    begin: Function<'js>,
    /// Told when nothing is left to run.
    drained: Function<'js>,
    /// Milliseconds until the next timer.
    wait: Function<'js>,
    /// Lets that timer fire.
    fire: Function<'js>,
    /// What spares calls the allocator.
    _pages: Script<'js>,
}

impl<'js> Instance<'js> {
    /// Runs the shims and the handler's file.
    fn start(cx: &Ctx<'js>, plan: &Plan, watch: &Arc<Watch>) -> Result<Self, End> {
        Self::boot(cx, plan, watch).map_err(|end| match end {
            _ if watch.is_over() => End::TimedOut,
            // What a file throws while it loads is the function's fault, not the event's.
            End::Failed(FunctionError::Threw { kind, message, .. }) => {
                End::Spoiled(FunctionError::Broken(format!("{kind}: {message}")))
            }
            other => other,
        })
    }

    fn boot(cx: &Ctx<'js>, plan: &Plan, watch: &Arc<Watch>) -> Result<Self, End> {
        let failed = |error| End::from(thrown::caught(cx, &error));
        if cx.store_userdata(Rejected::default()).is_err() {
            return Err(End::Spoiled(FunctionError::Broken("the engine cannot note rejections".into())));
        }
        let engine = host::boot(cx, plan, watch).map_err(failed)?;
        let part = |name: &str| engine.get::<_, Function<'js>>(name).map_err(failed);
        let mut instance = Self {
            cx: cx.clone(),
            watch: Arc::clone(watch),
            handler: part("begin")?,
            begin: part("begin")?,
            drained: part("drained")?,
            wait: part("wait")?,
            fire: part("fire")?,
            _pages: Script::new_undefined(cx.clone()),
        };
        let exports: Object<'js> = match plan.source.kind {
            Kind::Common => {
                let wrapper = plan.source.wrapped(cx).map_err(failed)?;
                let load = part("common")?;
                let exports: Script<'js> = load.call((wrapper, plan.source.name.as_str())).map_err(failed)?;
                exports.into_object().ok_or_else(|| missing(plan))?
            }
            Kind::Module => {
                host::declare_modules(cx, &part("require")?).map_err(failed)?;
                let module = plan.source.declare(cx).map_err(failed)?;
                let (module, ready) = module.eval().map_err(failed)?;
                instance.settle(&ready)?;
                module.namespace().map_err(failed)?
            }
        };
        // The file has a turn of its own: a handler that looks at its rejections comes too late, as in Lambda.
        instance.end_turn()?;
        let handler: Script<'js> = exports.get(plan.handler.as_str()).map_err(failed)?;
        instance.handler = handler.into_function().ok_or_else(|| missing(plan))?;
        // After all that stays, which would fill them.
        instance._pages = part("pages")?.call(()).map_err(failed)?;
        Ok(instance)
    }

    fn serve(&self, job: &mut Job) -> Result<Value, End> {
        let outcome = self.call(job);
        // An interrupted engine reports all kinds of failures. The watch knows better.
        if outcome.is_err() && self.watch.is_over() { Err(End::TimedOut) } else { outcome }
    }

    /// Whether the instance can serve another call after this one, which has its answer. A rejection that nobody handles comes too
    /// late for it then: in Lambda the runtime client has sent the answer before Node looks for such rejections and ends the process.
    fn outlives_call(&self) -> bool {
        match self.end_turn() {
            Ok(()) => true,
            Err(End::Failed(error) | End::Spoiled(error)) => {
                self.watch.log("error", &error.to_string());
                false
            }
            Err(End::TimedOut) => false,
        }
    }

    /// Runs the jobs that are left, but no timers. Fails by a rejection that nobody has handled until then.
    fn end_turn(&self) -> Result<(), End> {
        while self.cx.execute_pending_job() {
            if self.watch.is_over() {
                return Err(End::TimedOut);
            }
        }
        self.unhandled().map_or(Ok(()), |error| Err(End::Spoiled(error)))
    }

    fn call(&self, job: &mut Job) -> Result<Value, End> {
        let event = std::mem::take(&mut job.event).to_string();
        if event.len() > PAYLOAD_LIMIT {
            return Err(End::Failed(FunctionError::TooLarge { limit: PAYLOAD_LIMIT }));
        }
        let event = self.cx.json_parse(event).map_err(|error| self.end(&error))?;
        let answer: Promise<'js> = self
            .begin
            .call((self.handler.clone(), event, job.request_id.as_str(), job.client_context.as_deref()))
            .map_err(|error| self.end(&error))?;
        let value = self.settle(&answer)?;
        self.json(value)
    }

    /// Runs jobs and timers until the promise is settled.
    fn settle(&self, promise: &Promise<'js>) -> Result<Script<'js>, End> {
        let mut told = false;
        loop {
            if promise.state() != PromiseState::Pending {
                forget_rejection(&self.cx, promise);
                let settled = promise.result::<Script<'js>>().unwrap_or(Err(rquickjs::Error::WouldBlock));
                return settled.map_err(|error| self.end(&error));
            }
            if self.watch.is_over() {
                return Err(End::TimedOut);
            }
            if self.cx.execute_pending_job() {
                continue;
            }
            if let Some(error) = self.unhandled() {
                return Err(End::Spoiled(error));
            }
            let wait: f64 = self.wait.call(()).map_err(|error| self.end(&error))?;
            if wait >= 0.0 {
                let wait = Duration::try_from_secs_f64(wait / 1000.0).unwrap_or_default();
                thread::sleep(wait.min(self.watch.remaining()));
                if !self.watch.is_over() {
                    // Nobody can catch what a timer throws: in Lambda it ends the process.
                    self.fire.call::<_, ()>(()).map_err(|error| End::Spoiled(thrown::caught(&self.cx, &error)))?;
                }
                continue;
            }
            // The handler's answer may have waited for this; asked twice, it never comes.
            let alive = !told && self.drained.call::<_, bool>(()).map_err(|error| self.end(&error))?;
            if !alive {
                return Err(End::Failed(never_settles()));
            }
            told = true;
        }
    }

    /// What nobody has handled when no job is left that could: in Lambda it ends the process.
    fn unhandled(&self) -> Option<FunctionError> {
        let rejected = take_rejected(&self.cx);
        let error = rejected.first()?.as_promise()?.result::<Script<'js>>()?.err()?;
        Some(match thrown::caught(&self.cx, &error) {
            FunctionError::Threw { message, mut trace, .. } => {
                let message = trace.first().cloned().unwrap_or(message);
                if let Some(head) = trace.first_mut() {
                    *head = format!("{UNHANDLED}: {message}");
                }
                FunctionError::Threw { kind: UNHANDLED.into(), message, trace }
            }
            limit => limit,
        })
    }

    /// The answer as JSON. What `JSON.stringify` leaves out inside of objects is left out; at the top it is an error.
    fn json(&self, value: Script<'js>) -> Result<Value, End> {
        let invalid = |reason: String| End::Failed(FunctionError::InvalidJson(reason));
        if value.is_undefined() {
            return Ok(Value::Null);
        }
        if value.is_function() || value.is_symbol() {
            return Err(invalid(format!("a {}", value.type_name())));
        }
        let text = match self.cx.json_stringify(value) {
            Ok(Some(text)) => text.to_string().map_err(|error| self.end(&error))?,
            Ok(None) => return Err(invalid("a value without JSON form".into())),
            Err(error) => {
                return Err(match thrown::caught(&self.cx, &error) {
                    FunctionError::Threw { message, .. } => invalid(message),
                    limit => End::from(limit),
                });
            }
        };
        if text.len() > PAYLOAD_LIMIT {
            return Err(End::Failed(FunctionError::TooLarge { limit: PAYLOAD_LIMIT }));
        }
        serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))
    }

    fn end(&self, error: &rquickjs::Error) -> End {
        thrown::caught(&self.cx, error).into()
    }
}

fn missing(plan: &Plan) -> End {
    let (file, handler) = (&plan.source.name, &plan.handler);
    End::Spoiled(FunctionError::Broken(format!("{file} exports no function `{handler}`")))
}

/// Lambda ends the process then, and says less.
fn never_settles() -> FunctionError {
    FunctionError::Threw {
        kind: "Runtime.PromiseNeverSettled".into(),
        message: "the handler's promise can never settle: no timer and no job is left that could do it".into(),
        trace: Vec::new(),
    }
}
