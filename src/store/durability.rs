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

/// Everybody who waited at one moment.
struct Round {
    waiting: Vec<oneshot::Sender<Outcome>>,
    /// Why no flush can help them any more.
    failed: Option<Arc<str>>,
}

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
        while let Some(round) = self.next() {
            let outcome = match round.failed {
                Some(reason) => Err(reason),
                None => flush().map_err(|error| Arc::from(error.to_string())),
            };
            match &outcome {
                Ok(()) => _ = self.flushes.fetch_add(1, Ordering::Relaxed),
                Err(reason) => self.queue().failed = Some(Arc::clone(reason)),
            }
            for done in round.waiting {
                // Who does not wait any more misses nothing.
                let _ = done.send(outcome.clone());
            }
        }
    }

    /// Waits for somebody to wait; `None` when the store is gone.
    fn next(&self) -> Option<Round> {
        let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
        let mut queue = self.wake.wait_while(self.queue(), idle).unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut queue.waiting);
        (!waiting.is_empty()).then(|| Round { waiting, failed: queue.failed.clone() })
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sixteen_writers_share_their_flushes() {
        let slow = || {
            thread::sleep(Duration::from_millis(2));
            Ok(())
        };
        let flusher = Arc::new(Flusher::start(slow).unwrap());
        let writers = (0..16).map(|_| {
            let flusher = Arc::clone(&flusher);
            tokio::spawn(async move {
                for _ in 0..20 {
                    flusher.flushed().await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let flushes = flusher.flushes();
        assert!((20..160).contains(&flushes), "{flushes} flushes for 320 commits");
    }

    #[tokio::test]
    async fn nobody_returns_before_a_flush_that_began_after_the_call() {
        let (began_in, began) = mpsc::channel();
        let (finish, finish_out) = mpsc::channel::<()>();
        let gated = move || {
            began_in.send(()).unwrap();
            finish_out.recv().map_err(io::Error::other)
        };
        let flusher = Arc::new(Flusher::start(gated).unwrap());
        let wait = |flusher: &Arc<Flusher>| {
            let flusher = Arc::clone(flusher);
            tokio::spawn(async move { flusher.flushed().await })
        };
        let first = wait(&flusher);
        tokio::task::yield_now().await;
        began.recv().unwrap();
        let second = wait(&flusher);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!first.is_finished(), "returned while its flush was running");
        finish.send(()).unwrap();
        first.await.unwrap().unwrap();
        began.recv().unwrap();
        assert!(!second.is_finished(), "returned with a flush that had begun before it");
        finish.send(()).unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(flusher.flushes(), 2);
    }

    #[tokio::test]
    async fn after_a_failed_flush_nothing_is_acknowledged_even_if_the_disk_recovers() {
        let mut results = vec![Ok(()), Err(io::Error::other("no space on the moon")), Ok(())].into_iter();
        let flusher = Flusher::start(move || results.next().unwrap()).unwrap();
        flusher.flushed().await.unwrap();
        flusher.health().unwrap();
        for _ in 0..2 {
            let error = flusher.flushed().await.unwrap_err().to_string();
            assert!(error.contains("no space on the moon"), "{error}");
        }
        assert!(matches!(flusher.health(), Err(StoreError::Unsynced(_))));
    }

    #[test]
    fn a_log_that_was_replaced_or_removed_fails_the_flush() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("town.db-wal");
        let mut log = Log { path: path.clone(), file: None };
        assert!(log.flush().is_err(), "there is no log yet");
        std::fs::write(&path, "frames").unwrap();
        log.flush().unwrap();
        log.flush().unwrap();
        std::fs::write(folder.path().join("other"), "frames").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(log.flush().unwrap_err().to_string().contains("replaced"));
    }
}
