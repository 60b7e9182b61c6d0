//! Group commit: durable transactions on SQLite share their flush to the disk.
//!
//! SQLite runs with `synchronous=NORMAL`: a commit appends its pages to the write-ahead log and does not flush. A commit that
//! must be durable then waits here, after it has given the write connection free, for an `fdatasync` of the log that
//! *began* after its COMMIT returned. While one flush runs the next commits gather and share the following one: on a disk
//! that takes 3 ms per flush, 64 writers cost one flush per round instead of 64.
//!
//! Why flushing the log is enough:
//! - Recovery replays the log's frames from its start for as long as their chained checksums hold, up to the last commit
//!   frame. A flush covers every frame written before it, so the chain up to our commit is whole. `fdatasync` also writes
//!   the file's length, which is needed to read it back.
//! - A checkpoint under NORMAL flushes the log before it copies pages into the database file, and flushes the database file
//!   before it declares the log used up. Only then a writer starts over at the log's beginning (and flushes the new header
//!   first). If that happens between a COMMIT and its flush, the commit is already safe in the database file, and our flush
//!   does no harm.
//! - The log keeps its identity as long as a connection is open: SQLite deletes it only when the last one closes, and ours
//!   (the write connection) opens before the flusher and lives as long. Should the file under that name still be
//!   another one, somebody has meddled and SQLite writes into a file that nobody will find again: that counts as a failed
//!   flush. The folder is flushed once, so that the log's name is on the disk too.
//!
//! A failed flush is final. The kernel may drop pages that it could not write and report success the next time, so trying
//! again proves nothing: the commits in question and all later ones fail, and readiness with them, until a restart.
//!
//! What this does not give: another transaction, or a reader, sees a commit some milliseconds before it is durable. A
//! transaction that builds on it is covered by its own, later flush.
//!
//! Nothing in this process may open and close the *database* file by other means than SQLite: POSIX would drop SQLite's own
//! locks on it (<https://www.sqlite.org/howtocorrupt.html>, 2.2). There are none on the log, which is why it may be opened here.
//!
//! See <https://www.sqlite.org/pragma.html#pragma_synchronous> and <https://www.sqlite.org/walformat.html>.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tokio::sync::oneshot;

use super::{Result, StoreError};

/// A thread that flushes for all who wait. Ends when the value is dropped.
pub(super) struct Flusher(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    flushes: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<oneshot::Sender<Outcome>>,
    /// Set once, by the first flush that failed.
    failed: Option<Arc<str>>,
    closed: bool,
}

type Outcome = std::result::Result<(), Arc<str>>;

impl Flusher {
    /// Flushes the write-ahead log at `path`, which is opened when the first commit waits.
    pub(super) fn of_log(path: PathBuf) -> Result<Self> {
        let mut log = Log { path: path.clone(), file: None };
        Self::start(move || log.flush()).map_err(|source| StoreError::File { path, source })
    }

    fn start(flush: impl FnMut() -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("store-flush".into()).spawn(move || theirs.serve(flush))?;
        Ok(Self(shared))
    }

    /// Returns when a flush that began after this call is done.
    pub(super) async fn flushed(&self) -> Result<()> {
        let (done, outcome) = oneshot::channel();
        self.0.queue().waiting.push(done);
        self.0.wake.notify_one();
        match outcome.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(StoreError::Unsynced(reason.to_string())),
            Err(_) => Err(StoreError::Unsynced("the flushing thread has ended".to_owned())),
        }
    }

    /// Fails when a flush has failed.
    pub(super) fn health(&self) -> Result<()> {
        self.0.queue().failed.as_ref().map_or(Ok(()), |reason| Err(StoreError::Unsynced(reason.to_string())))
    }

    /// How many flushes have been made.
    pub(super) fn flushes(&self) -> u64 {
        self.0.flushes.load(Ordering::Relaxed)
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.wake.notify_one();
    }
}

impl Shared {
    fn serve(&self, mut flush: impl FnMut() -> io::Result<()>) {
        while let Some((waiting, failed)) = self.next() {
            let outcome = match failed {
                Some(reason) => Err(reason),
                None => flush().map_err(|error| Arc::from(error.to_string())),
            };
            match &outcome {
                Ok(()) => _ = self.flushes.fetch_add(1, Ordering::Relaxed),
                Err(reason) => self.queue().failed = Some(Arc::clone(reason)),
            }
            for done in waiting {
                // Who does not wait any more misses nothing.
                let _ = done.send(outcome.clone());
            }
        }
    }

    /// Everybody who waits at this moment, and why no flush can help them; `None` when the store is gone.
    fn next(&self) -> Option<(Vec<oneshot::Sender<Outcome>>, Option<Arc<str>>)> {
        let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
        let mut queue = self.wake.wait_while(self.queue(), idle).unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut queue.waiting);
        (!waiting.is_empty()).then(|| (waiting, queue.failed.clone()))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SQLite's write-ahead log, opened a second time only to flush it.
struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    fn flush(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        file.sync_data()?;
        let (ours, named) = (file.metadata()?, std::fs::metadata(&self.path)?);
        if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
            return Err(io::Error::other(format!("{} was replaced while in use", self.path.display())));
        }
        self.file = Some(file);
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        // For writing, because some systems refuse to flush a file that is open for reading only.
        let file = OpenOptions::new().write(true).open(&self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(file)
    }
}
