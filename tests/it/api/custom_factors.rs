//! CUSTOM_AUTH whose triggers ask for proofs of the service's own: second factors and the client's device.

use serde_json::{Value, json};

use super::{
    custom_auth::{CREATE, DEFINE, UNRECOGNIZABLE, VERIFY},
    device_srp::{proof, public_value},
    devices::{Device, NO_DEVICE, SECRET, confirmed},
    mfa::{PHONE, every_factor},
    people::{DISABLED, INVALID_SESSION, PASSWORD, Tokens, WRONG, claims, other_code},
    recorder::{Stage, stages_with},
    srp::{self, NOW},
    town::with,
};

const FACTORLESS: &str = "No MFA mechanism configured for the user";

/// Stages whose pools know every second factor and every device, and whose trigger asks for `wanted`, one after the other. A wrong
/// answer is asked for again.
async fn asking_for(wanted: &[&'static str]) -> Vec<Stage> {
    let devices = json!({"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false});
    let pool = with(&every_factor(), json!({ "DeviceConfiguration": devices }));
    let client = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH"]});
    let stages = stages_with(pool, client).await;
    for stage in &stages {
        let config = json!({
            "UserPoolId": stage.pool, "MfaConfiguration": "OPTIONAL",
            "SoftwareTokenMfaConfiguration": {"Enabled": true},
            "EmailMfaConfiguration": {"Message": "Code {####}", "Subject": "Code"},
        });
        stage.call("SetUserPoolMfaConfig", config).await;
        stage.asks_for(wanted);
    }
    stages
}

impl Stage {
    fn asks_for(&self, wanted: &[&'static str]) {
        let wanted = wanted.to_vec();
        self.recorder.teach("DefineAuthChallenge", move |request| {
            let is_right = |round: &&Value| round["challengeName"] != "SRP_A" && round["challengeResult"] == true;
            let right = request["session"].as_array().unwrap().iter().filter(is_right).count();
            Ok(wanted.get(right).map_or(json!({"issueTokens": true}), |name| json!({ "challengeName": name })))
        });
    }

    async fn starts(&self, name: &str) -> Value {
        self.advance(1);
        self.call("InitiateAuth", self.begins(name)).await
    }
}

/// The rounds that the trigger was told of last.
fn rounds(stage: &Stage) -> Value {
    let events = stage.recorder.events();
    let last = events.iter().rfind(|event| event["triggerSource"] == DEFINE);
    last.unwrap()["request"]["session"].clone()
}

fn round(name: &str, result: bool) -> Value {
    json!({"challengeName": name, "challengeResult": result, "challengeMetadata": null})
}

#[tokio::test]
async fn a_trigger_asks_for_codes_and_is_told_what_became_of_them() {
    for stage in asking_for(&["SMS_MFA", "EMAIL_OTP"]).await {
        stage.person("ann").await;
        stage.give_phone("ann").await;
        let asked = stage.starts("ann").await;
        assert_eq!(asked["ChallengeName"], "SMS_MFA");
        assert_eq!(
            asked["ChallengeParameters"],
            json!({"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+*******0123", "USER_ID_FOR_SRP": "ann"})
        );
        let code = stage.code(PHONE).await;
        stage.recorder.events();
        stage.advance(1);
        let wrong = stage.reply(&asked, "ann", json!({"SMS_MFA_CODE": other_code(&code)}));
        let again = stage.call("RespondToAuthChallenge", wrong.clone()).await;
        assert_eq!(again["ChallengeName"], "SMS_MFA");
        assert_eq!(rounds(&stage), json!([round("SMS_MFA", false)]));
        // One question, one answer: neither another guess nor the code itself is good for the old one.
        for stale in [wrong, stage.reply(&asked, "ann", json!({"SMS_MFA_CODE": code}))] {
            assert_eq!(
                stage.refused("RespondToAuthChallenge", stale).await,
                "NotAuthorizedException: Invalid session for the user, session can only be used once."
            );
        }
        let newer = stage.code(PHONE).await;
        let asked = stage.answer(&again, "ann", json!({"SMS_MFA_CODE": newer})).await;
        assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
        assert_eq!(rounds(&stage), json!([round("SMS_MFA", false), round("SMS_MFA", true)]));
        let code = stage.code("ann@example.com").await;
        stage.recorder.events();
        let done = stage.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await;
        assert_eq!(claims(&Tokens::of(&done).access)["username"], "ann");
        let last = ["PostAuthentication_Authentication", "TokenGeneration_Authentication"];
        assert_eq!(stage.recorder.sources(), [&[DEFINE], &last[..]].concat());
    }
}

#[tokio::test]
async fn an_authenticator_app_is_asked_for_between_other_questions() {
    for stage in asking_for(&[]).await {
        stage.person("ann").await;
        let secret = stage.app_of(&stage.tokens("ann").await.access).await;
        stage.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}})).await;
        stage.asks_for(&["PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA", "CUSTOM_CHALLENGE"]);
        stage.recorder.answer("VerifyAuthChallengeResponse", json!({"answerCorrect": true}));
        stage.advance(60);
        let time = "Fri Jan 15 08:01:00 UTC 2027";
        let asked = stage.call("InitiateAuth", stage.begins_with_password("ann")).await;
        let proof = srp::answer(&stage, PASSWORD, &asked["ChallengeParameters"], time);
        let asked = stage.call("RespondToAuthChallenge", with(&proof, json!({"Session": asked["Session"]}))).await;
        assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
        assert_eq!(asked["ChallengeParameters"], json!({"FRIENDLY_DEVICE_NAME": "phone", "USER_ID_FOR_SRP": "ann"}));
        let asked = stage.answer(&asked, "ann", json!({"SOFTWARE_TOKEN_MFA_CODE": "abcdef"})).await;
        let used = stage.totp(&secret, -2);
        let asked = stage.answer(&asked, "ann", json!({ "SOFTWARE_TOKEN_MFA_CODE": used })).await;
        let right = json!({"SOFTWARE_TOKEN_MFA_CODE": stage.totp(&secret, 0)});
        let question = stage.answer(&asked, "ann", right.clone()).await;
        assert_eq!(question["ChallengeName"], "CUSTOM_CHALLENGE");
        let factor = |result| round("SOFTWARE_TOKEN_MFA", result);
        let before =
            json!([round("SRP_A", true), round("PASSWORD_VERIFIER", true), factor(false), factor(false), factor(true)]);
        assert_eq!(rounds(&stage), before);
        // The preferred factor was proven and is not asked for once more.
        let done = stage.call("RespondToAuthChallenge", stage.answers(&question, "ann", "42")).await;
        assert!(!Tokens::of(&done).access.is_empty());

        // A code that was taken is no guess: its round stays open for the next one.
        stage.asks_for(&["SOFTWARE_TOKEN_MFA"]);
        let asked = stage.call("InitiateAuth", stage.begins("ann")).await;
        assert_eq!(
            stage.answer_refused(&asked, "ann", right).await,
            "ExpiredCodeException: Your software token has already been used once."
        );
        stage.advance(30);
        let next = json!({"SOFTWARE_TOKEN_MFA_CODE": stage.totp(&secret, 0)});
        assert!(!Tokens::of(&stage.answer(&asked, "ann", next).await).access.is_empty());
    }
}

