//! What happened to users, as it is recorded and judged.

use std::time::Duration;

use poolhouse::{domain::auth_event::AuthEvent, flows::auth_events};
use serde_json::{Value, json};

use super::{
    risk::{client_and_user, protected_pool},
    town::{NO_POOL, NOWHERE, Town, towns, with},
};

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36";

async fn events(town: &Town, pool: &str) -> Vec<Value> {
    let listed = town.call("AdminListUserAuthEvents", json!({"UserPoolId": pool, "Username": "ann"})).await;
    listed["AuthEvents"].as_array().unwrap().clone()
}

fn sign_in(client: &str, username: &str, password: &str) -> Value {
    json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": username, "PASSWORD": password}})
}

/// Kind, response, and the proofs with what came of them.
fn told(event: &Value) -> (&str, &str, Vec<(&str, &str)>) {
    let challenges = event["ChallengeResponses"].as_array().unwrap().iter().map(|challenge| {
        (challenge["ChallengeName"].as_str().unwrap(), challenge["ChallengeResponse"].as_str().unwrap())
    });
    (event["EventType"].as_str().unwrap(), event["EventResponse"].as_str().unwrap(), challenges.collect())
}

#[tokio::test]
async fn sign_ins_are_recorded_with_where_they_came_from() {
    for town in towns().await {
        let pool = protected_pool(&town, "AUDIT").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        assert_eq!(events(&town, &pool).await, Vec::<Value>::new());
        let wrong = sign_in(&client, "ann", "Wrong-1234");
        town.refused_from("203.0.113.9", "InitiateAuth", wrong).await;
        town.app.clock.advance(Duration::from_secs(1));
        let right = sign_in(&client, "ann", "Right-1234");
        let (_, body) = town.send_from("2001:db8::1", Some(CHROME), ("InitiateAuth", &right)).await;
        let events = events(&town, &pool).await;
        assert_eq!(told(&events[0]), ("SignIn", "Pass", vec![("Password", "Success")]));
        assert_eq!(told(&events[1]), ("SignIn", "Fail", vec![("Password", "Failure")]));
        let context = json!({"IpAddress": "2001:db8::1", "DeviceName": "Chrome 126, Windows 10"});
        assert_eq!(events[0]["EventContextData"], context);
        assert_eq!(events[1]["EventContextData"], json!({"IpAddress": "203.0.113.9"}));
        let none = json!({"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": false});
        assert_eq!(events[0]["EventRisk"], none);
        // The tokens name the event.
        let token = body["AuthenticationResult"]["AccessToken"].as_str().unwrap();
        assert_eq!(super::people::claims(token)["event_id"], events[0]["EventId"]);
    }
}

#[tokio::test]
async fn a_sign_in_of_several_steps_is_one_event() {
    for town in towns().await {
        let pool = protected_pool(&town, "ENFORCED").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        let temporary = json!({"UserPoolId": pool, "Username": "ann", "Password": "First-1234", "Permanent": false});
        town.call("AdminSetUserPassword", temporary).await;
        let asked = town.call("InitiateAuth", sign_in(&client, "ann", "First-1234")).await;
        let before = events(&town, &pool).await;
        assert_eq!(told(&before[0]), ("SignIn", "InProgress", vec![("Password", "Success")]));
        let answer = json!({
            "ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"],
            "ChallengeResponses": {"USERNAME": "ann", "NEW_PASSWORD": "Second-1234"},
        });
        town.call("RespondToAuthChallenge", answer).await;
        let after = events(&town, &pool).await;
        assert_eq!(after.len(), 1);
        assert_eq!(after[0]["EventId"], before[0]["EventId"]);
        assert_eq!(told(&after[0]).1, "Pass");
    }
}

#[tokio::test]
async fn a_blocked_sign_in_is_recorded_as_blocked() {
    for town in towns().await {
        let pool = protected_pool(&town, "ENFORCED").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        let block =
            json!({"UserPoolId": pool, "RiskExceptionConfiguration": {"BlockedIPRangeList": ["203.0.113.9/32"]}});
        town.call("SetRiskConfiguration", block).await;
        town.refused_from("203.0.113.9", "InitiateAuth", sign_in(&client, "ann", "Right-1234")).await;
        let events = events(&town, &pool).await;
        assert_eq!(told(&events[0]), ("SignIn", "Fail", Vec::new()));
        assert_eq!(events[0]["EventRisk"]["RiskDecision"], "Block");
    }
}

