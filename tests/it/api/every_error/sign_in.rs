//! The steps of a sign-in, by the public operations and by the administrator's.

use serde_json::{Value, json};

use crate::api::{
    every_error::Report,
    mfa::every_factor,
    people::{INVALID_SESSION, NO_USER, PASSWORD, Site, WRONG, sites_with},
    srp::{NOW, Prover},
    town::{Town, with},
};

const NOT_CONFIRMED: &str = "UserNotConfirmedException: User is not confirmed.";
const RESET: &str = "PasswordResetRequiredException: Password reset required for the user";
const WRONG_CODE: &str = "CodeMismatchException: Invalid code or auth state for the user.";
const TOO_MANY: &str = "TooManyRequestsException: Too many requests";

/// A sign-in's two operations, what they take besides, and the flow that takes a password.
pub(super) struct Pair {
    pub(super) begin: &'static str,
    pub(super) answer: &'static str,
    password: &'static str,
    members: Value,
}

pub(super) fn pairs(site: &Site) -> [Pair; 2] {
    let (by_anybody, by_administrators) = (json!({}), json!({"UserPoolId": site.pool}));
    [
        Pair {
            begin: "InitiateAuth",
            answer: "RespondToAuthChallenge",
            password: "USER_PASSWORD_AUTH",
            members: by_anybody,
        },
        Pair {
            begin: "AdminInitiateAuth",
            answer: "AdminRespondToAuthChallenge",
            password: "ADMIN_USER_PASSWORD_AUTH",
            members: by_administrators,
        },
    ]
}

impl Pair {
    pub(super) fn flow(&self, site: &Site, flow: &str, parameters: Value) -> (&'static str, Value) {
        (
            self.begin,
            with(&self.members, json!({"ClientId": site.client, "AuthFlow": flow, "AuthParameters": parameters})),
        )
    }

    pub(super) fn password(&self, site: &Site, name: &str, password: &str) -> (&'static str, Value) {
        self.flow(site, self.password, json!({"USERNAME": name, "PASSWORD": password}))
    }

    pub(super) fn reply(&self, site: &Site, asked: &Value, responses: Value) -> (&'static str, Value) {
        (
            self.answer,
            with(
                &self.members,
                json!({"ClientId": site.client, "ChallengeName": asked["ChallengeName"], "Session": asked["Session"], "ChallengeResponses": responses}),
            ),
        )
    }
}

