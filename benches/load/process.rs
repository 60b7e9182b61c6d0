//! A child process: what it spends and holds, and its end.

use std::{
    collections::BTreeMap,
    fs, io,
    process::{Child, Command},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// A child that does not stop by then is killed.
const PATIENCE: Duration = Duration::from_secs(10);
/// What Linux counts CPU time in at `/proc/<pid>/stat`, everywhere.
const TICKS_PER_SECOND: f64 = 100.0;

/// Ends with this value.
pub struct Process {
    child: Child,
    name: String,
}

/// CPU time of a process so far.
pub struct Cpu {
    /// Nanoseconds on a CPU, by thread.
    threads: BTreeMap<String, u64>,
    /// The same in hundredths of a second, with threads that have ended.
    ticks: u64,
}

/// Resident memory.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub resident: u64,
    /// What belongs to this process alone.
    pub private: u64,
}

impl Process {
    pub fn spawn(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// An error when the process has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}", self.name),
        }
    }

    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let folder = format!("/proc/{}", self.child.id());
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("{folder}/task")).with_context(|| format!("{} is gone", self.name))? {
            let thread = thread?;
            // A thread may end between the listing and the reading.
            if let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) {
                threads.insert(thread.file_name().to_string_lossy().into_owned(), first_number(&text)?);
            }
        }
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        // The name in the second field may hold spaces; the fields after it are numbers.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |index: usize| -> anyhow::Result<u64> { Ok(fields.get(index).context("stat is short")?.parse()?) };
        Ok(Cpu { threads, ticks: field(11)? + field(12)? })
    }

    pub fn memory(&self) -> anyhow::Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let kib = |name: &str| -> anyhow::Result<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            first_number(line)
        };
        let private = kib("Private_Clean:")? + kib("Private_Dirty:")?;
        Ok(Memory { resident: kib("Rss:")? * 1024, private: private * 1024 })
    }

    /// Asks the process to stop, and waits for its end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status()?;
        let began = Instant::now();
        while asked.success() && began.elapsed() < PATIENCE {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("{} did not stop by itself", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error:#}");
        }
    }
}

impl Cpu {
    /// Since the start of the process, in threads that still run.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.threads.values().sum())
    }

    /// To the nanosecond, unless a thread ended meanwhile and took its count along.
    pub fn since(&self, before: &Self) -> Duration {
        if before.threads.keys().all(|thread| self.threads.contains_key(thread)) {
            let total = |cpu: &Self| cpu.threads.values().sum::<u64>();
            return Duration::from_nanos(total(self) - total(before));
        }
        #[expect(clippy::cast_precision_loss, reason = "ticks of minutes")]
        let ticks = (self.ticks - before.ticks) as f64;
        Duration::from_secs_f64(ticks / TICKS_PER_SECOND)
    }
}

/// CPU time of the calling thread so far.
pub fn own_cpu() -> anyhow::Result<Duration> {
    Ok(Duration::from_nanos(first_number(&fs::read_to_string("/proc/thread-self/schedstat")?)?))
}

fn first_number(text: &str) -> anyhow::Result<u64> {
    let word = text.split_whitespace().next().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(word.parse()?)
}