#[tokio::test]
async fn guesses_at_a_factor_lock_its_user_and_end_the_sign_in() {
    for stage in asking_for(&["EMAIL_OTP"]).await {
        stage.person("ann").await;
        let mut asked = stage.starts("ann").await;
        for _ in 0..4 {
            let wrong = json!({"EMAIL_OTP_CODE": other_code(&stage.code("ann@example.com").await)});
            stage.advance(1);
            asked = stage.answer(&asked, "ann", wrong).await;
        }
        let other = stage.starts("ann").await;
        let code = stage.code("ann@example.com").await;
        assert_eq!(stage.answer_refused(&asked, "ann", json!({"EMAIL_OTP_CODE": "abcdef"})).await, WRONG);
        let right = json!({"EMAIL_OTP_CODE": code});
        let locked = "NotAuthorizedException: Password attempts exceeded";
        assert_eq!(stage.answer_refused(&other, "ann", right.clone()).await, locked);
        // Whoever has proven nothing keeps nobody from the second factor of a password.
        stage.prefer("ann", json!({"EmailMfaSettings": {"Enabled": true}})).await;
        let own = stage.begin("ann").await;
        let code = json!({"EMAIL_OTP_CODE": stage.code("ann@example.com").await});
        stage.app.clock.freeze(poolhouse::kit::clock::Time::from_millis(stage.app.clock.now().millis() - 1_000));
        assert_eq!(stage.answer_refused(&other, "ann", right.clone()).await, locked);
        assert!(!Tokens::of(&stage.answer(&own, "ann", code).await).access.is_empty());
        stage.advance(1);
        assert!(!Tokens::of(&stage.answer(&other, "ann", right).await).access.is_empty());
    }
}

