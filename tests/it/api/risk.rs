//! What a pool does about risks, and the addresses that it refuses.

use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, Town, towns, with};

const BLOCKED: &str = "NotAuthorizedException: Unable to login because of security reasons.";

pub(super) async fn protected_pool(town: &Town, mode: &str) -> String {
    let call = json!({"PoolName": "safe", "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": mode}});
    town.call("CreateUserPool", call).await["UserPool"]["Id"].as_str().unwrap().to_owned()
}

/// A client that signs in with passwords, and a user who has one.
pub(super) async fn client_and_user(town: &Town, pool: &str, settings: Value) -> String {
    let flows = json!([
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH"
    ]);
    let call = with(&json!({"UserPoolId": pool, "ClientName": "web", "ExplicitAuthFlows": flows}), settings);
    let made = town.call("CreateUserPoolClient", call).await;
    town.user(pool, "ann").await;
    let password = json!({"UserPoolId": pool, "Username": "ann", "Password": "Right-1234", "Permanent": true});
    town.call("AdminSetUserPassword", password).await;
    made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

fn sign_in(client: &str, password: &str) -> Value {
    json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "ann", "PASSWORD": password}})
}

#[tokio::test]
async fn a_configuration_is_set_for_a_pool_or_a_client_and_reset() {
    for town in towns().await {
        let pool = protected_pool(&town, "AUDIT").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        let all = json!({"UserPoolId": pool});
        let own = json!({"UserPoolId": pool, "ClientId": client});
        assert_eq!(town.call("DescribeRiskConfiguration", own.clone()).await, json!({"RiskConfiguration": own}));
        let settings = json!({
            "CompromisedCredentialsRiskConfiguration": {"EventFilter": ["SIGN_IN"], "Actions": {"EventAction": "BLOCK"}},
            "AccountTakeoverRiskConfiguration": {
                "NotifyConfiguration": {
                    "SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/security@app.example",
                    "BlockEmail": {"Subject": "Blocked", "TextBody": "Somebody was blocked."},
                },
                "Actions": {"HighAction": {"Notify": true, "EventAction": "MFA_REQUIRED"}},
            },
            "RiskExceptionConfiguration": {"BlockedIPRangeList": ["203.0.113.0/24"], "SkippedIPRangeList": ["198.51.100.0/24"]},
        });
        let set = town.call("SetRiskConfiguration", with(&all, settings.clone())).await["RiskConfiguration"].clone();
        assert!(set["LastModifiedDate"].is_number());
        for (name, value) in settings.as_object().unwrap() {
            assert_eq!(set[name], *value, "{name}");
        }
        assert_eq!(town.call("DescribeRiskConfiguration", all.clone()).await["RiskConfiguration"], set);
        // A client without one has the pool's, and shows none.
        assert_eq!(town.call("DescribeRiskConfiguration", own.clone()).await, json!({"RiskConfiguration": own}));
        let exception = json!({"RiskExceptionConfiguration": {"BlockedIPRangeList": ["192.0.2.1/32"]}});
        town.call("SetRiskConfiguration", with(&own, exception.clone())).await;
        let shown = town.call("DescribeRiskConfiguration", own.clone()).await["RiskConfiguration"].clone();
        assert_eq!(shown["RiskExceptionConfiguration"], exception["RiskExceptionConfiguration"]);
        assert_eq!(shown.get("AccountTakeoverRiskConfiguration"), None);
        for named in [own, all] {
            assert_eq!(town.call("SetRiskConfiguration", named.clone()).await, json!({"RiskConfiguration": named}));
            assert_eq!(
                town.call("DescribeRiskConfiguration", named.clone()).await,
                json!({"RiskConfiguration": named})
            );
        }
    }
}