impl Report {
    async fn goes(&mut self, town: &Town, call: (&'static str, Value)) -> Value {
        self.given(town, call.0, call.1).await
    }
}

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    let flows = json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH",
                                             "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]});
    let policies = json!({"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 2},
                          "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
    let pool = json!({"AutoVerifiedAttributes": ["email"], "Policies": policies});
    for site in sites_with(pool, flows.clone()).await {
        for pair in pairs(&site) {
            states(&mut report, &site, &pair).await;
            codes(&mut report, &site, &pair).await;
        }
        report.note(&site);
        let guarded = with(&every_factor(), json!({"AliasAttributes": ["email"]}));
        let site = Site::at(site.town, guarded, flows.clone()).await;
        for pair in pairs(&site) {
            second_factors(&mut report, &site, &pair).await;
        }
        report.note(&site);
    }
    report
}

/// What is said of users in every state, before their proof and after it.
async fn states(report: &mut Report, site: &Site, pair: &Pair) {
    let name = |name: &str| format!("{name}-{}", pair.begin.len());
    let (ann, new, reset, eve) = (name("ann"), name("new"), name("reset"), name("eve"));
    for name in [&ann, &reset] {
        site.newcomer(name, "First-1234").await;
        site.set_password(name, PASSWORD).await;
    }
    site.call("AdminResetUserPassword", site.named(&reset)).await;
    site.newcomer(&new, "First-1234").await;
    site.stranger(&eve).await;
    for (name, password, text) in [
        (&*ann, "Wrong-1234", WRONG),
        ("nobody", PASSWORD, NO_USER),
        (&*eve, "Wrong-1234", NOT_CONFIRMED),
        (&*reset, "Wrong-1234", RESET),
    ] {
        report.refused(site, pair.password(site, name, password), text).await;
    }
    let forgotten = "InvalidParameterException: Missing required parameter PASSWORD";
    report.refused(site, pair.flow(site, pair.password, json!({"USERNAME": ann})), forgotten).await;
    for (name, text) in [(&eve, NOT_CONFIRMED), (&reset, RESET)] {
        let asked = pair.flow(site, "USER_SRP_AUTH", json!({"USERNAME": name, "SRP_A": Prover::new().public()}));
        let asked = report.goes(site, asked).await;
        let proof = json!({"USERNAME": name, "PASSWORD_CLAIM_SECRET_BLOCK": asked["ChallengeParameters"]["SECRET_BLOCK"],
                           "PASSWORD_CLAIM_SIGNATURE": "AAAA", "TIMESTAMP": NOW});
        report.refused(site, pair.reply(site, &asked, proof), text).await;
    }
    let asked = report.goes(site, pair.password(site, &new, "First-1234")).await;
    let reply = |password: &str| pair.reply(site, &asked, json!({"USERNAME": new, "NEW_PASSWORD": password}));
    let weak = "InvalidPasswordException: Password does not conform to policy: Password not long enough";
    report.refused(site, reply("shorter"), weak).await;
    let used = "PasswordHistoryPolicyViolationException: Password has previously been used";
    report.refused(site, reply("First-1234"), used).await;
    let provided = json!({"USERNAME": new, "NEW_PASSWORD": PASSWORD, "userAttributes.email": "a@example.com"});
    let text = "NotAuthorizedException: Cannot modify an already provided email";
    report.refused(site, pair.reply(site, &asked, provided), text).await;
    report.goes(site, reply(PASSWORD)).await;
    let again = "NotAuthorizedException: Invalid session for the user, session can only be used once.";
    report.refused(site, reply(PASSWORD), again).await;
    let forged = json!({"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "x".repeat(20)});
    let forged = pair.reply(site, &forged, json!({"USERNAME": new, "NEW_PASSWORD": PASSWORD}));
    report.refused(site, forged, INVALID_SESSION).await;
}

/// Codes in place of passwords, and how many of them a user is sent in an hour.
async fn codes(report: &mut Report, site: &Site, pair: &Pair) {
    let name = format!("sue-{}", pair.begin.len());
    site.newcomer(&name, "First-1234").await;
    site.set_password(&name, PASSWORD).await;
    let chosen = json!({"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let choose = report.goes(site, pair.flow(site, "USER_AUTH", json!({"USERNAME": name}))).await;
    let asked = report.goes(site, pair.flow(site, "USER_AUTH", chosen.clone())).await;
    let code = site.code(&format!("{name}@example.com")).await;
    let reply = |code: &str| pair.reply(site, &asked, json!({"USERNAME": name, "EMAIL_OTP_CODE": code}));
    let wrong = if code == "12345678" { "87654321" } else { "12345678" };
    report.refused(site, reply(wrong), WRONG_CODE).await;
    for _ in 1..30 {
        report.goes(site, pair.flow(site, "USER_AUTH", chosen.clone())).await;
    }
    report.refused(site, pair.flow(site, "USER_AUTH", chosen), TOO_MANY).await;
    let choice = json!({"USERNAME": name, "ANSWER": "EMAIL_OTP"});
    report.refused(site, pair.reply(site, &choose, choice), TOO_MANY).await;
    report.goes(site, reply(&code)).await;
}

async fn second_factors(report: &mut Report, site: &Site, pair: &Pair) {
    let configure = async |members: Value| {
        site.call("SetUserPoolMfaConfig", with(&json!({"UserPoolId": site.pool, "MfaConfiguration": "ON"}), members))
            .await;
    };
    let name = |name: &str| format!("{name}-{}", pair.begin.len());
    let (ann, bob, cy, tim) = (name("ann"), name("bob"), name("cy"), name("tim"));
    site.person(&ann).await;
    for name in [&bob, &tim, &cy] {
        let password = if *name == cy { json!({"TemporaryPassword": "First-1234"}) } else { json!({}) };
        site.call("AdminCreateUser", with(&site.named(name), with(&password, json!({"MessageAction": "SUPPRESS"}))))
            .await;
    }
    for name in [&bob, &tim] {
        site.set_password(name, PASSWORD).await;
    }
    // Nothing can be sent, and nothing set up.
    configure(json!({"SmsMfaConfiguration": every_sms()})).await;
    let impossible = if pair.begin == "InitiateAuth" {
        "InvalidParameterException: No MFA mechanism configured for the user"
    } else {
        "MFAMethodNotFoundException: No MFA mechanism configured for the user"
    };
    report.refused(site, pair.password(site, &bob, PASSWORD), impossible).await;
    let asked = report.goes(site, pair.password(site, &cy, "First-1234")).await;
    let reply = pair.reply(site, &asked, json!({"USERNAME": cy, "NEW_PASSWORD": PASSWORD}));
    report.refused(site, reply, "MFAMethodNotFoundException: No MFA mechanism configured for the user").await;

    // An address that is somebody's alias by now.
    configure(json!({"EmailMfaConfiguration": {}})).await;
    let asked = report.goes(site, pair.password(site, &bob, PASSWORD)).await;
    let address = format!("{ann}@example.com");
    let asked = report.goes(site, pair.reply(site, &asked, json!({"USERNAME": bob, "EMAIL": address}))).await;
    let code = json!({"USERNAME": bob, "EMAIL_OTP_CODE": site.code(&address).await});
    let taken = "AliasExistsException: An account with the given email already exists.";
    report.refused(site, pair.reply(site, &asked, code), taken).await;

    configure(json!({"SoftwareTokenMfaConfiguration": {"Enabled": true}})).await;
    let asked = report.goes(site, pair.password(site, &tim, PASSWORD)).await;
    let made = report.given(site, "AssociateSoftwareToken", json!({"Session": asked["Session"]})).await;
    let secret = made["SecretCode"].as_str().unwrap();
    let proof = |session: &Value, code: &str| json!({"Session": session, "UserCode": code});
    let wrong = "EnableSoftwareTokenMFAException: Code mismatch";
    report.refused(site, ("VerifySoftwareToken", proof(&made["Session"], &site.totp(secret, 100))), wrong).await;
    report.given(site, "VerifySoftwareToken", proof(&made["Session"], &site.totp(secret, 0))).await;
    let asked = report.goes(site, pair.password(site, &tim, PASSWORD)).await;
    let reply = |steps: i64| {
        pair.reply(site, &asked, json!({"USERNAME": tim, "SOFTWARE_TOKEN_MFA_CODE": site.totp(secret, steps)}))
    };
    report.refused(site, reply(100), "CodeMismatchException: Invalid code received for user").await;
    let used = "ExpiredCodeException: Your software token has already been used once.";
    report.refused(site, reply(0), used).await;
    site.call("SetUserPoolMfaConfig", json!({"UserPoolId": site.pool, "MfaConfiguration": "OFF"})).await;
    let off = "SoftwareTokenMFANotFoundException: Software Token MFA has not been enabled by the userPool";
    report.refused(site, reply(1), off).await;
    let token = json!({"AccessToken": site.tokens(&ann).await.access, "UserCode": "123456"});
    for operation in ["AssociateSoftwareToken", "VerifySoftwareToken"] {
        report.refused(site, (operation, token.clone()), off).await;
    }
}

fn every_sms() -> Value {
    json!({"SmsConfiguration": every_factor()["SmsConfiguration"]})
}
