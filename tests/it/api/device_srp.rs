//! Signing in with a device that was confirmed: its proof, and what becomes of its tokens.

use poolhouse::{domain::mfa::Factor, store};
use serde_json::{Value, json};

use super::{
    devices::{Device, NO_DEVICE, SECRET, confirmed, tracking},
    mfa::guarded,
    people::{INVALID_SESSION, PASSWORD, Site, Tokens, WRONG, claims},
    recorder::stages_with,
    srp::{NOW, Prover},
    town::with,
};

const INVALID: &str = "NotAuthorizedException: Invalid Refresh Token";

/// A sign-in with a password that names its device.
pub(super) fn begin(site: &Site, name: &str, key: &str) -> Value {
    let parameters = json!({"USERNAME": name, "PASSWORD": PASSWORD, "DEVICE_KEY": key});
    with(&site.password(name, PASSWORD), json!({"AuthParameters": parameters}))
}

fn respond(site: &Site, challenge: &str, session: &Value, responses: Value) -> Value {
    let call = json!({"ClientId": site.client, "ChallengeName": challenge, "ChallengeResponses": responses});
    with(&call, json!({"Session": session}))
}

/// The answer to DEVICE_SRP_AUTH.
pub(super) fn public_value(site: &Site, name: &str, device: &Device, output: &Value) -> Value {
    let responses = json!({"USERNAME": name, "DEVICE_KEY": device.key, "SRP_A": Prover::new().public()});
    respond(site, "DEVICE_SRP_AUTH", &output["Session"], responses)
}

/// The answer to DEVICE_PASSWORD_VERIFIER.
pub(super) fn proof(site: &Site, device: &Device, secret: &str, output: &Value, time: &str) -> Value {
    let asked = &output["ChallengeParameters"];
    let signature = Prover::new().signature_as((&device.group, &device.key), secret, asked, time);
    let responses = json!({
        "USERNAME": asked["USERNAME"], "DEVICE_KEY": device.key, "TIMESTAMP": time,
        "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": signature,
    });
    respond(site, "DEVICE_PASSWORD_VERIFIER", &output["Session"], responses)
}

/// Up to the challenge that awaits the proof.
async fn asked(site: &Site, name: &str, device: &Device) -> Value {
    let output = site.call("InitiateAuth", begin(site, name, &device.key)).await;
    assert_eq!(output["ChallengeName"], "DEVICE_SRP_AUTH");
    let output = site.call("RespondToAuthChallenge", public_value(site, name, device, &output)).await;
    assert_eq!(output["ChallengeName"], "DEVICE_PASSWORD_VERIFIER");
    output
}

#[tokio::test]
async fn a_device_proves_its_secret_once() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (_, device) = confirmed(&site, "ann").await;
        site.advance(60);
        let later = "Fri Jan 15 08:01:00 UTC 2027";
        let output = site.call("InitiateAuth", begin(&site, "ann", &device.key)).await;
        assert_eq!(output["ChallengeParameters"], json!({"USERNAME": "ann", "DEVICE_KEY": device.key}));
        let first = public_value(&site, "ann", &device, &output);
        let output = site.call("RespondToAuthChallenge", first.clone()).await;
        let parameters: Vec<_> = output["ChallengeParameters"].as_object().unwrap().keys().collect();
        assert_eq!(parameters, ["DEVICE_KEY", "SALT", "SECRET_BLOCK", "SRP_B", "USERNAME"]);
        let refusal = site.refused("RespondToAuthChallenge", first).await;
        assert_eq!(refusal, "NotAuthorizedException: Invalid session for the user, session can only be used once.");
        let right = proof(&site, &device, SECRET, &output, later);
        let output = site.call("RespondToAuthChallenge", right.clone()).await;
        assert_eq!(output["AuthenticationResult"]["NewDeviceMetadata"], Value::Null, "the device is known");
        let tokens = Tokens::of(&output);
        assert_eq!(claims(&tokens.access)["device_key"], json!(device.key));
        assert_eq!(site.refused("RespondToAuthChallenge", right).await, WRONG, "the block is used up");
        let shown = site.call("GetDevice", json!({"AccessToken": tokens.access, "DeviceKey": device.key})).await;
        assert_eq!(shown["Device"]["DeviceLastAuthenticatedDate"], json!(1_800_000_060.0));
        assert_eq!(shown["Device"]["DeviceLastModifiedDate"], json!(1_800_000_000.0));
    }
}

