//! Which triggers a flow fires, in which order, with what, and what their failures do.

use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Tokens, WRONG},
    recorder::{ARN, Stage, every_trigger, stages, stages_with},
    town::with,
};

const METADATA: &str = "from the caller";

fn metadata() -> Value {
    json!({"ClientMetadata": {"note": METADATA}})
}

impl Stage {
    async fn fires(&self, operation: &str, input: Value, sources: &[&str]) -> Value {
        self.recorder.events();
        let output = self.call(operation, input).await;
        assert_eq!(self.recorder.sources(), sources, "{operation}");
        output
    }
}

#[tokio::test]
async fn each_flow_fires_its_triggers_in_the_services_order() {
    for stage in stages().await {
        let sign_up = ["PreSignUp_SignUp", "CustomMessage_SignUp"];
        stage.fires("SignUp", stage.sign_up("ann"), &sign_up).await;
        stage.advance(1);
        stage.fires("ResendConfirmationCode", stage.by_client("ann"), &["CustomMessage_ResendCode"]).await;
        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await});
        let confirmed = ["PostConfirmation_ConfirmSignUp"];
        stage.fires("ConfirmSignUp", with(&stage.by_client("ann"), code), &confirmed).await;

        let signed_in =
            ["PreAuthentication_Authentication", "PostAuthentication_Authentication", "TokenGeneration_Authentication"];
        let tokens = stage.fires("InitiateAuth", stage.password("ann", PASSWORD), &signed_in).await;
        let refresh = stage.refresh(&Tokens::of(&tokens).refresh);
        stage.fires("InitiateAuth", refresh, &["TokenGeneration_RefreshTokens"]).await;

        stage.advance(1);
        stage.fires("ForgotPassword", stage.by_client("ann"), &["CustomMessage_ForgotPassword"]).await;
        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await, "Password": "Other-1234"});
        let reset = ["PostConfirmation_ConfirmForgotPassword"];
        stage.fires("ConfirmForgotPassword", with(&stage.by_client("ann"), code), &reset).await;

        let email = json!({"UserAttributes": [{"Name": "email", "Value": "bob@example.com"}],
                           "DesiredDeliveryMediums": ["EMAIL"], "TemporaryPassword": PASSWORD});
        let created = ["PreSignUp_AdminCreateUser", "CustomMessage_AdminCreateUser"];
        stage.fires("AdminCreateUser", with(&stage.named("bob"), email), &created).await;
        let asked = ["PreAuthentication_Authentication"];
        let challenge = stage.fires("InitiateAuth", stage.password("bob", PASSWORD), &asked).await;
        let answer = json!({"ClientId": stage.client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
                            "Session": challenge["Session"],
                            "ChallengeResponses": {"USERNAME": "bob", "NEW_PASSWORD": "Other-1234"}});
        let done = ["PostAuthentication_Authentication", "TokenGeneration_NewPasswordChallenge"];
        stage.fires("RespondToAuthChallenge", answer, &done).await;

        stage.fires("SignUp", stage.sign_up("eve"), &sign_up).await;
        stage.fires("AdminConfirmSignUp", stage.named("eve"), &confirmed).await;
        stage.fires("AdminSetUserPassword", with(&stage.named("eve"), json!({"Password": PASSWORD})), &[]).await;
    }
}

#[tokio::test]
async fn an_auto_confirmed_sign_up_needs_no_code() {
    for stage in stages().await {
        stage.recorder.answer("PreSignUp", json!({"autoConfirmUser": true, "autoVerifyEmail": true}));
        let sources = ["PreSignUp_SignUp", "PostConfirmation_ConfirmSignUp"];
        let output = stage.fires("SignUp", stage.sign_up("ann"), &sources).await;
        assert_eq!(output["UserConfirmed"], true);
        assert!(output.get("CodeDeliveryDetails").is_none());
        assert_eq!(stage.status("ann").await, "CONFIRMED");
        assert_eq!(stage.attribute("ann", "email_verified").await.as_deref(), Some("true"));
        stage.tokens("ann").await;

        stage.recorder.answer("PreSignUp", json!({"autoConfirmUser": false, "autoVerifyEmail": true}));
        stage.stranger("bob").await;
        assert_eq!(stage.status("bob").await, "UNCONFIRMED");
        assert_eq!(stage.attribute("bob", "email_verified").await.as_deref(), Some("false"));

        stage.recorder.answer("PreSignUp", json!({"autoConfirmUser": true, "autoVerifyPhone": true}));
        let refusal = stage.refused("SignUp", stage.sign_up("eve")).await;
        assert_eq!(
            refusal,
            "InvalidParameterException: Unable to verify phone_number. The user has no such attribute."
        );
        assert!(stage.refused("AdminGetUser", stage.named("eve")).await.starts_with("UserNotFoundException"));
    }
}

