//! `poolhouse serve`: applies the configuration and serves until a signal stops it.

use anyhow::Context;

use super::Failure;
use crate::{
    config::{Mode, Sources},
    server,
    telemetry::{self, Format},
};

pub(super) fn run(sources: Sources) -> Result<(), Failure> {
    let loaded = super::load(&sources, None)?;
    let config = loaded.config;
    let format = match config.mode {
        Mode::Development => Format::Text,
        Mode::Production => Format::Json,
    };
    telemetry::init(format, sources.log().as_deref()).map_err(|error| Failure::Usage(error.to_string()))?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for notice in &loaded.notices {
        tracing::info!("{notice}");
    }
    for (stack, name, value) in &loaded.outputs {
        tracing::info!(stack, value, "output {name}");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let metrics = telemetry::metrics().context("cannot count")?;
    // Whoever develops edits, and whoever serves others with a file alone starts again to change it.
    let is_edited = config.mode == Mode::Development && sources.config_file().is_some();
    let is_watched = is_edited || !loaded.files.is_empty();
    let watch = is_watched.then(|| server::Watch::new(sources, config.clone(), &loaded.files));
    runtime.block_on(server::serve(config, Some(metrics), watch))?;
    Ok(())
}
