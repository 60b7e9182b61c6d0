//! Triggers whose code calls the API, which asks the same trigger again.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use poolhouse::{
    functions::{Functions, native::native},
    hooks::{Event, Hook, Hooks, PreSignUp, PreSignUpResponse},
    kit::lineage::{Lineage, TRACE_HEADER},
};
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
        let site = Arc::new(Site::at(town, json!({"LambdaConfig": {"PreSignUp": ARN}}), json!({})).await);
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

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:again";
const UNAVAILABLE: &str = "PreSignUp invocation failed due to error ServiceException.";

/// Sites whose trigger signs the next one up first, as a program with an AWS SDK does: it tells the trace of its own call. It notes
/// the calls, and what the deepest request was told.
async fn tracing() -> Vec<(Arc<Site>, Arc<Traced>)> {
    let traced = Arc::new(Traced::default());
    let noted = Arc::clone(&traced);
    let mut functions = Functions::default();
    functions.insert(
        "again",
        native(move |call| {
            let noted = Arc::clone(&noted);
            async move {
                assert_eq!(call.deadline, Duration::from_secs(5), "what the service grants a trigger");
                noted.lineages.lock().unwrap().push(call.lineage);
                let number: usize = call.event["userName"].as_str().unwrap().parse().unwrap();
                let Some(site) = noted.site.lock().unwrap().upgrade() else { return Ok(json!(null)) };
                if number >= noted.depth.load(Ordering::SeqCst) {
                    return Ok(call.event);
                }
                let (status, answer) =
                    tokio::spawn(async move { traced_sign_up(&site, number + 1, call.lineage).await }).await.unwrap();
                if status != 200 {
                    noted.told.lock().unwrap().push(answer);
                }
                Ok(call.event)
            }
        }),
    );
    let functions = Arc::new(functions);
    let mut sites = Vec::new();
    for town in towns_with(|parts| parts.hooks = Hooks::new(Arc::clone(&functions))).await {
        let site = Arc::new(Site::at(town, json!({"LambdaConfig": {"PreSignUp": ARN}}), json!({})).await);
        sites.push((site, Arc::clone(&traced)));
    }
    sites
}

#[derive(Default)]
struct Traced {
    site: Mutex<Weak<Site>>,
    depth: AtomicUsize,
    lineages: Mutex<Vec<Lineage>>,
    told: Mutex<Vec<Value>>,
}

async fn traced_sign_up(site: &Site, number: usize, lineage: Lineage) -> (u16, Value) {
    let trace = format!("Root=1-00000001-000000000000000000000001;Parent=0000000000000001;Sampled=0;{lineage}");
    let input = json!({"ClientId": site.client, "Username": number.to_string(), "Password": PASSWORD});
    site.send_with("SignUp", &input, &[(TRACE_HEADER, &trace)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_tells_its_trace_comes_back_sixteen_times_and_no_more() {
    for (site, traced) in tracing().await {
        *traced.site.lock().unwrap() = Arc::downgrade(&site);
        traced.depth.store(usize::MAX, Ordering::SeqCst);
        let (status, answer) = sign_up(&site, 0).await;
        // The code of each level lets its own in, whatever became of the next.
        assert_eq!(status, 200, "{answer}");
        let lineages: Vec<_> = std::iter::successors(Lineage::default().next(), |lineage| lineage.next()).collect();
        assert_eq!(std::mem::take(&mut *traced.lineages.lock().unwrap()), lineages);
        assert_eq!(lineages.len(), 16);
        let told = std::mem::take(&mut *traced.told.lock().unwrap());
        assert_eq!(told, [json!({"__type": "UnexpectedLambdaException", "message": UNAVAILABLE})]);
        assert_eq!(users(&site).await, 16, "the seventeenth was not let in");

        // A client's own word for it only makes its request a deeper one, and nothing stays of it.
        let deepest = *lineages.last().unwrap();
        let (status, answer) = traced_sign_up(&site, 100, deepest).await;
        assert_eq!((status, answer["__type"].as_str()), (400, Some("UnexpectedLambdaException")), "{answer}");
        assert_eq!(users(&site).await, 16);
        traced.depth.store(0, Ordering::SeqCst);
        let (status, answer) = sign_up(&site, 100).await;
        assert_eq!(status, 200, "{answer}");
        traced.lineages.lock().unwrap().clear();
    }
}