#[tokio::test]
async fn an_auto_verified_address_is_an_alias_that_nobody_else_has() {
    for stage in stages_with(json!({"AliasAttributes": ["email"]}), json!({})).await {
        stage.recorder.answer("PreSignUp", json!({"autoConfirmUser": true, "autoVerifyEmail": true}));
        stage.stranger("ann").await;
        stage.tokens("ann@example.com").await;
        let email = json!({"UserAttributes": [{"Name": "email", "Value": "ann@example.com"}]});
        // The service's model knows no AliasExistsException here.
        assert_eq!(
            stage.refused("SignUp", with(&stage.sign_up("bob"), email)).await,
            "UsernameExistsException: An account with the given email already exists."
        );
        assert!(stage.refused("AdminGetUser", stage.named("bob")).await.starts_with("UserNotFoundException"));
        let attributes = |event: &Value| event["request"]["userAttributes"].clone();
        stage.recorder.events();
        stage.tokens("ann").await;
        assert_eq!(attributes(&stage.recorder.events()[0])["cognito:email_alias"], "ann@example.com");
    }
}

#[tokio::test]
async fn pre_sign_up_refuses_before_anything_is_stored() {
    for stage in stages().await {
        stage.recorder.throw("PreSignUp", "not\nyou");
        let refusal = "UserLambdaValidationException: PreSignUp failed with error not\nyou.";
        assert_eq!(stage.refused("SignUp", stage.sign_up("ann")).await, refusal);
        assert_eq!(stage.refused("AdminCreateUser", stage.named("ann")).await, refusal);
        assert!(stage.refused("AdminGetUser", stage.named("ann")).await.starts_with("UserNotFoundException"));
        // What the pool itself refuses is not asked about.
        stage.recorder.events();
        let weak = with(&stage.sign_up("ann"), json!({"Password": "weak-but-long"}));
        assert!(stage.refused("SignUp", weak).await.starts_with("InvalidPasswordException"));
        assert_eq!(stage.recorder.sources(), [""; 0]);
    }
}

#[tokio::test]
async fn an_administrators_user_is_not_confirmed_by_pre_sign_up() {
    for stage in stages().await {
        stage.recorder.answer("PreSignUp", json!({"autoConfirmUser": true, "autoVerifyEmail": true}));
        stage.newcomer("ann", PASSWORD).await;
        assert_eq!(stage.status("ann").await, "FORCE_CHANGE_PASSWORD");
        assert_eq!(stage.recorder.sources(), ["PreSignUp_AdminCreateUser"]);
        // Told once more, the user is made no second time.
        let again = json!({"MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]});
        let sources = ["CustomMessage_AdminCreateUser"];
        stage.fires("AdminCreateUser", with(&stage.named("ann"), again), &sources).await;
    }
}

#[tokio::test]
async fn what_post_confirmation_throws_is_told_and_changes_nothing() {
    for stage in stages().await {
        stage.stranger("ann").await;
        stage.stranger("bob").await;
        stage.recorder.throw("PostConfirmation", "no desk free");
        let refusal = "UserLambdaValidationException: PostConfirmation failed with error no desk free.";
        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await});
        assert_eq!(stage.refused("ConfirmSignUp", with(&stage.by_client("ann"), code)).await, refusal);
        assert_eq!(stage.refused("AdminConfirmSignUp", stage.named("bob")).await, refusal);
        for name in ["ann", "bob"] {
            assert_eq!(stage.status(name).await, "CONFIRMED");
        }
        stage.advance(1);
        stage.call("ForgotPassword", stage.by_client("ann")).await;
        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await, "Password": "Other-1234"});
        assert_eq!(stage.refused("ConfirmForgotPassword", with(&stage.by_client("ann"), code)).await, refusal);
        assert!(stage.opens("ann", "Other-1234").await);
        stage.recorder.answer("PreSignUp", json!({"autoConfirmUser": true}));
        assert_eq!(stage.refused("SignUp", stage.sign_up("eve")).await, refusal);
        assert_eq!(stage.status("eve").await, "CONFIRMED");
    }
}

