//! UserMigration: people who come from elsewhere, at their first sign-in or with a forgotten password.

use serde_json::{Value, json};

use super::{
    mfa::{PHONE, every_factor},
    people::{NO_USER, PASSWORD, WRONG},
    recorder::{Stage, stages, stages_with},
    town::with,
};

const UNRECOGNIZABLE: &str = "InvalidLambdaResponseException: Unrecognizable lambda output";
/// A password that no policy here would allow.
const OLD: &str = "old";

fn known(members: Value) -> Value {
    let attributes = json!({"email": "ann@example.com", "email_verified": "true", "sub": "elsewhere"});
    with(&json!({"userAttributes": attributes, "finalUserStatus": "CONFIRMED", "messageAction": "SUPPRESS"}), members)
}

impl Stage {
    /// From now on the function knows whoever comes with the old password, or has forgotten it.
    fn migrates(&self, members: Value) {
        self.recorder.teach("UserMigration", move |request| match request.get("password") {
            Some(password) if password != OLD => Ok(json!({})),
            _ => Ok(known(members.clone())),
        });
    }
}

#[tokio::test]
async fn a_stranger_signs_in_with_the_old_password_and_is_a_user_from_then_on() {
    for stage in stages().await {
        stage.migrates(json!({}));
        let note = json!({"ClientMetadata": {"note": "x"}});
        stage.call("InitiateAuth", with(&stage.password("ann", OLD), note)).await;
        let events = stage.recorder.events();
        let sources: Vec<_> = events.iter().map(|event| event["triggerSource"].as_str().unwrap()).collect();
        assert_eq!(
            sources,
            [
                "UserMigration_Authentication",
                "PreSignUp_SignUp",
                "PreAuthentication_Authentication",
                "PostAuthentication_Authentication",
                "TokenGeneration_Authentication"
            ]
        );
        assert_eq!(
            events[0],
            json!({
                "version": "1", "triggerSource": "UserMigration_Authentication", "region": "us-east-1",
                "userPoolId": stage.pool, "userName": "ann",
                "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": stage.client},
                "request": {"password": OLD, "validationData": {"note": "x"}},
                "response": {"userAttributes": null, "finalUserStatus": null, "messageAction": null,
                    "desiredDeliveryMediums": null, "forceAliasCreation": null, "enableSMSMFA": null},
            })
        );
        assert_eq!(events[1]["request"]["validationData"], json!({"note": "x"}));
        assert_eq!(stage.status("ann").await, "CONFIRMED");
        assert_eq!(stage.attribute("ann", "email_verified").await.as_deref(), Some("true"));
        assert_ne!(stage.attribute("ann", "sub").await.as_deref(), Some("elsewhere"));
        // Now the pool knows them: the function is not asked any more, whatever the password.
        assert!(stage.opens("ann", OLD).await);
        assert!(!stage.opens("ann", "Wrong-1234").await);
        assert!(stage.recorder.sources().iter().all(|source| !source.starts_with("UserMigration")));
    }
}

#[tokio::test]
async fn without_a_final_status_the_password_has_to_be_reset() {
    for stage in stages().await {
        stage.migrates(json!({"finalUserStatus": null}));
        let refusal = "PasswordResetRequiredException: Password reset required for the user";
        assert_eq!(stage.refused("InitiateAuth", stage.password("ann", OLD)).await, refusal);
        assert_eq!(stage.status("ann").await, "RESET_REQUIRED");
        stage.call("ForgotPassword", stage.by_client("ann")).await;
        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await, "Password": PASSWORD});
        stage.call("ConfirmForgotPassword", with(&stage.by_client("ann"), code)).await;
        assert!(stage.opens("ann", PASSWORD).await);
    }
}

#[tokio::test]
async fn a_stranger_with_a_forgotten_password_gets_a_code() {
    for stage in stages().await {
        stage.migrates(json!({"finalUserStatus": null}));
        let note = json!({"ClientMetadata": {"note": "x"}});
        stage.call("ForgotPassword", with(&stage.by_client("ann"), note)).await;
        let events = stage.recorder.events();
        assert_eq!(events[0]["triggerSource"], "UserMigration_ForgotPassword");
        assert_eq!(events[0]["request"], json!({"validationData": null, "clientMetadata": {"note": "x"}}));
        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await, "Password": PASSWORD});
        stage.call("ConfirmForgotPassword", with(&stage.by_client("ann"), code)).await;
        stage.tokens("ann").await;
    }
}

