//! A Rust closure as a function.
//!
//! The embedding program vouches for its own code, so there is no limit on memory here; deadline and payload limit hold.

use std::{future::Future, io, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

use super::{Call, Function, FunctionError, PAYLOAD_LIMIT};

/// Wraps an asynchronous closure: `native(|call| async move { Ok(call.event) })`.
pub fn native<F, Answer>(run: F) -> Arc<dyn Function>
where
    F: Fn(Call) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Value, FunctionError>> + Send + 'static,
{
    Arc::new(Native(run))
}

struct Native<F>(F);

#[async_trait]
impl<F, Answer> Function for Native<F>
where
    F: Fn(Call) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Value, FunctionError>> + Send + 'static,
{
    async fn invoke(&self, call: Call) -> Result<Value, FunctionError> {
        check_size(&call.event)?;
        let after = call.deadline;
        let Ok(answer) = tokio::time::timeout(after, (self.0)(call)).await else {
            return Err(FunctionError::TimedOut { after });
        };
        let answer = answer?;
        check_size(&answer)?;
        Ok(answer)
    }
}

/// Counts the bytes of the JSON form without making it.
pub(super) fn check_size(value: &Value) -> Result<(), FunctionError> {
    struct Room(usize);
    impl io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Room(PAYLOAD_LIMIT), value).map_err(|_| FunctionError::TooLarge { limit: PAYLOAD_LIMIT })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn call(event: Value) -> Call {
        Call::new(event, Duration::from_millis(50), "1")
    }

    #[tokio::test]
    async fn a_closure_answers_with_its_value() {
        let echo = native(|call| async move { Ok(json!({"saw": call.event})) });
        assert_eq!(echo.invoke(call(json!(1))).await, Ok(json!({"saw": 1})));
    }

    #[tokio::test]
    async fn a_closure_that_sleeps_too_long_times_out() {
        let slow = native(|_| async { std::future::pending().await });
        assert_eq!(
            slow.invoke(call(json!(1))).await,
            Err(FunctionError::TimedOut { after: Duration::from_millis(50) })
        );
    }

    #[tokio::test]
    async fn six_megabytes_is_the_limit_in_both_directions() {
        let limit = FunctionError::TooLarge { limit: PAYLOAD_LIMIT };
        let echo = native(|call| async move { Ok(call.event) });
        assert!(echo.invoke(call(json!("x".repeat(PAYLOAD_LIMIT - 2)))).await.is_ok());
        assert_eq!(echo.invoke(call(json!("x".repeat(PAYLOAD_LIMIT - 1)))).await, Err(limit.clone()));
        let grow = native(|_| async { Ok(json!("x".repeat(PAYLOAD_LIMIT))) });
        assert_eq!(grow.invoke(call(json!(1))).await, Err(limit));
    }
}
