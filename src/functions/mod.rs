//! How a function runs, whoever wants it: a trigger, an authorizer, an integration, or Lambda's Invoke API.
//!
//! A [`Function`] takes one JSON event and gives one JSON value, within a deadline and within Lambda's payload limit. What the
//! event means is for the caller to know. [`script`] is a JavaScript handler in the embedded engine, without Node, network or file
//! system; [`process`] is a process of any language on the Lambda Runtime API; [`remote`] is another server; [`native`] is Rust.
//! What a failed call looks like follows <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html>.

pub mod code;
mod failure;
pub mod keeper;
pub mod log;
pub mod native;
pub mod process;
pub mod remote;
pub mod script;
mod succession;

use std::{collections::BTreeMap, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;

pub use self::failure::{EXITED, FunctionError};
use self::{
    log::{Ledger, Tail},
    succession::Origin,
};
use crate::{
    config::{Mistake, Place, function as config},
    kit::{clock::Clock, lineage::Lineage, random::Random},
    outside::Client,
};

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

    /// Makes ready what must be there before the first call.
    async fn start(&self) -> io::Result<()> {
        Ok(())
    }

    /// Where processes attach to this function, once it was started.
    fn runtime_api(&self) -> Option<SocketAddr> {
        None
    }

    /// Ends what runs for this function. Later calls fail.
    async fn stop(&self) {}
}

/// One call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    pub event: Value,
    /// The time left to the caller. A function's own, shorter timeout wins.
    pub deadline: Duration,
    /// `context.awsRequestId`, and the id in the function's log lines. A process gets one of its own where this is no UUID, or was
    /// used before by another call.
    pub request_id: String,
    /// Whether the same event was tried before under this id. The tries before are over.
    pub is_retry: bool,
    /// `context.clientContext`: JSON that a caller of the Invoke API sends along.
    pub client_context: Option<String>,
    /// The calls that led to this one, and this one. A process is told, and another server.
    pub lineage: Lineage,
    /// Where the caller wants to read what the call prints.
    pub tail: Option<Arc<Tail>>,
}

impl Call {
    pub fn new(event: Value, deadline: Duration, request_id: impl Into<String>) -> Self {
        Self {
            event,
            deadline,
            request_id: request_id.into(),
            is_retry: false,
            client_context: None,
            lineage: Lineage::default(),
            tail: None,
        }
    }
}

/// What functions are told of the server, and where they may write.
#[derive(Clone)]
pub struct Surroundings {
    pub region: String,
    pub account_id: String,
    /// The folder of their logs. Without one they go to the server's log alone.
    pub logs: Option<PathBuf>,
    pub clock: Clock,
    pub random: Random,
    /// Asks functions on other servers.
    pub client: Client,
    /// The program that keeps processes of commands: `poolhouse`, also where another program embeds the server. Without one a
    /// shell holds them; that bounds no number of processes and makes no sandbox.
    pub keeper: Option<PathBuf>,
}

impl Default for Surroundings {
    fn default() -> Self {
        let (region, account_id) = ("us-east-1".to_owned(), "123456789012".to_owned());
        let (clock, random, client) = (Clock::system(), Random::system(), Client::default());
        Self { region, account_id, logs: None, clock, random, client, keeper: None }
    }
}

impl Surroundings {
    /// A local function has no ARN; a well-formed one keeps handlers that take it apart from failing.
    pub fn arn(&self, function: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{function}", self.region, self.account_id)
    }
}

/// The functions of a server by their names.
#[derive(Clone, Default)]
pub struct Functions {
    named: BTreeMap<String, Named>,
    ledger: Option<Ledger>,
    keeper: Option<PathBuf>,
}

#[derive(Clone)]
struct Named {
    function: Arc<dyn Function>,
    /// What it was made of; nothing for one that was put in by hand.
    origin: Option<Arc<Origin>>,
}

impl Functions {
    /// Reads and parses every script, but runs none: a mistake in the text is found here, not at the first call.
    pub fn load(sections: &[config::Function]) -> Result<Self, LoadError> {
        Self::load_in(sections, &Surroundings::default())
    }

    /// The same in a server's surroundings. Nothing runs and listens before [`start`](Self::start).
    pub fn load_in(sections: &[config::Function], around: &Surroundings) -> Result<Self, LoadError> {
        Self::default().followed_by(sections, around)
    }

    /// Opens the places where processes attach, and looks whether commands can be run as they should.
    pub async fn start(&self) -> Result<(), StartError> {
        for (name, named) in &self.named {
            let failed = |source| StartError { function: name.clone(), source };
            named.function.start().await.map_err(failed)?;
        }
        Ok(())
    }

    /// Ends every process that was started here, and writes what is left of the logs.
    pub async fn stop(&self) {
        for named in self.named.values() {
            named.function.stop().await;
        }
        self.write_logs().await;
    }

    async fn write_logs(&self) {
        if let Some(ledger) = self.ledger.clone() {
            // It only fails when the writing panicked, and then there is nothing to wait for.
            let _ = tokio::task::spawn_blocking(move || ledger.flush()).await;
        }
    }

    pub fn get(&self, name: &str) -> Option<Arc<dyn Function>> {
        Some(Arc::clone(&self.named.get(name)?.function))
    }

    /// Adds a function, or replaces the one of that name.
    pub fn insert(&mut self, name: &str, function: Arc<dyn Function>) {
        self.named.insert(name.to_owned(), Named { function, origin: None });
    }

    /// In alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }
}

/// Why a function cannot be made ready.
#[derive(Debug, thiserror::Error)]
#[error("function `{function}`: {source}")]
pub struct StartError {
    pub function: String,
    pub source: io::Error,
}

/// Why the functions of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{at}: function `{function}` is defined twice")]
    Twice { function: String, at: Place },
    #[error("the logs of functions cannot be written: {0}")]
    Logs(io::Error),
    #[error("{at}: function `{function}`: cannot read {}: {source}", file.display())]
    Unreadable { function: String, at: Place, file: PathBuf, source: io::Error },
    /// Line and column are counted from one; zero where the engine gave none.
    #[error("{}:{line}:{column}: function `{function}`: {message}", file.display())]
    Syntax { function: String, file: PathBuf, line: usize, column: usize, message: String },
}

impl LoadError {
    /// The mistake as a configuration's reader is told it: where, and what.
    pub fn mistake(&self) -> Mistake {
        let (at, message) = match self {
            Self::Twice { function, at } => (at.clone(), format!("function `{function}` is defined twice")),
            Self::Logs(_) => (Place::whole("functions"), self.to_string()),
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
