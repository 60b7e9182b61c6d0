//! What a call of a script costs: the README's handler, warm and cold, with an event as Cognito sends it.

use std::{hint::black_box, path::PathBuf, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use poolhouse::{
    config::{
        Place,
        function::{Function as Section, Runs},
    },
    functions::{Call, Function, Functions},
};
use serde_json::{Value, json};

fn event() -> Value {
    json!({
        "version": "1", "triggerSource": "TokenGeneration_Authentication", "region": "us-east-1",
        "userPoolId": "us-east-1_Example01", "userName": "adminuser",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "1example23456789abcdefghij"},
        "request": {
            "userAttributes": {
                "sub": "5a1c2f8e-7c3e-4c2a-9d53-0d0ea8f0b1de", "email": "admin@example.com", "email_verified": "true",
                "cognito:user_status": "CONFIRMED",
            },
            "groupConfiguration": {
                "groupsToOverride": ["admin", "regular", "auditor"], "iamRolesToOverride": [], "preferredRole": null,
            },
        },
        "response": {"claimsOverrideDetails": null},
    })
}

fn load() -> Arc<dyn Function> {
    let at = Place { source: Arc::new("bench".into()), line: 0 };
    let section = Section {
        handler: "lambdaHandler".into(),
        memory_mib: 64,
        ..Section::new(at, "pre-token", Runs::Script(PathBuf::from("functions/pre-token.js")))
    };
    Functions::load(&[section]).expect("the example loads").get("pre-token").expect("the example is there")
}

async fn invoke(function: &dyn Function, event: Value) -> Value {
    let call = Call::new(event, Duration::from_secs(5), "bench");
    function.invoke(call).await.expect("the example answers")
}

fn script(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let warm = load();
    let event = event();
    criterion.bench_function("script/warm call", |bencher| {
        bencher.iter(|| runtime.block_on(invoke(&*warm, black_box(event.clone()))));
    });
    criterion.bench_function("script/load, cold start and first call", |bencher| {
        bencher.iter(|| runtime.block_on(invoke(&*load(), black_box(event.clone()))));
    });
}

criterion_group!(benches, script);
criterion_main!(benches);