#[tokio::test]
async fn whom_the_function_does_not_know_is_nobody() {
    for stage in stages().await {
        stage.migrates(json!({}));
        assert_eq!(stage.refused("InitiateAuth", stage.password("ann", "other")).await, NO_USER);
        let hiding = stage.another_client(json!({"PreventUserExistenceErrors": "ENABLED"})).await;
        assert_eq!(stage.refused("InitiateAuth", stage.password_at(&hiding, "ann", "other")).await, WRONG);
        assert!(stage.refused("AdminGetUser", stage.named("ann")).await.starts_with("UserNotFoundException"));
        stage.recorder.throw("UserMigration", "old system is down");
        let refusal = "UserLambdaValidationException: UserMigration failed with error old system is down.";
        assert_eq!(stage.refused("InitiateAuth", stage.password("ann", OLD)).await, refusal);
        assert_eq!(stage.refused("ForgotPassword", stage.by_client("ann")).await, refusal);
    }
}

#[tokio::test]
async fn pre_sign_up_may_refuse_a_stranger() {
    for stage in stages().await {
        stage.migrates(json!({}));
        stage.recorder.throw("PreSignUp", "full");
        let refusal = "UserLambdaValidationException: PreSignUp failed with error full.";
        assert_eq!(stage.refused("InitiateAuth", stage.password("ann", OLD)).await, refusal);
        assert!(stage.refused("AdminGetUser", stage.named("ann")).await.starts_with("UserNotFoundException"));
    }
}

