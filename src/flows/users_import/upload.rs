//! The file of an import job on its way in: whoever has the address that was given out with the job may send it, for a while.
//!
//! It is written part by part, each in a transaction of its own, so that a file of any size costs the memory of one part and
//! nobody waits for it. A new upload replaces an older one, also one that is still coming in.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Error, Result,
        import::{ImportJob, file::MOST_BYTES},
    },
    flows::Cx,
    keys::seal::Purpose,
    kit::clock::Time,
    store,
};

const PART_BYTES: usize = 256 * 1024;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadFault {
    /// The address is none of ours.
    #[error("no such address")]
    Unknown,
    #[error("the address has expired")]
    Expired,
    /// The job was started or has ended, or another file is on its way.
    #[error("the job takes no file")]
    Closed,
    #[error("the file is too large")]
    TooLarge,
    #[error(transparent)]
    Failed(#[from] Error),
}

#[derive(Serialize, Deserialize)]
struct Ticket {
    pool_id: String,
    job_id: String,
    until: Time,
}

/// The secret part of the address that takes the job's file.
pub fn ticket(cx: &Cx, job: &ImportJob) -> Result<String> {
    let ticket = Ticket { pool_id: job.pool_id.clone(), job_id: job.id.clone(), until: job.takes_files_until() };
    Ok(cx.app.sealer.seal_json(Purpose::Upload, &ticket)?)
}

/// A file that is coming in.
pub struct Upload<'a> {
    cx: &'a Cx,
    ticket: Ticket,
    id: String,
    bytes: u64,
    lines: u64,
    parts: u64,
    /// Whether the last line has no end yet.
    is_open: bool,
    /// What is not written yet.
    rest: Vec<u8>,
}

/// Begins an upload to the address with this ticket.
pub async fn begin<'a>(cx: &'a Cx, ticket: &str) -> Result<Upload<'a>, UploadFault> {
    let ticket: Ticket = cx.app.sealer.open_json(Purpose::Upload, ticket).ok_or(UploadFault::Unknown)?;
    if cx.now() >= ticket.until {
        return Err(UploadFault::Expired);
    }
    let id = cx.random().uuid();
    let mut tx = cx.begin().await?;
    let begun = store::import_jobs::begin_upload(&mut tx, &ticket.pool_id, &ticket.job_id, &id).await;
    if !begun.map_err(Error::from)? {
        return Err(UploadFault::Closed);
    }
    tx.commit().await.map_err(Error::from)?;
    Ok(Upload { cx, ticket, id, bytes: 0, lines: 0, parts: 0, is_open: false, rest: Vec::new() })
}

impl Upload<'_> {
    /// Takes what has arrived.
    pub async fn take(&mut self, bytes: &[u8]) -> Result<(), UploadFault> {
        self.bytes += bytes.len() as u64;
        if self.bytes > MOST_BYTES {
            return Err(UploadFault::TooLarge);
        }
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.is_open = bytes.last().map_or(self.is_open, |last| *last != b'\n');
        self.rest.extend_from_slice(bytes);
        while self.rest.len() >= PART_BYTES {
            let later = self.rest.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.rest, later);
            self.write(part).await?;
        }
        Ok(())
    }

    /// The file is here as a whole: the job can be started.
    pub async fn finish(mut self) -> Result<(), UploadFault> {
        let rest = std::mem::take(&mut self.rest);
        self.lines += u64::from(self.is_open);
        if !rest.is_empty() {
            self.write(rest).await?;
        }
        let mut tx = self.cx.begin().await?;
        let job = (&*self.ticket.pool_id, &*self.ticket.job_id);
        let ended = store::import_jobs::end_upload(&mut tx, job, &self.id, self.lines).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        if ended { Ok(()) } else { Err(UploadFault::Closed) }
    }

    async fn write(&mut self, part: Vec<u8>) -> Result<(), UploadFault> {
        let mut tx = self.cx.begin().await?;
        let job = (&*self.ticket.pool_id, &*self.ticket.job_id);
        let added = store::import_jobs::add_part(&mut tx, job, &self.id, self.parts, part).await;
        if !added.map_err(Error::from)? {
            return Err(UploadFault::Closed);
        }
        tx.commit().await.map_err(Error::from)?;
        self.parts += 1;
        Ok(())
    }
}