#[tokio::test]
async fn accounts_and_their_passwords_have_events_too() {
    for town in towns().await {
        let call = json!({
            "PoolName": "safe", "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
            "AutoVerifiedAttributes": ["email"],
        });
        let pool = town.call("CreateUserPool", call).await["UserPool"]["Id"].as_str().unwrap().to_owned();
        let flows = json!(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
        let made = json!({"UserPoolId": pool, "ClientName": "web", "ExplicitAuthFlows": flows});
        let client = town.call("CreateUserPoolClient", made).await["UserPoolClient"]["ClientId"].clone();
        let ann = json!({"ClientId": client, "Username": "ann"});
        let tick = || town.app.clock.advance(Duration::from_secs(1));
        let attributes = json!([{"Name": "email", "Value": "ann@app.example"}]);
        town.call("SignUp", with(&ann, json!({"Password": "Right-1234", "UserAttributes": attributes}))).await;
        tick();
        town.call("ResendConfirmationCode", ann.clone()).await;
        tick();
        town.call("AdminConfirmSignUp", json!({"UserPoolId": pool, "Username": "ann"})).await;
        let verified =
            json!([{"Name": "email", "Value": "ann@app.example"}, {"Name": "email_verified", "Value": "true"}]);
        let verified = json!({"UserPoolId": pool, "Username": "ann", "UserAttributes": verified});
        town.call("AdminUpdateUserAttributes", verified).await;
        town.call("ForgotPassword", ann.clone()).await;
        tick();
        let guess = json!({"ConfirmationCode": "000000", "Password": "Other-1234"});
        town.refused("ConfirmForgotPassword", with(&ann, guess)).await;
        tick();
        let tokens = town.call("InitiateAuth", sign_in(client.as_str().unwrap(), "ann", "Right-1234")).await;
        tick();
        let change = |previous: &str| {
            let token = &tokens["AuthenticationResult"]["AccessToken"];
            json!({"AccessToken": token, "PreviousPassword": previous, "ProposedPassword": "Third-1234"})
        };
        town.refused("ChangePassword", change("Wrong-1234")).await;
        tick();
        town.call("ChangePassword", change("Right-1234")).await;
        let events = events(&town, &pool).await;
        let seen: Vec<_> = events.iter().map(|event| (told(event).0, told(event).1)).collect();
        assert_eq!(
            seen,
            [
                ("PasswordChange", "Pass"),
                ("PasswordChange", "Fail"),
                ("SignIn", "Pass"),
                ("ForgotPassword", "Fail"),
                ("ForgotPassword", "InProgress"),
                ("ResendCode", "Pass"),
                ("SignUp", "Pass"),
            ]
        );
    }
}

#[tokio::test]
async fn events_are_listed_newest_first_and_page_by_page() {
    for town in towns().await {
        let pool = protected_pool(&town, "AUDIT").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        for _ in 0..3 {
            town.call("InitiateAuth", sign_in(&client, "ann", "Right-1234")).await;
        }
        town.app.clock.advance(Duration::from_secs(1));
        town.call("InitiateAuth", sign_in(&client, "ann", "Right-1234")).await;
        let all = events(&town, &pool).await;
        assert!(all[0]["CreationDate"].as_f64() > all[1]["CreationDate"].as_f64());
        let (mut paged, mut token) = (Vec::new(), Value::Null);
        loop {
            let call = json!({"UserPoolId": pool, "Username": "ann", "MaxResults": 1, "NextToken": token});
            let page = town.call("AdminListUserAuthEvents", call).await;
            paged.extend(page["AuthEvents"].as_array().unwrap().clone());
            token = page["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(paged, all);
        town.user(&pool, "bob").await;
        let first = json!({"UserPoolId": pool, "Username": "ann", "MaxResults": 1});
        let token = town.call("AdminListUserAuthEvents", first).await["NextToken"].clone();
        let foreign = json!({"UserPoolId": pool, "Username": "bob", "NextToken": token});
        let invalid = "InvalidParameterException: Invalid pagination token";
        assert_eq!(town.refused("AdminListUserAuthEvents", foreign).await, invalid);
        let zero = json!({"UserPoolId": pool, "Username": "ann", "MaxResults": 0});
        assert_eq!(town.call("AdminListUserAuthEvents", zero).await["AuthEvents"].as_array().unwrap().len(), 4);
    }
}

#[tokio::test]
async fn feedback_is_kept_with_its_event() {
    for town in towns().await {
        let pool = protected_pool(&town, "AUDIT").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        town.call("InitiateAuth", sign_in(&client, "ann", "Right-1234")).await;
        let event = events(&town, &pool).await[0]["EventId"].clone();
        let named = json!({"UserPoolId": pool, "Username": "ann", "EventId": event});
        let judged = with(&named, json!({"FeedbackValue": "Invalid"}));
        assert_eq!(town.call("AdminUpdateAuthEventFeedback", judged).await, json!({}));
        let feedback = events(&town, &pool).await[0]["EventFeedback"].clone();
        assert_eq!((&feedback["FeedbackValue"], &feedback["Provider"]), (&json!("Invalid"), &json!("Admin")));
        assert!(feedback["FeedbackDate"].is_number());

        let first = auth_events::list(&town.cx(), &pool, "ann", (1, None)).await.unwrap().items.remove(0);
        let token = auth_events::feedback_token(&town.cx(), &first).unwrap();
        let said = with(&named, json!({"FeedbackValue": "Valid", "FeedbackToken": token}));
        assert_eq!(town.call("UpdateAuthEventFeedback", said.clone()).await, json!({}));
        assert_eq!(events(&town, &pool).await[0]["EventFeedback"]["Provider"], "User");

        // The token is good for exactly this event of this user in this pool.
        let invalid = "NotAuthorizedException: Invalid feedback token.";
        town.user(&pool, "bob").await;
        let other = AuthEvent { id: "other".into(), ..first };
        let other = auth_events::feedback_token(&town.cx(), &other).unwrap();
        for wrong in [
            json!({"Username": "bob"}),
            json!({"EventId": "other"}),
            json!({"FeedbackToken": "AAAA"}),
            json!({"FeedbackToken": other}),
        ] {
            assert_eq!(town.refused("UpdateAuthEventFeedback", with(&said, wrong)).await, invalid);
        }
        let unknown = with(&named, json!({"EventId": "unknown", "FeedbackValue": "Valid"}));
        let gone = "ResourceNotFoundException: Event unknown does not exist.";
        assert_eq!(town.refused("AdminUpdateAuthEventFeedback", unknown).await, gone);
    }
}

#[tokio::test]
async fn events_need_a_protected_pool_and_a_user() {
    for town in towns().await {
        let (plain, pool) = (town.pool().await, protected_pool(&town, "AUDIT").await);
        let client = client_and_user(&town, &plain, json!({})).await;
        town.call("InitiateAuth", sign_in(&client, "ann", "Right-1234")).await;
        let call = |pool: &str| {
            let feedback = json!({"EventId": "e", "FeedbackValue": "Valid", "FeedbackToken": "AAAA"});
            with(&json!({"UserPoolId": pool, "Username": "ann"}), feedback)
        };
        for operation in ["AdminListUserAuthEvents", "AdminUpdateAuthEventFeedback", "UpdateAuthEventFeedback"] {
            let off = town.refused(operation, call(&plain)).await;
            assert!(off.starts_with("UserPoolAddOnNotEnabledException"), "{off}");
            assert_eq!(town.refused(operation, call(NOWHERE)).await, NO_POOL, "{operation}");
        }
        for operation in ["AdminListUserAuthEvents", "AdminUpdateAuthEventFeedback"] {
            let nobody = "UserNotFoundException: User does not exist.";
            assert_eq!(town.refused(operation, call(&pool)).await, nobody, "{operation}");
        }
        // Nothing was recorded while the protection was off.
        let on =
            json!({"UserPoolId": plain, "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}});
        town.call("UpdateUserPool", on).await;
        assert_eq!(events(&town, &plain).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn events_are_forgotten_after_two_years() {
    for town in towns().await {
        let pool = protected_pool(&town, "AUDIT").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        town.call("InitiateAuth", sign_in(&client, "ann", "Right-1234")).await;
        town.app.clock.advance(Duration::from_secs(700 * 86_400));
        town.call("InitiateAuth", sign_in(&client, "ann", "Right-1234")).await;
        town.app.clock.advance(Duration::from_secs(40 * 86_400));
        assert_eq!(auth_events::sweep(&town.app, 10).await.unwrap(), 1);
        assert_eq!(auth_events::sweep(&town.app, 10).await.unwrap(), 0);
        assert_eq!(events(&town, &pool).await.len(), 1);
    }
}
