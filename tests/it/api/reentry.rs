//! Triggers whose code calls the API, which asks the same trigger again.

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use poolhouse::hooks::{Event, Hook, Hooks, PreSignUp, PreSignUpResponse};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site},
    town::towns_with,
};

/// Signs somebody else up before it lets anybody in, down to `depth` others.
#[derive(Default)]
struct Again {
    site: Mutex<Weak<Site>>,
    depth: AtomicUsize,
    calls: AtomicUsize,
    deepest: Mutex<String>,
}

#[async_trait]
impl Hook<PreSignUp> for Again {
    async fn call(&self, event: &Event<PreSignUp>) -> Result<PreSignUpResponse, String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let number: usize = event.user_name.parse().unwrap();
        if number >= self.depth.load(Ordering::SeqCst) {
            return Ok(PreSignUpResponse::default());
        }
        let Some(site) = self.site.lock().unwrap().upgrade() else { return Err("over".into()) };
        // A request of its own, as any other program's would be.
        let answer = tokio::spawn(async move { sign_up(&site, number + 1).await }).await.unwrap();
        if answer.0 == 200 {
            return Ok(PreSignUpResponse::default());
        }
        let text = answer.1["message"].as_str().unwrap_or_default().to_owned();
        let mut deepest = self.deepest.lock().unwrap();
        if deepest.is_empty() {
            *deepest = format!("{}: {text}", answer.1["__type"].as_str().unwrap_or_default());
        }
        Err("not this time".into())
    }
}

async fn sign_up(site: &Site, number: usize) -> (u16, Value) {
    site.send("SignUp", &json!({"ClientId": site.client, "Username": number.to_string(), "Password": PASSWORD})).await
}

async fn users(site: &Site) -> usize {
    let listed = site.call("ListUsers", json!({"UserPoolId": site.pool})).await;
    listed["Users"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_calls_the_api_again_and_again_comes_to_an_end() {
    let again = Arc::new(Again::default());
    let hook = Arc::clone(&again);
    let towns = towns_with(|parts| {
        let mut hooks = Hooks::new(Arc::default());
        hooks.register::<PreSignUp>("again", Arc::clone(&hook) as Arc<dyn Hook<PreSignUp>>);
        parts.hooks = hooks;
    });
    for town in towns.await {
        let target = "arn:aws:lambda:us-east-1:123456789012:function:again";
        let site = Arc::new(Site::at(town, json!({"LambdaConfig": {"PreSignUp": target}}), json!({})).await);
        *again.site.lock().unwrap() = Arc::downgrade(&site);
        for counter in [&again.calls, &again.depth] {
            counter.store(0, Ordering::SeqCst);
        }
        again.deepest.lock().unwrap().clear();

        again.depth.store(usize::MAX, Ordering::SeqCst);
        let (status, answer) = sign_up(&site, 0).await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(answer["__type"], "UserLambdaValidationException");
        assert_eq!(answer["message"], "PreSignUp failed with error not this time.");
        let deepest = again.deepest.lock().unwrap().clone();
        assert_eq!(deepest, "UnexpectedLambdaException: PreSignUp invocation failed due to error ServiceException.");
        assert_eq!(again.calls.load(Ordering::SeqCst), 250, "one call for each place");
        assert_eq!(users(&site).await, 0, "nobody was let in");

        // Every place is free again, and a depth with an end is none to speak of.
        again.depth.store(5, Ordering::SeqCst);
        let (status, answer) = sign_up(&site, 0).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(users(&site).await, 6);
    }
}
