//! Why a call gave no value, and what Lambda makes of that.

use std::time::Duration;

use serde_json::{Value, json};

/// Lambda's type for the error of a process that ended while it had a call.
pub const EXITED: &str = "Runtime.ExitError";

/// Why a call gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The code threw or rejected: Lambda's `errorType`, `errorMessage` and `trace`. The message is exactly what was thrown.
    #[error("{kind}: {message}")]
    Threw { kind: String, message: String, trace: Vec<String> },
    /// Another program says that the code failed. The payload is what it said.
    #[error("{kind}: {message}")]
    Reported { kind: String, message: String, payload: Value },
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
    /// Whoever should run the code cannot be asked.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
}

impl FunctionError {
    /// From Lambda's error object, with the type from a header where the object has none.
    pub(super) fn reported(kind: Option<&str>, payload: Option<Value>) -> Self {
        let member = |name: &str| match payload.as_ref()?.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let message = member("errorMessage").unwrap_or_default();
        let kind = member("errorType").or_else(|| kind.map(str::to_owned)).unwrap_or_else(|| "Unhandled".to_owned());
        let payload = match payload {
            Some(Value::Object(members)) => Value::Object(members),
            _ => json!({"errorType": kind, "errorMessage": message}),
        };
        Self::Reported { kind, message, payload }
    }

    /// What the code itself said when it failed.
    pub fn thrown(&self) -> Option<&str> {
        match self {
            Self::Threw { message, .. } | Self::Reported { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Whether the code came to no word at all, for a reason that may be gone in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Busy | Self::Unreachable(_) => true,
            Self::Threw { .. }
            | Self::Reported { .. }
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
            Self::Reported { payload, .. } => return payload.clone(),
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
            Self::Unreachable(_) => "ServiceException",
        };
        json!({"errorType": kind, "errorMessage": self.to_string()})
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
    fn what_a_process_reports_is_passed_on_as_it_is() {
        let said =
            json!({"errorType": "Exception", "errorMessage": "Unauthorized", "requestId": "1", "stackTrace": []});
        let error = FunctionError::reported(Some("Other"), Some(said.clone()));
        assert_eq!((error.thrown(), error.payload()), (Some("Unauthorized"), said));
        let bare = FunctionError::reported(Some("Runtime.X"), None);
        assert_eq!(bare.payload(), json!({"errorType": "Runtime.X", "errorMessage": ""}));
    }

    #[test]
    fn a_timeout_says_its_seconds() {
        let error = FunctionError::TimedOut { after: Duration::from_millis(1500) };
        assert_eq!(error.payload()["errorMessage"], "Task timed out after 1.50 seconds");
        assert_eq!(error.to_string(), "timed out after 1.50 seconds");
    }
}
