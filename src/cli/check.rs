//! `poolhouse check`: reports every mistake in the configuration and touches nothing.

use std::io::{self, Write};

use super::Failure;
use crate::config::Sources;

pub(super) fn run(sources: Sources) -> Result<(), Failure> {
    let config = super::load(&sources)?;
    let (pools, functions, apis) = (config.pools.len(), config.functions.len(), config.apis.len());
    // Nobody is left to tell when the terminal is gone.
    let _ = writeln!(io::stdout(), "no mistakes: {pools} pools, {functions} functions, {apis} APIs");
    Ok(())
}