#[tokio::test]
async fn a_device_may_be_named_at_the_proof_of_the_password() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (_, device) = confirmed(&site, "ann").await;
        let parameters = json!({"USERNAME": "ann", "SRP_A": Prover::new().public()});
        let call = json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": site.client, "AuthParameters": parameters});
        for admin in [false, true] {
            let output = site.call("InitiateAuth", call.clone()).await;
            let asked = &output["ChallengeParameters"];
            let pool_name = site.pool.split_once('_').unwrap().1;
            let signature = Prover::new().signature_as((pool_name, "ann"), PASSWORD, asked, NOW);
            let responses = json!({
                "USERNAME": "ann", "DEVICE_KEY": device.key, "TIMESTAMP": NOW,
                "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": signature,
            });
            let answer = json!({
                "ClientId": site.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": responses,
            });
            let operation = if admin { "AdminRespondToAuthChallenge" } else { "RespondToAuthChallenge" };
            let pool = if admin { json!({"UserPoolId": site.pool}) } else { json!({}) };
            let output = site.call(operation, with(&answer, pool.clone())).await;
            assert_eq!(output["ChallengeName"], "DEVICE_SRP_AUTH");
            let answer = public_value(&site, "ann", &device, &output);
            let output = site.call(operation, with(&answer, pool.clone())).await;
            let answer = proof(&site, &device, SECRET, &output, NOW);
            let output = site.call(operation, with(&answer, pool)).await;
            assert!(!Tokens::of(&output).access.is_empty());
        }
    }
}

#[tokio::test]
async fn an_unknown_device_is_told_after_the_password_only() {
    for site in tracking(false).await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let (tokens, device) = confirmed(&site, "ann").await;
        assert_eq!(site.refused("InitiateAuth", begin(&site, "bob", &device.key)).await, NO_DEVICE);
        let mut wrong = begin(&site, "bob", &device.key);
        wrong["AuthParameters"]["PASSWORD"] = json!("Wrong-1234");
        assert_eq!(site.refused("InitiateAuth", wrong).await, WRONG);
        let asked = asked(&site, "ann", &device).await;
        let output = site.call("InitiateAuth", begin(&site, "ann", &device.key)).await;
        site.call("ForgetDevice", json!({"AccessToken": tokens.access, "DeviceKey": device.key})).await;
        let answers = [public_value(&site, "ann", &device, &output), proof(&site, &device, SECRET, &asked, NOW)];
        for answer in answers {
            assert_eq!(site.refused("RespondToAuthChallenge", answer).await, NO_DEVICE);
        }
        assert_eq!(site.refused("InitiateAuth", begin(&site, "ann", &device.key)).await, NO_DEVICE);
    }
}

