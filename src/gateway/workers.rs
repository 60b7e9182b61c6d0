//! The threads that connections run on. Each connection stays on one of them from its first byte to its last, and so do the
//! connections to backends that its requests use: nothing is handed from thread to thread, and nobody is woken elsewhere.
//!
//! Connections are dealt out in turns, which is fair among equal ones and needs no word between the threads.

use std::{cell::Cell, future::Future, io, net::SocketAddr, sync::Arc, thread};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

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
    pub(super) fn new(threads: usize, make: impl Fn() -> T) -> Self {
        Self { workers: (0..threads).map(|_| make()).collect(), others: make() }
    }

    /// The one of this thread.
    pub(super) fn here(&self) -> &T {
        WORKER.get().checked_sub(1).and_then(|number| self.workers.get(number)).unwrap_or(&self.others)
    }
}

/// What was asked for, or as many as there are processors.
pub(super) fn count(asked: Option<u16>) -> usize {
    let processors = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    asked.map_or_else(processors, usize::from).max(1)
}

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: Room,
}

/// A place for a connection, given back when nobody has it any more. It is found in requests that ask for another protocol, whose
/// connections outlive their HTTP.
pub(super) type Room = Arc<OwnedSemaphorePermit>;

/// On its way to its thread, where it will belong to another runtime.
type Handed = (std::net::TcpStream, SocketAddr, Room);

pub(super) struct Workers {
    threads: Vec<mpsc::UnboundedSender<Handed>>,
    next: usize,
    ended: Vec<thread::JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads. `serve` runs one connection, on its thread, to its end, or to `hang_up` once no more connections come.
    pub(super) fn start<F>(
        threads: usize,
        hang_up: &CancellationToken,
        serve: impl Fn(TcpStream, SocketAddr, Room) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        let mut workers = Self { threads: Vec::new(), next: 0, ended: Vec::new() };
        for number in 1..=threads {
            // Bounded by the places for connections.
            let (sender, mut accepted) = mpsc::unbounded_channel::<Handed>();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (serve, hang_up) = (Arc::clone(&serve), hang_up.clone());
            let work = async move {
                let connections = TaskTracker::new();
                while let Some((stream, peer, place)) = accepted.recv().await {
                    match TcpStream::from_std(stream) {
                        Ok(stream) => {
                            let serve = Arc::clone(&serve);
                            // Called where it is awaited, so that there is room for it once.
                            connections.spawn(async move { serve(stream, peer, place).await });
                        }
                        Err(error) => tracing::warn!(%peer, %error, "a connection could not be served"),
                    }
                }
                connections.close();
                // What is left then ends with the thread.
                hang_up.run_until_cancelled(connections.wait()).await;
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Mutex};

    use tokio::{net::TcpListener, sync::Semaphore};

    use super::*;

    /// The names of the threads that ten connections are served on.
    async fn serving(threads: usize) -> BTreeSet<String> {
        let names = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&names);
        let mut workers = Workers::start(threads, &CancellationToken::new(), move |_, _, _| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().unwrap().insert(thread::current().name().unwrap_or_default().to_owned());
            }
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, room) = (listener.local_addr().unwrap(), Arc::new(Semaphore::new(10)));
        for _ in 0..10 {
            let _client = TcpStream::connect(address).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            let place = Arc::new(Arc::clone(&room).acquire_owned().await.unwrap());
            workers.give(Accepted { stream, peer, place }).unwrap();
        }
        workers.finish().await;
        Arc::into_inner(names).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn connections_are_dealt_out_to_as_many_threads_as_were_asked_for() {
        assert_eq!(serving(1).await, BTreeSet::from(["gateway-1".to_owned()]));
        assert_eq!(serving(3).await, ["gateway-1", "gateway-2", "gateway-3"].map(str::to_owned).into());
        assert_eq!(count(Some(3)), 3);
    }
}
