//! Whatever an operation is asked, it refuses with an exception that the model declares for it.

use poolhouse::{api::operations::OPERATIONS, model::MODEL};
use serde_json::{Value, json};

use super::{people::sites, town::Town};
use crate::samples::{Size, sample};

/// What the protocol takes at most; beyond it no operation is reached.
const LARGEST: usize = 1 << 20;

/// The answer must be one that the model knows, in either direction.
async fn ask(town: &Town, operation: &str, input: &Value) {
    if input.to_string().len() > LARGEST {
        return;
    }
    let (status, body) = town.send(operation, input).await;
    let input = input.to_string().chars().take(400).collect::<String>();
    if status == 200 {
        assert_eq!(MODEL.output_faults(operation, &body), Vec::<String>::new(), "{operation} {input}");
        return;
    }
    let exception = body["__type"].as_str().unwrap_or_default();
    assert_eq!(status, 400, "{operation} {input}: {body}");
    assert!(MODEL.declares(operation, exception), "{operation} does not declare {exception}: {body}, asked {input}");
}

/// `input` with every member of that name replaced, however deep.
fn placed(input: &mut Value, name: &str, value: &str) {
    match input {
        Value::Object(members) => {
            for (member, inner) in members {
                if member == name { *inner = json!(value) } else { placed(inner, name, value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| placed(item, name, value)),
        _ => {}
    }
}

#[tokio::test]
async fn every_operation_refuses_in_words_that_it_declares() {
    for site in sites().await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        for operation in OPERATIONS.iter().filter(|operation| operation.is_built()) {
            let shape = MODEL.operation(operation.name).unwrap().input;
            for size in [Size::Smallest, Size::Largest] {
                let mut input = sample(shape, size);
                // Nothing that it names exists; then the pool, the client, the user and the token do.
                ask(&site, operation.name, &input).await;
                if operation.name.starts_with("Delete") || operation.name == "AdminDeleteUser" {
                    continue;
                }
                for (name, value) in [("UserPoolId", &site.pool), ("ClientId", &site.client), ("AccessToken", &token)] {
                    placed(&mut input, name, value);
                    ask(&site, operation.name, &input).await;
                }
                placed(&mut input, "Username", "ann");
                ask(&site, operation.name, &input).await;
            }
        }
    }
}
