//! What triggers are told of the codes of sign-ins, and of second factors.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    custom_senders::senders,
    mfa::{PHONE, every_factor},
    people::{PASSWORD, Tokens},
    recorder::{Stage, every_trigger, stages_with},
    town::with,
};

const CLIENT_FLOWS: [&str; 3] = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];

/// Stages that ask everybody who wants it for a second factor, and let everybody begin with a code.
async fn coded(triggers: Value) -> Vec<Stage> {
    let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}});
    let pool = with(
        &every_factor(),
        json!({ "LambdaConfig": triggers, "Policies": policies, "AliasAttributes": ["email", "phone_number"] }),
    );
    let stages = stages_with(pool, json!({ "ExplicitAuthFlows": CLIENT_FLOWS })).await;
    for stage in &stages {
        let config = json!({
            "UserPoolId": stage.pool, "MfaConfiguration": "OPTIONAL",
            "SoftwareTokenMfaConfiguration": {"Enabled": true},
            "EmailMfaConfiguration": {"Message": "Code {####}", "Subject": "Code"},
        });
        stage.call("SetUserPoolMfaConfig", config).await;
        stage.person("ann").await;
        stage.give_phone("ann").await;
        stage.recorder.events();
    }
    stages
}

impl Stage {
    fn chooses(&self, name: &str, factor: &str) -> Value {
        let parameters = json!({"USERNAME": name, "PREFERRED_CHALLENGE": factor});
        json!({"AuthFlow": "USER_AUTH", "ClientId": self.client, "AuthParameters": parameters})
    }
}

fn only(events: &[Value], source: &str) -> Value {
    let found: Vec<_> = events.iter().filter(|event| event["triggerSource"] == source).collect();
    assert_eq!(found.len(), 1, "{source}: {events:#?}");
    found[0]["request"].clone()
}

#[tokio::test]
async fn custom_message_writes_the_codes_of_sign_ins() {
    for stage in coded(every_trigger()).await {
        let words = json!({"smsMessage": "sms {####}", "emailMessage": "mail {####}", "emailSubject": "hello"});
        stage.recorder.answer("CustomMessage", words);
        let text = async |address: &str| {
            let mut tx = stage.app.store.read().await.unwrap();
            let newest = poolhouse::store::messages::newest(&mut tx, Some(address), 1).await.unwrap().remove(0);
            (newest.subject, newest.body.replace(&newest.code.unwrap(), "CODE"))
        };
        // As a first factor, by either medium. The first call's metadata reaches no message.
        for (factor, address, expected) in [
            ("SMS_OTP", PHONE, (None, "sms CODE".to_owned())),
            ("EMAIL_OTP", "ann@example.com", (Some("hello".to_owned()), "mail CODE".to_owned())),
        ] {
            let begin = with(&stage.chooses("ann", factor), json!({"ClientMetadata": {"note": "first"}}));
            assert_eq!(stage.call("InitiateAuth", begin).await["ChallengeName"], factor);
            let told = only(&stage.recorder.events(), "CustomMessage_Authentication");
            assert_eq!((&told["codeParameter"], &told["usernameParameter"]), (&json!("{####}"), &Value::Null));
            assert_eq!(told.get("clientMetadata"), None);
            assert_eq!(text(address).await, expected);
            stage.advance(1);
        }
        // As a second one, in the answer that asks for it.
        stage.prefer("ann", json!({"SMSMfaSettings": {"Enabled": true}, "EmailMfaSettings": {"Enabled": true}})).await;
        for (factor, address, body) in [("SMS_MFA", PHONE, "sms CODE"), ("EMAIL_OTP", "ann@example.com", "mail CODE")] {
            let choice = stage.call("InitiateAuth", stage.password("ann", PASSWORD)).await;
            stage.recorder.events();
            let pick = stage.reply(&choice, "ann", json!({ "ANSWER": factor }));
            let asked =
                stage.call("RespondToAuthChallenge", with(&pick, json!({"ClientMetadata": {"note": "x"}}))).await;
            assert_eq!(asked["ChallengeName"], factor);
            let told = only(&stage.recorder.events(), "CustomMessage_Authentication");
            assert_eq!(told["clientMetadata"], json!({"note": "x"}));
            assert_eq!(text(address).await.1, body);
            stage.advance(1);
        }
        // A function that fails sends nothing, and the sign-in is refused.
        stage.prefer("ann", json!({"SMSMfaSettings": {"Enabled": true, "PreferredMfa": true}})).await;
        stage.recorder.throw("CustomMessage", "no words");
        assert_eq!(
            stage.refused("InitiateAuth", stage.password("ann", PASSWORD)).await,
            "UserLambdaValidationException: CustomMessage failed with error no words."
        );
    }
}

