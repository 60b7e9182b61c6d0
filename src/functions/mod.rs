//! How a function runs, whoever wants it: a trigger, an authorizer or an integration.
//!
//! A [`Function`] takes one JSON event and gives one JSON value, within a deadline and within Lambda's payload limit. What the
//! event means is for the caller to know. Two kinds exist: [`script`] is a JavaScript handler in the embedded engine, without
//! Node, network or file system; [`native`] is Rust. What a failed call looks like follows
//! <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html>.

pub mod native;
pub mod script;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::config::{Mistake, Place, function as config};

/// Lambda's limit for a synchronous call, for what goes in and for what comes out, in bytes of JSON.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Something that can be called with an event.
#[async_trait]
pub trait Function: Send + Sync {
    /// Runs once. A call that was begun ends by itself at its deadline, also when the caller stops waiting.
    async fn invoke(&self, call: Call) -> Result<Value, FunctionError>;

    /// Whether a call that came to no answer could fare better another time.
    fn is_worth_retrying(&self) -> bool {
        true
    }
}

/// One call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    pub event: Value,
    /// The time left to the caller. A function's own, shorter timeout wins.
    pub deadline: Duration,
    /// `context.awsRequestId`, and the id in the function's log lines.
    pub request_id: String,
}

/// Why a call gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The code threw or rejected: Lambda's `errorType`, `errorMessage` and `trace`. The message is exactly what was thrown.
    #[error("{kind}: {message}")]
    Threw { kind: String, message: String, trace: Vec<String> },
    #[error("timed out after {:.2} seconds", after.as_secs_f64())]
    TimedOut { after: Duration },
    #[error("out of memory")]
    OutOfMemory,
    #[error("stack overflow")]
    StackOverflow,
    /// The code returned something that has no JSON form.
    #[error("returned something that is not JSON: {0}")]
    InvalidJson(String),
    #[error("the event or the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// Every instance is at work and nobody became free in time.
    #[error("too many calls at once")]
    Busy,
    /// The code does not load: it does not parse, throws while loading, or exports no such handler.
    #[error("does not load: {0}")]
    Broken(String),
}

impl FunctionError {
    /// Whether the code came to no word at all, for a reason that may be gone in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Busy => true,
            Self::Threw { .. }
            | Self::OutOfMemory
            | Self::StackOverflow
            | Self::InvalidJson(_)
            | Self::TooLarge { .. }
            | Self::Broken(_) => false,
        }
    }

    /// What Lambda would answer in the payload of a failed call.
    pub fn payload(&self) -> Value {
        let kind = match self {
            Self::Threw { kind, message, trace } => {
                return json!({"errorType": kind, "errorMessage": message, "trace": trace});
            }
            Self::TimedOut { after } => {
                let message = format!("Task timed out after {:.2} seconds", after.as_secs_f64());
                return json!({"errorType": "Sandbox.Timedout", "errorMessage": message});
            }
            Self::OutOfMemory => "Runtime.OutOfMemory",
            Self::StackOverflow => "RangeError",
            Self::InvalidJson(_) => "Runtime.MarshalError",
            Self::TooLarge { .. } => "Function.ResponseSizeTooLarge",
            Self::Busy => "TooManyRequestsException",
            Self::Broken(_) => "Runtime.ImportModuleError",
        };
        json!({"errorType": kind, "errorMessage": self.to_string()})
    }
}

/// The functions of a server by their names.
#[derive(Clone, Default)]
pub struct Functions(BTreeMap<String, Arc<dyn Function>>);

impl Functions {
    /// Reads and parses every script, but runs none: a mistake in the text is found here, not at the first call.
    pub fn load(sections: &[config::Function]) -> Result<Self, LoadError> {
        let mut functions = Self::default();
        for section in sections {
            if functions.0.contains_key(&section.name) {
                return Err(LoadError::Twice { function: section.name.clone(), at: section.at.clone() });
            }
            let function = match &section.runs {
                config::Runs::Script(file) => script::Script::load(section, file)?,
                _ => {
                    let (function, at) = (section.name.clone(), section.at.clone());
                    return Err(LoadError::NotBuilt { function, at });
                }
            };
            functions.insert(&section.name, Arc::new(function));
        }
        Ok(functions)
    }

    pub fn get(&self, name: &str) -> Option<Arc<dyn Function>> {
        self.0.get(name).cloned()
    }

    /// Adds a function, or replaces the one of that name.
    pub fn insert(&mut self, name: &str, function: Arc<dyn Function>) {
        self.0.insert(name.to_owned(), function);
    }

    /// In alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Why the functions of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{at}: function `{function}` is defined twice")]
    Twice { function: String, at: Place },
    #[error("{at}: function `{function}`: only `script` functions are built yet")]
    NotBuilt { function: String, at: Place },
    #[error("{at}: function `{function}`: cannot read {}: {source}", file.display())]
    Unreadable { function: String, at: Place, file: PathBuf, source: std::io::Error },
    /// Line and column are counted from one; zero where the engine gave none.
    #[error("{}:{line}:{column}: function `{function}`: {message}", file.display())]
    Syntax { function: String, file: PathBuf, line: usize, column: usize, message: String },
}

impl LoadError {
    /// The mistake as a configuration's reader is told it: where, and what.
    pub fn mistake(&self) -> Mistake {
        let (at, message) = match self {
            Self::Twice { function, at } => (at.clone(), format!("function `{function}` is defined twice")),
            Self::NotBuilt { function, at } => {
                (at.clone(), format!("function `{function}`: only `script` functions are built yet"))
            }
            Self::Unreadable { function, at, file, source } => {
                (at.clone(), format!("function `{function}`: cannot read {}: {source}", file.display()))
            }
            Self::Syntax { function, file, line, column, message } => {
                let at = Place { source: Arc::new(file.clone()), line: *line };
                (at, format!("function `{function}`, column {column}: {message}"))
            }
        };
        Mistake::new(&at, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thrown_error_has_lambdas_shape() {
        let error =
            FunctionError::Threw { kind: "Error".into(), message: "no".into(), trace: vec!["Error: no".into()] };
        assert_eq!(error.payload(), json!({"errorType": "Error", "errorMessage": "no", "trace": ["Error: no"]}));
    }

    #[test]
    fn a_timeout_says_its_seconds() {
        let error = FunctionError::TimedOut { after: Duration::from_millis(1500) };
        assert_eq!(error.payload()["errorMessage"], "Task timed out after 1.50 seconds");
        assert_eq!(error.to_string(), "timed out after 1.50 seconds");
    }
}
