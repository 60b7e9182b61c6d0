//! The threads that connections run on. Each connection stays on one of them from its first byte to its last, and so do the
//! connections to backends that its requests use: nothing is handed from thread to thread, and nobody is woken elsewhere.
//!
//! Connections are dealt out in turns, which is fair among equal ones and needs no word between the threads.

use std::{cell::Cell, future::Future, io, net::SocketAddr, sync::Arc, thread};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc},
};
use tokio_util::task::TaskTracker;

thread_local! {
    /// Which worker this thread is, counted from one; zero is everybody else.
    static WORKER: Cell<usize> = const { Cell::new(0) };
}

/// One value for each worker, and one for whoever else asks.
pub(super) struct PerWorker<T> {
    workers: Vec<T>,
    others: T,
}

impl<T> PerWorker<T> {
    pub(super) fn new(make: impl Fn() -> T) -> Self {
        Self { workers: (0..count()).map(|_| make()).collect(), others: make() }
    }

    /// The one of this thread.
    pub(super) fn here(&self) -> &T {
        WORKER.get().checked_sub(1).and_then(|number| self.workers.get(number)).unwrap_or(&self.others)
    }
}

/// As many as there are processors.
fn count() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// Given back with its end.
    pub(super) place: OwnedSemaphorePermit,
}

/// On its way to its thread, where it will belong to another runtime.
type Handed = (std::net::TcpStream, SocketAddr, OwnedSemaphorePermit);

pub(super) struct Workers {
    threads: Vec<mpsc::UnboundedSender<Handed>>,
    next: usize,
    ended: Vec<thread::JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads. `serve` runs one connection, on its thread, to its end.
    pub(super) fn start<F>(serve: impl Fn(TcpStream, SocketAddr) -> F + Send + Sync + 'static) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        let mut workers = Self { threads: Vec::new(), next: 0, ended: Vec::new() };
        for number in 1..=count() {
            // Bounded by the places for connections.
            let (sender, mut accepted) = mpsc::unbounded_channel::<Handed>();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let serve = Arc::clone(&serve);
            let work = async move {
                let connections = TaskTracker::new();
                while let Some((stream, peer, place)) = accepted.recv().await {
                    match TcpStream::from_std(stream) {
                        Ok(stream) => {
                            let served = serve(stream, peer);
                            connections.spawn(async move {
                                let _place = place;
                                served.await;
                            });
                        }
                        Err(error) => tracing::warn!(%peer, %error, "a connection could not be served"),
                    }
                }
                connections.close();
                connections.wait().await;
            };
            let run = move || {
                WORKER.set(number);
                runtime.block_on(work);
            };
            workers.ended.push(thread::Builder::new().name(format!("gateway-{number}")).spawn(run)?);
            workers.threads.push(sender);
        }
        Ok(workers)
    }

    /// Gives a connection to the thread whose turn it is.
    pub(super) fn give(&mut self, accepted: Accepted) -> io::Result<()> {
        let Accepted { stream, peer, place } = accepted;
        let stream = stream.into_std()?;
        self.next = (self.next + 1) % self.threads.len();
        // It goes on receiving for as long as we have our end.
        self.threads[self.next].send((stream, peer, place)).map_err(|_| io::Error::other("the thread has ended"))
    }

    /// Waits for every connection's end.
    pub(super) async fn finish(self) {
        let Self { threads, ended, .. } = self;
        drop(threads);
        let joined = tokio::task::spawn_blocking(move || ended.into_iter().all(|thread| thread.join().is_ok())).await;
        if !joined.unwrap_or(false) {
            tracing::error!("a thread of the gateway has panicked");
        }
    }
}
