//! The configuration and its templates, read again when they change while the server serves.
//!
//! What they say then becomes so: pools and what is in them, functions, APIs and domains. An edit that is broken is logged with
//! its mistakes, and everything stays as it was. What only a start can change, such as a listener, is told of and left.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio_util::sync::CancellationToken;

use super::{FromFile, Served, around_functions, check};
use crate::{
    config::{Config, Sources},
    flows::{App, Cx},
    functions::Functions,
    import,
};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is watched.
pub struct Watch {
    sources: Sources,
    config: Config,
    seen: BTreeMap<PathBuf, Stamp>,
}

/// A file's time and length; `None` while it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Watch {
    /// Watches `files`, and the configuration file, that `config` was read from.
    pub fn new(sources: Sources, config: Config, files: &[PathBuf]) -> Self {
        let mut watch = Self { sources, config, seen: BTreeMap::new() };
        watch.look_at(files);
        watch
    }

    fn look_at(&mut self, files: &[PathBuf]) {
        let files = files.iter().cloned().chain(self.sources.config_file());
        self.seen = files.map(|file| (file.clone(), stamp(&file))).collect();
    }

    /// Whether a file changed since it was looked at; each change is told once.
    fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (file, seen) in &mut self.seen {
            let now = stamp(file);
            changed |= now != *seen;
            *seen = now;
        }
        changed
    }

    /// Runs until `shutdown`.
    pub(super) async fn run(mut self, app: Arc<App>, served: Arc<Served>, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if self.has_changed() {
                self.again(&app, &served).await;
            }
        }
    }

    async fn again(&mut self, app: &Arc<App>, served: &Served) {
        let loaded = match import::load(&self.sources, None) {
            Ok(loaded) => loaded,
            Err(mistakes) => return broken(mistakes.iter()),
        };
        let mistakes = check(&loaded.config);
        if !mistakes.is_empty() {
            return broken(mistakes.iter());
        }
        self.look_at(&loaded.files);
        if let Err(error) = apply(app, served, &loaded.config).await {
            tracing::error!(
                error = format!("{error:#}"),
                "what changed in the configuration could not be applied as a whole"
            );
            return;
        }
        if fixed(&self.config) != fixed(&loaded.config) {
            tracing::warn!("what changed outside of pools, functions, APIs and domains counts from the next start on");
        }
        self.config = loaded.config;
        tracing::info!("the configuration was read again");
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

async fn apply(app: &Arc<App>, served: &Served, config: &Config) -> anyhow::Result<()> {
    let functions = Functions::load_in(&config.functions, &around_functions(config, &app.clock, &app.random))?;
    let (functions, before) = (Arc::new(functions), app.hooks.functions());
    if functions.start().await.is_err() {
        // A port that a function of before listens at is free only without it.
        before.stop().await;
        functions.start().await?;
    }
    let cx = Cx::new(Arc::clone(app), &config.region, app.random.uuid());
    app.hooks.replace_functions(Arc::clone(&functions));
    import::apply(&cx, config).await?;
    let file = FromFile { apis: config.apis.clone(), domains: config.domains.clone(), functions };
    served.configure(file).await?;
    before.stop().await;
    Ok(())
}

/// The parts that only a start can change.
fn fixed(config: &Config) -> String {
    let places = (&config.data, &config.server, &config.database, &config.gateway, &config.keys);
    let people = (&config.admin, &config.mail, &config.sms, &config.passwords, &config.limits, &config.hashing);
    format!("{:?}", (config.mode, &config.region, &config.account_id, places, people))
}