#[tokio::test]
async fn pre_authentication_refuses_before_anything_is_disclosed() {
    for stage in stages().await {
        stage.person("ann").await;
        stage.stranger("new").await;
        let refusal = "UserLambdaValidationException: PreAuthentication failed with error closed.";
        stage.recorder.throw("PreAuthentication", "closed");
        for (name, password) in [("ann", PASSWORD), ("ann", "Wrong-1234"), ("new", PASSWORD)] {
            assert_eq!(stage.refused("InitiateAuth", stage.password(name, password)).await, refusal);
        }
        // Nobody is asked about somebody who does not exist, unless the client hides that.
        stage.recorder.events();
        let missing = stage.refused("InitiateAuth", stage.password("nobody", PASSWORD)).await;
        assert_eq!(missing, "UserNotFoundException: User does not exist.");
        assert_eq!(stage.recorder.sources(), ["UserMigration_Authentication"]);
        let hiding = stage.another_client(json!({"PreventUserExistenceErrors": "ENABLED"})).await;
        assert_eq!(stage.refused("InitiateAuth", stage.password_at(&hiding, "nobody", PASSWORD)).await, refusal);
        let event = stage.recorder.events().remove(1);
        assert_eq!(event["userName"], "nobody");
        assert_eq!(event["request"], json!({"userAttributes": {}, "validationData": {}, "userNotFound": true}));
        stage.recorder.answer("PreAuthentication", json!({}));
        assert_eq!(stage.refused("InitiateAuth", stage.password_at(&hiding, "nobody", PASSWORD)).await, WRONG);
    }
}

#[tokio::test]
async fn post_authentication_refuses_before_tokens_are_made() {
    for stage in stages().await {
        stage.person("ann").await;
        stage.recorder.throw("PostAuthentication", "late");
        stage.recorder.events();
        assert_eq!(
            stage.refused("InitiateAuth", stage.password("ann", PASSWORD)).await,
            "UserLambdaValidationException: PostAuthentication failed with error late."
        );
        assert_eq!(stage.recorder.sources(), ["PreAuthentication_Authentication", "PostAuthentication_Authentication"]);
        // A wrong password does not come so far.
        assert_eq!(stage.refused("InitiateAuth", stage.password("ann", "Wrong-1234")).await, WRONG);
        assert_eq!(stage.recorder.sources(), ["PreAuthentication_Authentication"]);
    }
}

#[tokio::test]
async fn client_metadata_is_no_answer_of_a_function() {
    let claimed = json!({"autoConfirmUser": "true", "autoVerifyEmail": "true", "answerCorrect": "true"});
    for stage in stages().await {
        stage.call("SignUp", with(&stage.sign_up("ann"), json!({"ClientMetadata": claimed}))).await;
        assert_eq!(stage.recorder.events()[0]["request"]["clientMetadata"], claimed);
        assert_eq!(stage.status("ann").await, "UNCONFIRMED");
        assert_ne!(stage.attribute("ann", "email_verified").await.as_deref(), Some("true"));
    }
}

