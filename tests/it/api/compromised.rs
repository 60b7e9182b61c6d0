//! Passwords that were stolen elsewhere: where they are met, and what pools do about them.

use std::path::Path;

use poolhouse::keys::compromised::Compromised;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{
    people::{PASSWORD, Site, Tokens},
    town::{towns_with, with},
};

const OTHER: &str = "Other-1234";
/// The hashes of both, in their order.
const LIST: &str = "8CEA5F6BA0D0BE8BF99CD2923143B1A83A839DE3:1\nF65CED90FBE9D874CF5B6C7634D2F8744CBB181F:2\n";
const RESET: &str = "PasswordResetRequiredException: Password reset required for user due to security reasons";
const UNUSABLE: &str = "InvalidPasswordException: Provided password cannot be used for security reasons.";

/// Sites that know stolen passwords, in a pool with this protection. Ann has the one of them, ben has none.
async fn sites(list: &Path, mode: &str, configuration: Option<Value>) -> Vec<Site> {
    let compromised = Compromised::open(list).unwrap();
    let mut sites = Vec::new();
    for town in towns_with(|parts| parts.compromised = compromised.clone()).await {
        let pool = json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": mode}});
        let site = Site::at(town, pool, json!({})).await;
        site.person("ann").await;
        site.newcomer("ben", "Fresh-1234").await;
        site.set_password("ben", "Fresh-1234").await;
        if let Some(configuration) = &configuration {
            let call = json!({"UserPoolId": site.pool, "CompromisedCredentialsRiskConfiguration": configuration});
            site.call("SetRiskConfiguration", call).await;
        }
        sites.push(site);
    }
    sites
}

fn list() -> NamedTempFile {
    let list = NamedTempFile::new().unwrap();
    std::fs::write(list.path(), LIST).unwrap();
    list
}

fn action(event_action: &str) -> Value {
    json!({"Actions": {"EventAction": event_action}})
}

impl Site {
    fn choosing(&self, name: &str, password: &str) -> Value {
        let email = json!([{"Name": "email", "Value": format!("{name}@example.com")}]);
        json!({"ClientId": self.client, "Username": name, "Password": password, "UserAttributes": email})
    }

    /// What the newest event of ann says: response, decision, whether the password was found.
    async fn newest_event(&self) -> (String, String, bool) {
        let listed = self.call("AdminListUserAuthEvents", self.named("ann")).await;
        let event = &listed["AuthEvents"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let risk = &event["EventRisk"];
        let found = risk["CompromisedCredentialsDetected"].as_bool().unwrap();
        (text(&event["EventResponse"]), text(&risk["RiskDecision"]), found)
    }
}

#[tokio::test]
async fn a_stolen_password_is_refused_wherever_it_is_used_or_chosen() {
    let list = list();
    for site in sites(list.path(), "ENFORCED", Some(action("BLOCK"))).await {
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, RESET);
        assert_eq!(site.newest_event().await, ("Fail".into(), "Block".into(), true));
        // Only whoever knows the password learns that.
        let wrong = site.refused("InitiateAuth", site.password("ann", OTHER)).await;
        assert_eq!(wrong, "NotAuthorizedException: Incorrect username or password.");
        assert_eq!(site.refused("SignUp", site.choosing("cat", PASSWORD)).await, UNUSABLE);
        site.call("SignUp", site.choosing("cat", "Clean-1234")).await;

        let tokens = Tokens::of(&site.call("InitiateAuth", site.password("ben", "Fresh-1234")).await);
        let change = |proposed: &str| json!({"AccessToken": tokens.access, "PreviousPassword": "Fresh-1234", "ProposedPassword": proposed});
        assert_eq!(site.refused("ChangePassword", change(OTHER)).await, UNUSABLE);
        site.call("ChangePassword", change("Clean-1234")).await;

        // The way out for ann: the code stays good after a refused choice.
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        let reset =
            |password: &str| with(&site.by_client("ann"), json!({"ConfirmationCode": code, "Password": password}));
        assert_eq!(site.refused("ConfirmForgotPassword", reset(OTHER)).await, UNUSABLE);
        site.call("ConfirmForgotPassword", reset("Clean-1234")).await;
        assert!(site.opens("ann", "Clean-1234").await);

        site.newcomer("dan", "First-1234").await;
        let asked = site.call("InitiateAuth", site.password("dan", "First-1234")).await;
        let answer = |password: &str| {
            json!({"ClientId": site.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"],
                   "ChallengeResponses": {"USERNAME": "dan", "NEW_PASSWORD": password}})
        };
        assert_eq!(site.refused("RespondToAuthChallenge", answer(OTHER)).await, UNUSABLE);
        site.call("RespondToAuthChallenge", answer("Clean-1234")).await;
    }
}

#[tokio::test]
async fn a_pool_may_refuse_it_at_some_events_only() {
    let list = list();
    let filtered = with(&action("BLOCK"), json!({"EventFilter": ["SIGN_UP", "PASSWORD_CHANGE"]}));
    for site in sites(list.path(), "ENFORCED", Some(filtered)).await {
        let tokens = site.tokens("ann").await;
        assert_eq!(site.newest_event().await, ("Pass".into(), "NoRisk".into(), true));
        assert_eq!(site.refused("SignUp", site.choosing("cat", PASSWORD)).await, UNUSABLE);
        let change = json!({"AccessToken": tokens.access, "PreviousPassword": PASSWORD, "ProposedPassword": OTHER});
        assert_eq!(site.refused("ChangePassword", change).await, UNUSABLE);
    }
}

#[tokio::test]
async fn it_is_only_noted_where_nothing_says_to_refuse_it() {
    let list = list();
    for (mode, configuration) in
        [("AUDIT", Some(action("BLOCK"))), ("ENFORCED", Some(action("NO_ACTION"))), ("ENFORCED", None)]
    {
        for site in sites(list.path(), mode, configuration.clone()).await {
            site.tokens("ann").await;
            assert_eq!(site.newest_event().await, ("Pass".into(), "NoRisk".into(), true));
            site.call("SignUp", site.choosing("cat", PASSWORD)).await;
        }
    }
}

#[tokio::test]
async fn a_pool_without_protection_does_not_look() {
    let list = list();
    for site in sites(list.path(), "OFF", None).await {
        site.tokens("ann").await;
        site.call("SignUp", site.choosing("cat", PASSWORD)).await;
    }
}
