//! The `poolhouse` program.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    poolhouse::cli::run(env::args_os())
}