/// amazon-cognito-identity-js sends the same proof again without its device when it is told that there is none.
#[tokio::test]
async fn a_client_whose_device_was_forgotten_comes_in_without_it() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (_, device) = confirmed(&site, "ann").await;
        site.call("AdminForgetDevice", with(&site.named("ann"), json!({"DeviceKey": device.key}))).await;
        let begin = async || {
            let parameters = json!({"USERNAME": "ann", "SRP_A": Prover::new().public(), "DEVICE_KEY": device.key});
            let call = json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": site.client, "AuthParameters": parameters});
            site.call("InitiateAuth", call).await["ChallengeParameters"].clone()
        };
        let answer = |asked: &Value, password: &str, key: Value| {
            let pool_name = site.pool.split_once('_').unwrap().1;
            let responses = json!({
                "USERNAME": "ann", "DEVICE_KEY": key, "TIMESTAMP": NOW,
                "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
                "PASSWORD_CLAIM_SIGNATURE": Prover::new().signature_as((pool_name, "ann"), password, asked, NOW),
            });
            json!({"ClientId": site.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": responses})
        };
        let asked = begin().await;
        let stray = answer(&asked, PASSWORD, json!(device.key));
        assert_eq!(site.refused("RespondToAuthChallenge", stray.clone()).await, NO_DEVICE);
        let output = site.call("RespondToAuthChallenge", answer(&asked, PASSWORD, Value::Null)).await;
        assert_ne!(Device::of(&output).key, device.key);
        assert_eq!(site.refused("RespondToAuthChallenge", stray).await, WRONG, "the block is used up");
        let asked = begin().await;
        let guess = answer(&asked, "Wrong-1234", json!(device.key));
        assert_eq!(site.refused("RespondToAuthChallenge", guess).await, WRONG);
        let right = answer(&asked, PASSWORD, json!(device.key));
        assert_eq!(site.refused("RespondToAuthChallenge", right).await, WRONG, "one guess for one block");
    }
}

#[tokio::test]
async fn a_proof_of_something_else_is_wrong() {
    for site in tracking(false).await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let (_, device) = confirmed(&site, "ann").await;
        let (_, other) = confirmed(&site, "ann").await;
        let output = asked(&site, "ann", &device).await;
        let right = proof(&site, &device, SECRET, &output, NOW);
        let changed = |name: &str, value: Value| {
            let mut changed = right.clone();
            changed["ChallengeResponses"][name] = value;
            changed
        };
        let another = site.another_client(json!({})).await;
        let wrongs = [
            (changed("USERNAME", json!("bob")), WRONG),
            (changed("PASSWORD_CLAIM_SECRET_BLOCK", json!("AAAA")), WRONG),
            (changed("TIMESTAMP", json!("Fri Jan 15 08:05:01 UTC 2027")), WRONG),
            (with(&right, json!({"ClientId": another})), WRONG),
            (with(&right, json!({"ChallengeName": "PASSWORD_VERIFIER"})), WRONG),
            (changed("DEVICE_KEY", json!(other.key)), NO_DEVICE),
        ];
        for (wrong, refusal) in wrongs {
            assert_eq!(site.refused("RespondToAuthChallenge", wrong.clone()).await, refusal, "{wrong}");
        }
        for name in ["PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP", "USERNAME"] {
            let mut missing = right.clone();
            missing["ChallengeResponses"].as_object_mut().unwrap().remove(name);
            let refusal = format!("InvalidParameterException: Missing required parameter {name}");
            assert_eq!(site.refused("RespondToAuthChallenge", missing).await, refusal);
        }
        // None of these has used the block up.
        site.call("RespondToAuthChallenge", right).await;

        let output = asked(&site, "ann", &device).await;
        let wrong = proof(&site, &device, "another secret", &output, NOW);
        assert_eq!(site.refused("RespondToAuthChallenge", wrong).await, WRONG);
        let right = proof(&site, &device, SECRET, &output, NOW);
        assert_eq!(site.refused("RespondToAuthChallenge", right).await, WRONG, "a wrong proof uses the block up");

        let output = site.call("InitiateAuth", begin(&site, "ann", &device.key)).await;
        let mut zero = public_value(&site, "ann", &device, &output);
        zero["ChallengeResponses"]["SRP_A"] = json!("0");
        let refusal = site.refused("RespondToAuthChallenge", zero).await;
        assert!(refusal.starts_with("InvalidParameterException: "), "{refusal}");
        let elsewhere = public_value(&site, "ann", &other, &output);
        assert_eq!(site.refused("RespondToAuthChallenge", elsewhere).await, NO_DEVICE);
    }
}

