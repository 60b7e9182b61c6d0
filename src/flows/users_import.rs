//! Users imported from a CSV file: a job is made, its file comes to an address that was given out with it, it is started, and it
//! works on its own ([`work`]).
//!
//! What becomes of each line is told in the log, under the target `poolhouse::import`, by pool, job and line and never by name.
//! Nobody is told anything else: an import sends no messages and fires no triggers.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html>

pub mod upload;
pub mod work;

use super::{
    Cx,
    cursor::{self, Page},
    directory,
    pools::held,
};
use crate::{
    domain::{
        Error, Pool, Result,
        error::PoolFault,
        import::{Counts, HashAlgorithm, ImportJob, JobStatus, file},
    },
    kit::clock::Time,
    store::{self, Tx},
};

pub const MOST_JOBS: i64 = 1_000;

fn precondition<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::PoolState(PoolFault::Precondition(text.into())))
}

/// The columns of the pool's file.
pub async fn header(cx: &Cx, pool_id: &str) -> Result<Vec<String>> {
    Ok(file::columns(&*directory::pool(cx, pool_id).await?))
}

/// What is asked of a new job.
pub struct Wanted<'a> {
    pub name: &'a str,
    pub role_arn: &'a str,
    /// Says that the file has hashes of passwords, and of what algorithm.
    pub password_hashing: Option<HashAlgorithm>,
}

/// Makes a job that waits for its file and its start.
pub async fn create(cx: &Cx, pool_id: &str, wanted: Wanted<'_>) -> Result<ImportJob> {
    let job = ImportJob {
        pool_id: pool_id.to_owned(),
        id: format!("import-{}", cx.random().alphanumeric(10)),
        name: wanted.name.to_owned(),
        role_arn: wanted.role_arn.to_owned(),
        password_hashing: wanted.password_hashing,
        status: JobStatus::Created,
        created_at: cx.now(),
        started_at: None,
        completed_at: None,
        file: None,
        lines_done: 0,
        counts: Counts::default(),
        message: None,
    };
    let mut tx = cx.begin().await?;
    check_reachable(&held(&mut tx, pool_id).await?)?;
    if store::import_jobs::count(&mut tx, pool_id).await? >= MOST_JOBS {
        return Err(Error::LimitExceeded(format!("A user pool holds at most {MOST_JOBS} user import jobs.")));
    }
    store::import_jobs::insert(&mut tx, &job).await?;
    tx.commit().await?;
    Ok(job)
}

/// Imported users set a password with a code, so the pool must send codes somewhere.
fn check_reachable(pool: &Pool) -> Result<()> {
    if pool.settings.auto_verified_attributes.is_empty() {
        return precondition("The user pool must have at least one auto-verified attribute to import users.");
    }
    Ok(())
}

pub async fn get(cx: &Cx, pool_id: &str, id: &str) -> Result<ImportJob> {
    directory::pool(cx, pool_id).await?;
    Ok(found(&mut cx.read().await?, pool_id, id).await?.at(cx.now()))
}

async fn found(tx: &mut Tx, pool_id: &str, id: &str) -> Result<ImportJob> {
    let job = store::import_jobs::find(tx, pool_id, id).await?;
    job.ok_or_else(|| Error::NotFound(format!("User import job {id} does not exist.")))
}

/// Newest first.
pub async fn list(cx: &Cx, pool_id: &str, limit: usize, cursor: Option<&str>) -> Result<Page<ImportJob>> {
    directory::pool(cx, pool_id).await?;
    let list = format!("import jobs:{pool_id}");
    let after = cursor::open(cx, &list, cursor)?;
    let (millis, id) = after.split_once(' ').unwrap_or_default();
    let before = millis.parse().map_or(Time::from_millis(i64::MAX), Time::from_millis);
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let jobs = store::import_jobs::page(&mut cx.read().await?, pool_id, (before, id), wanted).await?;
    let jobs = jobs.into_iter().map(|job| job.at(cx.now())).collect();
    cursor::page(cx, &list, jobs, limit, |job| format!("{} {}", job.created_at.millis(), job.id))
}

/// Starts a job whose file is here. One at a time works on a pool.
pub async fn start(cx: &Cx, pool_id: &str, id: &str) -> Result<ImportJob> {
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    let job = found(&mut tx, pool_id, id).await?.at(cx.now());
    if job.status != JobStatus::Created {
        return precondition(format!("The user import job cannot be started: its status is {}.", job.status.name()));
    }
    check_reachable(&pool)?;
    if job.file.is_none() {
        return precondition("The user import job cannot be started: its CSV file has not been uploaded.");
    }
    if store::import_jobs::is_running(&mut tx, pool_id).await? {
        return precondition("Another user import job is in progress for this user pool.");
    }
    if !store::import_jobs::start(&mut tx, pool_id, id, cx.now()).await? {
        // A new upload began in this very moment.
        return precondition("The user import job cannot be started: its CSV file has not been uploaded.");
    }
    let job = found(&mut tx, pool_id, id).await?;
    tx.commit().await?;
    work::spawn(cx, pool_id, id);
    Ok(job)
}

/// Asks a job that works to stop. What is imported stays.
pub async fn stop(cx: &Cx, pool_id: &str, id: &str) -> Result<ImportJob> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.begin().await?;
    if !store::import_jobs::ask_to_stop(&mut tx, pool_id, id).await? {
        let job = found(&mut tx, pool_id, id).await?.at(cx.now());
        return precondition(format!("The user import job cannot be stopped: its status is {}.", job.status.name()));
    }
    let job = found(&mut tx, pool_id, id).await?;
    tx.commit().await?;
    Ok(job)
}
