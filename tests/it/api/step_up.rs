//! Levels of authentication: what a client asks for, what is asked of its user, and what tokens say of it.

use poolhouse::domain::mfa::Factor;
use serde_json::{Value, json};

use super::{
    mfa::guarded,
    people::{INVALID_TOKEN, PASSWORD, Site, Tokens, claims, sites},
    town::with,
};

const TWO: &str = "urn:cognito:loa:2";
const THREE: &str = "urn:cognito:loa:3";

impl Site {
    fn reaching(&self, levels: &str, parameters: Value) -> Value {
        let wanted = json!({"USERNAME": "ann", "TARGET_ACR_VALUES": levels});
        json!({"AuthFlow": "USER_AUTH", "ClientId": self.client, "AuthParameters": with(&wanted, parameters)})
    }

    /// Signs in with a password and that wish.
    async fn reach(&self, levels: &str) -> Value {
        self.advance(1);
        let password = json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
        self.call("InitiateAuth", self.reaching(levels, password)).await
    }

    /// Somebody with an app, which no sign-in needs.
    async fn ann_with_app(&self) -> (String, String) {
        self.person("ann").await;
        let access = self.tokens("ann").await.access;
        let secret = self.app_of(&access).await;
        self.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true}})).await;
        self.advance(60);
        (access, secret)
    }

    async fn with_code(&self, asked: &Value, secret: &str) -> Tokens {
        assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA", "{asked}");
        let code = json!({"SOFTWARE_TOKEN_MFA_CODE": self.totp(secret, 0)});
        Tokens::of(&self.answer(asked, "ann", code).await)
    }
}

fn assert_level(tokens: &Tokens, level: &str, methods: &Value) {
    for token in [&tokens.id, &tokens.access] {
        let told = claims(token);
        assert_eq!((&told["acr"], &told["amr"]), (&json!(level), methods));
    }
}

#[tokio::test]
async fn tokens_tell_the_level_that_was_asked_for_and_reached_and_keep_it() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        let (_, secret) = site.ann_with_app().await;
        let tokens = site.with_code(&site.reach(THREE).await, &secret).await;
        let methods = json!(["pwd", "otp", "mfa"]);
        assert_level(&tokens, THREE, &methods);
        let again = json!({"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": site.client,
                           "AuthParameters": {"REFRESH_TOKEN": tokens.refresh}});
        let renewed = &site.call("InitiateAuth", again).await["AuthenticationResult"];
        assert_eq!(claims(renewed["AccessToken"].as_str().unwrap())["acr"], THREE);
        assert_eq!(claims(renewed["IdToken"].as_str().unwrap())["amr"], methods);
    }
}

#[tokio::test]
async fn nothing_is_told_that_nobody_asked_for() {
    for site in sites().await {
        site.person("ann").await;
        let told = claims(&site.tokens("ann").await.id);
        assert!(told.get("acr").is_none() && told.get("amr").is_none(), "{told}");
    }
}

#[tokio::test]
async fn the_first_level_that_can_be_reached_is_asked_for() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        site.person("ann").await;
        // Nothing but the first can be reached, nor is anything known of the others.
        for levels in ["urn:cognito:loa:4 urn:cognito:loa:1", "urn:elsewhere urn:cognito:loa:3"] {
            let done = Tokens::of(&site.reach(levels).await);
            assert_level(&done, "urn:cognito:loa:1", &json!(["pwd"]));
        }
        let access = site.tokens("ann").await.access;
        let secret = site.app_of(&access).await;
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true}})).await;
        site.advance(60);
        // An app is a second factor as good as any: whoever asks for two gets three.
        let tokens = site.with_code(&site.reach(&format!("urn:cognito:loa:4 {TWO}")).await, &secret).await;
        assert_level(&tokens, THREE, &json!(["pwd", "otp", "mfa"]));
    }
}

#[tokio::test]
async fn the_second_level_takes_a_message_and_the_third_does_not() {
    for site in guarded("OPTIONAL", &[Factor::Totp, Factor::Email]).await {
        let (_, secret) = site.ann_with_app().await;
        site.prefer("ann", json!({"EmailMfaSettings": {"Enabled": true, "PreferredMfa": true}})).await;
        let asked = site.reach(TWO).await;
        assert_eq!(asked["ChallengeName"], "SELECT_MFA_TYPE", "{asked}");
        let asked = site.answer(&asked, "ann", json!({"ANSWER": "EMAIL_OTP"})).await;
        let code = site.code("ann@example.com").await;
        let done = site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await;
        assert_level(&Tokens::of(&done), TWO, &json!(["pwd", "email_otp", "mfa"]));
        site.with_code(&site.reach(THREE).await, &secret).await;
    }
}

