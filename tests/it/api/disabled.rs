//! A user who is disabled in the middle of signing in: no step of any flow goes on, and each does once they are enabled again.

use poolhouse::domain::mfa::Factor;
use serde_json::{Value, json};

use super::{
    device_srp::{self, proof, public_value},
    devices::{SECRET, confirmed, tracking},
    mfa::{PHONE, guarded},
    people::{DISABLED, PASSWORD, Site, Tokens, sites_with},
    srp::{self, NOW, Prover},
    town::with,
};

const GONE: &str = "NotAuthorizedException: Refresh Token has been revoked";

impl Site {
    /// The answer of a call that is refused as long as ann is disabled.
    async fn meanwhile(&self, operation: &str, input: Value) -> Value {
        self.call("AdminDisableUser", self.named("ann")).await;
        assert_eq!(self.refused(operation, input.clone()).await, DISABLED, "{operation} {input}");
        self.call("AdminEnableUser", self.named("ann")).await;
        self.call(operation, input).await
    }

    async fn answer_meanwhile(&self, asked: &Value, responses: Value) -> Value {
        self.meanwhile("RespondToAuthChallenge", self.reply(asked, "ann", responses)).await
    }
}

#[tokio::test]
async fn no_second_factor_lets_a_disabled_user_in() {
    for site in guarded("OPTIONAL", &[Factor::Sms, Factor::Totp, Factor::Email]).await {
        site.person("ann").await;
        site.give_phone("ann").await;
        let secret = site.app_of(&site.tokens("ann").await.access).await;
        site.advance(60);
        let all = json!({"SMSMfaSettings": {"Enabled": true}, "EmailMfaSettings": {"Enabled": true},
                         "SoftwareTokenMfaSettings": {"Enabled": true}});
        site.prefer("ann", all).await;
        for (factor, answer) in [
            ("SMS_MFA", "SMS_MFA_CODE"),
            ("EMAIL_OTP", "EMAIL_OTP_CODE"),
            ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE"),
        ] {
            site.advance(1);
            let choice = site.meanwhile("InitiateAuth", site.password("ann", PASSWORD)).await;
            assert_eq!(choice["ChallengeName"], "SELECT_MFA_TYPE");
            let asked = site.answer_meanwhile(&choice, json!({ "ANSWER": factor })).await;
            assert_eq!(asked["ChallengeName"], factor);
            let code = match factor {
                "SMS_MFA" => site.code(PHONE).await,
                "EMAIL_OTP" => site.code("ann@example.com").await,
                _ => site.totp(&secret, 0),
            };
            // The refusal has not used the code up.
            let done = site.answer_meanwhile(&asked, json!({ answer: code })).await;
            assert!(!Tokens::of(&done).access.is_empty(), "{factor}");
        }
    }
}

#[tokio::test]
async fn nothing_is_set_up_by_a_disabled_user() {
    for site in guarded("ON", &[Factor::Totp]).await {
        site.person("ann").await;
        let asked = site.meanwhile("InitiateAuth", site.password("ann", PASSWORD)).await;
        assert_eq!(asked["ChallengeName"], "MFA_SETUP");
        let made = site.meanwhile("AssociateSoftwareToken", json!({"Session": asked["Session"]})).await;
        let code = site.totp(made["SecretCode"].as_str().unwrap(), 0);
        let verify = json!({"Session": made["Session"], "UserCode": code});
        let verified = site.meanwhile("VerifySoftwareToken", verify).await;
        let ready = json!({"ChallengeName": "MFA_SETUP", "Session": verified["Session"]});
        let done = site.answer_meanwhile(&ready, json!({})).await;
        assert!(!Tokens::of(&done).access.is_empty());
    }
    for site in guarded("ON", &[Factor::Email]).await {
        let plain = json!({"MessageAction": "SUPPRESS", "TemporaryPassword": PASSWORD});
        site.call("AdminCreateUser", with(&site.named("ann"), plain)).await;
        let asked = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        let asked = site.answer_meanwhile(&asked, json!({"NEW_PASSWORD": "Other-1234"})).await;
        assert_eq!(asked["ChallengeName"], "MFA_SETUP");
        let asked = site.answer_meanwhile(&asked, json!({"EMAIL": "ann@example.com"})).await;
        let code = site.code("ann@example.com").await;
        let done = site.answer_meanwhile(&asked, json!({"EMAIL_OTP_CODE": code})).await;
        assert!(!Tokens::of(&done).access.is_empty());
    }
}