#[tokio::test]
async fn a_factor_that_the_user_lacks_is_named_as_missing() {
    for stage in asking_for(&["SMS_MFA"]).await {
        stage.person("ann").await;
        let admin = with(&stage.begins("ann"), json!({"UserPoolId": stage.pool}));
        for factor in ["SMS_MFA", "SOFTWARE_TOKEN_MFA"] {
            stage.recorder.answer("DefineAuthChallenge", json!({ "challengeName": factor }));
            let refusal = stage.refused("InitiateAuth", stage.begins("ann")).await;
            assert_eq!(refusal, format!("InvalidParameterException: {FACTORLESS}"));
            let refusal = stage.refused("AdminInitiateAuth", admin.clone()).await;
            assert_eq!(refusal, format!("MFAMethodNotFoundException: {FACTORLESS}"));
            // Also where who exists is hidden, once a password was proven.
            let hiding = json!({"ClientId": stage.client, "UserPoolId": stage.pool,
                                "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"], "PreventUserExistenceErrors": "ENABLED"});
            stage.call("UpdateUserPoolClient", hiding.clone()).await;
            stage.asks_for(&["PASSWORD_VERIFIER", factor]);
            let asked = stage.call("InitiateAuth", stage.begins_with_password("ann")).await;
            let proof = srp::answer(&stage, PASSWORD, &asked["ChallengeParameters"], NOW);
            let proof = with(&proof, json!({"Session": asked["Session"]}));
            let refusal = stage.refused("RespondToAuthChallenge", proof).await;
            assert_eq!(refusal, format!("MFAMethodNotFoundException: {FACTORLESS}"));
            stage.call("UpdateUserPoolClient", with(&hiding, json!({"PreventUserExistenceErrors": "LEGACY"}))).await;
        }
        for unknown in ["DEVICE_PASSWORD_VERIFIER", "NEW_PASSWORD_REQUIRED", "SELECT_MFA_TYPE", "MFA_SETUP", "SMS_OTP"]
        {
            stage.recorder.answer("DefineAuthChallenge", json!({ "challengeName": unknown }));
            assert_eq!(stage.refused("InitiateAuth", stage.begins("ann")).await, UNRECOGNIZABLE, "{unknown}");
        }
        stage.give_phone("ann").await;
        stage.call("SetUserPoolMfaConfig", json!({"UserPoolId": stage.pool, "MfaConfiguration": "OFF"})).await;
        stage.recorder.answer("DefineAuthChallenge", json!({"challengeName": "SMS_MFA"}));
        let refusal = stage.refused("InitiateAuth", stage.begins("ann")).await;
        assert_eq!(refusal, format!("InvalidParameterException: {FACTORLESS}"), "the pool asks nobody for it");
    }
}