#[tokio::test]
async fn an_access_token_stands_for_what_it_came_by() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        let (access, secret) = site.ann_with_app().await;
        let stepping = |levels: &str, more: Value| site.reaching(levels, with(&json!({"ACCESS_TOKEN": access}), more));
        let asked = site.call("InitiateAuth", stepping(THREE, json!({}))).await;
        assert_level(&site.with_code(&asked, &secret).await, THREE, &json!(["pwd", "otp", "mfa"]));
        // A token alone is no sign-in, and an old one is none at all.
        for (levels, more) in [("urn:cognito:loa:1", json!({})), (THREE, json!({"MAX_AGE": "30"}))] {
            let asked = site.call("InitiateAuth", stepping(levels, more)).await;
            assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE", "{asked}");
        }
        site.person("bob").await;
        let bobs = json!({"USERNAME": "bob"});
        assert_eq!(site.refused("InitiateAuth", stepping(THREE, bobs)).await, INVALID_TOKEN);
        let garbled = json!({"ACCESS_TOKEN": "garbled"});
        assert_eq!(site.refused("InitiateAuth", stepping(THREE, garbled)).await, INVALID_TOKEN);
        site.call("GlobalSignOut", json!({"AccessToken": access})).await;
        let refused = site.refused("InitiateAuth", stepping(THREE, json!({}))).await;
        assert_eq!(refused, "NotAuthorizedException: Access Token has been revoked");
    }
}

#[tokio::test]
async fn wishes_that_make_no_sense_are_refused() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        site.person("ann").await;
        let access = site.tokens("ann").await.access;
        let start = |parameters: Value| {
            json!({"AuthFlow": "USER_AUTH", "ClientId": site.client,
                   "AuthParameters": with(&json!({"USERNAME": "ann"}), parameters)})
        };
        for (parameters, text) in [
            (json!({"TARGET_ACR_VALUES": "urn:elsewhere"}), "TARGET_ACR_VALUES has no valid value."),
            (json!({"ACCESS_TOKEN": access}), "Missing required parameter TARGET_ACR_VALUES"),
            (json!({"TARGET_ACR_VALUES": TWO, "MAX_AGE": "+5"}), "MAX_AGE must be a number of seconds."),
        ] {
            assert_eq!(
                site.refused("InitiateAuth", start(parameters)).await,
                format!("InvalidParameterException: {text}")
            );
        }
    }
}

#[tokio::test]
async fn a_pool_names_its_levels_and_tells_them_always() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        let (_, secret) = site.ann_with_app().await;
        let shown = site.call("DescribeUserPool", json!({"UserPoolId": site.pool})).await;
        assert_eq!(shown["UserPool"]["AcrConfiguration"]["Level3"]["AcrValue"], THREE);
        let names = json!({"Level1": {"AcrValue": "urn:weak"}, "Level3": {"AcrValue": "urn:strong"}});
        let pool = site.call("DescribeUserPool", json!({"UserPoolId": site.pool})).await["UserPool"].clone();
        let update = json!({"UserPoolId": site.pool, "AcrConfiguration": names, "MfaConfiguration": "OPTIONAL",
                            "Policies": pool["Policies"], "AutoVerifiedAttributes": pool["AutoVerifiedAttributes"]});
        site.call("UpdateUserPool", update).await;
        let shown = site.call("DescribeUserPool", json!({"UserPoolId": site.pool})).await;
        let expected = json!({"Level1": {"AcrValue": "urn:weak"}, "Level2": {"AcrValue": TWO},
                              "Level3": {"AcrValue": "urn:strong"}, "Level4": {"AcrValue": "urn:cognito:loa:4"}});
        assert_eq!(shown["UserPool"]["AcrConfiguration"], expected);
        let asked = site.begin("ann").await;
        assert_level(&site.with_code(&asked, &secret).await, "urn:strong", &json!(["pwd", "otp", "mfa"]));
        // The names of before mean nothing now.
        let old = site.refused("InitiateAuth", site.reaching(THREE, json!({}))).await;
        assert_eq!(old, "InvalidParameterException: TARGET_ACR_VALUES has no valid value.");
    }
}

#[tokio::test]
async fn the_smallest_tier_knows_no_levels() {
    for site in sites().await {
        site.person("ann").await;
        site.call("UpdateUserPool", json!({"UserPoolId": site.pool, "UserPoolTier": "LITE"})).await;
        let refused = site.refused("InitiateAuth", site.reaching(TWO, json!({}))).await;
        assert_eq!(refused, "FeatureUnavailableInTierException: USER_AUTH is not available in the LITE tier.");
        let named = json!({"UserPoolId": site.pool, "UserPoolTier": "LITE",
                           "AcrConfiguration": {"Level1": {"AcrValue": "urn:weak"}}});
        let refused = site.refused("UpdateUserPool", named).await;
        assert_eq!(refused, "FeatureUnavailableInTierException: AcrConfiguration is not available in the LITE tier.");
    }
}
