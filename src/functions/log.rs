//! What functions print: a line goes to the server's log, to the function's own file, and to the tail of the call that asked for it.
//!
//! Files stand in the data folder, `functions/NAME.log`, and are turned over when they are full. They are written by a thread of
//! their own: a disk that is full or slow costs lines, which are counted, and never calls.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::kit::{clock::Clock, text::steers};

/// What one call may print, in bytes. A flood is cut off there.
pub const CALL_LIMIT: usize = 64 * 1024;
/// What `X-Amz-Log-Type: Tail` gives, as in Lambda.
const TAIL: usize = 4096;
/// Lines that wait for the disk.
const WAITING: usize = 4096;
/// A file of this size is put aside, in the place of the one before.
const FULL: u64 = 4 * 1024 * 1024;
/// How long the end of the server waits for the disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last lines of one call.
#[derive(Debug, Default)]
pub struct Tail(Mutex<VecDeque<u8>>);

impl Tail {
    pub(super) fn push(&self, line: &str) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend(line.as_bytes());
        bytes.push_back(b'\n');
        let surplus = bytes.len().saturating_sub(TAIL);
        bytes.drain(..surplus);
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// The log of one function.
pub(super) struct Journal {
    function: Arc<str>,
    ledger: Option<Ledger>,
}

impl Journal {
    pub(super) fn new(function: &str, ledger: Option<Ledger>) -> Self {
        Self { function: function.into(), ledger }
    }

    /// What the code printed, line by line.
    pub(super) fn print(&self, level: Level, request_id: &str, tail: Option<&Tail>, text: &str) {
        // Code must not be able to write lines of others or to steer a terminal.
        let keeps = |c: char| !steers(c) || c == '\n' || c == '\t';
        let text: String = text.chars().map(|c| if keeps(c) { c } else { '\u{fffd}' }).collect();
        let function = &*self.function;
        for line in text.lines() {
            match level {
                Level::Error => tracing::error!(target: "function", %function, %request_id, "{line}"),
                Level::Warn => tracing::warn!(target: "function", %function, %request_id, "{line}"),
                Level::Info => tracing::info!(target: "function", %function, %request_id, "{line}"),
                Level::Debug => tracing::debug!(target: "function", %function, %request_id, "{line}"),
            }
            self.keep(tail, line);
        }
    }

    /// A line about a call, such as START. Of no interest in the server's log.
    pub(super) fn note(&self, request_id: &str, tail: Option<&Tail>, line: &str) {
        tracing::debug!(target: "function", function = %self.function, %request_id, "{line}");
        self.keep(tail, line);
    }

    fn keep(&self, tail: Option<&Tail>, line: &str) {
        if let Some(tail) = tail {
            tail.push(line);
        }
        if let Some(ledger) = &self.ledger {
            ledger.write(&self.function, line);
        }
    }
}

/// `START` as Lambda writes it.
pub(super) fn start(id: &str) -> String {
    format!("START RequestId: {id} Version: $LATEST")
}

/// `END` and `REPORT`. What a call costs in memory nobody measures.
pub(super) fn end(id: &str, took: Duration, memory_mib: u32) -> [String; 2] {
    let milliseconds = took.as_secs_f64() * 1000.0;
    let report = format!(
        "REPORT RequestId: {id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {} ms\tMemory Size: {memory_mib} MB",
        milliseconds.ceil()
    );
    [format!("END RequestId: {id}"), report]
}

enum Entry {
    Line(Arc<str>, String),
    Flush(SyncSender<()>),
}

/// The files of all functions. Its thread ends with the last function.
#[derive(Clone)]
pub(super) struct Ledger(SyncSender<Entry>);

impl Ledger {
    /// Makes nothing yet: a file is there when its function has printed something.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        let (send, receive) = sync_channel(WAITING);
        std::thread::Builder::new().name("function-logs".to_owned()).spawn(move || drain(&receive, &folder))?;
        Ok(Self(send))
    }

    fn write(&self, function: &Arc<str>, line: &str) {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(Clock::system().now().millis()) * 1_000_000);
        let at = at.ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
        let entry = Entry::Line(Arc::clone(function), format!("{at}\t{line}\n"));
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.0.try_send(entry) {
            metrics::counter!("poolhouse_function_log_lines_lost_total").increment(1);
        }
    }

    /// Waits until everything so far is written. Blocks.
    pub(super) fn flush(&self) {
        let (send, receive) = sync_channel(1);
        if self.0.send(Entry::Flush(send)).is_ok() {
            // A disk that does not answer must not hold up the end.
            let _ = receive.recv_timeout(PATIENCE);
        }
    }
}

struct Page {
    file: File,
    size: u64,
}

fn drain(entries: &Receiver<Entry>, folder: &Path) {
    let mut pages: HashMap<Arc<str>, Page> = HashMap::new();
    let mut said = false;
    while let Ok(entry) = entries.recv() {
        let (function, line) = match entry {
            Entry::Line(function, line) => (function, line),
            Entry::Flush(done) => {
                // Whoever waited may have given up.
                let _ = done.send(());
                continue;
            }
        };
        if let Err(error) = append(&mut pages, folder, &function, &line) {
            pages.remove(&function);
            metrics::counter!("poolhouse_function_log_lines_lost_total").increment(1);
            if !said {
                tracing::warn!(folder = %folder.display(), %error, "lines of functions are lost");
                said = true;
            }
        }
    }
}

fn append(pages: &mut HashMap<Arc<str>, Page>, folder: &Path, function: &Arc<str>, line: &str) -> io::Result<()> {
    let path = folder.join(format!("{function}.log"));
    let page = match pages.get_mut(function) {
        Some(page) if page.size < FULL => page,
        found => {
            if found.is_some() {
                fs::rename(&path, folder.join(format!("{function}.log.1")))?;
            }
            fs::create_dir_all(folder)?;
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            let size = file.metadata()?.len();
            pages.insert(Arc::clone(function), Page { file, size });
            let Some(page) = pages.get_mut(function) else { return Ok(()) };
            page
        }
    };
    page.file.write_all(line.as_bytes())?;
    page.size += line.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_last_four_kilobytes() {
        let tail = Tail::default();
        tail.push(&"a".repeat(5000));
        tail.push("end");
        let bytes = tail.bytes();
        assert_eq!(bytes.len(), TAIL);
        assert!(bytes.ends_with(b"aaa\nend\n"));
    }

    #[test]
    fn a_full_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("functions")).unwrap();
        let journal = Journal::new("loud", Some(ledger.clone()));
        let line = "x".repeat(64 * 1024);
        for _ in 0..140 {
            journal.note("1", None, &line);
        }
        ledger.flush();
        let size = |name: &str| fs::metadata(folder.path().join("functions").join(name)).unwrap().len();
        assert!(size("loud.log.1") >= FULL && size("loud.log.1") < FULL + 80_000);
        assert!(size("loud.log") < FULL);
        assert_eq!(fs::read_dir(folder.path().join("functions")).unwrap().count(), 2);
    }
}
