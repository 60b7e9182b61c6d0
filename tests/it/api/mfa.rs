//! Second factors: what a pool asks for, how users choose, and the codes.

use poolhouse::{domain::mfa::Factor, keys::totp};
use serde_json::{Value, json};

use super::{
    people::{INVALID_SESSION, PASSWORD, Site, Tokens, attribute, other_code, sites, sites_with},
    town::with,
};

pub(super) const PHONE: &str = "+15555550123";
const SMS: &str = "arn:aws:iam::123456789012:role/sms";
const WRONG_CODE: &str = "CodeMismatchException: Invalid code or auth state for the user.";

/// What a pool needs for every second factor.
pub(super) fn every_factor() -> Value {
    json!({
        "SmsConfiguration": {"SnsCallerArn": SMS},
        "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/a@b.c"},
    })
}

/// Sites whose pools ask for second factors of these kinds.
pub(super) async fn guarded(mode: &str, factors: &[Factor]) -> Vec<Site> {
    let client = json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH",
                                              "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]});
    // What is configured at all is available; a pool that knows SMS asks for it.
    let mut pool = every_factor();
    if !factors.contains(&Factor::Sms) {
        pool.as_object_mut().unwrap().remove("SmsConfiguration");
    }
    let sites = sites_with(pool, client).await;
    for site in &sites {
        let mut config = json!({"UserPoolId": site.pool, "MfaConfiguration": mode});
        for factor in factors {
            match factor {
                Factor::Sms => config["SmsMfaConfiguration"] = json!({"SmsConfiguration": {"SnsCallerArn": SMS}}),
                Factor::Totp => config["SoftwareTokenMfaConfiguration"] = json!({"Enabled": true}),
                Factor::Email => config["EmailMfaConfiguration"] = json!({"Message": "Code {####}", "Subject": "Code"}),
            }
        }
        site.call("SetUserPoolMfaConfig", config).await;
    }
    sites
}

impl Site {
    pub(super) async fn give_phone(&self, name: &str) {
        let members = json!({"UserAttributes": [{"Name": "phone_number", "Value": PHONE},
                                                {"Name": "phone_number_verified", "Value": "true"}]});
        self.call("AdminUpdateUserAttributes", with(&self.named(name), members)).await;
    }

    /// Begins with the usual password and returns what is asked next. Messages of one moment have no order, so this is a moment
    /// of its own.
    pub(super) async fn begin(&self, name: &str) -> Value {
        self.advance(1);
        self.call("InitiateAuth", self.password(name, PASSWORD)).await
    }

    pub(super) fn reply(&self, asked: &Value, name: &str, responses: Value) -> Value {
        json!({"ClientId": self.client, "ChallengeName": asked["ChallengeName"], "Session": asked["Session"],
               "ChallengeResponses": with(&json!({"USERNAME": name}), responses)})
    }

    pub(super) async fn answer(&self, asked: &Value, name: &str, responses: Value) -> Value {
        self.call("RespondToAuthChallenge", self.reply(asked, name, responses)).await
    }

    pub(super) async fn answer_refused(&self, asked: &Value, name: &str, responses: Value) -> String {
        self.refused("RespondToAuthChallenge", self.reply(asked, name, responses)).await
    }

    pub(super) async fn prefer(&self, name: &str, settings: Value) {
        self.call("AdminSetUserMFAPreference", with(&self.named(name), settings)).await;
    }

    /// The code that an app with this secret shows, `steps` from now.
    pub(super) fn totp(&self, secret: &str, steps: i64) -> String {
        let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let now = self.app.clock.now().seconds() + 30 * steps;
        totp::code_at(&secret, poolhouse::kit::clock::Time::from_seconds(now))
    }

    /// Sets up an authenticator app for somebody who is signed in, and returns its secret.
    pub(super) async fn app_of(&self, access_token: &str) -> String {
        let made = self.call("AssociateSoftwareToken", json!({"AccessToken": access_token})).await;
        let secret = made["SecretCode"].as_str().unwrap().to_owned();
        let proof =
            json!({"AccessToken": access_token, "UserCode": self.totp(&secret, 0), "FriendlyDeviceName": "phone"});
        assert_eq!(self.call("VerifySoftwareToken", proof).await, json!({"Status": "SUCCESS"}));
        secret
    }
}

