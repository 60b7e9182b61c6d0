//! Functions that deliver messages in our place: after the call, with the code, whatever becomes of them.

use base64::{Engine, prelude::BASE64_STANDARD};
use poolhouse::{flows::outbox, outside::Client, post::Post};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site},
    recorder::{ARN, Stage, stages_with},
    town::{towns_with, with},
};

pub(super) fn senders() -> Value {
    let sender = json!({"LambdaArn": ARN, "LambdaVersion": "V1_0"});
    let key = "arn:aws:kms:us-east-1:123456789012:key/1";
    json!({"LambdaConfig": {"CustomEmailSender": sender, "CustomSMSSender": sender, "KMSKeyID": key},
           "AutoVerifiedAttributes": ["email", "phone_number"]})
}

async fn stages() -> Vec<Stage> {
    stages_with(senders(), json!({})).await
}

impl Stage {
    /// Lets the outbox do what is due, and gives the events that came of it.
    pub(super) async fn delivered(&self) -> Vec<Value> {
        assert_eq!(self.recorder.events(), Vec::<Value>::new(), "the call itself asks nobody");
        outbox::deliver_due(&self.app).await.unwrap();
        self.recorder.events()
    }

    async fn failure(&self) -> Option<String> {
        let mut tx = self.app.store.read().await.unwrap();
        let row: (Option<i64>, Option<String>) = tx.sql("SELECT done_at, failure FROM outbox").one().await.unwrap();
        assert!(row.0.is_some());
        row.1
    }
}

#[tokio::test]
async fn a_function_gets_the_code_and_what_it_is_for() {
    for stage in stages().await {
        let told = json!({"ClientMetadata": {"campaign": "spring"}});
        stage.call("SignUp", with(&stage.sign_up("ann"), told.clone())).await;
        let events = stage.delivered().await;
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert_eq!(event["triggerSource"], "CustomEmailSender_SignUp");
        assert_eq!((&event["version"], &event["userName"]), (&json!("1"), &json!("ann")));
        assert_eq!(event["callerContext"]["clientId"], json!(stage.client));
        let request = &event["request"];
        assert_eq!(request["type"], "customEmailSenderRequestV1");
        assert_eq!(request["clientMetadata"], told["ClientMetadata"]);
        assert_eq!(request["userAttributes"]["email"], "ann@example.com");
        assert_eq!(request["userAttributes"]["cognito:user_status"], "UNCONFIRMED");
        let code = String::from_utf8(BASE64_STANDARD.decode(request["code"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(code, stage.code("ann@example.com").await, "development shows it in the inbox as well");
        stage.call("ConfirmSignUp", with(&stage.by_client("ann"), json!({"ConfirmationCode": code}))).await;

        stage.call("ForgotPassword", stage.by_client("ann")).await;
        assert_eq!(stage.delivered().await[0]["triggerSource"], "CustomEmailSender_ForgotPassword");
        let phone = json!([{"Name": "phone_number", "Value": "+15555550100"}]);
        let by_phone =
            json!({"ClientId": stage.client, "Username": "bob", "Password": PASSWORD, "UserAttributes": phone});
        stage.call("SignUp", by_phone).await;
        let event = stage.delivered().await.remove(0);
        assert_eq!(event["triggerSource"], "CustomSMSSender_SignUp");
        assert_eq!(event["request"]["type"], "customSMSSenderRequestV1");
        stage.call("ResendConfirmationCode", stage.by_client("bob")).await;
        assert_eq!(stage.delivered().await[0]["triggerSource"], "CustomSMSSender_ResendCode");

        let invited = json!({"DesiredDeliveryMediums": ["EMAIL"], "TemporaryPassword": "Temp<1234",
                             "UserAttributes": [{"Name": "email", "Value": "cy@example.com"}]});
        stage.call("AdminCreateUser", with(&stage.named("cy"), invited)).await;
        let event = stage.delivered().await.remove(0);
        assert_eq!(event["triggerSource"], "CustomEmailSender_AdminCreateUser");
        assert_eq!(event["callerContext"]["clientId"], "CLIENT_ID_NOT_APPLICABLE");
        assert_eq!(event["request"]["code"], BASE64_STANDARD.encode("Temp<1234"));
    }
}

#[tokio::test]
async fn a_function_that_fails_fails_no_call_and_is_tried_three_times() {
    for stage in stages().await {
        stage.recorder.throw("CustomEmailSender", "no stamps");
        stage.call("SignUp", stage.sign_up("ann")).await;
        let mut tries = 0;
        for _ in 0..10 {
            tries += stage.delivered().await.len();
            stage.advance(60);
        }
        assert_eq!(tries, 3);
        assert_eq!(stage.failure().await.as_deref(), Some("CustomEmailSender failed: no stamps"));
        assert_eq!(stage.status("ann").await, "UNCONFIRMED");
    }
}

#[tokio::test]
async fn a_message_whose_function_is_gone_is_given_up() {
    for stage in stages().await {
        stage.call("SignUp", stage.sign_up("ann")).await;
        let plain = json!({"UserPoolId": stage.pool, "AutoVerifiedAttributes": ["email"]});
        stage.call("UpdateUserPool", plain).await;
        assert_eq!(stage.delivered().await, Vec::<Value>::new());
        assert_eq!(stage.failure().await.as_deref(), Some("its pool has no custom sender any more"));
    }
}

#[tokio::test]
async fn production_needs_no_carrier_where_a_function_sends() {
    let towns = towns_with(|parts| parts.post = Post::new(false, None, None, Client::default()).unwrap());
    for town in towns.await {
        let site = Site::at(town, senders(), json!({})).await;
        site.call("SignUp", site.sign_up("ann")).await;
        let plain = json!({"UserPoolId": site.pool, "AutoVerifiedAttributes": ["email"]});
        site.call("UpdateUserPool", plain).await;
        let refusal = site.refused("SignUp", site.sign_up("bob")).await;
        assert!(refusal.starts_with("CodeDeliveryFailureException: "), "{refusal}");
    }
}