/// Whoever has the device and not the password must not come in: a block of the password's attempt is none of the device's.
#[tokio::test]
async fn a_device_does_not_stand_in_for_the_password() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (_, device) = confirmed(&site, "ann").await;
        let parameters = json!({"USERNAME": "ann", "SRP_A": Prover::new().public(), "DEVICE_KEY": device.key});
        let call = json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": site.client, "AuthParameters": parameters});
        let output = site.call("InitiateAuth", call).await;
        let forged = proof(&site, &device, SECRET, &output, NOW);
        assert_eq!(site.refused("RespondToAuthChallenge", forged).await, WRONG);
        let unasked = public_value(&site, "ann", &device, &output);
        let refusal = site.refused("RespondToAuthChallenge", unasked).await;
        assert_eq!(refusal, "NotAuthorizedException: Invalid session for the user.");
    }
}

#[tokio::test]
async fn a_new_password_ends_a_devices_attempt() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (_, device) = confirmed(&site, "ann").await;
        let output = asked(&site, "ann", &device).await;
        site.set_password("ann", "Other-1234").await;
        let late = proof(&site, &device, SECRET, &output, NOW);
        assert_eq!(site.refused("RespondToAuthChallenge", late).await, WRONG);
    }
}

#[tokio::test]
async fn a_remembered_devices_refresh_token_works_from_there_only() {
    for site in tracking(false).await {
        site.person("ann").await;
        let unconfirmed = site.tokens("ann").await;
        site.call("InitiateAuth", site.refresh(&unconfirmed.refresh)).await;
        let (tokens, device) = confirmed(&site, "ann").await;
        let (_, other) = confirmed(&site, "ann").await;
        let refresh = |key: &str| {
            let parameters = json!({"REFRESH_TOKEN": tokens.refresh, "DEVICE_KEY": key});
            with(&site.refresh(&tokens.refresh), json!({"AuthParameters": parameters}))
        };
        let renew = |key: Value| json!({"ClientId": site.client, "RefreshToken": tokens.refresh, "DeviceKey": key});
        assert_eq!(site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await, INVALID);
        assert_eq!(site.refused("InitiateAuth", refresh(&other.key)).await, INVALID);
        let sentence = format!("{INVALID}.");
        assert_eq!(site.refused("GetTokensFromRefreshToken", renew(Value::Null)).await, sentence);
        assert_eq!(site.refused("GetTokensFromRefreshToken", renew(json!(other.key))).await, sentence);
        let output = site.call("InitiateAuth", refresh(&device.key)).await;
        assert_eq!(claims(&Tokens::of(&output).access)["device_key"], json!(device.key));
        assert_eq!(output["AuthenticationResult"]["NewDeviceMetadata"], Value::Null);
        site.call("GetTokensFromRefreshToken", renew(json!(device.key))).await;

        let forget = with(&site.named("ann"), json!({"DeviceKey": device.key}));
        site.call("AdminForgetDevice", forget).await;
        assert_eq!(site.refused("InitiateAuth", refresh(&device.key)).await, NO_DEVICE);
        assert_eq!(site.refused("GetTokensFromRefreshToken", renew(json!(device.key))).await, NO_DEVICE);
    }
}