#[tokio::test]
async fn the_configuration_of_a_pool_is_set_shown_and_kept() {
    for site in sites_with(every_factor(), json!({})).await {
        let pool = json!({"UserPoolId": site.pool});
        let shown = site.call("GetUserPoolMfaConfig", pool.clone()).await;
        assert_eq!(shown["MfaConfiguration"], "OFF");
        assert!(shown.get("SoftwareTokenMfaConfiguration").is_none(), "{shown}");
        let set = |members: Value| site.call("SetUserPoolMfaConfig", with(&pool, members));
        let shown = set(json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true},
                               "EmailMfaConfiguration": {"Message": "m {####}", "Subject": "s"}}))
        .await;
        assert_eq!(shown["MfaConfiguration"], "OPTIONAL");
        assert_eq!(shown["EmailMfaConfiguration"], json!({"Message": "m {####}", "Subject": "s"}));
        assert_eq!(shown["SmsMfaConfiguration"]["SmsConfiguration"], json!({"SnsCallerArn": SMS}));
        assert_eq!(shown, site.call("GetUserPoolMfaConfig", pool.clone()).await);
        let described = site.call("DescribeUserPool", pool.clone()).await;
        assert_eq!(described["UserPool"]["MfaConfiguration"], "OPTIONAL");

        // UpdateUserPool resets what it knows and leaves alone what it does not.
        site.call("UpdateUserPool", with(&pool, json!({"MfaConfiguration": "ON"}))).await;
        let shown = site.call("GetUserPoolMfaConfig", pool.clone()).await;
        assert_eq!(
            (&shown["MfaConfiguration"], &shown["SoftwareTokenMfaConfiguration"]),
            (&json!("ON"), &json!({"Enabled": true}))
        );
        site.call("UpdateUserPool", pool.clone()).await;
        assert_eq!(site.call("GetUserPoolMfaConfig", pool.clone()).await["MfaConfiguration"], "OFF");

        // Apps that were switched off are spoken of while other factors are on, and not where nobody spoke of them.
        let sms = json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {"SmsConfiguration": {"SnsCallerArn": SMS}}});
        set(json!({"MfaConfiguration": "OFF"})).await;
        assert!(set(sms.clone()).await.get("SoftwareTokenMfaConfiguration").is_none());
        let shown = set(with(&sms, json!({"SoftwareTokenMfaConfiguration": {}}))).await;
        assert_eq!(shown["SoftwareTokenMfaConfiguration"], json!({"Enabled": false}), "{shown}");
        assert_eq!(shown, site.call("GetUserPoolMfaConfig", pool.clone()).await);
        let shown = set(json!({"MfaConfiguration": "OFF"})).await;
        assert!(shown.get("SoftwareTokenMfaConfiguration").is_none(), "{shown}");
    }
}

#[tokio::test]
async fn a_configuration_that_does_not_hold_together_is_refused() {
    for site in sites().await {
        let pool = json!({"UserPoolId": site.pool});
        let text = |text: &str| format!("InvalidParameterException: {text}");
        let refusals = [
            (
                json!({"MfaConfiguration": "ON"}),
                "At least one of [SmsMfaConfiguration] or [SoftwareTokenMfaConfiguration] must be provided.",
            ),
            (
                json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {"SmsAuthenticationMessage": "{####}"}}),
                "[SmsConfiguration] is a required member of [SoftwareTokenMfaConfiguration].",
            ),
            (
                json!({"MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": {"Enabled": true}}),
                "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.",
            ),
            (
                json!({"MfaConfiguration": "ON", "EmailMfaConfiguration": {}}),
                "Email MFA requires the user pool to send email with EmailSendingAccount DEVELOPER.",
            ),
        ];
        for (members, refusal) in refusals {
            assert_eq!(site.refused("SetUserPoolMfaConfig", with(&pool, members)).await, text(refusal));
        }
        let sms =
            text("SMS configuration and Auto verification for phone_number are required when MFA is required/optional");
        assert_eq!(site.refused("CreateUserPool", json!({"PoolName": "p", "MfaConfiguration": "ON"})).await, sms);
        assert_eq!(site.refused("UpdateUserPool", with(&pool, json!({"MfaConfiguration": "OPTIONAL"}))).await, sms);
        site.call("UpdateUserPool", with(&pool, with(&every_factor(), json!({"UserPoolTier": "LITE"})))).await;
        let email = with(&pool, json!({"MfaConfiguration": "ON", "EmailMfaConfiguration": {}}));
        let refused = site.refused("SetUserPoolMfaConfig", email).await;
        assert!(refused.starts_with("FeatureUnavailableInTierException"), "{refused}");
    }
}