#[tokio::test]
async fn nobody_is_asked_for_a_factor_like_somebody_and_never_has_it() {
    for stage in asking_for(&[]).await {
        stage.person("ann").await;
        stage.app_of(&stage.tokens("ann").await.access).await;
        stage.person("bob").await;
        let members = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"], "PreventUserExistenceErrors": "ENABLED"});
        let hiding = stage.another_client(members).await;
        for (factor, answer, code) in [
            ("EMAIL_OTP", "EMAIL_OTP_CODE", "123456"),
            ("SMS_MFA", "SMS_MFA_CODE", "123456"),
            ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", "123456"),
        ] {
            stage.asks_for(&[factor]);
            let mut seen = Vec::new();
            // Ann has the factor unless it is a telephone; bob has none but the e-mail address; nobody has nothing.
            for name in ["ann", "bob", "nobody"] {
                let asked = stage.call("InitiateAuth", stage.begins_at(&hiding, name)).await;
                assert_eq!(asked["ChallengeName"], factor, "{name}");
                let members: Vec<_> = asked["ChallengeParameters"].as_object().unwrap().keys().cloned().collect();
                let reply = json!({"ClientId": hiding, "ChallengeName": factor, "Session": asked["Session"],
                                   "ChallengeResponses": {"USERNAME": name, answer: code}});
                stage.recorder.events();
                let again = stage.call("RespondToAuthChallenge", reply).await;
                assert_eq!(again["ChallengeName"], factor, "{name}");
                assert_eq!(rounds(&stage), json!([round(factor, false)]), "{name}");
                seen.push(members);
            }
            assert_eq!(seen[0], seen[1], "{factor}");
            assert_eq!(seen[1], seen[2], "{factor}");
        }
        // The lock is theirs too, and whatever the trigger says, they get no tokens.
        stage.asks_for(&["EMAIL_OTP"]);
        let mut asked = stage.call("InitiateAuth", stage.begins_at(&hiding, "nobody")).await;
        let reply = |asked: &Value| {
            json!({"ClientId": hiding, "ChallengeName": "EMAIL_OTP", "Session": asked["Session"],
                   "ChallengeResponses": {"USERNAME": "nobody", "EMAIL_OTP_CODE": "123456"}})
        };
        stage.call("RespondToAuthChallenge", reply(&asked)).await;
        asked = stage.call("InitiateAuth", stage.begins_at(&hiding, "nobody")).await;
        let last = reply(&asked);
        stage.recorder.answer("DefineAuthChallenge", json!({"issueTokens": true}));
        assert_eq!(stage.refused("RespondToAuthChallenge", last).await, WRONG);
        stage.asks_for(&["EMAIL_OTP"]);
        let asked = stage.call("InitiateAuth", stage.begins_at(&hiding, "nobody")).await;
        assert_eq!(
            stage.refused("RespondToAuthChallenge", reply(&asked)).await,
            "NotAuthorizedException: Password attempts exceeded"
        );
    }
}