#[tokio::test]
async fn triggers_are_told_whether_the_device_is_new() {
    let pool = json!({"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true}});
    for stage in stages_with(pool, json!({})).await {
        stage.person("ann").await;
        let (_, device) = confirmed(&stage, "ann").await;
        let told = |events: Vec<Value>| {
            let after = events.iter().find(|event| event["triggerSource"] == "PostAuthentication_Authentication");
            let sources: Vec<_> =
                events.iter().map(|event| event["triggerSource"].as_str().unwrap().to_owned()).collect();
            (after.unwrap()["request"]["newDeviceUsed"].clone(), sources.last().unwrap().clone())
        };
        let new = told(stage.recorder.events());
        assert_eq!(new, (json!(true), "TokenGeneration_Authentication".to_owned()));
        let output = asked(&stage, "ann", &device).await;
        stage.call("RespondToAuthChallenge", proof(&stage, &device, SECRET, &output, NOW)).await;
        let known = told(stage.recorder.events());
        assert_eq!(known, (json!(false), "TokenGeneration_AuthenticateDevice".to_owned()));
    }
}

/// Whether the second factor is asked for, and when, is the pool's word and the device's state.
#[tokio::test]
async fn a_remembered_device_spares_the_second_factor_where_the_pool_says_so() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (tokens, device) = confirmed(&site, "ann").await;
        let app = json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}});
        site.call("SetUserPoolMfaConfig", with(&json!({"UserPoolId": site.pool}), app)).await;
        let secret = site.app_of(&tokens.access).await;
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}})).await;

        // Remembered: it proves itself, and nothing else is asked. A key alone proves nothing.
        let asked = asked(&site, "ann", &device).await;
        let forged = proof(&site, &device, "a guess", &asked, NOW);
        assert_eq!(site.refused("RespondToAuthChallenge", forged).await, WRONG);
        let fresh = self::asked(&site, "ann", &device).await;
        let output = site.call("RespondToAuthChallenge", proof(&site, &device, SECRET, &fresh, NOW)).await;
        assert!(!Tokens::of(&output).access.is_empty());

        // Another one, or none: the app is asked for.
        assert_eq!(site.begin("ann").await["ChallengeName"], "SOFTWARE_TOKEN_MFA");

        // Not remembered: the app first, then the device.
        let forget = json!({"DeviceKey": device.key, "DeviceRememberedStatus": "not_remembered"});
        site.call("AdminUpdateDeviceStatus", with(&site.named("ann"), forget)).await;
        assert_app_then_device(&site, &device, &secret).await;

        // Remembered, in a pool that asks everybody.
        let remember = json!({"DeviceKey": device.key, "DeviceRememberedStatus": "remembered"});
        site.call("AdminUpdateDeviceStatus", with(&site.named("ann"), remember)).await;
        let configuration = json!({"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false});
        let pool =
            json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL", "DeviceConfiguration": configuration});
        site.call("UpdateUserPool", pool).await;
        assert_app_then_device(&site, &device, &secret).await;
    }
}

/// Signs in with the next code of the app, which is asked for before the device.
async fn assert_app_then_device(site: &Site, device: &Device, secret: &str) {
    site.advance(30);
    let output = site.call("InitiateAuth", begin(site, "ann", &device.key)).await;
    assert_eq!(output["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let code = json!({"SOFTWARE_TOKEN_MFA_CODE": site.totp(secret, 0), "DEVICE_KEY": device.key});
    let output = site.answer(&output, "ann", code).await;
    assert_eq!(output["ChallengeName"], "DEVICE_SRP_AUTH");
    let output = site.call("RespondToAuthChallenge", public_value(site, "ann", device, &output)).await;
    let output = site.call("RespondToAuthChallenge", proof(site, device, SECRET, &output, NOW)).await;
    assert!(!Tokens::of(&output).access.is_empty());
}

/// Sites that track devices and ask for a code even on old ones, and ann with a device and an authenticator app.
async fn guarded_devices() -> Vec<(Site, Device, String)> {
    let mut all = Vec::new();
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
        let configuration = json!({"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false});
        let update = json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL", "Policies": policies,
                            "DeviceConfiguration": configuration});
        site.call("UpdateUserPool", update).await;
        site.person("ann").await;
        let (tokens, device) = confirmed(&site, "ann").await;
        let secret = site.app_of(&tokens.access).await;
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true}})).await;
        site.advance(60);
        all.push((site, device, secret));
    }
    all
}

const LATER: &str = "Fri Jan 15 08:01:00 UTC 2027";

