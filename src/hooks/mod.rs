//! Triggers: the moments at which a pool asks somebody's code. Typed in, typed out.
//!
//! A pool's `LambdaConfig` names a function for a trigger. It is, in this order, a Rust [`Hook`] registered under that name,
//! a function of the configuration, which gets the service's event as JSON, or the built-in rule of that name.
//! The mapping from a failure to the service's exception is here and nowhere else.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-identity-pools-working-with-aws-lambda-triggers.html>

mod authentication;
mod custom_challenge;
mod custom_message;
mod custom_sender;
mod event;
mod groups_to_scopes;
mod inbound_federation;
mod pre_token_generation;
mod sign_up;
mod user_migration;

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
pub use authentication::{PostAuthentication, PreAuthentication};
pub use custom_challenge::{
    CreateAuthChallenge, CreateAuthChallengeResponse, DefineAuthChallenge, DefineAuthChallengeResponse, Verdict,
    VerifyAuthChallengeResponse,
};
pub use custom_message::{CustomMessage, CustomMessageResponse};
pub use custom_sender::{CustomEmailSender, CustomSmsSender, ToSend};
pub use event::{CallerContext, ClientMetadata, Event, Trigger, user_attributes};
pub use groups_to_scopes::{GroupsToScopes, NAME as GROUPS_TO_SCOPES};
pub use inbound_federation::{ExternalAttributes, InboundFederation, InboundFederationResponse};
pub use pre_token_generation::{
    AccessTokenOverride, ClaimsAndScopeOverride, ClaimsOverride, GroupConfiguration, GroupOverride, PreTokenGeneration,
    PreTokenGenerationResponse, PreTokenGenerationV2, PreTokenGenerationV2Response, TokenOverride, TokenSource,
    TokenVersion,
};
use serde_json::Value;
pub use sign_up::{ConfirmationSource, Nothing, PostConfirmation, PreSignUp, PreSignUpResponse, SignUpSource};
use tokio::sync::Semaphore;
pub use user_migration::{
    DeliveryMedium, FinalStatus, MessageAction, MigrationSource, UserMigration, UserMigrationResponse,
};

use crate::{
    domain::{Error, Pool, Result},
    functions::{Call, EXITED, Function, FunctionError, Functions, PAYLOAD_LIMIT},
    kit::{ids::function_name, lineage::Lineage},
};

/// What the service grants a trigger's function, for each try.
const DEADLINE: Duration = Duration::from_secs(5);
/// Triggers that are under way at a time. Code that calls the API, which asks the same trigger again, ends here where it does not tell
/// its [`Lineage`].
const AT_ONCE: usize = 250;
/// How often a function is tried that could not be reached, or did not answer in time.
const TRIES: u32 = 3;

/// A trigger answered in Rust. Register it under a name with the server's builder and name it in a pool's `LambdaConfig`.
#[async_trait]
pub trait Hook<T: Trigger>: Send + Sync + 'static {
    /// An error's text reaches the one who signs in, as the text of a function's exception would.
    async fn call(&self, event: &Event<T>) -> Result<T::Response, String>;
}

/// Everything that can answer a trigger.
pub struct Hooks {
    functions: RwLock<Asked>,
    /// `(trigger's type, name)` → an `Arc<dyn Hook<T>>` of that type.
    rust: HashMap<(TypeId, String), Registered>,
    places: Semaphore,
}

struct Asked {
    now: Arc<Functions>,
    /// Those of a configuration that is being applied: its pools may name what there was not before.
    soon: Option<Arc<Functions>>,
}

struct Registered {
    /// The member of `LambdaConfig` under which the hook is named.
    setting: &'static str,
    hook: Box<dyn Any + Send + Sync>,
}

impl Hooks {
    pub fn new(functions: Arc<Functions>) -> Self {
        let shadowed = functions.get(GROUPS_TO_SCOPES).is_some();
        let functions = RwLock::new(Asked { now: functions, soon: None });
        let mut hooks = Self { functions, rust: HashMap::new(), places: Semaphore::new(AT_ONCE) };
        if !shadowed {
            hooks.register::<PreTokenGeneration>(GROUPS_TO_SCOPES, Arc::new(GroupsToScopes));
            hooks.register::<PreTokenGenerationV2>(GROUPS_TO_SCOPES, Arc::new(GroupsToScopes));
        }
        hooks
    }

    /// The functions that are asked now.
    pub fn functions(&self) -> Arc<Functions> {
        Arc::clone(&self.functions.read().unwrap_or_else(PoisonError::into_inner).now)
    }

    /// Asks these functions from the next event on.
    pub fn replace_functions(&self, functions: Arc<Functions>) {
        *self.functions.write().unwrap_or_else(PoisonError::into_inner) = Asked { now: functions, soon: None };
    }

    /// Asks these functions where those of now do not have a name, until others replace them or nothing more is announced.
    pub fn announce(&self, functions: Option<Arc<Functions>>) {
        self.functions.write().unwrap_or_else(PoisonError::into_inner).soon = functions;
    }

    fn function(&self, name: &str) -> Option<Arc<dyn Function>> {
        let asked = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        asked.now.get(name).or_else(|| asked.soon.as_ref()?.get(name))
    }

    /// Lets `hook` answer trigger `T` wherever a pool names `name`. A later registration takes the place of an earlier one.
    pub fn register<T: Trigger>(&mut self, name: &str, hook: Arc<dyn Hook<T>>) {
        let registered = Registered { setting: T::SETTING, hook: Box::new(hook) };
        self.rust.insert((TypeId::of::<T>(), name.to_owned()), registered);
    }

