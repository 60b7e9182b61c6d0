//! Figures: medians over the rounds, the ratios that the goals are about, and how far all of it can be trusted.

use std::{fmt, path::Path, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{client::Run, limits::Limits, process::Memory, proxies::Kind, scenarios::Scenario, server::Start};

/// One scenario in one round.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Microseconds of CPU time per request.
    cpu: f64,
    per_second: f64,
    /// Microseconds.
    half: f64,
    most: f64,
}

impl Turn {
    pub fn new(run: Run, spent: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts of seconds")]
        let requests = run.latencies.len().max(1) as f64;
        let at = |share: usize| run.latencies.get(run.latencies.len() * share / 100).copied().unwrap_or_default();
        Self {
            cpu: micros(spent) / requests,
            per_second: requests / run.elapsed.as_secs_f64(),
            half: micros(at(50)),
            most: micros(at(99)),
        }
    }
}

struct Row {
    name: String,
    connections: usize,
    turns: Vec<Turn>,
}

pub struct Starts {
    pub existing: Vec<Start>,
    pub fresh: Vec<Start>,
    /// Two seconds after a start with an existing database.
    pub memory: Memory,
}

pub struct Report {
    binary: u64,
    machine: String,
    pub starts: Option<Starts>,
    /// Before anything was asked.
    pub idle: Option<Memory>,
    /// After all rounds.
    pub loaded: Option<Memory>,
    /// Of each round.
    pub limits: Vec<Limits>,
    rows: Vec<Row>,
}

/// A figure that something is expected of.
struct Mark {
    name: String,
    value: f64,
    unit: &'static str,
    /// To be reached first, and then.
    first: Option<f64>,
    goal: f64,
}

impl Report {
    pub fn new(server: &Path) -> anyhow::Result<Self> {
        let binary = std::fs::metadata(server).with_context(|| format!("no server at {}", server.display()))?.len();
        let (starts, idle, loaded) = (None, None, None);
        Ok(Self { binary, machine: machine(), starts, idle, loaded, limits: Vec::new(), rows: Vec::new() })
    }

