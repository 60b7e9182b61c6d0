//! The configuration, its templates, the code of its functions and the certificates of its gateway, read again when they change
//! while the server serves.
//!
//! What they say then becomes so, as a whole or not at all: functions, triggers, APIs and domains. Pools go into the database one
//! by one; when one cannot be applied, the error names those that were. An edit that is broken is logged with its mistakes, and
//! everything stays as it was until the next edit. What only a start can change, such as a listener, is told of and left.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{FromFile, Served, around_functions, check};
use crate::{
    config::{
        Config, Sources,
        function::{Function, Runs},
        tls::Tls,
    },
    flows::{App, Cx},
    functions::{Functions, code::Code},
    import,
};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is watched.
pub struct Watch {
    sources: Sources,
    /// What only a start can change is from there.
    started: Config,
    seen: BTreeMap<PathBuf, Stamp>,
    /// Functions whose folders are watched, and their code.
    code: Vec<(Function, Option<Code>)>,
}

/// A file's time and length; `None` while it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Watch {
    /// Watches `files`, and the configuration file, that `config` was read from.
    pub fn new(sources: Sources, config: Config, files: &[PathBuf]) -> Self {
        let functions = config.functions.clone();
        let files = [files, &certificates(&config)].concat();
        let mut watch = Self { sources, started: config, seen: BTreeMap::new(), code: Vec::new() };
        watch.look_at(&files, &functions);
        watch
    }

    /// A file that is watched already keeps its stamp: it may have changed again after it was read.
    fn look_at(&mut self, files: &[PathBuf], functions: &[Function]) {
        let scripts = functions.iter().filter_map(|function| match &function.runs {
            Runs::Script(file) => Some(file.clone()),
            _ => None,
        });
        let files = files.iter().cloned().chain(self.sources.config_file()).chain(scripts);
        let before = std::mem::take(&mut self.seen);
        self.seen = files
            .map(|file| {
                let stamp = before.get(&file).copied().unwrap_or_else(|| stamp(&file));
                (file, stamp)
            })
            .collect();
        let before = std::mem::take(&mut self.code);
        let known = |function: &Function| {
            let known = before.iter().find(|(known, _)| known.says_the_same(function));
            known.map_or_else(|| Code::of(function), |(_, code)| code.clone())
        };
        // A script may have others beside it that it requires.
        let watched = functions.iter().filter(|function| function.watch || matches!(function.runs, Runs::Script(_)));
        self.code = watched.map(|function| (function.clone(), known(function))).collect();
    }

    /// Whether a file changed since it was looked at; each change is told once.
    fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (file, seen) in &mut self.seen {
            let now = stamp(file);
            changed |= now != *seen;
            *seen = now;
        }
        for (function, seen) in &mut self.code {
            let now = Code::of(function);
            changed |= now != *seen;
            *seen = now;
        }
        changed
    }

    /// Runs until `shutdown`. Gives the functions that were replaced and still have calls.
    pub(super) async fn run(self, app: Arc<App>, served: Arc<Served>, shutdown: CancellationToken) -> Retiring {
        let retiring = Retiring::default();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut watch = self;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return retiring,
                _ = ticks.tick() => {}
            }
            // Folders may be large and disks slow.
            let looked = tokio::task::spawn_blocking(move || (watch.has_changed(), watch)).await;
            let Ok((changed, next)) = looked else {
                tracing::error!("files are watched no more");
                return retiring;
            };
            watch = next;
            if changed {
                watch.again(&app, &served, &retiring).await;
            }
        }
    }

    async fn again(&mut self, app: &Arc<App>, served: &Served, retiring: &Retiring) {
        let loaded = match import::load(&self.sources, None) {
            Ok(loaded) => loaded,
            Err(mistakes) => return broken(mistakes.iter()),
        };
        let mistakes = check(&loaded.config);
        if !mistakes.is_empty() {
            return broken(mistakes.iter());
        }
        let files = [loaded.files, certificates(&loaded.config)].concat();
        self.look_at(&files, &loaded.config.functions);
        let differs = fixed(&self.started) != fixed(&loaded.config);
        match apply(app, served, &as_started(loaded.config, &self.started)).await {
            Ok((before, next)) => retiring.add(before, next),
            Err(error) => {
                let error = format!("{error:#}");
                return tracing::error!(
                    error,
                    "what changed in the configuration cannot be applied: functions, triggers and APIs stay as they were"
                );
            }
        }
        if differs {
            tracing::warn!("what changed outside of pools, functions, APIs and domains counts from the next start on");
        }
        tracing::info!("the configuration was read again");
    }
}