#[tokio::test]
async fn custom_senders_deliver_the_codes_of_sign_ins() {
    for stage in coded(senders()["LambdaConfig"].clone()).await {
        let sent = async |source: &str, address: &str| {
            let event = stage.delivered().await.remove(0);
            assert_eq!(event["triggerSource"], source);
            assert_eq!(event["callerContext"]["clientId"], json!(stage.client));
            assert_eq!(event["request"]["userAttributes"]["cognito:user_status"], "CONFIRMED");
            let code = BASE64_STANDARD.decode(event["request"]["code"].as_str().unwrap()).unwrap();
            let code = String::from_utf8(code).unwrap();
            assert_eq!(code, stage.code(address).await);
            stage.advance(1);
            code
        };
        let (mail, sms) = ("CustomEmailSender_Authentication", "CustomSMSSender_Authentication");
        for (factor, source, address) in [("SMS_OTP", sms, PHONE), ("EMAIL_OTP", mail, "ann@example.com")] {
            let asked = stage.call("InitiateAuth", stage.chooses("ann", factor)).await;
            let code = sent(source, address).await;
            let done = stage.answer(&asked, "ann", json!({ format!("{factor}_CODE"): code })).await;
            assert!(!Tokens::of(&done).access.is_empty());
        }
        for (setting, answer, source, address) in [
            ("SMSMfaSettings", "SMS_MFA_CODE", sms, PHONE),
            ("EmailMfaSettings", "EMAIL_OTP_CODE", mail, "ann@example.com"),
        ] {
            stage.prefer("ann", json!({ setting: {"Enabled": true, "PreferredMfa": true} })).await;
            let asked = stage.call("InitiateAuth", stage.password("ann", PASSWORD)).await;
            let code = sent(source, address).await;
            assert!(!Tokens::of(&stage.answer(&asked, "ann", json!({ answer: code })).await).access.is_empty());
        }
    }
}

/// `cognito:mfa_enabled` is told where the pool asks for second factors, and the verified names to sign in with always.
#[tokio::test]
async fn every_trigger_is_told_of_second_factors_and_aliases() {
    for stage in coded(every_trigger()).await {
        let told = async |input: Value| -> Vec<Value> {
            stage.recorder.events();
            stage.call("InitiateAuth", input).await;
            stage.recorder.events().iter().map(|event| event["request"]["userAttributes"].clone()).collect()
        };
        let seen = told(stage.password("ann", PASSWORD)).await;
        assert_eq!(seen.len(), 3);
        for attributes in seen {
            assert_eq!(attributes["cognito:mfa_enabled"], "false");
            assert_eq!(attributes["cognito:email_alias"], "ann@example.com");
            assert_eq!(attributes["cognito:phone_number_alias"], PHONE);
        }
        stage.prefer("ann", json!({"SMSMfaSettings": {"Enabled": true}})).await;
        let mut seen = told(stage.password("ann", PASSWORD)).await;
        stage.advance(1);
        let asked = stage.call("InitiateAuth", stage.password("ann", PASSWORD)).await;
        let code = stage.code(PHONE).await;
        stage.recorder.events();
        stage.answer(&asked, "ann", json!({ "SMS_MFA_CODE": code })).await;
        seen.extend(stage.recorder.events().iter().map(|event| event["request"]["userAttributes"].clone()));
        // PreAuthentication, CustomMessage, PostAuthentication, PreTokenGeneration.
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|attributes| attributes["cognito:mfa_enabled"] == "true"), "{seen:#?}");
        stage.call("ForgotPassword", stage.by_client("ann")).await;
        let event = stage.recorder.event();
        assert_eq!(event["triggerSource"], "CustomMessage_ForgotPassword");
        assert_eq!(event["request"]["userAttributes"]["cognito:mfa_enabled"], "true");

        let update = with(&every_factor(), json!({"UserPoolId": stage.pool, "LambdaConfig": every_trigger()}));
        stage.call("UpdateUserPool", update).await;
        let seen = told(stage.password("ann", PASSWORD)).await;
        assert!(seen.iter().all(|attributes| attributes.get("cognito:mfa_enabled").is_none()), "{seen:#?}");
        assert!(seen.iter().all(|attributes| attributes["cognito:email_alias"] == "ann@example.com"), "{seen:#?}");
    }
}
