//! The counters behind one Runtime API. A process asks at an address; whose calls it is given may change while it asks.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    api,
    counter::{Counter, Handed, Misstep},
};

/// Of a process of ours there is one, always. Where processes attach, each change of the function brings another.
pub(super) struct Counters {
    current: watch::Sender<Arc<Counter>>,
    /// Those with calls that are not answered yet.
    before: Mutex<Vec<Arc<Counter>>>,
}

impl Counters {
    pub(super) fn of(counter: Arc<Counter>) -> Arc<Self> {
        Arc::new(Self { current: watch::Sender::new(counter), before: Mutex::default() })
    }

    pub(super) fn current(&self) -> Arc<Counter> {
        Arc::clone(&self.current.borrow())
    }

    fn before(&self) -> MutexGuard<'_, Vec<Arc<Counter>>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a call of whoever is there then. `None` when the function is gone.
    pub(super) async fn next(&self) -> Option<(Arc<Counter>, Result<Handed, Misstep>)> {
        let mut current = self.current.subscribe();
        loop {
            let counter = Arc::clone(&current.borrow_and_update());
            tokio::select! {
                biased;
                handed = counter.next() => {
                    if handed.is_ok() {
                        self.keep(&counter);
                    }
                    return Some((counter, handed));
                }
                changed = current.changed() => changed.ok()?,
                () = counter.closed.cancelled() => return None,
            }
        }
    }

    /// The counter that an answer for this id belongs to.
    pub(super) fn of_call(&self, id: &str) -> Result<Arc<Counter>, Misstep> {
        let current = self.current();
        let misstep = match current.expects(id) {
            Ok(()) => return Ok(current),
            Err(misstep) => misstep,
        };
        let before = self.before();
        let found = before.iter().find(|counter| counter.expects(id).is_ok());
        found.map(Arc::clone).ok_or_else(|| {
            let told = before.iter().filter_map(|counter| counter.expects(id).err());
            told.chain([misstep]).find(|misstep| *misstep != Misstep::UnknownId).unwrap_or(Misstep::UnknownId)
        })
    }

    /// A call may be on its way while the function changes: its counter was idle then, and left out.
    fn keep(&self, counter: &Arc<Counter>) {
        let mut before = self.before();
        if !Arc::ptr_eq(counter, &self.current()) && !before.iter().any(|known| Arc::ptr_eq(known, counter)) {
            before.push(Arc::clone(counter));
        }
    }

    fn pass_to(&self, counter: Arc<Counter>) {
        let last = self.current.send_replace(counter);
        let mut before = self.before();
        before.push(last);
        before.retain(|counter| counter.is_busy());
    }
}

/// An address where processes attach. It is open as long as a function has it.
pub(super) struct Place {
    pub(super) address: SocketAddr,
    counters: Arc<Counters>,
    closed: CancellationToken,
    _close: DropGuard,
}

impl Place {
    pub(super) fn open(listener: TcpListener, counter: Arc<Counter>) -> std::io::Result<Arc<Self>> {
        let (address, closed) = (listener.local_addr()?, CancellationToken::new());
        let counters = Counters::of(counter);
        tokio::spawn(api::serve(listener, Arc::clone(&counters), closed.clone().cancelled_owned()));
        Ok(Arc::new(Self { address, counters, _close: closed.clone().drop_guard(), closed }))
    }

    pub(super) fn pass_to(&self, counter: &Arc<Counter>) {
        if !self.is_of(counter) {
            self.counters.pass_to(Arc::clone(counter));
        }
    }

    fn is_of(&self, counter: &Arc<Counter>) -> bool {
        Arc::ptr_eq(&self.counters.current(), counter)
    }

    /// Ends it, unless it has passed on.
    pub(super) fn leave(&self, counter: &Arc<Counter>) {
        if self.is_of(counter) {
            self.closed.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        config::function as config,
        functions::{
            Surroundings,
            log::Journal,
            process::{
                Plan,
                desk::{Desk, Job},
            },
        },
        kit::lineage::Lineage,
    };

    #[tokio::test]
    async fn a_call_on_its_way_while_the_function_changes_is_found_again() {
        let at = crate::config::Place::whole("test");
        let section = config::Function::new(at, "example", config::Runs::Attach);
        let plan = Arc::new(Plan::new(&section, &Surroundings::default(), Journal::new("example", None)));
        let desk = Arc::new(Desk::default());
        let counter = || Counter::new(&plan, &desk, CancellationToken::new(), None);
        let counters = Counters::of(counter());
        let mut asking = Box::pin(counters.next());
        assert!(tokio::time::timeout(Duration::from_millis(10), &mut asking).await.is_err());

        let (reply, _answer) = oneshot::channel();
        let patience = Duration::from_secs(5);
        let job = Job {
            id: "1".into(),
            event: Bytes::from_static(b"1"),
            client_context: None,
            lineage: Lineage::default(),
            patience,
            deadline: Instant::now() + patience,
            tail: None,
            reply,
        };
        assert!(desk.admit(job).is_ok());
        counters.pass_to(counter());
        let (before, handed) = asking.await.unwrap();
        assert_eq!(handed.ok().unwrap().job.id, "1");
        assert!(Arc::ptr_eq(&counters.of_call("1").ok().unwrap(), &before));
    }
}
