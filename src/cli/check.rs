//! `poolhouse check`: reports every mistake in the configuration and touches nothing.

use std::io::{self, Write};

use anyhow::Context;

use super::Failure;
use crate::{config::Sources, import::Scratch};

pub(super) fn run(sources: Sources) -> Result<(), Failure> {
    let scratch = Scratch::new().context("cannot make a folder for inline code")?;
    let loaded = super::load(&sources, Some(scratch.folder()))?;
    let config = loaded.config;
    let mut out = io::stdout();
    for warning in &loaded.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    for notice in &loaded.notices {
        let _ = writeln!(out, "notice: {notice}");
    }
    for (stack, name, value) in &loaded.outputs {
        let _ = writeln!(out, "output: {stack}.{name} = {value}");
    }
    // Nobody is left to tell when the terminal is gone.
    let _ = writeln!(
        out,
        "no mistakes: {}, {}, {}",
        counted(config.pools.len(), "pool"),
        counted(config.functions.len(), "function"),
        counted(config.apis.len(), "API")
    );
    Ok(())
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
