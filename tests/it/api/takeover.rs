//! Sign-ins at risk: how they are judged, what is done about them, and what their users are told.

use poolhouse::{flows::outbox, store};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site, other_code},
    recorder::{ARN, stages_with},
    town::{towns, with},
};

const BLOCKED: &str = "NotAuthorizedException: Unable to login because of security reasons.";
const HOME: (&str, &str) = ("203.0.113.9", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36");
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1";
const ELSEWHERE: &str = "198.51.100.7";
const SENDER: &str = "arn:aws:ses:us-east-1:123456789012:identity/security@app.example";

fn pool_with(mode: &str, members: Value) -> Value {
    with(&json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": mode}}), members)
}

/// Sites whose pool is protected, with ann, who has signed in at home.
async fn protected(mode: &str, members: Value) -> Vec<Site> {
    let mut sites = Vec::new();
    for town in towns().await {
        let site = Site::at(town, pool_with(mode, members.clone()), json!({})).await;
        site.person("ann").await;
        site.comes_from(HOME).await;
        sites.push(site);
    }
    sites
}

fn action(event_action: &str) -> Value {
    json!({"Notify": true, "EventAction": event_action})
}

impl Site {
    async fn enforce(&self, actions: Value, more: Value) {
        let takeover = json!({"NotifyConfiguration": with(&json!({ "SourceArn": SENDER }), more), "Actions": actions});
        let call = json!({"UserPoolId": self.pool, "AccountTakeoverRiskConfiguration": takeover});
        self.call("SetRiskConfiguration", call).await;
    }

    async fn try_from(&self, (ip, agent): (&str, &str)) -> (u16, Value) {
        self.advance(1);
        self.send_from(ip, Some(agent), ("InitiateAuth", &self.password("ann", PASSWORD))).await
    }

    async fn comes_from(&self, place: (&str, &str)) -> Value {
        let (status, output) = self.try_from(place).await;
        assert_eq!(status, 200, "{output}");
        output
    }

    async fn is_kept_out(&self, place: (&str, &str)) {
        let (status, output) = self.try_from(place).await;
        let told =
            format!("{}: {}", output["__type"].as_str().unwrap_or_default(), output["message"].as_str().unwrap());
        assert_eq!((status, &*told), (400, BLOCKED));
    }

    async fn last_event(&self) -> Value {
        let listed = self.call("AdminListUserAuthEvents", self.named("ann")).await;
        listed["AuthEvents"][0].clone()
    }

    /// Decision and level of the newest event.
    async fn risk(&self) -> (String, Option<String>) {
        let risk = self.last_event().await["EventRisk"].clone();
        let text = |name: &str| risk[name].as_str().map(str::to_owned);
        (text("RiskDecision").unwrap(), text("RiskLevel"))
    }

    /// Subjects and bodies of what ann was sent, oldest first.
    async fn mail(&self) -> Vec<(String, String)> {
        let mut tx = self.app.store.read().await.unwrap();
        let found = store::messages::newest(&mut tx, Some("ann@example.com"), 9).await.unwrap();
        found.into_iter().rev().map(|message| (message.subject.unwrap(), message.body)).collect()
    }

    async fn fail(&self, times: usize) {
        for _ in 0..times {
            self.refused_from("192.0.2.66", "InitiateAuth", self.password("ann", "Wrong-1234")).await;
        }
        // Until the lock that this brings is over.
        self.advance(30);
    }
}

fn level(name: &str) -> (String, Option<String>) {
    ("AccountTakeover".to_owned(), Some(name.to_owned()))
}

fn none() -> (String, Option<String>) {
    ("NoRisk".to_owned(), None)
}

#[tokio::test]
async fn a_pool_that_watches_writes_the_risk_down_and_does_nothing() {
    for site in protected("AUDIT", json!({})).await {
        assert_eq!(site.risk().await, none(), "the first sign-in is new in no way");
        let block =
            json!({"LowAction": action("BLOCK"), "MediumAction": action("BLOCK"), "HighAction": action("BLOCK")});
        site.enforce(block, json!({})).await;
        for (place, found) in [
            (("203.0.113.200", "Mozilla/5.0 (Windows NT 10.0) Chrome/131.0.0.0"), none()),
            ((ELSEWHERE, HOME.1), level("Low")),
            ((ELSEWHERE, HOME.1), none()),
            (("2001:db8:1::1", PHONE), level("Medium")),
            (("2001:db8:1::ffff", HOME.1), none()),
        ] {
            site.comes_from(place).await;
            assert_eq!(site.risk().await, found, "{place:?}");
        }
        site.fail(2).await;
        site.comes_from(("192.0.2.1", HOME.1)).await;
        assert_eq!(site.risk().await, level("Medium"));
        site.fail(5).await;
        site.comes_from(HOME).await;
        assert_eq!(site.risk().await, none(), "nobody makes a user's own place a risk");
        site.comes_from(("198.18.0.1", HOME.1)).await;
        assert_eq!(site.risk().await, level("High"));
        site.advance(3_600);
        site.comes_from(("198.18.1.1", HOME.1)).await;
        assert_eq!(site.risk().await, level("Low"));
        assert_eq!(site.mail().await, []);
    }
}

#[tokio::test]
async fn a_blocked_sign_in_is_told_of_and_its_user_can_say_that_it_was_them() {
    for site in protected("ENFORCED", json!({})).await {
        let words = json!({"BlockEmail": {"Subject": "Blocked {username}", "TextBody":
            "{ip-address}|{device-name}|{city}|{login-time}|{event-id}|{feedback-token}"}});
        site.enforce(json!({"MediumAction": action("BLOCK")}), words).await;
        site.comes_from((ELSEWHERE, HOME.1)).await;
        assert_eq!(site.mail().await, [], "nothing is set for a low risk");
        site.is_kept_out(("192.0.2.1", PHONE)).await;
        assert_eq!(site.risk().await, ("Block".to_owned(), Some("Medium".to_owned())));
        let event = site.last_event().await;
        assert_eq!(event["EventResponse"], "Fail");
        let (subject, body) = site.mail().await.remove(0);
        assert_eq!(subject, "Blocked ann");
        let told: Vec<_> = body.split('|').collect();
        assert_eq!(told[..4], ["192.0.2.1", "Safari 17, iOS", "unknown", "2027-01-15 08:00 UTC"]);
        assert_eq!(told[4], event["EventId"]);
        // Being refused is no failure of the user's: the next try is judged as the first was.
        site.is_kept_out(("192.0.2.1", PHONE)).await;
        let said = json!({"EventId": told[4], "FeedbackToken": told[5], "FeedbackValue": "Valid"});
        assert_eq!(site.call("UpdateAuthEventFeedback", with(&site.named("ann"), said)).await, json!({}));
        site.comes_from(("192.0.2.1", PHONE)).await;
        assert_eq!(site.risk().await, none());
    }
}

#[tokio::test]
async fn spared_addresses_are_not_judged_and_a_client_may_have_settings_of_its_own() {
    for site in protected("ENFORCED", json!({})).await {
        let block = json!({"Actions": {"MediumAction": {"Notify": false, "EventAction": "BLOCK"}}});
        let spared = json!({"SkippedIPRangeList": ["192.0.2.0/24"]});
        let call = json!({"UserPoolId": site.pool, "AccountTakeoverRiskConfiguration": block,
                          "RiskExceptionConfiguration": spared});
        site.call("SetRiskConfiguration", call).await;
        site.comes_from(("192.0.2.1", PHONE)).await;
        assert_eq!(site.risk().await, none());
        site.is_kept_out((ELSEWHERE, "Mozilla/5.0 (Android 15) Firefox/126.0")).await;
        assert_eq!(site.mail().await, [], "nobody wants to be told");
        let call = json!({"UserPoolId": site.pool, "ClientId": site.client, "RiskExceptionConfiguration": spared});
        site.call("SetRiskConfiguration", call).await;
        site.comes_from((ELSEWHERE, "Mozilla/5.0 (Android 15) Firefox/126.0")).await;
        assert_eq!(site.risk().await, level("Medium"));
    }
}

#[tokio::test]
async fn at_risk_a_second_factor_is_asked_of_those_who_have_one() {
    let sender = json!({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER}});
    for site in protected("ENFORCED", sender).await {
        site.enforce(
            json!({"LowAction": action("MFA_IF_CONFIGURED"), "MediumAction": action("MFA_REQUIRED")}),
            json!({}),
        )
        .await;
        // A pool without second factors lets those in who need none, and refuses the others.
        site.comes_from((ELSEWHERE, HOME.1)).await;
        assert_eq!(site.mail().await.remove(0).0, "New sign-in to your account");
        site.is_kept_out(("192.0.2.1", PHONE)).await;
        assert_eq!(site.mail().await[1].0, "Blocked sign-in attempt");

        let config = json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL",
                            "EmailMfaConfiguration": {"Message": "Code {####}", "Subject": "Code"}});
        site.call("SetUserPoolMfaConfig", config).await;
        site.comes_from(("192.0.2.1", HOME.1)).await;
        assert_eq!(site.risk().await, level("Low"), "who has not asked to be asked is not asked");
        // But whoever has an address could be.
        let asked = site.comes_from(("198.18.0.1", PHONE)).await;
        assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
        assert_eq!(site.risk().await, level("Medium"));
        assert_eq!(site.last_event().await["EventResponse"], "InProgress");
        let subjects: Vec<_> = site.mail().await.into_iter().map(|(subject, _)| subject).collect();
        let mut new = subjects[3..].to_vec();
        new.sort_unstable();
        assert_eq!(new, ["Code", "New sign-in attempt"], "{subjects:?}");
        let code = {
            let mut tx = site.app.store.read().await.unwrap();
            let found = store::messages::newest(&mut tx, Some("ann@example.com"), 2).await.unwrap();
            found.into_iter().find_map(|message| message.code).unwrap()
        };
        let wrong = site.reply(&asked, "ann", json!({"EMAIL_OTP_CODE": other_code(&code)}));
        let refused = site.refused_from("198.18.0.1", "RespondToAuthChallenge", wrong).await;
        assert!(refused.starts_with("CodeMismatchException"), "{refused}");
        site.advance(1);
        let right = site.reply(&asked, "ann", json!({"EMAIL_OTP_CODE": code}));
        let (status, output) = site.send_from("198.18.0.1", Some(PHONE), ("RespondToAuthChallenge", &right)).await;
        assert_eq!(status, 200, "{output}");
        assert_eq!(site.risk().await, level("Medium"));
        site.comes_from(("198.18.0.1", PHONE)).await;
        assert_eq!(site.risk().await, none());
        assert_eq!(site.mail().await.len(), subjects.len(), "each risk is told of once");
    }
}

