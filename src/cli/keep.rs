//! `poolhouse keep` and `poolhouse confine`: this program beside a function's process, and in front of its command.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Args;

use crate::functions::keeper;

#[derive(Debug, Args)]
pub(super) struct Told {
    /// What to start, and its limits, in JSON
    orders: String,
}

pub(super) fn keep(told: &Told) -> ExitCode {
    keeper::keep(&told.orders).map_or_else(|error| failed((keeper::NOT_CONFINED, error)), ExitCode::from)
}

pub(super) fn confine(told: &Told) -> ExitCode {
    failed(keeper::confine(&told.orders))
}

/// What is written here is in the function's log.
fn failed((code, error): (u8, io::Error)) -> ExitCode {
    let _ = writeln!(io::stderr(), "poolhouse: {error}");
    ExitCode::from(code)
}