#[tokio::test]
async fn a_trigger_asks_for_the_device() {
    for stage in asking_for(&["DEVICE_SRP_AUTH"]).await {
        stage.person("ann").await;
        let (_, device) = confirmed(&stage, "ann").await;
        let begins =
            |key: &str| with(&stage.begins("ann"), json!({"AuthParameters": {"USERNAME": "ann", "DEVICE_KEY": key}}));
        for without in [stage.begins("ann"), begins("us-east-1_a1b2c3d4-5678-90ab-cdef-111122223333")] {
            assert_eq!(stage.refused("InitiateAuth", without).await, NO_DEVICE);
        }
        let walk = async |secret: &str| {
            let asked = stage.call("InitiateAuth", begins(&device.key)).await;
            assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
            let asked = stage.call("RespondToAuthChallenge", public_value(&stage, "ann", &device, &asked)).await;
            assert_eq!(asked["ChallengeName"], "DEVICE_PASSWORD_VERIFIER");
            stage.recorder.events();
            proof(&stage, &device, secret, &asked, NOW)
        };
        let again = stage.call("RespondToAuthChallenge", walk("another secret").await).await;
        assert_eq!(again["ChallengeName"], "DEVICE_SRP_AUTH");
        assert_eq!(rounds(&stage), json!([round("DEVICE_SRP_AUTH", false)]));
        let right = walk(SECRET).await;
        let done = stage.call("RespondToAuthChallenge", right.clone()).await;
        let events = stage.recorder.events();
        assert_eq!(events[0]["request"]["session"], json!([round("DEVICE_SRP_AUTH", true)]));
        // The device was proven: it is neither asked for again nor new.
        assert_eq!(events[1]["request"]["newDeviceUsed"], json!(false));
        assert_eq!(events[2]["triggerSource"], "TokenGeneration_AuthenticateDevice");
        assert_eq!(claims(&Tokens::of(&done).access)["device_key"], json!(device.key));
        assert_eq!(done["AuthenticationResult"]["NewDeviceMetadata"], Value::Null);
        assert_eq!(stage.refused("RespondToAuthChallenge", right).await, WRONG, "the block is used up");

        let members = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"], "PreventUserExistenceErrors": "ENABLED"});
        let hiding = stage.another_client(members).await;
        for name in ["ann", "nobody"] {
            assert_eq!(stage.refused("InitiateAuth", stage.begins_at(&hiding, name)).await, NO_DEVICE, "{name}");
        }
    }
}

