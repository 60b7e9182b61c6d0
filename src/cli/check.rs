//! `poolhouse check`: reports every mistake in the configuration and touches nothing.

use std::io::{self, Write};

use super::Failure;
use crate::config::Sources;

pub(super) fn run(sources: Sources) -> Result<(), Failure> {
    let config = super::load(&sources)?;
    // Nobody is left to tell when the terminal is gone.
    let _ = writeln!(
        io::stdout(),
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
