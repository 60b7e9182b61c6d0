//! What a trigger's function answers that is no answer, and how it ends in a call: whoever asks is told so, nobody is let in, and
//! what is stored stays as it was.

use std::{sync::Arc, time::Duration};

use poolhouse::{
    config::{
        Place,
        function::{Function, Runs},
    },
    functions::Functions,
    hooks::Hooks,
};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site},
    town::{towns_with, with},
    webhooks::{answer, saying},
};
use crate::functions::command::{own_process, with as with_variable};

const NOT_JSON: &str = "InvalidLambdaResponseException: Invalid lambda function output : Invalid JSON";
const UNRECOGNIZABLE: &str = "InvalidLambdaResponseException: Unrecognizable lambda output";

fn unavailable(trigger: &str) -> String {
    format!("UnexpectedLambdaException: {trigger} invocation failed due to error ServiceException.")
}

async fn sites(sections: &[Function]) -> (Vec<Site>, Arc<Functions>) {
    let functions = Arc::new(Functions::load(sections).unwrap());
    let mut sites = Vec::new();
    for town in towns_with(|parts| parts.hooks = Hooks::new(Arc::clone(&functions))).await {
        let site = Site::at(town, json!({}), json!({})).await;
        site.person("bob").await;
        sites.push(site);
    }
    (sites, functions)
}

impl Site {
    async fn asks(&self, trigger: &str, function: &str) {
        let target = format!("arn:aws:lambda:us-east-1:123456789012:function:{function}");
        self.call("UpdateUserPool", json!({"UserPoolId": self.pool, "LambdaConfig": {trigger: target}})).await;
    }

    /// Everybody with everything, and how many may refresh.
    async fn everything(&self) -> (Value, i64) {
        let users = self.call("ListUsers", json!({"UserPoolId": self.pool})).await;
        let mut tx = self.app.store.read().await.unwrap();
        (users, tx.sql("SELECT COUNT(*) FROM user_grant").one::<(i64,)>().await.unwrap().0)
    }

    /// Somebody signs up, somebody is made by an administrator, and somebody signs in: each is refused with `words`.
    async fn refuses_all(&self, function: &str, words: impl Fn(&str) -> String) {
        let before = self.everything().await;
        self.asks("PreSignUp", function).await;
        assert_eq!(self.refused("SignUp", self.sign_up("ann")).await, words("PreSignUp"), "{function}");
        let made = with(&self.named("ann"), json!({"MessageAction": "SUPPRESS"}));
        assert_eq!(self.refused("AdminCreateUser", made).await, words("PreSignUp"), "{function}");
        for trigger in ["PreAuthentication", "PostAuthentication", "PreTokenGeneration"] {
            self.asks(trigger, function).await;
            let said = self.refused("InitiateAuth", self.password("bob", PASSWORD)).await;
            assert_eq!(said, words(trigger), "{function}");
        }
        assert_eq!(self.everything().await, before, "{function}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_named_as_such_and_changes_nothing() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_member = format!("{{\"response\":{{\"x\":{deep}}}}}");
    let huge = format!("{{\"response\":{{}},\"x\":\"{}\"}}", "x".repeat(50 * 1024 * 1024));
    let mut sections = Vec::new();
    let answers = [
        ("words", "no json", NOT_JSON),
        ("page", "<!doctype html><html><body>502 Bad Gateway</body></html>", NOT_JSON),
        ("empty", "", NOT_JSON),
        ("blank", " \n", NOT_JSON),
        ("broken", "{\"response\":{", NOT_JSON),
        ("two", "{}{}", NOT_JSON),
        ("nan", "{\"response\":NaN}", NOT_JSON),
        ("quoted", "{'response':{}}", NOT_JSON),
        ("deep", deep.as_str(), NOT_JSON),
        ("deep-member", deep_member.as_str(), NOT_JSON),
        ("null", "null", UNRECOGNIZABLE),
        ("array", "[]", UNRECOGNIZABLE),
        ("array-of-one", "[{\"response\":{}}]", UNRECOGNIZABLE),
        ("text", "\"{}\"", UNRECOGNIZABLE),
        ("number", "1", UNRECOGNIZABLE),
        ("yes", "true", UNRECOGNIZABLE),
        ("array-inside", "{\"response\":[]}", UNRECOGNIZABLE),
        ("text-inside", "{\"response\":\"{}\"}", UNRECOGNIZABLE),
        ("number-inside", "{\"response\":0}", UNRECOGNIZABLE),
        ("fifty-megabytes", huge.as_str(), UNRECOGNIZABLE),
    ];
    for (name, body, _) in &answers {
        let (address, _) = saying(&answer(200, "content-type: application/json\r\n", body)).await;
        let runs = Runs::Invoke(format!("http://{address}/").parse().unwrap());
        sections
            .push(Function { timeout: Duration::from_secs(20), ..Function::new(Place::whole("test"), *name, runs) });
    }
    for site in sites(&sections).await.0 {
        for (name, _, words) in &answers {
            site.refuses_all(name, |_| (*words).to_owned()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_a_call_lets_nobody_in() {
    let ends = [
        ("exits", "exit", ""),
        ("is-killed", "die", "KILL"),
        ("faults", "die", "SEGV"),
        ("aborts", "die", "ABRT"),
        ("eats", "eat", ""),
        ("never-starts", "", ""),
    ];
    let sections = ends.map(|(name, doing, signal)| {
        let mut section = with_variable(with_variable(own_process(), "DO", doing), "SIGNAL", signal);
        if doing.is_empty() {
            section = with_variable(section, "INIT", "exit");
        }
        Function { name: name.to_owned(), ..section }
    });
    let (sites, functions) = sites(&sections).await;
    for site in sites {
        let before = site.everything().await;
        for (name, ..) in ends {
            site.asks("PreSignUp", name).await;
            assert_eq!(site.refused("SignUp", site.sign_up("ann")).await, unavailable("PreSignUp"), "{name}");
            site.asks("PreTokenGeneration", name).await;
            let said = site.refused("InitiateAuth", site.password("bob", PASSWORD)).await;
            assert_eq!(said, unavailable("PreTokenGeneration"), "{name}");
        }
        assert_eq!(site.everything().await, before);
        site.call("UpdateUserPool", json!({"UserPoolId": site.pool})).await;
        site.tokens("bob").await;
    }
    functions.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_too_slow_is_ended_and_asked_three_times() {
    let section = Function {
        name: "hangs".to_owned(),
        timeout: Duration::from_millis(300),
        ..with_variable(own_process(), "DO", "hang")
    };
    let logs = tempfile::tempdir().unwrap();
    let around = poolhouse::functions::Surroundings { logs: Some(logs.path().to_owned()), ..Default::default() };
    let functions = Arc::new(Functions::load_in(&[section], &around).unwrap());
    let towns = towns_with(|parts| parts.hooks = Hooks::new(Arc::clone(&functions))).await;
    let count = towns.len();
    for town in towns {
        let site = Site::at(town, json!({}), json!({})).await;
        let before = site.everything().await;
        site.asks("PreSignUp", "hangs").await;
        assert_eq!(site.refused("SignUp", site.sign_up("ann")).await, unavailable("PreSignUp"));
        assert_eq!(site.everything().await, before);
    }
    functions.stop().await;
    let log = std::fs::read_to_string(logs.path().join("hangs.log")).unwrap();
    assert_eq!(log.matches(" Task timed out after 0.30 seconds").count(), 3 * count, "{log}");
}