#[tokio::test]
async fn client_metadata_goes_where_the_service_sends_it() {
    let validation = json!({"ValidationData": [{"Name": "captcha", "Value": "7"}, {"Name": "empty"}]});
    let note = json!({"note": METADATA});
    for stage in stages().await {
        let told = |trigger: &str, events: &[Value]| {
            let event = events.iter().find(|event| event["triggerSource"].as_str().unwrap().starts_with(trigger));
            event.unwrap_or_else(|| panic!("{trigger} was not fired"))["request"].clone()
        };
        let input = with(&with(&stage.sign_up("ann"), metadata()), validation.clone());
        stage.call("SignUp", input).await;
        let events = stage.recorder.events();
        let request = told("PreSignUp", &events);
        assert_eq!(request["validationData"], json!({"captcha": "7", "empty": ""}));
        assert_eq!((&request["clientMetadata"], &told("CustomMessage", &events)["clientMetadata"]), (&note, &note));

        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await});
        stage.call("ConfirmSignUp", with(&with(&stage.by_client("ann"), code), metadata())).await;
        assert_eq!(stage.recorder.event()["request"]["clientMetadata"], note);

        // The first call's goes to PreAuthentication under another name, and to no other trigger.
        let tokens = stage.call("InitiateAuth", with(&stage.password("ann", PASSWORD), metadata())).await;
        let events = stage.recorder.events();
        let request = told("PreAuthentication", &events);
        assert_eq!((&request["validationData"], request.get("clientMetadata")), (&note, None));
        for trigger in ["PostAuthentication", "TokenGeneration"] {
            assert_eq!(told(trigger, &events).get("clientMetadata"), None, "{trigger}");
        }
        let refresh = Tokens::of(&tokens).refresh;
        stage.call("InitiateAuth", with(&stage.refresh(&refresh), metadata())).await;
        assert_eq!(stage.recorder.event()["request"].get("clientMetadata"), None);
        let input = json!({"ClientId": stage.client, "RefreshToken": refresh});
        stage.call("GetTokensFromRefreshToken", with(&input, metadata())).await;
        assert_eq!(stage.recorder.event()["request"]["clientMetadata"], note);

        // An answer's goes to everything that follows.
        let members = json!({"TemporaryPassword": PASSWORD, "MessageAction": "SUPPRESS"});
        let input = with(&with(&with(&stage.named("bob"), members), metadata()), validation.clone());
        stage.call("AdminCreateUser", input).await;
        let request = stage.recorder.event()["request"].clone();
        assert_eq!((&request["validationData"]["captcha"], &request["clientMetadata"]), (&json!("7"), &note));
        let challenge = stage.call("InitiateAuth", stage.password("bob", PASSWORD)).await;
        stage.recorder.events();
        let answer = json!({"ClientId": stage.client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
                            "Session": challenge["Session"],
                            "ChallengeResponses": {"USERNAME": "bob", "NEW_PASSWORD": "Other-1234"}});
        stage.call("RespondToAuthChallenge", with(&answer, metadata())).await;
        for event in stage.recorder.events() {
            assert_eq!(event["request"]["clientMetadata"], note, "{event}");
        }

        stage.stranger("eve").await;
        stage.recorder.events();
        stage.call("AdminConfirmSignUp", with(&stage.named("eve"), metadata())).await;
        assert_eq!(stage.recorder.event()["request"]["clientMetadata"], note);
        stage.advance(1);
        stage.call("ForgotPassword", stage.by_client("ann")).await;
        stage.recorder.events();
        let code = json!({"ConfirmationCode": stage.code("ann@example.com").await, "Password": "Other-1234"});
        stage.call("ConfirmForgotPassword", with(&with(&stage.by_client("ann"), code), metadata())).await;
        assert_eq!(stage.recorder.event()["request"]["clientMetadata"], note);
    }
}

#[tokio::test]
async fn the_caller_context_names_the_sdk_and_the_client() {
    for stage in stages().await {
        let sdk = [("user-agent", "Mozilla/5.0"), ("x-amz-user-agent", "aws-sdk-js/3.300.0 ua/2.0")];
        stage.send_with("SignUp", &stage.sign_up("ann"), &sdk).await;
        for event in stage.recorder.events() {
            assert_eq!(
                event["callerContext"],
                json!({"awsSdkVersion": "aws-sdk-js-3.300.0", "clientId": stage.client}),
                "{event}"
            );
        }
        stage.call("AdminConfirmSignUp", stage.named("ann")).await;
        let context = json!({"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "CLIENT_ID_NOT_APPLICABLE"});
        assert_eq!(stage.recorder.event()["callerContext"], context);
    }
}

#[tokio::test]
async fn a_name_that_is_an_address_is_known_by_its_new_id() {
    for stage in stages_with(json!({"UsernameAttributes": ["email"]}), json!({})).await {
        let input = with(&stage.sign_up("ann"), json!({"Username": "ann@example.com"}));
        let sub = stage.call("SignUp", input).await["UserSub"].clone();
        let events = stage.recorder.events();
        assert_eq!(events[0]["userName"], sub);
        assert_eq!(events[0]["request"]["userAttributes"], json!({"email": "ann@example.com"}));
    }
}

#[tokio::test]
async fn every_trigger_is_kept_and_shown_as_it_was_set() {
    let sender = json!({"LambdaArn": ARN, "LambdaVersion": "V1_0"});
    let key = "arn:aws:kms:us-east-1:123456789012:key/1";
    for stage in stages().await {
        let extra = json!({"CustomEmailSender": sender, "CustomSMSSender": sender, "InboundFederation": sender});
        let all = with(&every_trigger(), extra);
        let update = json!({"UserPoolId": stage.pool, "LambdaConfig": all});
        assert_eq!(
            stage.refused("UpdateUserPool", update).await,
            "InvalidParameterException: KMSKeyID is required when CustomEmailSender or CustomSMSSender is set."
        );
        let all = with(&all, json!({"KMSKeyID": key}));
        stage.call("UpdateUserPool", json!({"UserPoolId": stage.pool, "LambdaConfig": all})).await;
        let shown = stage.call("DescribeUserPool", json!({"UserPoolId": stage.pool})).await;
        let expected = with(&all, json!({"PreTokenGenerationConfig": sender}));
        assert_eq!(shown["UserPool"]["LambdaConfig"], expected);
    }
}
