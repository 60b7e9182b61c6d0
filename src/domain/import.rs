//! Jobs that import users from a CSV file: their states. What the file must be is [`file`]'s.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html>

pub mod file;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pool::PoolId;
use crate::kit::clock::Time;

/// How long a new job waits for its start.
pub const PATIENCE: Duration = Duration::from_secs(24 * 3_600);
/// How long after its creation a job's file is taken.
pub const UPLOAD_WINDOW: Duration = Duration::from_secs(15 * 60);
pub const EXPIRED: &str = "The user import job has expired.";
pub const TOO_MANY: &str = "Too many users have failed or been skipped during the import.";

#[derive(Clone, Debug, PartialEq)]
pub struct ImportJob {
    pub pool_id: PoolId,
    /// `import-` and ten alphanumerics.
    pub id: String,
    pub name: String,
    /// Where the service would write its log. Only kept.
    pub role_arn: String,
    /// How the hashes of passwords in its file were made; none where the file has no column of them.
    pub password_hashing: Option<HashAlgorithm>,
    pub status: JobStatus,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub completed_at: Option<Time>,
    /// The file, once it is here as a whole.
    pub file: Option<File>,
    /// The last line of the file that is done.
    pub lines_done: u64,
    pub counts: Counts,
    /// Why it ended.
    pub message: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub upload: String,
    pub parts: u64,
    pub lines: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub imported: u64,
    pub skipped: u64,
    pub failed: u64,
}

impl Counts {
    /// Whether a job that has come to its end has failed as a whole. The service does not publish its measure; here it is that
    /// nobody was imported.
    pub fn are_too_bad(&self) -> bool {
        self.imported == 0 && self.skipped + self.failed > 0
    }
}

impl ImportJob {
    /// The job as it is seen at `now`: one that was never started expires, also before somebody writes that down.
    pub fn at(mut self, now: Time) -> Self {
        let end = self.created_at.plus(PATIENCE);
        if self.status == JobStatus::Created && now >= end {
            self.status = JobStatus::Expired;
            self.completed_at = Some(end);
            self.message = Some(EXPIRED.to_owned());
        }
        self
    }

    pub fn takes_files_until(&self) -> Time {
        self.created_at.plus(UPLOAD_WINDOW)
    }
}

/// The model's PasswordHashingAlgorithmType: how another system has hashed the passwords of those who come from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HashAlgorithm {
    Bcrypt,
    Scrypt,
    Argon2id,
    Pbkdf2Sha256,
}

impl HashAlgorithm {
    pub const ALL: [Self; 4] = [Self::Bcrypt, Self::Scrypt, Self::Argon2id, Self::Pbkdf2Sha256];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bcrypt => "BCRYPT",
            Self::Scrypt => "SCRYPT",
            Self::Argon2id => "ARGON2ID",
            Self::Pbkdf2Sha256 => "PBKDF2_SHA256",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// The model's UserImportJobStatusType.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    Created,
    Pending,
    InProgress,
    Stopping,
    Expired,
    Stopped,
    Failed,
    Succeeded,
}

impl JobStatus {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Pending,
        Self::InProgress,
        Self::Stopping,
        Self::Expired,
        Self::Stopped,
        Self::Failed,
        Self::Succeeded,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Expired => "Expired",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
            Self::Succeeded => "Succeeded",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}
