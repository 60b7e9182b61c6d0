//! Triggers: the moments at which a pool asks somebody's code. Typed in, typed out.
//!
//! A pool's `LambdaConfig` names a function for a trigger. It is, in this order, a Rust [`Hook`] registered under that name,
//! a function of the configuration, which gets the service's event as JSON, or the built-in rule of that name.
//! The mapping from a failure to the service's exception is here and nowhere else.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-identity-pools-working-with-aws-lambda-triggers.html>

mod custom_message;
mod event;
mod groups_to_scopes;
mod pre_token_generation;

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
pub use custom_message::{CustomMessage, CustomMessageResponse};
pub use event::{CallerContext, ClientMetadata, Event, Trigger};
pub use groups_to_scopes::{GroupsToScopes, NAME as GROUPS_TO_SCOPES};
pub use pre_token_generation::{
    ClaimsOverride, GroupConfiguration, GroupOverride, PreTokenGeneration, PreTokenGenerationResponse, TokenSource,
};
use serde_json::Value;

use crate::{
    domain::{Error, Pool, Result},
    functions::{Call, FunctionError, Functions},
    kit::ids::function_name,
};

/// What the service grants a trigger's function.
const DEADLINE: Duration = Duration::from_secs(5);

/// A trigger answered in Rust. Register it under a name with the server's builder and name it in a pool's `LambdaConfig`.
#[async_trait]
pub trait Hook<T: Trigger>: Send + Sync + 'static {
    /// An error's text reaches the one who signs in, as the text of a function's exception would.
    async fn call(&self, event: &Event<T>) -> Result<T::Response, String>;
}

/// Everything that can answer a trigger.
pub struct Hooks {
    functions: Arc<Functions>,
    /// `(trigger's type, name)` → an `Arc<dyn Hook<T>>` of that type.
    rust: HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>,
}

impl Hooks {
    pub fn new(functions: Arc<Functions>) -> Self {
        let shadowed = functions.get(GROUPS_TO_SCOPES).is_some();
        let mut hooks = Self { functions, rust: HashMap::new() };
        if !shadowed {
            hooks.register::<PreTokenGeneration>(GROUPS_TO_SCOPES, Arc::new(GroupsToScopes));
        }
        hooks
    }

    /// Lets `hook` answer trigger `T` wherever a pool names `name`. A later registration takes the place of an earlier one.
    pub fn register<T: Trigger>(&mut self, name: &str, hook: Arc<dyn Hook<T>>) {
        self.rust.insert((TypeId::of::<T>(), name.to_owned()), Arc::new(hook));
    }

    /// Whether trigger `T` of a pool could be answered by `name`.
    pub fn knows<T: Trigger>(&self, name: &str) -> bool {
        self.rust.contains_key(&(TypeId::of::<T>(), name.to_owned())) || self.functions.get(name).is_some()
    }

    /// Whether firing `T` in this pool would run anything. Lets a caller spare the making of an event.
    pub fn is_set<T: Trigger>(&self, pool: &Pool) -> bool {
        target::<T>(pool).is_some()
    }

    /// Asks whoever the pool names for `T`. Without anybody the answer is the default one: no change.
    pub async fn fire<T: Trigger>(&self, pool: &Pool, request_id: &str, event: Event<T>) -> Result<T::Response> {
        let Some(target) = target::<T>(pool) else { return Ok(T::Response::default()) };
        let name = function_name(target);
        let hook = self
            .rust
            .get(&(TypeId::of::<T>(), name.to_owned()))
            .and_then(|hook| hook.downcast_ref::<Arc<dyn Hook<T>>>());
        if let Some(hook) = hook {
            let answer = tokio::time::timeout(DEADLINE, hook.call(&event)).await;
            let answer = answer.map_err(|_| unavailable::<T>("Timeout"))?;
            return answer.map_err(|message| Error::HookThrew { trigger: T::NAME, message });
        }
        let Some(function) = self.functions.get(name) else {
            tracing::warn!(trigger = T::NAME, function = name, "a pool names a function that does not exist");
            return Err(unavailable::<T>("ResourceNotFoundException"));
        };
        let event = serde_json::to_value(&event).map_err(|error| Error::Internal(error.to_string()))?;
        let call = Call { event, deadline: DEADLINE, request_id: request_id.to_owned() };
        let answer = function.invoke(call).await.map_err(failure::<T>)?;
        response::<T>(answer)
    }
}

fn target<T: Trigger>(pool: &Pool) -> Option<&str> {
    pool.settings.lambda_config.get(T::NAME).and_then(Value::as_str).filter(|target| !target.is_empty())
}

/// Reads the `response` member of the event that a function returned. Everything else of it is ignored.
fn response<T: Trigger>(answer: Value) -> Result<T::Response> {
    let Value::Object(mut answer) = answer else { return Err(Error::HookAnswer(T::NAME)) };
    match answer.remove("response") {
        None | Some(Value::Null) => Ok(T::Response::default()),
        Some(response) => serde_json::from_value(response).map_err(|error| {
            tracing::warn!(trigger = T::NAME, %error, "a function's answer has the wrong shape");
            Error::HookAnswer(T::NAME)
        }),
    }
}

fn failure<T: Trigger>(error: FunctionError) -> Error {
    tracing::warn!(trigger = T::NAME, %error, "a trigger's function failed");
    match error {
        FunctionError::Threw { message, .. } => Error::HookThrew { trigger: T::NAME, message },
        FunctionError::InvalidJson(_) => Error::HookNotJson(T::NAME),
        FunctionError::TimedOut { .. } => unavailable::<T>("Timeout"),
        FunctionError::OutOfMemory => unavailable::<T>("OutOfMemory"),
        FunctionError::StackOverflow => unavailable::<T>("StackOverflow"),
        FunctionError::TooLarge { .. } => unavailable::<T>("RequestTooLargeException"),
        FunctionError::Busy => unavailable::<T>("TooManyRequestsException"),
        FunctionError::Broken(_) => unavailable::<T>("InvalidRuntimeException"),
    }
}

fn unavailable<T: Trigger>(reason: &str) -> Error {
    Error::HookUnavailable { trigger: T::NAME, reason: reason.to_owned() }
}
