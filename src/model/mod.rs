//! What AWS publishes about the user-pools service: operations, shapes, limits and the errors that each operation declares.
//!
//! The facts are one JSON file, `model/cognito-idp.json`, that is read and never generated into code. [`Model::findings`] holds a
//! request (or a table of the configuration file) against a shape and words each violation as the service does. What a value
//! *means* is not decided here. Source: the service model that botocore carries, stripped by `model/strip.py`.

mod check;
mod facts;
mod pattern;
mod prune;

use std::sync::LazyLock;

pub use check::{Findings, TypeFault, Violation, summary};
pub use facts::{Facts, Kind, Model, Shape};

/// Parsed at first use, in one pass that borrows names from the embedded text.
pub static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::parse(include_str!("../../model/cognito-idp.json")).expect("tests parse the embedded file")
});

#[cfg(test)]
mod tests;
