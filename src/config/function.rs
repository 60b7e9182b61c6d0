//! `[function.NAME]`: code that triggers, authorizers and integrations run.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::place::Place;

#[derive(Clone, Debug)]
pub struct Function {
    pub at: Place,
    pub name: String,
    pub runs: Runs,
    /// The exported name, `lambdaHandler`, or `file.lambdaHandler`, of which the last part counts.
    pub handler: String,
    pub timeout: Duration,
    /// The heap that a script may use, in MiB.
    pub memory_mib: u32,
    pub environment: BTreeMap<String, String>,
}

/// What runs the code.
#[derive(Clone, Debug)]
pub enum Runs {
    /// JavaScript in this file, by the embedded engine.
    Script(PathBuf),
}