#[tokio::test]
async fn a_code_by_sms_or_e_mail_is_the_second_step() {
    for site in guarded("ON", &[Factor::Sms, Factor::Email]).await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        site.give_phone("ann").await;
        let asked = site.begin("ann").await;
        assert_eq!(asked["ChallengeName"], "SMS_MFA");
        assert_eq!(
            asked["ChallengeParameters"],
            json!({"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+*******0123", "USER_ID_FOR_SRP": "ann"})
        );
        let code = site.code(PHONE).await;
        assert_eq!(code.len(), 6);
        let done = site.answer(&asked, "ann", json!({"SMS_MFA_CODE": code})).await;
        assert!(!Tokens::of(&done).access.is_empty());

        let asked = site.begin("bob").await;
        assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
        assert_eq!(asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"], "b***@e***");
        let code = site.code("bob@example.com").await;
        // The old session and its code are worth nothing once they were used.
        let reply = json!({"EMAIL_OTP_CODE": code});
        let done = site.answer(&asked, "bob", reply.clone()).await;
        assert!(!Tokens::of(&done).access.is_empty());
        assert_eq!(
            site.answer_refused(&asked, "bob", reply).await,
            "NotAuthorizedException: Invalid session for the user, session can only be used once."
        );
    }
}

#[tokio::test]
async fn a_wrong_code_leaves_a_few_more_tries_and_then_the_session_is_dead() {
    for site in guarded("ON", &[Factor::Email]).await {
        site.person("ann").await;
        let asked = site.begin("ann").await;
        let code = site.code("ann@example.com").await;
        for missing in [json!({}), json!({"SMS_MFA_CODE": code})] {
            assert_eq!(
                site.answer_refused(&asked, "ann", missing).await,
                "InvalidParameterException: Missing required parameter EMAIL_OTP_CODE"
            );
        }
        for wrong in [other_code(&code), String::new(), format!("{code}0"), "１２３４５６".into()] {
            assert_eq!(site.answer_refused(&asked, "ann", json!({"EMAIL_OTP_CODE": wrong})).await, WRONG_CODE);
        }
        assert!(site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await["AuthenticationResult"].is_object());

        let asked = site.begin("ann").await;
        let code = site.code("ann@example.com").await;
        let again = site.begin("ann").await;
        let newer = site.code("ann@example.com").await;
        for _ in 0..5 {
            assert_eq!(
                site.answer_refused(&asked, "ann", json!({"EMAIL_OTP_CODE": other_code(&code)})).await,
                WRONG_CODE
            );
        }
        // The fifth failure locks for a second, whichever session is guessed at; the session has no tries left.
        let locked = "NotAuthorizedException: Password attempts exceeded";
        assert_eq!(site.answer_refused(&again, "ann", json!({"EMAIL_OTP_CODE": newer})).await, locked);
        site.advance(1);
        assert_eq!(site.answer_refused(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await, INVALID_SESSION);
        assert!(site.answer(&again, "ann", json!({"EMAIL_OTP_CODE": newer})).await["AuthenticationResult"].is_object());
    }
}

#[tokio::test]
async fn a_session_is_good_for_its_user_client_and_challenge_only() {
    for site in guarded("ON", &[Factor::Email]).await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let other = site.another_client(json!({})).await;
        let asked = site.begin("ann").await;
        let code = site.code("ann@example.com").await;
        let right = site.reply(&asked, "ann", json!({"EMAIL_OTP_CODE": code}));
        let session = asked["Session"].as_str().unwrap();
        let flipped = format!(
            "{}{}",
            &session[..40],
            session[40..].chars().map(|c| if c == 'A' { 'B' } else { 'A' }).collect::<String>()
        );
        let responses = |name: &str| json!({"ChallengeResponses": {"USERNAME": name, "EMAIL_OTP_CODE": code}});
        let wrong = [
            responses("bob"),
            responses("nobody"),
            json!({"ClientId": other}),
            json!({"Session": flipped}),
            json!({"Session": "x".repeat(40)}),
            json!({"ChallengeName": "SMS_MFA", "ChallengeResponses": {"USERNAME": "ann", "SMS_MFA_CODE": code}}),
            json!({"ChallengeName": "SOFTWARE_TOKEN_MFA", "ChallengeResponses": {"USERNAME": "ann", "SOFTWARE_TOKEN_MFA_CODE": code}}),
            json!({"ChallengeName": "NEW_PASSWORD_REQUIRED", "ChallengeResponses": {"USERNAME": "ann", "NEW_PASSWORD": "Other-1234"}}),
            json!({"ChallengeName": "MFA_SETUP", "ChallengeResponses": {"USERNAME": "ann"}}),
            json!({"ChallengeName": "SELECT_MFA_TYPE", "ChallengeResponses": {"USERNAME": "ann", "ANSWER": "EMAIL_OTP"}}),
        ];
        for members in wrong {
            assert_eq!(
                site.refused("RespondToAuthChallenge", with(&right, members.clone())).await,
                INVALID_SESSION,
                "{members}"
            );
        }
        let mut none = right.clone();
        none.as_object_mut().unwrap().remove("Session");
        assert_eq!(site.refused("RespondToAuthChallenge", none).await, INVALID_SESSION);
        site.set_password("ann", "Other-1234").await;
        assert_eq!(site.refused("RespondToAuthChallenge", right.clone()).await, INVALID_SESSION, "another password");

        let asked = site.begin("bob").await;
        let code = site.code("bob@example.com").await;
        site.advance(180);
        assert_eq!(
            site.answer_refused(&asked, "bob", json!({"EMAIL_OTP_CODE": code})).await,
            "NotAuthorizedException: Invalid session for the user, session is expired."
        );
    }
}

