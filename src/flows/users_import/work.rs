//! The work of an import job: its file from the beginning, line by line, users in small batches.
//!
//! Each batch is one short transaction that also says how far the job has come. Whoever works on a job holds a lease on it; when
//! the process dies the lease runs out, and [`resume`] lets somebody go on after the last line that was counted.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{
        Error, Pool, Result,
        attribute::{self, Write},
        import::{
            Counts, ImportJob, JobStatus, PATIENCE, TOO_MANY,
            file::{self, FileFault, Header, Line, Lines, MOST_ROWS, Row, RowFault},
        },
        mfa::Preference,
        user::{Credential, Status},
    },
    flows::{
        App, Cx, attributes, directory,
        sign_up::{self, Names},
    },
    keys::hashing::imported,
    kit::ids,
    store::{
        self, Tx,
        import_jobs::{End, Lease},
    },
};

/// Users in one transaction: few enough that a sign-in beside it does not notice.
const BATCH: usize = 50;
/// Far longer than a batch takes.
const LEASE: Duration = Duration::from_secs(120);
/// Jobs that are taken up again at once.
const MOST_RESUMED: i64 = 8;

/// Lets a job work on its own.
pub fn spawn(cx: &Cx, pool_id: &str, id: &str) {
    let (cx, pool_id, id) = (cx.clone(), pool_id.to_owned(), id.to_owned());
    tokio::spawn(async move {
        if let Err(error) = run(&cx, &pool_id, &id).await {
            tracing::warn!(pool = pool_id, job = id, %error, "an import was interrupted; it goes on when its lease has run out");
        }
    });
}

/// After a start: on a database of our own, whoever held a lease is gone.
pub async fn resume_all(app: &Arc<App>) -> Result<()> {
    if !app.store.is_shared() {
        let mut tx = app.store.begin().await?;
        store::import_jobs::release_all(&mut tx).await?;
        tx.commit().await?;
    }
    resume(app).await
}

/// Lets jobs go on whose worker is gone, and settles those that nobody works on any more.
pub async fn resume(app: &Arc<App>) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    store::import_jobs::settle(&mut tx, now, now.minus(PATIENCE)).await?;
    tx.commit().await?;
    let jobs = store::import_jobs::left_behind(&mut app.store.read().await?, now, MOST_RESUMED).await?;
    for (pool_id, id) in jobs {
        let cx = Cx::new(Arc::clone(app), ids::region_of(&pool_id), app.random.uuid());
        spawn(&cx, &pool_id, &id);
    }
    Ok(())
}

/// Works on a job until it ends, unless somebody else does.
pub async fn run(cx: &Cx, pool_id: &str, id: &str) -> Result<()> {
    let Some((job, lease)) = claim(cx, pool_id, id).await? else { return Ok(()) };
    let pool = directory::pool(cx, pool_id).await?;
    let end = match import(cx, &pool, &job, &lease).await? {
        Outcome::Lost => End { status: JobStatus::Stopped, message: None, at: cx.now() },
        Outcome::Refused(fault) => End { status: JobStatus::Failed, message: Some(fault.to_string()), at: cx.now() },
        Outcome::Done(counts) if counts.are_too_bad() => {
            End { status: JobStatus::Failed, message: Some(TOO_MANY.to_owned()), at: cx.now() }
        }
        Outcome::Done(_) => End { status: JobStatus::Succeeded, message: None, at: cx.now() },
    };
    let mut tx = cx.begin().await?;
    let ended = store::import_jobs::end(&mut tx, &job, &lease, &end).await?;
    tx.commit().await?;
    if ended {
        let message = end.message.as_deref().unwrap_or_default();
        tracing::info!(target: LOG, pool = pool_id, job = id, message, "an import has ended");
    }
    Ok(())
}

const LOG: &str = "poolhouse::import";

