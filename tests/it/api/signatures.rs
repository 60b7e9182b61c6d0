//! Who may call administrator operations.

use aws_lc_rs::{digest, hmac};
use poolhouse::config::{Mode, admin::AccessKey};
use serde_json::{Value, json};

use super::town::{towns, towns_with};

const TARGET: &str = "AWSCognitoIdentityProviderService.ListUserPools";
const STAMP: &str = "20270115T080000Z";

/// Signature Version 4 of a call to `POST /`.
fn signature(secret: &str, target: &str, body: &Value) -> String {
    let hex_hash = |text: &str| hex::encode(digest::digest(&digest::SHA256, text.as_bytes()));
    let sign =
        |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let headers = format!("host:localhost:9229\nx-amz-date:{STAMP}\nx-amz-target:{target}\n");
    let request = format!("POST\n/\n\n{headers}\nhost;x-amz-date;x-amz-target\n{}", hex_hash(&body.to_string()));
    let scope = "20270115/eu-west-1/cognito-idp/aws4_request";
    let text = format!("AWS4-HMAC-SHA256\n{STAMP}\n{scope}\n{}", hex_hash(&request));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = sign(&key, part);
    }
    hex::encode(sign(&key, &text))
}

fn authorization(id: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={id}/20270115/eu-west-1/cognito-idp/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-target, Signature={signature}"
    )
}

#[tokio::test]
async fn an_unsigned_administrator_is_refused_even_in_development() {
    for town in towns().await {
        for (operation, input) in [
            ("ListUserPools", json!({"MaxResults": 1})),
            ("AdminGetUser", json!({"UserPoolId": "us-east-1_x", "Username": "ann"})),
            ("AdminInitiateAuth", json!({})),
            ("CreateUserPool", json!({"PoolName": "x"})),
        ] {
            let (status, body) = town.send_with(operation, &input, &[]).await;
            assert_eq!((status, &body["__type"]), (400, &json!("MissingAuthenticationTokenException")), "{operation}");
        }
    }
}

#[tokio::test]
async fn production_wants_the_signature_of_a_known_key_over_this_call() {
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let towns = towns_with(|parts| {
        parts.setup.mode = Mode::Production;
        parts.setup.admin_keys = vec![AccessKey { id: "AKIDEXAMPLE".into(), secret: SECRET.into() }];
    });
    for town in towns.await {
        let body = json!({"MaxResults": 1});
        let right = signature(SECRET, TARGET, &body);
        let send = async |body: &Value, authorization: &str, date: &str| {
            let headers = [("host", "localhost:9229"), ("x-amz-date", date), ("authorization", authorization)];
            let (status, body) = town.send_with("ListUserPools", body, &headers).await;
            (status, body["__type"].as_str().unwrap_or_default().to_owned())
        };
        let known = authorization("AKIDEXAMPLE", &right);
        assert_eq!(send(&body, &known, STAMP).await, (200, String::new()));
        let refused = |name: &str| (400, name.to_owned());
        let invalid = refused("InvalidSignatureException");
        assert_eq!(send(&json!({"MaxResults": 2}), &known, STAMP).await, invalid);
        assert_eq!(send(&body, &known, "20270115T080001Z").await, invalid);
        let wrong_key = authorization("AKIDEXAMPLE", &signature("other", TARGET, &body));
        assert_eq!(send(&body, &wrong_key, STAMP).await, invalid);
        let other_target =
            authorization("AKIDEXAMPLE", &signature(SECRET, "AWSCognitoIdentityProviderService.X", &body));
        assert_eq!(send(&body, &other_target, STAMP).await, invalid);
        let stranger = authorization("AKIDOTHER", &right);
        assert_eq!(send(&body, &stranger, STAMP).await, refused("UnrecognizedClientException"));
        town.app.clock.advance(std::time::Duration::from_secs(901));
        assert_eq!(send(&body, &known, STAMP).await, invalid, "too old");
    }
}