    pub fn add(&mut self, scenario: &Scenario, turn: Turn) {
        let (name, connections) = (&scenario.name, scenario.connections);
        let same = |row: &&mut Row| row.name == *name && row.connections == connections;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.turns.push(turn),
            None => self.rows.push(Row { name: name.clone(), connections, turns: vec![turn] }),
        }
    }

    /// How far the rounds of one scenario lie apart, as a share of their median; the middle one of all scenarios.
    fn noise(&self) -> f64 {
        median(self.rows.iter().map(|row| spread(row.turns.iter().map(|turn| turn.cpu))))
    }

    fn limit(&self, of: impl Fn(&Limits) -> f64) -> f64 {
        median(self.limits.iter().map(of))
    }

    /// The CPU time of a scenario in each round.
    fn cpu(&self, name: &str, connections: usize) -> Option<Vec<f64>> {
        let row = self.rows.iter().find(|row| row.name == name && row.connections == connections)?;
        Some(row.turns.iter().map(|turn| turn.cpu).collect())
    }

    /// Compares within each round, where the machine was the same for both, and takes the median of that.
    fn marks(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        let mut mark = |name: &str, value: Option<f64>, unit, first, goal| {
            marks.extend(value.map(|value| Mark { name: name.to_owned(), value, unit, first, goal }));
        };
        let starts = self.starts.as_ref();
        let millis = |starts: &[Start]| median(starts.iter().map(|start| micros(start.time) / 1000.0));
        mark("start, existing database", starts.map(|s| millis(&s.existing)), "ms", Some(30.0), 15.0);
        mark("start, new database", starts.map(|s| millis(&s.fresh)), "ms", None, 150.0);
        let idle = starts.map(|starts| megabytes(starts.memory.resident));
        mark("memory, idle", idle, "MB", Some(25.0), 18.0);
        mark("memory, after load", self.loaded.map(|memory| megabytes(memory.resident)), "MB", None, 60.0);
        mark("binary", Some(megabytes(self.binary)), "MB", None, 20.0);
        mark("discovery", self.cpu("discovery", 8).map(median), "µs", None, 9.0);
        mark("GetUser", self.cpu("GetUser", 8).map(median), "µs", None, 60.0);
        mark("userInfo", self.cpu("userInfo", 8).map(median), "µs", None, 60.0);
        let per_limit = |name: &str, of: fn(f64, &Limits) -> f64| {
            let cpu = self.cpu(name, 8)?;
            Some(median(cpu.into_iter().zip(&self.limits).map(|(cpu, limits)| of(cpu, limits))))
        };
        let signatures = |cpu: f64, limits: &Limits| cpu / limits.sign;
        let name = "client_credentials / signature";
        mark(name, per_limit("client_credentials", signatures), "×", Some(1.5), 1.25);
        mark("refresh / signature", per_limit("refresh", signatures), "×", None, 3.0);
        let without_hash = |cpu: f64, limits: &Limits| (cpu - limits.hash) / limits.sign;
        let name = "(password sign-in − hash) / signature";
        mark(name, per_limit("password sign-in", without_hash), "×", None, 3.0);
        let against_parts = |cpu: f64, limits: &Limits| cpu / (2.0 * limits.sign + limits.hash);
        let name = "password sign-in / (2 signatures + hash)";
        mark(name, per_limit("password sign-in", against_parts), "×", None, 1.5);
        let hook = self.cpu("refresh", 8).zip(self.cpu("refresh with a JavaScript hook", 8));
        let hook = hook.map(|(plain, hooked)| median(hooked.into_iter().zip(plain).map(|(one, other)| one - other)));
        mark("a JavaScript hook adds", hook, "µs", None, 60.0);
        let ratio = |ours: &str, theirs: &str, connections| {
            let pairs = self.cpu(ours, connections)?.into_iter().zip(self.cpu(theirs, connections)?);
            Some(median(pairs.map(|(ours, theirs)| ours / theirs)))
        };
        for connections in [1, 8, 64] {
            let value = ratio("gateway: http", "gateway: nginx, plain proxy", connections);
            mark(&format!("gateway / nginx, at {connections}"), value, "×", Some(1.5), 1.0);
            let value = ratio("gateway: no token", "gateway: nginx, plain proxy", connections);
            mark(&format!("refusal / nginx, at {connections}"), value, "×", None, 1.0);
            for kind in [Kind::HaProxy, Kind::Apache] {
                let value = ratio("gateway: http", &format!("gateway: {}", kind.name()), connections);
                mark(&format!("gateway / {}, at {connections}", kind.name()), value, "×", None, 1.0);
            }
        }
        let value = ratio("gateway: http, with access log", "gateway: nginx, with access log", 8);
        mark("the same with access logs, at 8", value, "×", Some(1.5), 1.0);
        marks
    }

    pub fn json(&self) -> Value {
        let memory = |memory: Option<Memory>| memory.map(|memory| json!([memory.resident, memory.private]));
        let seconds = |starts: &[Start]| {
            starts.iter().map(|start| [start.time.as_secs_f64(), start.cpu.as_secs_f64()]).collect::<Vec<_>>()
        };
        json!({
            "machine": self.machine,
            "noise": self.noise(),
            "binary_bytes": self.binary,
            "limits_us": {
                "sign": self.limit(|limits| limits.sign),
                "verify": self.limit(|limits| limits.verify),
                "argon2id_1024_1": self.limit(|limits| limits.hash),
                "argon2id_19456_2": self.limit(|limits| limits.owasp_hash),
            },
            "start_seconds_and_cpu": self.starts.as_ref().map(|starts| json!({
                "existing": seconds(&starts.existing), "fresh": seconds(&starts.fresh),
            })),
            "memory_bytes_resident_private": {
                "idle": memory(self.starts.as_ref().map(|starts| starts.memory)),
                "before_load": memory(self.idle),
                "after_load": memory(self.loaded),
            },
            "scenarios": self.rows.iter().map(|row| json!({
                "name": row.name,
                "connections": row.connections,
                "cpu_us": row.median(|turn| turn.cpu),
                "spread": spread(row.turns.iter().map(|turn| turn.cpu)),
                "per_second": row.median(|turn| turn.per_second),
                "p50_us": row.median(|turn| turn.half),
                "p99_us": row.median(|turn| turn.most),
            })).collect::<Vec<_>>(),
            "marks": self.marks().iter().map(|mark| json!({
                "name": mark.name, "value": mark.value, "unit": mark.unit, "first": mark.first, "goal": mark.goal,
            })).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn median(&self, of: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(of))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}; rounds: {}; noise: {:.0} %", self.machine, self.limits.len(), self.noise() * 100.0)?;
        writeln!(
            f,
            "limits, µs of CPU: RSA-2048 signature {:.0} (± {:.0} %), verification {:.1}, argon2id 1 MiB t=1 {:.0}, \
             19 MiB t=2 {:.0}",
            self.limit(|limits| limits.sign),
            spread(self.limits.iter().map(|limits| limits.sign)) * 50.0,
            self.limit(|limits| limits.verify),
            self.limit(|limits| limits.hash),
            self.limit(|limits| limits.owasp_hash)
        )?;
        if let Some(starts) = &self.starts {
            writeln!(f, "idle: {}", starts.memory)?;
            for (what, starts) in [("an existing", &starts.existing), ("a new", &starts.fresh)] {
                let times = starts.iter().map(|start| micros(start.time) / 1000.0);
                let (least, most) = (times.clone().fold(f64::INFINITY, f64::min), times.fold(0.0, f64::max));
                let cpu = median(starts.iter().map(|start| micros(start.cpu) / 1000.0));
                writeln!(f, "start with {what} database: {least:.1} to {most:.1} ms, {cpu:.1} ms of CPU time")?;
            }
        }
        for (when, memory) in [("before load", self.idle), ("after load", self.loaded)] {
            if let Some(memory) = memory {
                writeln!(f, "{when}: {memory}")?;
            }
        }
        let head = ["connections", "CPU µs", "± %", "per second", "p50 µs", "p99 µs"];
        write!(f, "\n{:<34}", "scenario")?;
        head.iter().try_for_each(|word| write!(f, "{word:>12}"))?;
        writeln!(f)?;
        for row in &self.rows {
            writeln!(
                f,
                "{:<34}{:>12}{:>12.1}{:>12.0}{:>12.0}{:>12.0}{:>12.0}",
                row.name,
                row.connections,
                row.median(|turn| turn.cpu),
                spread(row.turns.iter().map(|turn| turn.cpu)) * 50.0,
                row.median(|turn| turn.per_second),
                row.median(|turn| turn.half),
                row.median(|turn| turn.most)
            )?;
        }
        writeln!(f, "\n{:<44}{:>12}{:>12}{:>12}", "", "value", "first mark", "goal")?;
        for mark in self.marks() {
            let first = mark.first.map(|first| format!("{first} {}", mark.unit)).unwrap_or_default();
            let (value, goal) = (format!("{:.2} {}", mark.value, mark.unit), format!("{} {}", mark.goal, mark.unit));
            let verdict = match mark.value {
                value if value <= mark.goal => "reached",
                value if mark.first.is_some_and(|first| value <= first) => "first mark reached",
                _ => "missed",
            };
            writeln!(f, "{:<44}{value:>12}{first:>12}{goal:>12}  {verdict}", mark.name)?;
        }
        Ok(())
    }
}

/// Processor and kernel.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let mut models = processors.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = models.clone().count();
    let model = models.next().map(|(_, model)| model.to_owned()).unwrap_or_default();
    format!("{count} × {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

pub fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no process is that large")]
    let bytes = bytes as f64;
    bytes / 1e6
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Between the least and the most, as a share of the median.
fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (least, most) = values.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    (most - least) / median(values)
}