async fn claim(cx: &Cx, pool_id: &str, id: &str) -> Result<Option<(ImportJob, Lease)>> {
    let lease = Lease { worker: cx.random().uuid(), until: cx.now().plus(LEASE) };
    let mut tx = cx.begin().await?;
    store::import_jobs::settle(&mut tx, cx.now(), cx.now().minus(PATIENCE)).await?;
    let is_ours = store::import_jobs::claim(&mut tx, pool_id, id, &lease, cx.now()).await?;
    let job = store::import_jobs::find(&mut tx, pool_id, id).await?.filter(|_| is_ours);
    tx.commit().await?;
    Ok(job.map(|job| (job, lease)))
}

enum Outcome {
    Done(Counts),
    Refused(FileFault),
    /// The job was asked to stop, or somebody else works on it.
    Lost,
}

/// What became of a line.
enum Fate {
    Imported,
    Skipped,
    Failed(String),
}

async fn import(cx: &Cx, pool: &Pool, job: &ImportJob, lease: &Lease) -> Result<Outcome> {
    let Some(file) = &job.file else { return Ok(Outcome::Refused(FileFault::Empty)) };
    if file.lines > MOST_ROWS + 1 {
        return Ok(Outcome::Refused(FileFault::TooManyRows));
    }
    let mut worker = Worker { cx, pool, job, lease, header: None, line: 0, batch: Vec::new(), counts: job.counts };
    let mut lines = Lines::default();
    for number in 0..file.parts {
        let part = store::import_jobs::part(&mut cx.read().await?, job, file, number).await?;
        for line in lines.feed(&part) {
            if let Some(outcome) = worker.take(line).await? {
                return Ok(outcome);
            }
        }
    }
    if let Some(line) = lines.end()
        && let Some(outcome) = worker.take(line).await?
    {
        return Ok(outcome);
    }
    worker.finish().await
}

struct Worker<'a> {
    cx: &'a Cx,
    pool: &'a Pool,
    job: &'a ImportJob,
    lease: &'a Lease,
    header: Option<Header>,
    /// The number of the last line, from one.
    line: u64,
    batch: Vec<(u64, Result<Row, RowFault>)>,
    counts: Counts,
}

impl Worker<'_> {
    /// An outcome when there is nothing more to do.
    async fn take(&mut self, line: Line) -> Result<Option<Outcome>> {
        self.line += 1;
        let Some(header) = &self.header else {
            return match Header::read(&line, self.pool, self.job.password_hashing) {
                Ok(header) => {
                    self.header = Some(header);
                    Ok(None)
                }
                Err(fault) => Ok(Some(Outcome::Refused(fault))),
            };
        };
        // Done before an interruption, or empty.
        if self.line <= self.job.lines_done || line.as_ref().is_ok_and(|line| line.trim().is_empty()) {
            return Ok(None);
        }
        let row = line.and_then(|line| header.row(self.pool, &line));
        self.batch.push((self.line, row));
        if self.batch.len() < BATCH || self.write().await? { Ok(None) } else { Ok(Some(Outcome::Lost)) }
    }

    async fn finish(mut self) -> Result<Outcome> {
        if self.header.is_none() {
            return Ok(Outcome::Refused(FileFault::Empty));
        }
        if !self.batch.is_empty() && !self.write().await? {
            return Ok(Outcome::Lost);
        }
        Ok(Outcome::Done(self.counts))
    }

    /// False when the job is not ours any more; then nothing of the batch is written.
    async fn write(&mut self) -> Result<bool> {
        let batch = std::mem::take(&mut self.batch);
        let mut tx = self.cx.begin().await?;
        let (mut counts, mut fates) = (Counts::default(), Vec::new());
        for (line, row) in batch {
            let fate = match row {
                Ok(row) => admit(self.cx, &mut tx, (self.pool, self.job), row).await?,
                Err(fault) => Fate::Failed(fault.to_string()),
            };
            match fate {
                Fate::Imported => counts.imported += 1,
                Fate::Skipped => counts.skipped += 1,
                Fate::Failed(_) => counts.failed += 1,
            }
            fates.push((line, fate));
        }
        let lease = Lease { worker: self.lease.worker.clone(), until: self.cx.now().plus(LEASE) };
        if !store::import_jobs::advance(&mut tx, self.job, &lease, self.line, counts).await? {
            return Ok(false);
        }
        tx.commit().await?;
        self.counts.imported += counts.imported;
        self.counts.skipped += counts.skipped;
        self.counts.failed += counts.failed;
        for (line, fate) in fates {
            self.tell(line, &fate);
        }
        Ok(true)
    }

    fn tell(&self, line: u64, fate: &Fate) {
        let (pool, job) = (&*self.pool.id, &*self.job.id);
        match fate {
            Fate::Imported => tracing::debug!(target: LOG, pool, job, line, "[SUCCEEDED] The import succeeded."),
            Fate::Skipped => tracing::info!(target: LOG, pool, job, line, "[SKIPPED] The user already exists."),
            Fate::Failed(reason) => tracing::warn!(target: LOG, pool, job, line, "[FAILED] {reason}"),
        }
    }
}