#[tokio::test]
async fn a_new_password_comes_before_the_second_factor() {
    for site in guarded("ON", &[Factor::Email]).await {
        site.newcomer("ann", PASSWORD).await;
        let asked = site.begin("ann").await;
        assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED");
        let asked = site.answer(&asked, "ann", json!({"NEW_PASSWORD": "Mine-12345"})).await;
        assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
        let code = site.code("ann@example.com").await;
        let done = site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await;
        assert!(done["AuthenticationResult"].is_object());
    }
}

#[tokio::test]
async fn somebody_with_several_factors_chooses() {
    for site in guarded("OPTIONAL", &[Factor::Sms, Factor::Email, Factor::Totp]).await {
        site.person("ann").await;
        site.give_phone("ann").await;
        assert!(site.begin("ann").await["AuthenticationResult"].is_object(), "nobody has to");
        site.prefer("ann", json!({"SMSMfaSettings": {"Enabled": true}, "EmailMfaSettings": {"Enabled": true}})).await;
        let asked = site.begin("ann").await;
        assert_eq!(asked["ChallengeName"], "SELECT_MFA_TYPE");
        assert_eq!(asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"], r#"["SMS_MFA","EMAIL_OTP"]"#);
        let refused = site.answer_refused(&asked, "ann", json!({"ANSWER": "SOFTWARE_TOKEN_MFA"})).await;
        assert_eq!(refused, "InvalidParameterException: SOFTWARE_TOKEN_MFA is not among the MFA types.");
        let asked = site.answer(&asked, "ann", json!({"ANSWER": "EMAIL_MFA"})).await;
        assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
        let code = site.code("ann@example.com").await;
        assert!(site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await["AuthenticationResult"].is_object());

        site.prefer("ann", json!({"SMSMfaSettings": {"Enabled": true, "PreferredMfa": true}})).await;
        assert_eq!(site.begin("ann").await["ChallengeName"], "SMS_MFA");
    }
}

#[tokio::test]
async fn what_users_prefer_is_shown_wherever_they_are() {
    for site in guarded("OPTIONAL", &[Factor::Sms, Factor::Totp, Factor::Email]).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let shown = site.call("GetUser", json!({"AccessToken": token})).await;
        assert!(shown.get("UserMFASettingList").is_none() && shown.get("PreferredMfaSetting").is_none());
        let mine = |members: Value| with(&json!({"AccessToken": token}), members);
        let lacks = |factor: &str| {
            format!("InvalidParameterException: User does not have delivery config set to turn on {factor}")
        };
        for (block, factor) in [("SMSMfaSettings", "SMS_MFA"), ("SoftwareTokenMfaSettings", "SOFTWARE_TOKEN_MFA")] {
            let wish = json!({block: {"Enabled": true}});
            assert_eq!(site.refused("SetUserMFAPreference", mine(wish.clone())).await, lacks(factor));
            assert_eq!(site.refused("AdminSetUserMFAPreference", with(&site.named("ann"), wish)).await, lacks(factor));
        }
        site.give_phone("ann").await;
        site.app_of(&token).await;
        let all = json!({"SMSMfaSettings": {"Enabled": true}, "EmailMfaSettings": {"Enabled": true},
                         "SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}});
        site.call("SetUserMFAPreference", mine(all)).await;
        let list = json!(["SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP"]);
        let seen = [
            site.call("GetUser", json!({"AccessToken": token})).await,
            site.call("AdminGetUser", site.named("ann")).await,
            site.call("GetUserAuthFactors", json!({"AccessToken": token})).await,
            site.call("AdminGetUserAuthFactors", site.named("ann")).await,
        ];
        for shown in &seen {
            assert_eq!(
                (&shown["UserMFASettingList"], &shown["PreferredMfaSetting"]),
                (&list, &json!("SOFTWARE_TOKEN_MFA"))
            );
        }
        assert_eq!(seen[0]["MFAOptions"], json!([{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]));
        assert_eq!(seen[2]["ConfiguredUserAuthFactors"], json!(["PASSWORD"]));

        // The older operations switch text messages.
        site.call("SetUserSettings", mine(json!({"MFAOptions": []}))).await;
        assert!(site.call("AdminGetUser", site.named("ann")).await.get("MFAOptions").is_none());
        let sms = json!({"MFAOptions": [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]});
        site.call("AdminSetUserSettings", with(&site.named("ann"), sms)).await;
        assert_eq!(site.call("AdminGetUser", site.named("ann")).await["UserMFASettingList"], list);
        let email = json!({"MFAOptions": [{"DeliveryMedium": "EMAIL", "AttributeName": "email"}]});
        assert_eq!(
            site.refused("AdminSetUserSettings", with(&site.named("ann"), email)).await,
            "InvalidParameterException: MFAOptions can only hold DeliveryMedium SMS with AttributeName phone_number."
        );
        site.call("AdminDeleteSoftwareToken", site.named("ann")).await;
        let shown = site.call("AdminGetUser", site.named("ann")).await;
        assert_eq!(shown["UserMFASettingList"], json!(["SMS_MFA", "EMAIL_OTP"]));
        assert!(shown.get("PreferredMfaSetting").is_none());
    }
}

#[tokio::test]
async fn a_pool_without_second_factors_lets_nobody_switch_them_on() {
    for site in sites().await {
        site.person("ann").await;
        site.give_phone("ann").await;
        let wish = with(&site.named("ann"), json!({"SMSMfaSettings": {"Enabled": true}}));
        assert_eq!(
            site.refused("AdminSetUserMFAPreference", wish).await,
            "InvalidParameterException: MFA is not enabled for the user pool."
        );
        let off = with(&site.named("ann"), json!({"SMSMfaSettings": {"Enabled": false}}));
        assert_eq!(site.call("AdminSetUserMFAPreference", off).await, json!({}));
        for operation in ["AdminSetUserMFAPreference", "AdminDeleteSoftwareToken", "AdminGetUserAuthFactors"] {
            assert_eq!(
                site.refused(operation, site.named("nobody")).await,
                "UserNotFoundException: User does not exist.",
                "{operation}"
            );
        }
    }
}

#[tokio::test]
async fn e_mail_is_set_up_in_the_middle_of_a_sign_in() {
    for site in guarded("ON", &[Factor::Email]).await {
        let plain = json!({"MessageAction": "SUPPRESS", "TemporaryPassword": PASSWORD});
        site.call("AdminCreateUser", with(&site.named("ann"), plain)).await;
        site.set_password("ann", PASSWORD).await;
        let asked = site.begin("ann").await;
        assert_eq!(
            (&asked["ChallengeName"], &asked["ChallengeParameters"]["MFAS_CAN_SETUP"]),
            (&json!("MFA_SETUP"), &json!(r#"["EMAIL_OTP"]"#))
        );
        assert_eq!(site.answer_refused(&asked, "ann", json!({})).await, INVALID_SESSION);
        let bad = site.answer_refused(&asked, "ann", json!({"EMAIL": "nothing"})).await;
        assert_eq!(bad, "InvalidParameterException: Invalid email address format.");
        let asked = site.answer(&asked, "ann", json!({"EMAIL": "ann@example.org"})).await;
        assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
        assert_eq!(site.attribute("ann", "email").await, None, "not before it is proven");
        let code = site.code("ann@example.org").await;
        assert!(site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await["AuthenticationResult"].is_object());
        let ann = site.call("AdminGetUser", site.named("ann")).await;
        assert_eq!(attribute(&ann["UserAttributes"], "email_verified").as_deref(), Some("true"));
        assert_eq!(ann["UserMFASettingList"], json!(["EMAIL_OTP"]));
    }
}

#[tokio::test]
async fn a_user_whom_nothing_can_be_asked_does_not_come_in() {
    for site in guarded("ON", &[Factor::Sms]).await {
        site.person("ann").await;
        let refused = site.refused("InitiateAuth", site.password("ann", PASSWORD)).await;
        assert_eq!(refused, "InvalidParameterException: No MFA mechanism configured for the user");
    }
}
