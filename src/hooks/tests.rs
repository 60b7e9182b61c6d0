use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::*;
use crate::functions::native::native;

/// Fails so often with `error`, then answers as it was asked.
struct Flaky {
    failures: u32,
    error: FunctionError,
    is_worth_retrying: bool,
    calls: AtomicU32,
}

#[async_trait]
impl Function for Flaky {
    async fn invoke(&self, call: Call) -> std::result::Result<Value, FunctionError> {
        let call_number = self.calls.fetch_add(1, Ordering::Relaxed);
        if call_number < self.failures { Err(self.error.clone()) } else { Ok(call.event) }
    }

    fn is_worth_retrying(&self) -> bool {
        self.is_worth_retrying
    }
}

async fn tries(failures: u32, error: FunctionError, is_worth_retrying: bool) -> (u32, bool) {
    let function = Flaky { failures, error, is_worth_retrying, calls: AtomicU32::new(0) };
    let call = Call::new(json!({}), DEADLINE, "1");
    let answer = invoke(&function, call).await;
    (function.calls.load(Ordering::Relaxed), answer.is_ok())
}

#[tokio::test]
async fn a_function_that_comes_to_no_answer_is_tried_three_times() {
    let late = || FunctionError::TimedOut { after: DEADLINE };
    assert_eq!(tries(0, late(), true).await, (1, true));
    assert_eq!(tries(2, late(), true).await, (3, true));
    assert_eq!(tries(2, FunctionError::Busy, true).await, (3, true));
    assert_eq!(tries(3, late(), true).await, (3, false));
    assert_eq!(tries(1, late(), false).await, (1, false));
}

#[tokio::test]
async fn what_the_code_said_is_final() {
    let threw = FunctionError::Threw { kind: "Error".into(), message: "no".into(), trace: Vec::new() };
    for error in [threw, FunctionError::InvalidJson("cycle".into()), FunctionError::OutOfMemory] {
        assert_eq!(tries(1, error, true).await, (1, false));
    }
}

struct Stuck(AtomicU32);

#[async_trait]
impl Hook<PostConfirmation> for Stuck {
    async fn call(&self, _: &Event<PostConfirmation>) -> std::result::Result<Nothing, String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_in_rust_that_hangs_is_tried_three_times() {
    let hook = Stuck(AtomicU32::new(0));
    let request = PostConfirmation {
        source: ConfirmationSource::ConfirmSignUp,
        user_attributes: [].into(),
        client_metadata: None,
    };
    let event = Event::new("us-east-1_A", "ann", CallerContext::new("", None), request);
    let began = tokio::time::Instant::now();
    let answer = ask_rust(&hook, &event).await;
    assert_eq!(began.elapsed(), Duration::from_secs(15), "five seconds each");
    assert!(matches!(answer, Err(Error::HookUnavailable { trigger: "PostConfirmation", .. })));
    assert_eq!(hook.0.load(Ordering::Relaxed), 3);
}

#[test]
fn a_response_of_another_shape_is_unrecognizable() {
    let read = |answer: Value| response::<PreSignUp>(answer).map(|response| response.auto_confirm_user);
    let answers = |value: Value| json!({ "response": value, "more": 1 });
    for nothing in [json!({}), answers(Value::Null), answers(json!({})), answers(json!({ "autoConfirmUser": null }))] {
        assert!(!read(nothing).unwrap());
    }
    assert!(read(answers(json!({ "autoConfirmUser": true, "unknown": [] }))).unwrap());
    let text = json!({ "autoConfirmUser": "true" });
    for wrong in [json!("x"), json!(null), json!([]), answers(json!([])), answers(json!("x")), answers(text)] {
        assert!(matches!(read(wrong.clone()), Err(Error::HookAnswer("PreSignUp"))), "{wrong}");
    }
}

#[test]
fn every_trigger_knows_its_members_types() {
    fn refuses<T: Trigger>(response: Value) -> bool {
        matches!(super::response::<T>(json!({ "response": response })), Err(Error::HookAnswer(name)) if name == T::NAME)
    }
    assert!(refuses::<DefineAuthChallenge>(json!({ "issueTokens": "yes" })));
    assert!(refuses::<CreateAuthChallenge>(json!({ "publicChallengeParameters": { "a": 1 } })));
    assert!(refuses::<VerifyAuthChallengeResponse>(json!({ "answerCorrect": 1 })));
    assert!(refuses::<UserMigration>(json!({ "userAttributes": { "email_verified": true } })));
    assert!(refuses::<UserMigration>(json!({ "finalUserStatus": "ARCHIVED" })));
    assert!(refuses::<UserMigration>(json!({ "messageAction": "SHOUT" })));
    assert!(refuses::<UserMigration>(json!({ "desiredDeliveryMediums": ["PIGEON"] })));
    assert!(refuses::<InboundFederation>(json!({ "userAttributesToMap": [] })));
    assert!(refuses::<PreTokenGenerationV2>(json!({ "claimsAndScopeOverrideDetails": { "idTokenGeneration": 1 } })));
    let scopes = json!({ "accessTokenGeneration": { "scopesToAdd": "openid" } });
    assert!(refuses::<PreTokenGenerationV2>(json!({ "claimsAndScopeOverrideDetails": scopes })));
}

#[test]
fn a_name_is_known_for_the_trigger_that_it_answers() {
    let mut functions = Functions::default();
    functions.insert("code", native(|call| async move { Ok(call.event) }));
    let hooks = Hooks::new(Arc::new(functions));
    assert!(hooks.knows("PreTokenGeneration", GROUPS_TO_SCOPES));
    assert!(!hooks.knows("PreSignUp", GROUPS_TO_SCOPES));
    assert!(hooks.knows("PreSignUp", "code"));
}