#[tokio::test]
async fn secure_remote_password_brings_nobody_along() {
    for stage in stages().await {
        stage.migrates(json!({}));
        let parameters = json!({"USERNAME": "ann", "SRP_A": "ab".repeat(384), "PASSWORD": OLD});
        let input = json!({"ClientId": stage.client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": parameters});
        assert_eq!(stage.refused("InitiateAuth", input).await, NO_USER);
        assert_eq!(stage.recorder.sources(), [""; 0]);
    }
}

#[tokio::test]
async fn codes_by_sms_come_along_as_the_second_factor() {
    let attributes = json!({"email": "ann@example.com", "email_verified": "true", "phone_number": PHONE,
                            "phone_number_verified": "true"});
    let guarded = json!({"enableSMSMFA": true, "userAttributes": attributes});
    for stage in stages_with(every_factor(), json!({})).await {
        stage.migrates(guarded.clone());
        // A pool that asks for no second factor would let the user in without it.
        assert_eq!(stage.refused("InitiateAuth", stage.password("ann", OLD)).await, UNRECOGNIZABLE);
        let config = json!({"UserPoolId": stage.pool, "MfaConfiguration": "OPTIONAL",
                            "SoftwareTokenMfaConfiguration": {"Enabled": true}});
        stage.call("SetUserPoolMfaConfig", config).await;
        stage.migrates(json!({"enableSMSMFA": true}));
        assert_eq!(stage.refused("InitiateAuth", stage.password("ann", OLD)).await, UNRECOGNIZABLE, "no telephone");
        assert!(stage.refused("AdminGetUser", stage.named("ann")).await.starts_with("UserNotFoundException"));
        stage.migrates(guarded.clone());
        let asked = stage.call("InitiateAuth", stage.password("ann", OLD)).await;
        assert_eq!(asked["ChallengeName"], "SMS_MFA");
        let code = stage.code(PHONE).await;
        let done = stage.answer(&asked, "ann", json!({"SMS_MFA_CODE": code})).await;
        assert!(done["AuthenticationResult"].is_object());
        let shown = stage.call("AdminGetUser", stage.named("ann")).await;
        assert_eq!(shown["UserMFASettingList"], json!(["SMS_MFA"]));
        assert_eq!(shown["MFAOptions"], json!([{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]));
        stage.migrates(with(&guarded, json!({"enableSMSMFA": false})));
        assert!(stage.opens("bob", OLD).await);
        assert!(stage.call("AdminGetUser", stage.named("bob")).await.get("UserMFASettingList").is_none());
    }
}

#[tokio::test]
async fn what_does_not_fit_the_pool_makes_no_user() {
    for stage in stages().await {
        for attributes in [json!({"shoe_size": "44"}), json!({"email": "no address"})] {
            stage.migrates(json!({ "userAttributes": attributes }));
            assert_eq!(stage.refused("InitiateAuth", stage.password("ann", OLD)).await, UNRECOGNIZABLE);
        }
        assert!(stage.refused("AdminGetUser", stage.named("ann")).await.starts_with("UserNotFoundException"));
    }
}

#[tokio::test]
async fn an_answer_says_nothing_but_what_it_is_asked() {
    let attributes = json!({"email": "ann@example.com", "sub": "elsewhere"});
    let more = json!({
        "userAttributes": attributes, "userName": "mallory", "username": "mallory", "groups": ["admin"], "sub": "elsewhere",
        "autoConfirmUser": true, "autoVerifyEmail": true, "emailVerified": true, "email_verified": "true",
    });
    for stage in stages().await {
        stage.migrates(more.clone());
        stage.call("InitiateAuth", stage.password("ann", OLD)).await;
        let users = stage.call("ListUsers", json!({"UserPoolId": stage.pool})).await;
        let names: Vec<_> = users["Users"].as_array().unwrap().iter().map(|user| &user["Username"]).collect();
        assert_eq!(names, ["ann"]);
        assert_ne!(stage.attribute("ann", "email_verified").await.as_deref(), Some("true"), "nobody told so");
        assert_ne!(stage.attribute("ann", "sub").await.as_deref(), Some("elsewhere"));
        let groups = stage.call("AdminListGroupsForUser", stage.named("ann")).await;
        assert_eq!(groups["Groups"], json!([]));
    }
}

#[tokio::test]
async fn names_that_are_addresses_migrate_under_a_new_id() {
    for stage in stages_with(json!({"UsernameAttributes": ["email"]}), json!({})).await {
        stage.migrates(json!({}));
        stage.call("InitiateAuth", stage.password("ann@example.com", OLD)).await;
        let user = stage.call("AdminGetUser", stage.named("ann@example.com")).await;
        let sub = stage.attribute("ann@example.com", "sub").await;
        assert_eq!(user["Username"].as_str(), sub.as_deref());
    }
}

#[tokio::test]
async fn an_alias_that_somebody_has_is_taken_only_by_force() {
    for stage in stages_with(json!({"AliasAttributes": ["email"]}), json!({})).await {
        stage.migrates(json!({}));
        stage.call("InitiateAuth", stage.password("first", OLD)).await;
        assert_eq!(
            stage.refused("InitiateAuth", stage.password("second", OLD)).await,
            "UserLambdaValidationException: UserMigration failed with error An account with the given email already exists."
        );
        stage.migrates(json!({"forceAliasCreation": true}));
        stage.call("InitiateAuth", stage.password("second", OLD)).await;
        assert_eq!(stage.attribute("first", "email_verified").await.as_deref(), Some("false"));
        let named = stage.call("AdminGetUser", stage.named("ann@example.com")).await;
        assert_eq!(named["Username"], "second");
        // Who comes with an alias is called as the function says.
        stage.migrates(
            json!({"userAttributes": {"username": "third", "email": "new@example.com", "email_verified": "true"}}),
        );
        stage.call("InitiateAuth", stage.password("new@example.com", OLD)).await;
        assert_eq!(stage.status("third").await, "CONFIRMED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sign_ins_at_once_make_one_user() {
    for stage in stages().await {
        stage.migrates(json!({}));
        let input = stage.password("ann", OLD);
        let (first, second) = tokio::join!(stage.send("InitiateAuth", &input), stage.send("InitiateAuth", &input));
        assert_eq!((first.0, second.0), (200, 200), "{first:?} {second:?}");
        let users = stage.call("ListUsers", json!({"UserPoolId": stage.pool})).await;
        assert_eq!(users["Users"].as_array().unwrap().len(), 1);
    }
}