#[tokio::test]
async fn the_address_that_a_code_was_sent_to_is_no_second_factor() {
    let factors = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
    let members = json!({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER},
                         "Policies": factors, "AutoVerifiedAttributes": ["email"]});
    for site in protected("ENFORCED", members).await {
        let config = json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL",
                            "EmailMfaConfiguration": {"Message": "Code {####}", "Subject": "Code"}});
        site.call("SetUserPoolMfaConfig", config).await;
        let required = json!({"MediumAction": {"Notify": false, "EventAction": "MFA_REQUIRED"}});
        site.enforce(required, json!({})).await;
        let client = site.another_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH"]})).await;
        let parameters = json!({"USERNAME": "ann", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
        let begin = json!({"AuthFlow": "USER_AUTH", "ClientId": client, "AuthParameters": parameters});
        let (_, asked) = site.send_from("192.0.2.1", Some(PHONE), ("InitiateAuth", &begin)).await;
        let code = json!({"EMAIL_OTP_CODE": site.code("ann@example.com").await});
        let answer = with(&site.reply(&asked, "ann", code), json!({ "ClientId": client }));
        let (status, output) = site.send_from("192.0.2.1", Some(PHONE), ("RespondToAuthChallenge", &answer)).await;
        assert_eq!((status, output["message"].as_str()), (400, BLOCKED.split_once(": ").map(|(_, text)| text)));
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_proven_is_not_written_to() {
    for site in protected("ENFORCED", json!({})).await {
        site.enforce(json!({"LowAction": action("NO_ACTION")}), json!({})).await;
        let change = json!([{"Name": "email_verified", "Value": "false"}]);
        let change = with(&site.named("ann"), json!({ "UserAttributes": change }));
        site.call("AdminUpdateUserAttributes", change).await;
        site.comes_from((ELSEWHERE, HOME.1)).await;
        assert_eq!((site.risk().await, site.mail().await), (level("Low"), Vec::new()));
    }
}

#[tokio::test]
async fn a_custom_sender_tells_of_a_takeover_without_a_code() {
    let sender = json!({"LambdaArn": ARN, "LambdaVersion": "V1_0"});
    let key = "arn:aws:kms:us-east-1:123456789012:key/1";
    let senders = json!({"LambdaConfig": {"CustomEmailSender": sender, "KMSKeyID": key}});
    for stage in stages_with(pool_with("ENFORCED", senders), json!({})).await {
        stage.person("ann").await;
        stage.comes_from(HOME).await;
        stage.enforce(json!({"LowAction": action("NO_ACTION")}), json!({})).await;
        stage.comes_from((ELSEWHERE, HOME.1)).await;
        stage.recorder.events();
        outbox::deliver_due(&stage.app).await.unwrap();
        let event = stage.recorder.event();
        assert_eq!(event["triggerSource"], "CustomEmailSender_AccountTakeOverNotification");
        assert_eq!(event["request"].get("code"), None);
        assert_eq!(event["request"]["userAttributes"]["email"], "ann@example.com");
    }
}

#[tokio::test]
async fn custom_sign_ins_are_judged_where_the_pool_says_so() {
    let client = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH"]});
    for stage in stages_with(pool_with("ENFORCED", json!({})), client).await {
        stage.recorder.answer("DefineAuthChallenge", json!({"issueTokens": true}));
        stage.person("ann").await;
        stage.comes_from(HOME).await;
        stage.enforce(json!({"MediumAction": action("BLOCK")}), json!({})).await;
        let begin = json!({"AuthFlow": "CUSTOM_AUTH", "ClientId": stage.client, "AuthParameters": {"USERNAME": "ann"}});
        let call = async |ip: &str, agent: &str| {
            stage.advance(1);
            stage.send_from(ip, Some(agent), ("InitiateAuth", &begin)).await.0
        };
        assert_eq!((call("192.0.2.1", PHONE).await, stage.risk().await), (200, none()));
        let mode = async |mode: &str| {
            let flows = json!({"AdvancedSecurityMode": "ENFORCED",
                               "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": mode}});
            let pool = stage.call("DescribeUserPool", json!({"UserPoolId": stage.pool})).await["UserPool"].clone();
            let kept = json!({"UserPoolId": stage.pool, "LambdaConfig": pool["LambdaConfig"], "UserPoolAddOns": flows,
                              "UserPoolTier": "PLUS", "AutoVerifiedAttributes": ["email"]});
            stage.call("UpdateUserPool", kept).await;
        };
        let tablet = "Mozilla/5.0 (Linux; Android 15) Firefox/126.0";
        mode("ENFORCED").await;
        assert_eq!(call("198.18.0.1", tablet).await, 400);
        assert_eq!(stage.risk().await.0, "Block");
        mode("AUDIT").await;
        assert_eq!((call("198.18.0.1", tablet).await, stage.risk().await), (200, level("Medium")));
    }
}
