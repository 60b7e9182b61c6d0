//! What the server costs under load: `cargo bench --bench load`
//!
//! The release binary runs as a child of this program, on free loopback ports and in a folder of its own, beside other proxies
//! with the same backend where they are installed. Scenarios and the machine's own limits take turns, round after round, so that
//! a slow minute of the machine hits all of them; figures are medians over the rounds. What counts is the CPU time of the
//! server process per request: it hardly depends on how much else the machine has to do.
//!
//! `cargo bench --bench load -- --only gateway --rounds 9` runs less, or longer; `--json FILE` says where the figures go,
//! `--server FILE` measures another binary.

mod backend;
mod client;
mod limits;
mod process;
mod proxies;
mod report;
mod scenarios;
mod server;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail, ensure};

use crate::{backend::Backend, limits::Limits, report::Report, scenarios::Scenario, server::Poolhouse};

/// Starts with an existing database, and with a new one.
const WARM_STARTS: usize = 15;
const COLD_STARTS: usize = 5;
/// After this the server has done what it does at a start.
const SETTLED: Duration = Duration::from_secs(2);

fn main() -> anyhow::Result<()> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        println!("the load harness runs with `cargo bench --bench load`");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&options))?;
    println!("{report}");
    std::fs::write(&options.json, serde_json::to_vec_pretty(&report.json())?)
        .with_context(|| format!("cannot write {}", options.json.display()))?;
    println!("the same as JSON: {}", options.json.display());
    Ok(())
}

async fn measure(options: &Options) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir()?;
    let backend = Backend::start()?;
    let mut report = Report::new(&options.server)?;
    if options.only.is_empty() {
        eprintln!("starts …");
        report.starts = Some(starts(options, folder.path()).await?);
    }
    let quiet = Poolhouse::prepare(&options.server, folder.path(), "quiet", "warn", backend.address)?;
    let logging = Poolhouse::prepare(&options.server, folder.path(), "logging", "info", backend.address)?;
    let (mut quiet, mut logging) = (quiet.start().await?, logging.start().await?);
    tokio::time::sleep(SETTLED).await;
    report.idle = Some(quiet.process.memory()?);
    eprintln!("tokens …");
    let tokens = scenarios::GatewayTokens::of(&quiet).await?;
    let demanded = scenarios::demanded(&quiet, &tokens).await?;
    let proxies = proxies::start_all(folder.path(), backend.address, &demanded, &tokens.admin[0]).await?;
    let mut scenarios = scenarios::all(&quiet, &logging, &proxies, &tokens).await?;
    scenarios.retain(|scenario| scenario.name.contains(&options.only));
    ensure!(!scenarios.is_empty(), "no scenario has {:?} in its name", options.only);
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} …", options.rounds);
        report.limits.push(Limits::measure()?);
        for scenario in &scenarios {
            let process = match scenario.subject {
                scenarios::Subject::Quiet => &quiet.process,
                scenarios::Subject::Logging => &logging.process,
                scenarios::Subject::Proxy(kind) => {
                    let proxy = proxies.iter().find(|proxy| proxy.kind == kind);
                    &proxy.with_context(|| format!("{} is gone", kind.name()))?.process
                }
            };
            report.add(scenario, one(scenario, process, options.seconds).await?);
        }
    }
    report.loaded = Some(quiet.process.memory()?);
    quiet.process.stop()?;
    logging.process.stop()?;
    Ok(report)
}

/// One turn of one scenario.
async fn one(scenario: &Scenario, process: &process::Process, time: Duration) -> anyhow::Result<report::Turn> {
    let name = scenario.label();
    let connections = client::connect(scenario).await.with_context(|| name.clone())?;
    let before = process.cpu()?;
    let run = client::run(connections, scenario, time).await.with_context(|| name.clone())?;
    let spent = process.cpu()?.since(&before);
    Ok(report::Turn::new(run, spent))
}

async fn starts(options: &Options, folder: &std::path::Path) -> anyhow::Result<report::Starts> {
    let nowhere = ([127, 0, 0, 1], 9).into();
    let mut fresh = Vec::new();
    for number in 0..COLD_STARTS {
        let town = Poolhouse::prepare(&options.server, folder, &format!("fresh{number}"), "info", nowhere)?;
        fresh.push(town.start().await?.stop()?);
    }
    let mut existing = Vec::new();
    let town = Poolhouse::prepare(&options.server, folder, "existing", "info", nowhere)?;
    let mut first = town.start().await?;
    // The signing keys are made beside the first start; the second one shall find them.
    tokio::time::sleep(SETTLED).await;
    let mut memory = first.process.memory()?;
    first.process.stop()?;
    for number in 0..WARM_STARTS {
        let town = town.start().await?;
        if number == 0 {
            tokio::time::sleep(SETTLED).await;
            memory = town.process.memory()?;
        }
        existing.push(town.stop()?);
    }
    Ok(report::Starts { existing, fresh, memory })
}

struct Options {
    server: PathBuf,
    json: PathBuf,
    rounds: usize,
    /// How long one turn takes.
    seconds: Duration,
    /// Only scenarios with this text in their names.
    only: String,
}

impl Options {
    /// None where cargo runs all targets as tests: that is no time for measuring.
    fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Option<Self>> {
        let server = PathBuf::from(env!("CARGO_BIN_EXE_poolhouse"));
        let json = server.with_file_name("load.json");
        let mut options = Self { server, json, rounds: 5, seconds: Duration::from_millis(400), only: String::new() };
        let mut measuring = false;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => measuring = true,
                // The server runs in a folder of its own.
                "--server" => options.server = std::path::absolute(value()?)?,
                "--json" => options.json = value()?.into(),
                "--rounds" => options.rounds = value()?.parse::<usize>()?.clamp(1, 50),
                "--seconds" => options.seconds = Duration::from_secs_f64(value()?.parse::<f64>()?.clamp(0.1, 10.0)),
                "--only" => options.only = value()?,
                other => bail!("there is no option {other}"),
            }
        }
        Ok(measuring.then_some(options))
    }
}