/// amazon-cognito-identity-js sends the session of the code along, not the one that it was given for the device.
#[tokio::test]
async fn the_session_of_a_right_code_stands_for_the_devices_own_once() {
    const USED: &str = "NotAuthorizedException: Invalid session for the user, session can only be used once.";
    for (site, device, secret) in guarded_devices().await {
        let ask = async || {
            site.advance(30);
            let asked = site.call("InitiateAuth", begin(&site, "ann", &device.key)).await;
            assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
            asked
        };
        let code = || json!({"SOFTWARE_TOKEN_MFA_CODE": site.totp(&secret, 0)});
        let by = |session: &Value| public_value(&site, "ann", &device, session);
        let asked = ask().await;
        assert_eq!(site.refused("RespondToAuthChallenge", by(&asked)).await, INVALID_SESSION, "not before its answer");
        site.answer_refused(&asked, "ann", json!({"SOFTWARE_TOKEN_MFA_CODE": "abcdef"})).await;
        assert_eq!(site.refused("RespondToAuthChallenge", by(&asked)).await, INVALID_SESSION, "nor after a wrong one");
        let newest = site.answer(&asked, "ann", code()).await;
        assert_eq!(newest["ChallengeName"], "DEVICE_SRP_AUTH");
        assert_eq!(site.answer_refused(&asked, "ann", code()).await, USED, "the code itself is not taken again");
        let foreign = Device { key: "us-east-1_a1b2c3d4-5678-90ab-cdef-111122223333".into(), ..device.clone() };
        let other = public_value(&site, "ann", &foreign, &asked);
        assert_eq!(site.refused("RespondToAuthChallenge", other).await, NO_DEVICE);
        let verifier = site.call("RespondToAuthChallenge", by(&asked)).await;
        for spent in [&asked, &newest] {
            assert_eq!(site.refused("RespondToAuthChallenge", by(spent)).await, USED);
        }
        let done = site.call("RespondToAuthChallenge", proof(&site, &device, SECRET, &verifier, LATER)).await;
        assert_eq!(claims(&Tokens::of(&done).access)["device_key"], json!(device.key));

        let asked = ask().await;
        let newest = site.answer(&asked, "ann", code()).await;
        site.call("RespondToAuthChallenge", by(&newest)).await;
        for spent in [&asked, &newest] {
            assert_eq!(site.refused("RespondToAuthChallenge", by(spent)).await, USED);
        }
        // The newest is used up for as long as it would last, also when nobody remembers the older one any more.
        let asked = ask().await;
        site.advance(170);
        let newest = site.answer(&asked, "ann", code()).await;
        site.call("RespondToAuthChallenge", by(&asked)).await;
        site.advance(20);
        let mut tx = site.app.store.begin().await.unwrap();
        store::grants::sweep(&mut tx, site.app.clock.now(), 100).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(site.refused("RespondToAuthChallenge", by(&newest)).await, USED);
        assert!(site.refused("RespondToAuthChallenge", by(&asked)).await.ends_with("session is expired."));
        // Where no device was named the code's answer has led to tokens, and its session leads nowhere.
        site.advance(30);
        let asked = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        assert!(!Tokens::of(&site.answer(&asked, "ann", code()).await).access.is_empty());
        assert_eq!(site.refused("RespondToAuthChallenge", by(&asked)).await, NO_DEVICE);
    }
}

#[tokio::test]
async fn a_device_may_come_with_a_code_in_place_of_the_password() {
    for (site, device, _) in guarded_devices().await {
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": false}})).await;
        let members = json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH"]});
        let site = Site { client: site.another_client(members).await, ..site };
        let parameters = json!({"USERNAME": "ann", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
        let choice = json!({"AuthFlow": "USER_AUTH", "ClientId": site.client, "AuthParameters": parameters});
        let answer = async |key: &str| {
            site.advance(1);
            let asked = site.call("InitiateAuth", choice.clone()).await;
            let code = site.code("ann@example.com").await;
            site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code, "DEVICE_KEY": key})).await
        };
        let asked = answer(&device.key).await;
        assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
        let asked = site.call("RespondToAuthChallenge", public_value(&site, "ann", &device, &asked)).await;
        let done = site.call("RespondToAuthChallenge", proof(&site, &device, SECRET, &asked, LATER)).await;
        assert_eq!(claims(&Tokens::of(&done).access)["device_key"], json!(device.key));
        let done = answer("us-east-1_a1b2c3d4-5678-90ab-cdef-111122223333").await;
        assert!(!Device::of(&done).key.is_empty());
    }
}