/// Makes a row a user, or says why not. What the row broke is undone before the next one's turn.
async fn admit(cx: &Cx, tx: &mut Tx, (pool, job): (&Pool, &ImportJob), row: Row) -> Result<Fate> {
    let Row { username, mut attributes, has_mfa, password_hash } = row;
    if let (Some(algorithm), Some(hash)) = (job.password_hashing, &password_hash)
        && let Err(fault) = imported::check(algorithm, hash)
    {
        return Ok(Fate::Failed(format!("{} {fault}.", file::PASSWORD_HASH)));
    }
    let names = match Names::choose(cx, pool, &username, &mut attributes) {
        Ok(names) => names,
        Err(refusal) => return failed(refusal),
    };
    let attributes = match attribute::check_values(pool, &attributes, Write::Creation) {
        Ok(attributes) => attributes,
        Err(refusal) => return failed(refusal),
    };
    if let Err(fault) = file::check_complete(pool, &attributes) {
        return Ok(Fate::Failed(fault.to_string()));
    }
    if store::users::by_login(tx, pool, &username).await?.is_some() {
        return Ok(Fate::Skipped);
    }
    let status = file::status_of(pool, &attributes);
    let mut user = sign_up::new_user(pool, names, attributes, status, cx.now());
    let factor = match file::second_factor(pool, &user, has_mfa) {
        Ok(factor) => factor,
        Err(fault) => return Ok(Fate::Failed(fault.to_string())),
    };
    if let Some(hash) = password_hash {
        user.status = Status::Confirmed;
        user.credential = Credential::imported(hash, cx.random().bytes::<16>().to_vec());
    } else if factor.is_some() {
        // The second factor needs a first one, and a code alone would be none.
        user.status = Status::ResetRequired;
    }
    if !store::users::insert(tx, pool, &user).await? {
        return Ok(Fate::Skipped);
    }
    match attributes::claim_aliases(tx, pool, &user).await {
        Ok(()) => {
            if let Some(factor) = factor {
                store::factors::set_preference(tx, &user, &Preference::of(factor)).await?;
            }
            Ok(Fate::Imported)
        }
        Err(Error::AliasExists(name)) => {
            store::users::delete(tx, &pool.id, &user.sub).await?;
            Ok(Fate::Failed(format!("An account with the given {name} already exists.")))
        }
        Err(error) => Err(error),
    }
}

/// What the pool's rules say of a row is the row's fault; anything else interrupts the job.
fn failed(refusal: Error) -> Result<Fate> {
    match refusal {
        Error::InvalidParameter(text) => Ok(Fate::Failed(text.trim_end().replace('\n', " "))),
        other => Err(other),
    }
}