/// Files of the gateway's TLS, which are renewed while it serves.
fn certificates(config: &Config) -> Vec<PathBuf> {
    let gateway = &config.gateway;
    let stores = config.domains.iter().filter_map(|domain| domain.mutual_tls.as_ref());
    let stores = stores.filter_map(|mutual| gateway.truststore(&mutual.truststore_uri.value).ok());
    let mut files: Vec<PathBuf> = gateway.truststores.values().cloned().chain(stores).collect();
    for said in config.domains.iter().filter_map(|domain| domain.tls.as_ref()).chain(&gateway.tls) {
        if let Tls::Files { cert, key } = &said.value {
            files.extend([cert.clone(), key.clone()]);
        }
    }
    files
}

/// Functions that were replaced, until their last call has ended.
#[derive(Default)]
pub(super) struct Retiring {
    tasks: TaskTracker,
    now: CancellationToken,
}

impl Retiring {
    fn add(&self, before: Arc<Functions>, next: Arc<Functions>) {
        let now = self.now.clone();
        self.tasks.spawn(async move {
            let retired = before.retire(&next, now);
            drop(next);
            retired.await;
        });
    }

    /// Ends them all, with their calls.
    pub(super) async fn end(self) {
        self.now.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn broken<'m>(mistakes: impl Iterator<Item = &'m crate::config::Mistake>) {
    for mistake in mistakes {
        tracing::error!("{mistake}");
    }
    tracing::error!("the configuration was changed and has mistakes: everything stays as it was");
}

fn stamp(file: &Path) -> Stamp {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// Makes the server do what the configuration says. Gives the functions of before, which may have calls under way, and those
/// that took their place. After an error functions, triggers and APIs are those of before.
async fn apply(app: &Arc<App>, served: &Served, config: &Config) -> anyhow::Result<(Arc<Functions>, Arc<Functions>)> {
    let before = app.hooks.functions();
    let around = around_functions(config, (&app.clock, &app.random), app.post.client());
    let next = before.followed_by(&config.functions, &around)?;
    let next = Arc::new(next);
    if let Err(error) = put_in_place(app, served, config, &next).await {
        app.hooks.announce(None);
        next.give_up(&before).await;
        return Err(error);
    }
    Ok((before, next))
}

/// What can fail goes first, and what others see last.
async fn put_in_place(app: &Arc<App>, served: &Served, config: &Config, next: &Arc<Functions>) -> anyhow::Result<()> {
    next.start().await?;
    let (apis, domains) = (config.apis.clone(), config.domains.clone());
    let file = FromFile { apis, domains, functions: Arc::clone(next) };
    served.try_out(&file).await?;
    app.hooks.announce(Some(Arc::clone(next)));
    import::apply(&Cx::new(Arc::clone(app), &config.region, app.random.uuid()), config).await?;
    served.configure(file).await.context("all pools are applied, the APIs are not")?;
    app.hooks.replace_functions(Arc::clone(next));
    next.take_over();
    Ok(())
}

/// What `config` says, with what only a start can change as it was then.
fn as_started(config: Config, started: &Config) -> Config {
    let Config { pools, functions, apis, domains, prune, templates, .. } = config;
    Config { pools, functions, apis, domains, prune, templates, ..started.clone() }
}

/// The parts that only a start can change.
fn fixed(config: &Config) -> String {
    let places = (&config.data, &config.server, &config.database, &config.gateway, &config.keys);
    let people = (&config.admin, &config.mail, &config.sms, &config.passwords, &config.limits, &config.hashing);
    format!("{:?}", (config.mode, &config.region, &config.account_id, places, people, &config.outbound))
}

#[cfg(test)]
mod tests;
