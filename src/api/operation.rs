//! What an operation is: a struct that is the request, and one function that is the behaviour.
//!
//! ```ignore
//! /// Makes a group. The lowest `Precedence` among a user's groups decides `cognito:preferred_role`.
//! #[derive(Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! pub struct CreateGroup { user_pool_id: String, group_name: String, description: Option<String> }
//!
//! impl Operation for CreateGroup {
//!     type Output = GroupOutput;
//!     async fn run(self, cx: Cx) -> Result<GroupOutput> { … }
//! }
//! ```

use std::pin::Pin;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::protocol::Fault;
use crate::{
    domain::{Error, Result},
    flows::Cx,
    model::MODEL,
};

/// One operation of the service. Types, limits and required members of the request have been checked against the model.
///
/// The output is `()` where the model has no output shape (an empty body), [`Empty`](super::shapes::Empty) where it is `{}`.
pub trait Operation: DeserializeOwned + Send + 'static {
    type Output: Serialize;

    fn run(self, cx: Cx) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// Why a call got no answer: the protocol was not kept, or the domain refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Domain(#[from] Error),
}

type Reply = Pin<Box<dyn Future<Output = std::result::Result<Vec<u8>, Failure>> + Send>>;

/// A row of the table of operations.
pub struct Entry {
    pub name: &'static str,
    /// None: not built yet.
    call: Option<fn(Cx, Value, &'static str) -> Reply>,
}

impl Entry {
    pub const fn of<O: Operation>(name: &'static str) -> Self {
        Self { name, call: Some(call::<O>) }
    }

    pub const fn not_built(name: &'static str) -> Self {
        Self { name, call: None }
    }

    pub fn is_built(&self) -> bool {
        self.call.is_some()
    }

    /// The body of the answer; empty where the model has no output.
    pub(super) async fn run(&self, cx: Cx, input: Value) -> std::result::Result<Vec<u8>, Failure> {
        match self.call {
            Some(call) => call(cx, input, self.name).await,
            None => Err(Error::NotBuilt(self.name.to_owned()).into()),
        }
    }
}

fn call<O: Operation>(cx: Cx, input: Value, name: &'static str) -> Reply {
    Box::pin(async move {
        let operation: O = serde_json::from_value(input).map_err(|error| unreadable(name, &error))?;
        let output = operation.run(cx).await?;
        let unwritable = |error: serde_json::Error| Error::Internal(format!("the output of {name}: {error}"));
        if cfg!(debug_assertions) {
            hold_against_model(name, &serde_json::to_value(&output).map_err(unwritable)?)?;
        }
        if MODEL.operation(name).is_some_and(|facts| facts.output.is_none()) {
            return Ok(Vec::new());
        }
        Ok(serde_json::to_vec(&output).map_err(unwritable)?)
    })
}

/// The struct reads less than the shape allows. The detail may quote the request, so only debug builds log it.
fn unreadable(name: &str, error: &serde_json::Error) -> Fault {
    let detail = if cfg!(debug_assertions) { error.to_string() } else { String::new() };
    tracing::warn!(operation = name, detail, "a request that fits its shape could not be read");
    Fault::Serialization(None)
}

/// Debug builds refuse to give an answer that does not fit its published shape, so that every test sees it.
fn hold_against_model(name: &str, output: &Value) -> Result<()> {
    let faults = MODEL.output_faults(name, output);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::Internal(format!("the output of {name} does not fit its shape: {}", faults.join("; "))))
}

/// Writes the table: `area: Built Operations [NotBuilt Ones];`. The word is the type's name, the wire's name and the key to grep for.
#[macro_export]
macro_rules! operations {
    ($($area:ident: $($operation:ident)* $([$($missing:ident)+])?;)+) => {
        /// Every operation of the service.
        pub static OPERATIONS: &[$crate::api::Entry] = &[$(
            $($crate::api::Entry::of::<$area::$operation>(stringify!($operation)),)*
            $($($crate::api::Entry::not_built(stringify!($missing)),)+)?
        )+];
    };
}