#[tokio::test]
async fn a_factor_in_a_custom_sign_in_is_bound_to_its_user_and_challenge() {
    for stage in asking_for(&["EMAIL_OTP"]).await {
        for name in ["ann", "bob"] {
            stage.person(name).await;
        }
        stage.recorder.answer("VerifyAuthChallengeResponse", json!({"answerCorrect": true}));
        let asked = stage.starts("ann").await;
        let code = stage.code("ann@example.com").await;
        assert_eq!(stage.answer_refused(&asked, "bob", json!({"EMAIL_OTP_CODE": code})).await, INVALID_SESSION);
        stage.recorder.events();
        // The question of the service is no question of the pool's own, which a trigger would judge.
        assert_eq!(stage.refused("RespondToAuthChallenge", stage.answers(&asked, "ann", "42")).await, INVALID_SESSION);
        assert!(!stage.recorder.sources().iter().any(|source| source == VERIFY || source == CREATE));
        let right = stage.reply(&asked, "ann", json!({"EMAIL_OTP_CODE": code}));
        let both =
            tokio::join!(stage.send("RespondToAuthChallenge", &right), stage.send("RespondToAuthChallenge", &right));
        let mut statuses = [both.0.0, both.1.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{both:?}");
    }
}

#[tokio::test]
async fn a_user_who_is_disabled_meanwhile_goes_no_further() {
    for stage in asking_for(&["EMAIL_OTP", "DEVICE_SRP_AUTH", "CUSTOM_CHALLENGE"]).await {
        stage.person("ann").await;
        let (_, device) = confirmed(&stage, "ann").await;
        let meanwhile = async |input: Value| {
            stage.call("AdminDisableUser", stage.named("ann")).await;
            assert_eq!(stage.refused("RespondToAuthChallenge", input.clone()).await, DISABLED, "{input}");
            stage.call("AdminEnableUser", stage.named("ann")).await;
            stage.call("RespondToAuthChallenge", input).await
        };
        stage.recorder.answer("VerifyAuthChallengeResponse", json!({"answerCorrect": true}));
        let begins =
            with(&stage.begins("ann"), json!({"AuthParameters": {"USERNAME": "ann", "DEVICE_KEY": device.key}}));
        let asked = stage.call("InitiateAuth", begins).await;
        let code = stage.code("ann@example.com").await;
        let asked = meanwhile(stage.reply(&asked, "ann", json!({"EMAIL_OTP_CODE": code}))).await;
        let asked = meanwhile(public_value(&stage, "ann", &device, &asked)).await;
        let question = meanwhile(proof(&stage, &device, SECRET, &asked, NOW)).await;
        let done = meanwhile(stage.answers(&question, "ann", "42")).await;
        assert!(!Tokens::of(&done).access.is_empty());
    }
}

#[tokio::test]
async fn a_device_that_follows_a_factor_keeps_its_own_order() {
    for stage in asking_for(&["EMAIL_OTP", "DEVICE_SRP_AUTH"]).await {
        stage.person("ann").await;
        let (_, device): (_, Device) = confirmed(&stage, "ann").await;
        stage.advance(60);
        let begins =
            with(&stage.begins("ann"), json!({"AuthParameters": {"USERNAME": "ann", "DEVICE_KEY": device.key}}));
        let asked = stage.call("InitiateAuth", begins).await;
        let code = stage.code("ann@example.com").await;
        let asked = stage.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await;
        let asked = stage.call("RespondToAuthChallenge", public_value(&stage, "ann", &device, &asked)).await;
        let proof = proof(&stage, &device, SECRET, &asked, "Fri Jan 15 08:01:00 UTC 2027");
        stage.recorder.events();
        let done = stage.call("RespondToAuthChallenge", proof).await;
        assert!(!Tokens::of(&done).access.is_empty());
        let events = stage.recorder.events();
        let before = json!([round("EMAIL_OTP", true), round("DEVICE_SRP_AUTH", true)]);
        assert_eq!(events[0]["request"]["session"], before);
    }
}

/// Browsers' libraries name the device with the answer, and come again without it when there is none.
#[tokio::test]
async fn the_device_is_named_at_the_beginning_or_with_an_answer() {
    const UNKNOWN: &str = "us-east-1_a1b2c3d4-5678-90ab-cdef-111122223333";
    for stage in asking_for(&["CUSTOM_CHALLENGE"]).await {
        stage.person("ann").await;
        let (tokens, device) = confirmed(&stage, "ann").await;
        stage.recorder.answer("VerifyAuthChallengeResponse", json!({"answerCorrect": true}));
        let naming = |name: &str, key: &str| {
            with(&stage.begins(name), json!({"AuthParameters": {"USERNAME": name, "DEVICE_KEY": key}}))
        };
        let answering = |asked: &Value, key: &str| {
            let answers = json!({"USERNAME": "ann", "ANSWER": "42", "DEVICE_KEY": key});
            with(&stage.answers(asked, "ann", "42"), json!({ "ChallengeResponses": answers }))
        };
        let proven = async |asked: &Value| {
            assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
            let asked = stage.call("RespondToAuthChallenge", public_value(&stage, "ann", &device, asked)).await;
            let done = stage.call("RespondToAuthChallenge", proof(&stage, &device, SECRET, &asked, NOW)).await;
            assert_eq!(claims(&Tokens::of(&done).access)["device_key"], json!(device.key));
        };
        assert_eq!(stage.refused("InitiateAuth", naming("ann", UNKNOWN)).await, NO_DEVICE);
        let question = stage.call("InitiateAuth", naming("ann", &device.key)).await;
        proven(&stage.call("RespondToAuthChallenge", stage.answers(&question, "ann", "42")).await).await;
        let question = stage.call("InitiateAuth", stage.begins("ann")).await;
        proven(&stage.call("RespondToAuthChallenge", answering(&question, &device.key)).await).await;

        let question = stage.call("InitiateAuth", stage.begins("ann")).await;
        stage.recorder.events();
        assert_eq!(stage.refused("RespondToAuthChallenge", answering(&question, UNKNOWN)).await, NO_DEVICE);
        assert_eq!(stage.recorder.sources(), [""; 0], "nobody has judged the answer");
        let done = stage.call("RespondToAuthChallenge", stage.answers(&question, "ann", "42")).await;
        assert_ne!(Device::of(&done).key, device.key);
        // The same when it is forgotten between question and answer.
        let question = stage.call("InitiateAuth", naming("ann", &device.key)).await;
        stage.call("ForgetDevice", json!({"AccessToken": tokens.access, "DeviceKey": device.key})).await;
        assert_eq!(stage.refused("RespondToAuthChallenge", answering(&question, &device.key)).await, NO_DEVICE);
        let done = stage.call("RespondToAuthChallenge", stage.answers(&question, "ann", "42")).await;
        assert_ne!(Device::of(&done).key, device.key);

        // Nobody has a device.
        let members = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"], "PreventUserExistenceErrors": "ENABLED"});
        let hiding = stage.another_client(members).await;
        let begin = with(&naming("nobody", UNKNOWN), json!({ "ClientId": hiding }));
        assert_eq!(stage.refused("InitiateAuth", begin).await, NO_DEVICE);
        let question = stage.call("InitiateAuth", stage.begins_at(&hiding, "nobody")).await;
        let answers = json!({"USERNAME": "nobody", "ANSWER": "42", "DEVICE_KEY": UNKNOWN});
        let answer =
            with(&stage.answers_at(&hiding, &question, "nobody", "42"), json!({ "ChallengeResponses": answers }));
        assert_eq!(stage.refused("RespondToAuthChallenge", answer).await, NO_DEVICE);
    }
}

/// At risk a second factor is asked for after a custom sign-in, unless it was one of the rounds.
#[tokio::test]
async fn a_factor_that_was_proven_in_a_round_is_not_asked_for_again_at_risk() {
    let devices = json!({"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false});
    let watched = json!({
        "UserPoolTier": "PLUS", "DeviceConfiguration": devices,
        "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED",
                           "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "ENFORCED"}},
    });
    let client = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"]});
    for stage in stages_with(with(&every_factor(), watched), client).await {
        let email = json!({"Message": "Code {####}", "Subject": "Code"});
        let config = json!({"UserPoolId": stage.pool, "MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": email});
        stage.call("SetUserPoolMfaConfig", config).await;
        let required = json!({"Notify": false, "EventAction": "MFA_REQUIRED"});
        let actions = json!({"LowAction": required, "MediumAction": required, "HighAction": required});
        let takeover = json!({"UserPoolId": stage.pool, "AccountTakeoverRiskConfiguration": {"Actions": actions}});
        stage.call("SetRiskConfiguration", takeover).await;
        stage.person("ann").await;
        let from = async |place: (&str, &str), operation: &str, input: Value| {
            let (status, output) = stage.send_from(place.0, Some(place.1), (operation, &input)).await;
            assert_eq!(status, 200, "{output}");
            stage.advance(1);
            output
        };
        let home = ("203.0.113.9", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0");
        let abroad = ("192.0.2.1", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1");
        stage.asks_for(&[]);
        assert!(from(home, "InitiateAuth", stage.begins("ann")).await["AuthenticationResult"].is_object());
        assert_eq!(from(abroad, "InitiateAuth", stage.begins("ann")).await["ChallengeName"], "EMAIL_OTP");
        stage.asks_for(&["EMAIL_OTP"]);
        let asked = from(abroad, "InitiateAuth", stage.begins("ann")).await;
        let code = json!({"EMAIL_OTP_CODE": stage.code("ann@example.com").await});
        let done = from(abroad, "RespondToAuthChallenge", stage.reply(&asked, "ann", code)).await;
        assert!(!Tokens::of(&done).access.is_empty());
        let history = stage.call("AdminListUserAuthEvents", stage.named("ann")).await;
        let last = &history["AuthEvents"][0];
        assert_eq!((&last["EventResponse"], &last["EventRisk"]["RiskLevel"]), (&json!("Pass"), &json!("Medium")));
        assert_eq!(last["ChallengeResponses"], json!([{"ChallengeName": "Mfa", "ChallengeResponse": "Success"}]));
    }
}
