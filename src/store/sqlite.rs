//! SQLite: one write connection that transactions take in turn, and a few connections that only read.
//!
//! The driver's own pool is not used: it pings each connection in a task of its own when it comes back, which costs as much
//! as a point read. Each connection is a thread of the driver; commands to it run in the order they were sent, also when the
//! sender has gone.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    Result, StoreError,
    durability::Flusher,
    lock::{Lock, beside},
};
use crate::config::database::Durability;

const READERS: usize = 4;
/// How long a transaction waits for its turn before it is told that the database is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// Statements kept prepared per connection; above the number of texts in this room.
const STATEMENTS: usize = 512;
/// The log is cut back to this size after a burst has made it larger.
const LOG_BYTES: &str = "67108864";

pub(super) struct Sqlite {
    writer: Arc<Mutex<Writer>>,
    readers: [Arc<Mutex<SqliteConnection>>; READERS],
    /// As many as there are readers.
    permits: Arc<Semaphore>,
    /// Absent when commits need not wait for the disk.
    pub(super) flusher: Option<Flusher>,
    /// Absent where nothing is written.
    _lock: Option<Lock>,
}

struct Writer {
    connection: SqliteConnection,
    /// A transaction was begun, and its owner went away before it ended.
    unfinished: bool,
}

/// The write connection, in or outside of a transaction. Whoever drops it inside one rolls back.
pub(super) struct Writing(OwnedMutexGuard<Writer>);

/// A read connection on loan. The fields end in this order: a permit promises a free connection.
pub(super) struct Reading {
    connection: OwnedMutexGuard<SqliteConnection>,
    _permit: OwnedSemaphorePermit,
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .synchronous(SqliteSynchronous::Normal)
        .statement_cache_capacity(STATEMENTS)
}

impl Sqlite {
    pub(super) async fn open(path: &Path, durability: Durability) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::File { path: folder.to_owned(), source })?;
        }
        let lock = Lock::take(path)?;
        keep_to_owner(path)?;
        let writer = options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("journal_size_limit", LOG_BYTES)
            .connect()
            .await?;
        let flusher = match durability {
            Durability::Full => Some(Flusher::of_log(beside(path, "-wal"))?),
            Durability::Relaxed => None,
        };
        Self::with(path, writer, flusher, Some(lock)).await
    }

    /// A file that is there, to read what another process may be writing. It has no lock, and every statement that writes fails.
    pub(super) async fn open_to_read(path: &Path) -> Result<Self> {
        let writer = options(path).read_only(true).connect().await?;
        Self::with(path, writer, None, None).await
    }

    async fn with(path: &Path, writer: SqliteConnection, flusher: Option<Flusher>, lock: Option<Lock>) -> Result<Self> {
        let reader = options(path).read_only(true);
        let (a, b, c, d) = tokio::try_join!(reader.connect(), reader.connect(), reader.connect(), reader.connect())?;
        Ok(Self {
            writer: Arc::new(Mutex::new(Writer { connection: writer, unfinished: false })),
            readers: [a, b, c, d].map(|connection| Arc::new(Mutex::new(connection))),
            permits: Arc::new(Semaphore::new(READERS)),
            flusher,
            _lock: lock,
        })
    }

    /// An error once the disk has failed to take a commit.
    pub(super) fn healthy(&self) -> Result<()> {
        self.flusher.as_ref().map_or(Ok(()), Flusher::health)
    }

    /// Waits for the turn to write, and begins.
    pub(super) async fn begin(&self) -> Result<Writing> {
        let mut writing = self.writer().await?;
        writing.0.unfinished = true;
        writing.execute("BEGIN IMMEDIATE").await?;
        Ok(writing)
    }

    /// The write connection outside of a transaction.
    pub(super) async fn writer(&self) -> Result<Writing> {
        let turn = timeout(PATIENCE, Arc::clone(&self.writer).lock_owned());
        let mut writing = Writing(turn.await.map_err(|_| StoreError::Busy)?);
        if writing.0.unfinished {
            // A failure means that there was nothing to roll back: the last owner went away while its BEGIN or COMMIT was on
            // the way. Were a transaction really left open, the BEGIN that follows would say so.
            let _ = writing.execute("ROLLBACK").await;
            writing.0.unfinished = false;
        }
        Ok(writing)
    }

    pub(super) async fn read(&self) -> Result<Reading> {
        let turn = timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned());
        let Ok(Ok(permit)) = turn.await else { return Err(StoreError::Busy) };
        let free = self.readers.iter().find_map(|reader| Arc::clone(reader).try_lock_owned().ok());
        Ok(Reading { connection: free.ok_or(StoreError::Busy)?, _permit: permit })
    }
}

/// Makes the file before SQLite does, so that nobody but its owner reads addresses and hashes. The log and its index get the
/// file's own mode.
fn keep_to_owner(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

impl Writing {
    pub(super) async fn commit(mut self) -> Result<()> {
        self.execute("COMMIT").await?;
        self.0.unfinished = false;
        Ok(())
    }
}

impl Deref for Writing {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.0.connection
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.0.connection
    }
}

impl Deref for Reading {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
