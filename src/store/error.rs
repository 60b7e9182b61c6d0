//! What can go wrong between us and the database.

use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, StoreError>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The driver's word: a statement, a connection, a full disk.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("database url: {0}")]
    Url(String),
    #[error("another process has the database {} open; stop it or give this one a database of its own", .path.display())]
    Locked { path: PathBuf },
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "the database is of a newer release (its schema is {found}, this program knows {known}); start that release instead"
    )]
    Newer { found: i64, known: i64 },
    #[error("migration: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A flush to the disk has failed. What was committed since the last good one may be lost by a power failure, so nothing
    /// is acknowledged any more until the process starts again and reads what the disk really holds.
    #[error("the disk did not take a commit ({0}); writing stops until a restart")]
    Unsynced(String),
    /// A statement that writes was given to [`Store::read`](super::Store::read).
    #[error("a statement that writes needs a write transaction")]
    ReadOnly,
    #[error("another transaction has kept the database for too long")]
    Busy,
    /// A sealed column does not open: the row was changed by hand, or sealed with another master key.
    #[error("a sealed column does not open: {0}")]
    Unsealable(&'static str),
    /// A column holds what this program never writes there.
    #[error("a column holds an unknown value: {0}")]
    Corrupt(&'static str),
    #[error("the database was sealed with another master key; give the one that belongs to it (`[keys] master_key`)")]
    WrongMasterKey,
}

impl StoreError {
    /// Whether the same work may succeed when it is tried again: somebody else was in the way.
    pub fn is_passing(&self) -> bool {
        const SERIALIZATION_FAILURE: &str = "40001";
        const DEADLOCK: &str = "40P01";
        match self {
            Self::Busy => true,
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == SERIALIZATION_FAILURE || code == DEADLOCK)
            }
            _ => false,
        }
    }
}
