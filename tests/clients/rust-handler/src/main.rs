//! A function in Rust, with the crate `lambda_runtime` as its users have it: an integration, an authorizer and a trigger in one.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (mut event, context) = event.into_parts();
    if event["triggerSource"].is_string() {
        event["response"] = json!({"claimsOverrideDetails": {"claimsToAddOrOverride": {"made_by": "rust"}}});
        return Ok(event);
    }
    if event["routeArn"].is_string() || event["type"] == "REQUEST" {
        return match event["headers"]["authorization"].as_str().unwrap_or_default() {
            "yes" => Ok(json!({"isAuthorized": true, "context": {"by": "rust"}})),
            "no" => Ok(json!({"isAuthorized": false})),
            _ => Err("Unauthorized".into()),
        };
    }
    if event["throw"].is_string() {
        return Err(event["throw"].as_str().unwrap_or_default().into());
    }
    let by = &event["requestContext"]["authorizer"]["lambda"]["by"];
    Ok(json!({
        "statusCode": 200,
        "body": format!("rust, let in by {}", by.as_str().unwrap_or("nobody")),
        "headers": {"x-request-id": context.request_id, "x-arn": context.invoked_function_arn},
    }))
}