    /// Whether `name` could answer what stands in `LambdaConfig` as `setting`.
    pub fn knows(&self, setting: &str, name: &str) -> bool {
        let is_rust =
            |((_, known), registered): (&(TypeId, String), &Registered)| known == name && registered.setting == setting;
        self.function(name).is_some() || self.rust.iter().any(is_rust)
    }

    /// Whether firing `T` in this pool would run anything. Lets a caller spare the making of an event.
    pub fn is_set<T: Trigger>(&self, pool: &Pool) -> bool {
        pool.settings.lambda_config.function(T::SETTING).is_some()
    }

    /// Asks whoever the pool names for `T`. Without anybody the answer is the default one: no change.
    /// `lineage` is that of the request.
    pub async fn fire<T: Trigger>(
        &self,
        pool: &Pool,
        (request_id, lineage): (&str, Lineage),
        event: Event<T>,
    ) -> Result<T::Response> {
        let Some(target) = pool.settings.lambda_config.function(T::SETTING) else { return Ok(T::Response::default()) };
        let Some(lineage) = lineage.next() else {
            tracing::warn!(trigger = T::NAME, "triggers ask for each other without end");
            return Err(unavailable::<T>("RecursiveInvocationException"));
        };
        // Nobody waits: whoever has a place may be waiting for this very call.
        let Ok(_place) = self.places.try_acquire() else {
            tracing::warn!(trigger = T::NAME, "more triggers at once than there may be");
            return Err(unavailable::<T>("TooManyRequestsException"));
        };
        let name = function_name(target);
        let registered = self.rust.get(&(TypeId::of::<T>(), name.to_owned()));
        if let Some(hook) = registered.and_then(|registered| registered.hook.downcast_ref::<Arc<dyn Hook<T>>>()) {
            return ask_rust(hook.as_ref(), &event).await;
        }
        let Some(function) = self.function(name) else {
            tracing::warn!(trigger = T::NAME, function = name, "a pool names a function that does not exist");
            return Err(unavailable::<T>("ResourceNotFoundException"));
        };
        let event = serde_json::to_value(&event).map_err(|error| Error::Internal(error.to_string()))?;
        let call = Call { lineage, ..Call::new(event, DEADLINE, request_id) };
        let answer = invoke(function.as_ref(), call).await.map_err(failure::<T>)?;
        response::<T>(answer)
    }
}

async fn ask_rust<T: Trigger>(hook: &dyn Hook<T>, event: &Event<T>) -> Result<T::Response> {
    for _ in 0..TRIES {
        if let Ok(answer) = tokio::time::timeout(DEADLINE, hook.call(event)).await {
            return answer.map_err(|message| Error::HookThrew { trigger: T::NAME, message });
        }
    }
    Err(unavailable::<T>("Timeout"))
}

/// What the code said is final, whatever it was; where it did not come to a word, it is asked again.
async fn invoke(function: &dyn Function, call: Call) -> Result<Value, FunctionError> {
    for _ in 1..TRIES {
        match function.invoke(call.clone()).await {
            Err(error) if error.is_passing() && function.is_worth_retrying() => {
                tracing::debug!(request_id = call.request_id, %error, "a trigger's function is tried again");
            }
            answer => return answer,
        }
    }
    function.invoke(call).await
}

/// Reads the `response` member of the event that a function returned. Everything else of it is ignored.
fn response<T: Trigger>(answer: Value) -> Result<T::Response> {
    let Value::Object(mut answer) = answer else { return Err(Error::HookAnswer(T::NAME)) };
    match answer.remove("response") {
        None | Some(Value::Null) => Ok(T::Response::default()),
        // A struct would be read from a list as well.
        Some(response @ Value::Object(_)) => serde_json::from_value(response).map_err(|error| {
            tracing::warn!(trigger = T::NAME, %error, "a function's answer has the wrong shape");
            Error::HookAnswer(T::NAME)
        }),
        Some(_) => Err(Error::HookAnswer(T::NAME)),
    }
}

fn failure<T: Trigger>(error: FunctionError) -> Error {
    tracing::warn!(trigger = T::NAME, %error, "a trigger's function failed");
    match error {
        // Lambda's words for a process that ended: the code has said nothing.
        FunctionError::Reported { kind, .. } if kind == EXITED => unavailable::<T>(EXITED),
        // It has answered, but nobody reads that much.
        FunctionError::TooLarge { limit } if limit == PAYLOAD_LIMIT => Error::HookAnswer(T::NAME),
        FunctionError::Threw { message, .. } | FunctionError::Reported { message, .. } => {
            Error::HookThrew { trigger: T::NAME, message }
        }
        FunctionError::InvalidJson(_) => Error::HookNotJson(T::NAME),
        FunctionError::TimedOut { .. } => unavailable::<T>("Timeout"),
        FunctionError::OutOfMemory => unavailable::<T>("OutOfMemory"),
        FunctionError::StackOverflow => unavailable::<T>("StackOverflow"),
        FunctionError::TooLarge { .. } => unavailable::<T>("RequestTooLargeException"),
        FunctionError::Busy => unavailable::<T>("TooManyRequestsException"),
        FunctionError::Broken(_) => unavailable::<T>("InvalidRuntimeException"),
        FunctionError::Unreachable(_) => unavailable::<T>("ServiceException"),
    }
}

fn unavailable<T: Trigger>(reason: &str) -> Error {
    Error::HookUnavailable { trigger: T::NAME, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
