//! Jobs that import users, and the parts of their files.
//!
//! A job is worked on by whoever holds its lease. Each batch of users counts itself in its own transaction, and only under that
//! lease, so that a line is done once whoever dies in between.

use super::{Result, StoreError, Tx, row::row};
use crate::{
    domain::import::{Counts, EXPIRED, File, HashAlgorithm, ImportJob, JobStatus},
    kit::clock::Time,
};

row! {
    struct JobRow {
        pool_id: String,
        id: String,
        name: String,
        role_arn: String,
        password_hashing: Option<String>,
        status: String,
        created_at: i64,
        started_at: Option<i64>,
        completed_at: Option<i64>,
        upload: Option<String>,
        parts: i64,
        lines: Option<i64>,
        lines_done: i64,
        imported: i64,
        skipped: i64,
        failed: i64,
        message: Option<String>,
    }
}

impl TryFrom<JobRow> for ImportJob {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self> {
        let file = row.upload.zip(row.lines).map(|(upload, lines)| File {
            upload,
            parts: row.parts.unsigned_abs(),
            lines: lines.unsigned_abs(),
        });
        let password_hashing = row
            .password_hashing
            .map(|name| HashAlgorithm::from_name(&name).ok_or(StoreError::Corrupt("algorithm of an import job")));
        let password_hashing = password_hashing.transpose()?;
        Ok(Self {
            pool_id: row.pool_id,
            id: row.id,
            name: row.name,
            role_arn: row.role_arn,
            password_hashing,
            status: JobStatus::from_name(&row.status).ok_or(StoreError::Corrupt("import job status"))?,
            created_at: Time::from_millis(row.created_at),
            started_at: row.started_at.map(Time::from_millis),
            completed_at: row.completed_at.map(Time::from_millis),
            file,
            lines_done: row.lines_done.unsigned_abs(),
            counts: Counts {
                imported: row.imported.unsigned_abs(),
                skipped: row.skipped.unsigned_abs(),
                failed: row.failed.unsigned_abs(),
            },
            message: row.message,
        })
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub async fn insert(tx: &mut Tx, job: &ImportJob) -> Result<()> {
    tx.sql(
        "INSERT INTO import_job (pool_id, id, name, role_arn, status, created_at, password_hashing, parts, leased_until,
                                 lines_done, imported, skipped, failed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, 0, 0)",
    )
    .bind(&*job.pool_id)
    .bind(&*job.id)
    .bind(&*job.name)
    .bind(&*job.role_arn)
    .bind(job.status.name())
    .bind(job.created_at.millis())
    .bind(job.password_hashing.map(HashAlgorithm::name))
    .run()
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, pool_id: &str, id: &str) -> Result<Option<ImportJob>> {
    let row = tx
        .sql(
            "SELECT pool_id, id, name, role_arn, password_hashing, status, created_at, started_at, completed_at,
                    upload, parts, lines, lines_done, imported, skipped, failed, message
             FROM import_job
             WHERE pool_id = $1 AND id = $2",
        )
        .bind(pool_id)
        .bind(id)
        .optional::<JobRow>()
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// Newest first, from after the job that was made at `before` and has this `id`.
pub async fn page(tx: &mut Tx, pool_id: &str, (before, id): (Time, &str), limit: i64) -> Result<Vec<ImportJob>> {
    let rows = tx
        .sql(
            "SELECT pool_id, id, name, role_arn, password_hashing, status, created_at, started_at, completed_at,
                    upload, parts, lines, lines_done, imported, skipped, failed, message
             FROM import_job
             WHERE pool_id = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3))
             ORDER BY created_at DESC, id DESC
             LIMIT $4",
        )
        .bind(pool_id)
        .bind(before.millis())
        .bind(id)
        .bind(limit)
        .all::<JobRow>()
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

row! {
    struct CountRow {
        jobs: i64,
    }
}

pub async fn count(tx: &mut Tx, pool_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS jobs FROM import_job WHERE pool_id = $1";
    Ok(tx.sql(sql).bind(pool_id).one::<CountRow>().await?.jobs)
}

/// Whether a job was started on the pool and has not ended.
pub async fn is_running(tx: &mut Tx, pool_id: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS jobs FROM import_job
               WHERE pool_id = $1 AND status IN ('Pending', 'InProgress', 'Stopping')";
    Ok(tx.sql(sql).bind(pool_id).one::<CountRow>().await?.jobs > 0)
}

/// Begins an upload, which replaces what was there. False when the job takes no files any more.
pub async fn begin_upload(tx: &mut Tx, pool_id: &str, id: &str, upload: &str) -> Result<bool> {
    let begun = tx
        .sql(
            "UPDATE import_job SET upload = $3, parts = 0, lines = NULL
             WHERE pool_id = $1 AND id = $2 AND status = 'Created'",
        )
        .bind(pool_id)
        .bind(id)
        .bind(upload)
        .run()
        .await?;
    if begun == 1 {
        forget_file(tx, pool_id, id).await?;
    }
    Ok(begun == 1)
}

/// Adds a part. False when another upload has begun, or the job was started.
pub async fn add_part(tx: &mut Tx, job: (&str, &str), upload: &str, number: u64, content: Vec<u8>) -> Result<bool> {
    let counted = tx
        .sql(
            "UPDATE import_job SET parts = parts + 1
             WHERE pool_id = $1 AND id = $2 AND status = 'Created' AND upload = $3",
        )
        .bind(job.0)
        .bind(job.1)
        .bind(upload)
        .run()
        .await?;
    if counted == 1 {
        tx.sql("INSERT INTO import_part (pool_id, job_id, upload, number, content) VALUES ($1, $2, $3, $4, $5)")
            .bind(job.0)
            .bind(job.1)
            .bind(upload)
            .bind(self::number(number))
            .bind(content)
            .run()
            .await?;
    }
    Ok(counted == 1)
}

/// The file is here as a whole.
pub async fn end_upload(tx: &mut Tx, job: (&str, &str), upload: &str, lines: u64) -> Result<bool> {
    let ended = tx
        .sql(
            "UPDATE import_job SET lines = $4
             WHERE pool_id = $1 AND id = $2 AND status = 'Created' AND upload = $3",
        )
        .bind(job.0)
        .bind(job.1)
        .bind(upload)
        .bind(number(lines))
        .run()
        .await?;
    Ok(ended == 1)
}

row! {
    struct PartRow {
        content: Vec<u8>,
    }
}

/// A part of the job's file, from zero.
pub async fn part(tx: &mut Tx, job: &ImportJob, file: &File, number: u64) -> Result<Vec<u8>> {
    let row = tx
        .sql("SELECT content FROM import_part WHERE pool_id = $1 AND job_id = $2 AND upload = $3 AND number = $4")
        .bind(&*job.pool_id)
        .bind(&*job.id)
        .bind(&*file.upload)
        .bind(self::number(number))
        .optional::<PartRow>()
        .await?;
    row.map(|row| row.content).ok_or(StoreError::Corrupt("file of an import job"))
}

async fn forget_file(tx: &mut Tx, pool_id: &str, id: &str) -> Result<()> {
    tx.sql("DELETE FROM import_part WHERE pool_id = $1 AND job_id = $2").bind(pool_id).bind(id).run().await?;
    Ok(())
}

/// Starts a job that waits and has its file. The caller holds the pool and has seen that no other job runs.
pub async fn start(tx: &mut Tx, pool_id: &str, id: &str, now: Time) -> Result<bool> {
    let started = tx
        .sql(
            "UPDATE import_job SET status = 'Pending', started_at = $3
             WHERE pool_id = $1 AND id = $2 AND status = 'Created' AND lines IS NOT NULL",
        )
        .bind(pool_id)
        .bind(id)
        .bind(now.millis())
        .run()
        .await?;
    Ok(started == 1)
}

/// Asks the worker of a job to stop after its present batch.
pub async fn ask_to_stop(tx: &mut Tx, pool_id: &str, id: &str) -> Result<bool> {
    let asked = tx
        .sql(
            "UPDATE import_job SET status = 'Stopping'
             WHERE pool_id = $1 AND id = $2 AND status IN ('Pending', 'InProgress')",
        )
        .bind(pool_id)
        .bind(id)
        .run()
        .await?;
    Ok(asked == 1)
}

/// Who works on a job, and until when.
#[derive(Clone, Debug)]
pub struct Lease {
    pub worker: String,
    pub until: Time,
}

/// Takes a job that was started and that nobody works on.
pub async fn claim(tx: &mut Tx, pool_id: &str, id: &str, lease: &Lease, now: Time) -> Result<bool> {
    let claimed = tx
        .sql(
            "UPDATE import_job SET status = 'InProgress', worker = $3, leased_until = $4
             WHERE pool_id = $1 AND id = $2 AND status IN ('Pending', 'InProgress') AND leased_until <= $5",
        )
        .bind(pool_id)
        .bind(id)
        .bind(&*lease.worker)
        .bind(lease.until.millis())
        .bind(now.millis())
        .run()
        .await?;
    Ok(claimed == 1)
}

/// Counts a batch up to the line `done`, in the transaction that writes its users. False when the job was asked to stop or
/// somebody else works on it: then the batch must not be committed.
pub async fn advance(tx: &mut Tx, job: &ImportJob, lease: &Lease, done: u64, batch: Counts) -> Result<bool> {
    let advanced = tx
        .sql(
            "UPDATE import_job
             SET leased_until = $4, lines_done = $5, imported = imported + $6, skipped = skipped + $7,
                 failed = failed + $8
             WHERE pool_id = $1 AND id = $2 AND worker = $3 AND status = 'InProgress'",
        )
        .bind(&*job.pool_id)
        .bind(&*job.id)
        .bind(&*lease.worker)
        .bind(lease.until.millis())
        .bind(number(done))
        .bind(number(batch.imported))
        .bind(number(batch.skipped))
        .bind(number(batch.failed))
        .run()
        .await?;
    Ok(advanced == 1)
}

/// How a job ends.
#[derive(Clone, Debug)]
pub struct End {
    pub status: JobStatus,
    pub message: Option<String>,
    pub at: Time,
}

/// Ends a job that `lease` works on, and removes its file. A job that was asked to stop has stopped, whatever it has come to.
pub async fn end(tx: &mut Tx, job: &ImportJob, lease: &Lease, end: &End) -> Result<bool> {
    let ended = tx
        .sql(
            "UPDATE import_job
             SET completed_at = $4,
                 message = CASE WHEN status = 'Stopping' THEN NULL ELSE $5 END,
                 status = CASE WHEN status = 'Stopping' THEN 'Stopped' ELSE $6 END
             WHERE pool_id = $1 AND id = $2 AND worker = $3 AND status IN ('InProgress', 'Stopping')",
        )
        .bind(&*job.pool_id)
        .bind(&*job.id)
        .bind(&*lease.worker)
        .bind(end.at.millis())
        .bind(end.message.clone())
        .bind(end.status.name())
        .run()
        .await?;
    if ended == 1 {
        forget_file(tx, &job.pool_id, &job.id).await?;
    }
    Ok(ended == 1)
}

row! {
    struct NameRow {
        pool_id: String,
        id: String,
    }
}

/// Jobs that were started and that nobody works on, at most `limit`: pool and id.
pub async fn left_behind(tx: &mut Tx, now: Time, limit: i64) -> Result<Vec<(String, String)>> {
    let rows = tx
        .sql(
            "SELECT pool_id, id FROM import_job
             WHERE status IN ('Pending', 'InProgress') AND leased_until <= $1
             ORDER BY created_at
             LIMIT $2",
        )
        .bind(now.millis())
        .bind(limit)
        .all::<NameRow>()
        .await?;
    Ok(rows.into_iter().map(|row| (row.pool_id, row.id)).collect())
}

/// Gives back what a process that is gone had taken. Only for a database that no other process uses.
pub async fn release_all(tx: &mut Tx) -> Result<()> {
    tx.sql("UPDATE import_job SET leased_until = 0 WHERE status IN ('Pending', 'InProgress', 'Stopping')")
        .run()
        .await?;
    Ok(())
}

/// Stops what was asked to stop and has no worker, lets jobs expire that were made before `made_before` and never started, and
/// removes the files of both.
pub async fn settle(tx: &mut Tx, now: Time, made_before: Time) -> Result<u64> {
    let stopped = tx
        .sql(
            "UPDATE import_job SET status = 'Stopped', completed_at = $1
             WHERE status = 'Stopping' AND leased_until <= $1",
        )
        .bind(now.millis())
        .run()
        .await?;
    let expired = tx
        .sql(
            "UPDATE import_job SET status = 'Expired', completed_at = $1, message = $3
             WHERE status = 'Created' AND created_at <= $2",
        )
        .bind(now.millis())
        .bind(made_before.millis())
        .bind(EXPIRED)
        .run()
        .await?;
    if stopped + expired > 0 {
        tx.sql(
            "DELETE FROM import_part
             WHERE (pool_id, job_id) IN (SELECT pool_id, id FROM import_job
                                         WHERE status IN ('Stopped', 'Expired') AND completed_at = $1)",
        )
        .bind(now.millis())
        .run()
        .await?;
    }
    Ok(stopped + expired)
}