#[tokio::test]
async fn no_choice_lets_a_disabled_user_in() {
    let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}});
    let pool = json!({"Policies": policies, "AutoVerifiedAttributes": ["email"]});
    for site in sites_with(pool, json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]})).await {
        let made = site.call("SignUp", site.sign_up("ann")).await;
        let code = json!({"ConfirmationCode": site.code("ann@example.com").await, "Session": made["Session"]});
        let confirmed = site.call("ConfirmSignUp", with(&site.by_client("ann"), code)).await;
        let begin = json!({"AuthFlow": "USER_AUTH", "ClientId": site.client, "AuthParameters": {"USERNAME": "ann"}});
        let straight = with(&begin, json!({"Session": confirmed["Session"]}));
        assert!(!Tokens::of(&site.meanwhile("InitiateAuth", straight).await).access.is_empty());

        site.give_phone("ann").await;
        let choose = async |answers: Value| {
            site.advance(1);
            let asked = site.meanwhile("InitiateAuth", begin.clone()).await;
            assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE");
            site.answer_meanwhile(&asked, answers).await
        };
        let done = choose(json!({"ANSWER": "PASSWORD", "PASSWORD": PASSWORD})).await;
        assert!(!Tokens::of(&done).access.is_empty());
        let asked = choose(json!({"ANSWER": "PASSWORD"})).await;
        let done = site.answer_meanwhile(&asked, json!({"PASSWORD": PASSWORD})).await;
        assert!(!Tokens::of(&done).access.is_empty());
        let asked = choose(json!({"ANSWER": "PASSWORD_SRP"})).await;
        let asked = site.answer_meanwhile(&asked, json!({"SRP_A": Prover::new().public()})).await;

        let claim = srp::proof(&site, PASSWORD, &asked["ChallengeParameters"], NOW);
        let done = site.answer_meanwhile(&asked, claim).await;
        assert!(!Tokens::of(&done).access.is_empty());
        for (factor, address) in [("EMAIL_OTP", "ann@example.com"), ("SMS_OTP", PHONE)] {
            let asked = choose(json!({ "ANSWER": factor })).await;
            let code = site.code(address).await;
            let done = site.answer_meanwhile(&asked, json!({ format!("{factor}_CODE"): code })).await;
            assert!(!Tokens::of(&done).access.is_empty(), "{factor}");
        }
    }
}

#[tokio::test]
async fn no_device_lets_a_disabled_user_in_and_no_token_is_refreshed() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (_, device) = confirmed(&site, "ann").await;
        let asked = site.meanwhile("InitiateAuth", device_srp::begin(&site, "ann", &device.key)).await;
        let asked = site.meanwhile("RespondToAuthChallenge", public_value(&site, "ann", &device, &asked)).await;
        let answer = proof(&site, &device, SECRET, &asked, NOW);
        let tokens = Tokens::of(&site.meanwhile("RespondToAuthChallenge", answer).await);
        // A refresh token does not come back with its user.
        let refresh = json!({"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": site.client,
                             "AuthParameters": {"REFRESH_TOKEN": tokens.refresh, "DEVICE_KEY": device.key}});
        site.call("InitiateAuth", refresh.clone()).await;
        let newer = json!({"RefreshToken": tokens.refresh, "ClientId": site.client, "DeviceKey": device.key});
        site.call("AdminDisableUser", site.named("ann")).await;
        for refusal in [
            site.refused("InitiateAuth", refresh.clone()).await,
            site.refused("GetTokensFromRefreshToken", newer.clone()).await,
        ] {
            assert!([DISABLED, GONE].contains(&refusal.as_str()), "{refusal}");
        }
        site.call("AdminEnableUser", site.named("ann")).await;
        assert_eq!(site.refused("InitiateAuth", refresh).await, GONE);
        assert_eq!(site.refused("GetTokensFromRefreshToken", newer).await, GONE);
    }
}
