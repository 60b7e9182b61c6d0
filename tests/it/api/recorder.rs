//! A hook in Rust for every trigger, which writes down what it is told and answers what it was taught.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use poolhouse::{
    config::limits::Limits,
    functions::Functions,
    hooks::{
        CreateAuthChallenge, CustomEmailSender, CustomMessage, CustomSmsSender, DefineAuthChallenge, Event, Hook,
        Hooks, PostAuthentication, PostConfirmation, PreAuthentication, PreSignUp, PreTokenGeneration,
        PreTokenGenerationV2, Trigger, UserMigration, VerifyAuthChallengeResponse,
    },
    store::Store,
};
use serde_json::{Value, json};

use super::{
    people::Site,
    town::{towns_with, with},
};

pub(super) const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:recorder";

type Lesson = Box<dyn Fn(&Value) -> Result<Value, String> + Send + Sync>;

pub(super) struct Recorder {
    seen: Mutex<Vec<Value>>,
    lessons: Mutex<HashMap<&'static str, Lesson>>,
    store: Store,
}

impl Recorder {
    /// From now on `trigger` answers with what `lesson` makes of the event's request.
    pub(super) fn teach(
        &self,
        trigger: &'static str,
        lesson: impl Fn(&Value) -> Result<Value, String> + Send + Sync + 'static,
    ) {
        self.lessons.lock().unwrap().insert(trigger, Box::new(lesson));
    }

    pub(super) fn answer(&self, trigger: &'static str, response: Value) {
        self.teach(trigger, move |_| Ok(response.clone()));
    }

    pub(super) fn throw(&self, trigger: &'static str, message: &'static str) {
        self.teach(trigger, move |_| Err(message.to_owned()));
    }

    /// The events since the last time that somebody asked.
    pub(super) fn events(&self) -> Vec<Value> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// Their sources.
    pub(super) fn sources(&self) -> Vec<String> {
        self.events().iter().map(|event| event["triggerSource"].as_str().unwrap().to_owned()).collect()
    }

    /// The only event since the last time.
    pub(super) fn event(&self) -> Value {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.remove(0)
    }
}

#[async_trait]
impl<T: Trigger> Hook<T> for Recorder {
    async fn call(&self, event: &Event<T>) -> Result<T::Response, String> {
        // SQLite has one writer: were a transaction open around the hook, this would wait until the deadline.
        let tx = self.store.begin().await.map_err(|error| error.to_string())?;
        tx.commit().await.map_err(|error| error.to_string())?;
        let event = serde_json::to_value(event).unwrap();
        let request = event["request"].clone();
        self.seen.lock().unwrap().push(event);
        let lessons = self.lessons.lock().unwrap();
        let answer = lessons.get(T::NAME).map_or_else(|| Ok(json!({})), |lesson| lesson(&request))?;
        Ok(serde_json::from_value(answer).unwrap())
    }
}

/// A site whose recorder answers the triggers.
pub(super) struct Stage {
    pub(super) site: Site,
    pub(super) recorder: Arc<Recorder>,
}

impl Deref for Stage {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// Every trigger that a Rust hook can have here, answered by the recorder.
pub(super) fn every_trigger() -> Value {
    let names = [
        "PreSignUp",
        "PostConfirmation",
        "PreAuthentication",
        "PostAuthentication",
        "UserMigration",
        "CustomMessage",
        "DefineAuthChallenge",
        "CreateAuthChallenge",
        "VerifyAuthChallengeResponse",
        "PreTokenGeneration",
    ];
    names.into_iter().map(|name| (name.to_owned(), json!(ARN))).collect::<serde_json::Map<_, _>>().into()
}

/// Stages on every engine, on which every trigger is recorded unless `pool` has a `LambdaConfig` of its own.
pub(super) async fn stages_with(pool: Value, client: Value) -> Vec<Stage> {
    limited_stages(Limits::default(), pool, client).await
}

/// The same, where addresses have limits.
pub(super) async fn limited_stages(limits: Limits, pool: Value, client: Value) -> Vec<Stage> {
    let made = Mutex::new(Vec::new());
    let towns = towns_with(|parts| {
        let recorder =
            Arc::new(Recorder { seen: Mutex::default(), lessons: Mutex::default(), store: parts.store.clone() });
        let mut hooks = Hooks::new(Arc::new(Functions::default()));
        fn register<T: Trigger>(hooks: &mut Hooks, recorder: &Arc<Recorder>) {
            hooks.register::<T>("recorder", Arc::<Recorder>::clone(recorder));
        }
        register::<PreSignUp>(&mut hooks, &recorder);
        register::<PostConfirmation>(&mut hooks, &recorder);
        register::<PreAuthentication>(&mut hooks, &recorder);
        register::<PostAuthentication>(&mut hooks, &recorder);
        register::<UserMigration>(&mut hooks, &recorder);
        register::<CustomMessage>(&mut hooks, &recorder);
        register::<CustomEmailSender>(&mut hooks, &recorder);
        register::<CustomSmsSender>(&mut hooks, &recorder);
        register::<DefineAuthChallenge>(&mut hooks, &recorder);
        register::<CreateAuthChallenge>(&mut hooks, &recorder);
        register::<VerifyAuthChallengeResponse>(&mut hooks, &recorder);
        register::<PreTokenGeneration>(&mut hooks, &recorder);
        register::<PreTokenGenerationV2>(&mut hooks, &recorder);
        parts.hooks = hooks;
        parts.setup.limits = limits.clone();
        made.lock().unwrap().push(recorder);
    });
    let pool = with(&json!({"LambdaConfig": every_trigger(), "AutoVerifiedAttributes": ["email"]}), pool);
    let mut stages = Vec::new();
    let towns = towns.await;
    for (town, recorder) in towns.into_iter().zip(made.into_inner().unwrap()) {
        stages.push(Stage { site: Site::at(town, pool.clone(), client.clone()).await, recorder });
    }
    stages
}

pub(super) async fn stages() -> Vec<Stage> {
    stages_with(json!({}), json!({})).await
}