#[tokio::test]
async fn a_configuration_needs_the_add_on_and_sense() {
    for town in towns().await {
        let (plain, pool) = (town.pool().await, protected_pool(&town, "ENFORCED").await);
        for operation in ["DescribeRiskConfiguration", "SetRiskConfiguration"] {
            let off = town.refused(operation, json!({"UserPoolId": plain})).await;
            assert!(off.starts_with("UserPoolAddOnNotEnabledException"), "{off}");
            assert_eq!(town.refused(operation, json!({"UserPoolId": NOWHERE})).await, NO_POOL);
            let stranger = json!({"UserPoolId": pool, "ClientId": "stranger"});
            assert!(town.refused(operation, stranger).await.starts_with("ResourceNotFoundException"), "{operation}");
        }
        let ranges = |range: &str| json!({"RiskExceptionConfiguration": {"BlockedIPRangeList": [range]}});
        let takeover = |notify: Value| {
            json!({"AccountTakeoverRiskConfiguration": with(
                &json!({"Actions": {"LowAction": {"Notify": true, "EventAction": "NO_ACTION"}}}), notify,
            )})
        };
        for (members, why) in [
            (ranges("nonsense"), "Invalid IP range: nonsense."),
            (ranges("10.0.0.0/33"), "Invalid IP range: 10.0.0.0/33."),
            (takeover(json!({})), "NotifyConfiguration is required when an action notifies."),
            (
                takeover(json!({"NotifyConfiguration": {"SourceArn": "arn:aws:sns:us-east-1:123456789012:topic"}})),
                "SourceArn must be the ARN of an Amazon SES identity.",
            ),
            (
                json!({"CompromisedCredentialsRiskConfiguration": {"Actions": {"EventAction": "LAUGH"}}}),
                "enum value set",
            ),
        ] {
            let refused = town.refused("SetRiskConfiguration", with(&json!({"UserPoolId": pool}), members)).await;
            assert!(refused.starts_with("InvalidParameterException") && refused.contains(why), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_blocked_address_signs_nobody_in() {
    for town in towns().await {
        let pool = protected_pool(&town, "ENFORCED").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        let block =
            |range: &str| json!({"UserPoolId": pool, "RiskExceptionConfiguration": {"BlockedIPRangeList": [range]}});
        town.call("SetRiskConfiguration", block("203.0.113.0/24")).await;
        let right = sign_in(&client, "Right-1234");
        assert_eq!(town.refused_from("203.0.113.9", "InitiateAuth", right.clone()).await, BLOCKED);
        // Somebody who does not exist is told the same.
        let mut nobody = right.clone();
        nobody["AuthParameters"]["USERNAME"] = "nobody".into();
        assert_eq!(town.refused_from("203.0.113.9", "InitiateAuth", nobody).await, BLOCKED);
        town.call_from("198.51.100.1", "InitiateAuth", right.clone()).await;
        town.call("InitiateAuth", right.clone()).await;

        // An administrator's word on where the user is counts, an application's only where its client is trusted with it.
        let mut admin = with(&right, json!({"UserPoolId": pool, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}));
        admin["ContextData"] =
            json!({"IpAddress": "203.0.113.9", "ServerName": "app", "ServerPath": "/", "HttpHeaders": []});
        assert_eq!(town.refused_from("198.51.100.1", "AdminInitiateAuth", admin).await, BLOCKED);
        let said = with(&right, json!({"UserContextData": {"IpAddress": "198.51.100.1"}}));
        assert_eq!(town.refused_from("203.0.113.9", "InitiateAuth", said).await, BLOCKED);

        // What a client has of its own counts in place of the pool's.
        let own = with(&block("192.0.2.0/24"), json!({"ClientId": client}));
        town.call("SetRiskConfiguration", own).await;
        town.call_from("203.0.113.9", "InitiateAuth", right.clone()).await;
        assert_eq!(town.refused_from("192.0.2.7", "InitiateAuth", right.clone()).await, BLOCKED);
        // Refreshing is no sign-in.
        let tokens = town.call_from("198.51.100.1", "InitiateAuth", right).await;
        let token = &tokens["AuthenticationResult"]["RefreshToken"];
        let refresh =
            json!({"ClientId": client, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": token}});
        town.call_from("192.0.2.7", "InitiateAuth", refresh).await;
    }
}

#[tokio::test]
async fn a_pool_that_only_watches_blocks_nobody() {
    for town in towns().await {
        let pool = protected_pool(&town, "AUDIT").await;
        let client = client_and_user(&town, &pool, json!({})).await;
        let block = json!({"UserPoolId": pool, "RiskExceptionConfiguration": {"BlockedIPRangeList": ["0.0.0.0/0"]}});
        town.call("SetRiskConfiguration", block).await;
        town.call_from("203.0.113.9", "InitiateAuth", sign_in(&client, "Right-1234")).await;
    }
}
