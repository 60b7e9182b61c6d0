//! `poolhouse export`: what runs here, for elsewhere.

use std::{
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{Failure, Places};
use crate::{export, flows::Cx, import::Scratch, server};

#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// What is written
    #[arg(long, value_enum)]
    format: Format,
    /// One pool, without APIs
    #[arg(long, value_name = "ID")]
    pool: Option<String>,
    #[command(flatten)]
    places: Places,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A CloudFormation template
    Cloudformation,
}

pub(super) fn run(wanted: Wanted) -> Result<(), Failure> {
    let Format::Cloudformation = wanted.format;
    let sources = wanted.places.sources()?;
    let scratch = Scratch::new().context("cannot make a folder for inline code")?;
    let config = super::load(&sources, Some(scratch.folder()))?.config;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let export = runtime.block_on(async {
        let app = server::database(&config).await?;
        let cx = Cx::new(Arc::clone(&app), &config.region, app.random.uuid());
        let pool = wanted.pool.as_deref();
        export::cloudformation(&cx, &config, pool).await.context("cannot read the pools")
    })?;
    for line in &export.left_out {
        // Nobody is left to tell when the terminal is gone.
        let _ = writeln!(io::stderr(), "left out: {line}");
    }
    let text = serde_json::to_string_pretty(&export.template).context("cannot write the template")?;
    writeln!(io::stdout(), "{text}").context("cannot write the template")?;
    Ok(())
}
