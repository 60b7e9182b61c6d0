//! PreTokenGeneration in versions 2 and 3: access tokens, scopes, claims of any type, and what stays out of reach.

use poolhouse::domain::token::PROTECTED_CLAIMS;
use serde_json::{Value, json};

use super::{
    people::{Tokens, claims},
    recorder::{ARN, Stage, stages_with},
    town::with,
};

const ADMIN: &str = "aws.cognito.signin.user.admin";

async fn versioned(version: &str) -> Vec<Stage> {
    let trigger = json!({"PreTokenGenerationConfig": {"LambdaArn": ARN, "LambdaVersion": version}});
    stages_with(json!({"LambdaConfig": trigger}), json!({})).await
}

fn details(id: Value, access: Value, groups: Value) -> Value {
    json!({"claimsAndScopeOverrideDetails":
        {"idTokenGeneration": id, "accessTokenGeneration": access, "groupOverrideDetails": groups}})
}

#[tokio::test]
async fn the_event_has_the_scopes_and_its_version() {
    for (version, name) in [("2", "V2_0"), ("3", "V3_0")] {
        for stage in versioned(name).await {
            stage.person("ann").await;
            stage.tokens("ann").await;
            let event = stage.recorder.event();
            let sub = stage.attribute("ann", "sub").await;
            assert_eq!(
                event,
                json!({
                    "version": version, "triggerSource": "TokenGeneration_Authentication", "region": "us-east-1",
                    "userPoolId": stage.pool, "userName": "ann",
                    "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": stage.client},
                    "request": {
                        "userAttributes": {"sub": sub, "email": "ann@example.com", "email_verified": "true",
                                           "cognito:user_status": "CONFIRMED"},
                        "groupConfiguration": {"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": null},
                        "scopes": [ADMIN],
                    },
                    "response": {"claimsAndScopeOverrideDetails": null},
                })
            );
        }
    }
}

#[tokio::test]
async fn both_tokens_take_claims_of_any_type_and_other_groups() {
    for stage in versioned("V2_0").await {
        stage.person("ann").await;
        stage.call("CreateGroup", json!({"UserPoolId": stage.pool, "GroupName": "admin"})).await;
        stage.call("AdminAddUserToGroup", with(&stage.named("ann"), json!({"GroupName": "admin"}))).await;
        let id = json!({"claimsToAddOrOverride": {"n": 1, "l": ["a", {"b": null}], "email_verified": "false", "gone": 1},
                        "claimsToSuppress": ["gone", "email"]});
        let access = json!({"claimsToAddOrOverride": {"tenant": {"id": 7}, "aud": stage.client}, "claimsToSuppress": [],
                            "scopesToAdd": ["rs/read", "two words", ADMIN], "scopesToSuppress": []});
        let groups = json!({"groupsToOverride": ["other"], "iamRolesToOverride": ["arn:r"], "preferredRole": "arn:r"});
        stage.recorder.answer("PreTokenGeneration", details(id, access, groups));
        let tokens = stage.tokens("ann").await;
        let (id, access) = (claims(&tokens.id), claims(&tokens.access));
        assert_eq!((&id["n"], &id["l"], &id["email_verified"]), (&json!(1), &json!(["a", {"b": null}]), &json!(false)));
        assert!(id.get("gone").is_none() && id.get("email").is_none() && id.get("tenant").is_none());
        assert_eq!((&id["cognito:groups"], &access["cognito:groups"]), (&json!(["other"]), &json!(["other"])));
        assert_eq!((&id["cognito:roles"], &id["cognito:preferred_role"]), (&json!(["arn:r"]), &json!("arn:r")));
        assert!(access.get("cognito:roles").is_none() && access.get("n").is_none());
        assert_eq!((&access["tenant"], &access["aud"]), (&json!({"id": 7}), &json!(stage.client)));
        assert_eq!((&access["scope"], &access["version"]), (&json!(format!("{ADMIN} rs/read")), &json!(2)));
    }
}

#[tokio::test]
async fn a_suppressed_scope_closes_the_self_service_until_a_refresh_says_otherwise() {
    for stage in versioned("V2_0").await {
        stage.person("ann").await;
        let access = json!({"scopesToSuppress": [ADMIN]});
        stage.recorder.answer("PreTokenGeneration", details(json!(null), access, json!(null)));
        let tokens = stage.tokens("ann").await;
        assert_eq!(claims(&tokens.access)["scope"], "");
        assert_eq!(
            stage.refused("GetUser", json!({"AccessToken": tokens.access})).await,
            "NotAuthorizedException: Access Token does not have required scopes"
        );
        stage.recorder.answer("PreTokenGeneration", json!({}));
        stage.recorder.events();
        let renewed = Tokens::of(&stage.call("InitiateAuth", stage.refresh(&tokens.refresh)).await);
        let event = stage.recorder.event();
        assert_eq!(
            (&event["triggerSource"], &event["request"]["scopes"]),
            (&json!("TokenGeneration_RefreshTokens"), &json!([ADMIN]))
        );
        stage.call("GetUser", json!({"AccessToken": renewed.access})).await;
    }
}

#[tokio::test]
async fn protected_claims_stay_in_both_tokens_as_they_were() {
    for stage in versioned("V2_0").await {
        stage.person("ann").await;
        stage.recorder.answer("PreTokenGeneration", json!({}));
        let before = stage.tokens("ann").await;
        let evil: Value = PROTECTED_CLAIMS
            .iter()
            .map(|name| ((*name).to_owned(), json!("evil")))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let all = json!({"claimsToAddOrOverride": evil, "claimsToSuppress": PROTECTED_CLAIMS});
        stage.recorder.answer("PreTokenGeneration", details(all.clone(), all, json!(null)));
        let after = stage.tokens("ann").await;
        for (before, after) in [(&before.id, &after.id), (&before.access, &after.access)] {
            let (before, after) = (claims(before), claims(after));
            for name in PROTECTED_CLAIMS {
                assert_ne!(after.get(name), Some(&json!("evil")), "{name}");
                assert_eq!(after.get(name).is_some(), before.get(name).is_some(), "{name}");
            }
            for name in ["sub", "iss", "aud", "client_id", "token_use", "exp", "username", "cognito:username"] {
                assert_eq!(after.get(name), before.get(name), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn the_built_in_rule_gives_scopes_to_the_access_token_too() {
    for stage in versioned("V2_0").await {
        let arn = ARN.replace("recorder", "groups-to-scopes");
        let config = json!({"PreTokenGenerationConfig": {"LambdaArn": arn, "LambdaVersion": "V2_0"}});
        stage.call("UpdateUserPool", json!({"UserPoolId": stage.pool, "LambdaConfig": config})).await;
        stage.person("ann").await;
        stage.call("CreateGroup", json!({"UserPoolId": stage.pool, "GroupName": "admin"})).await;
        stage.call("AdminAddUserToGroup", with(&stage.named("ann"), json!({"GroupName": "admin"}))).await;
        let tokens = stage.tokens("ann").await;
        assert_eq!(claims(&tokens.id)["scope"], format!("admin-{}", stage.client));
        assert_eq!(claims(&tokens.access)["scope"], format!("{ADMIN} admin-{}", stage.client));
    }
}

#[tokio::test]
async fn a_newer_version_needs_a_tier_that_has_it() {
    for stage in versioned("V1_0").await {
        let config = json!({"PreTokenGenerationConfig": {"LambdaArn": ARN, "LambdaVersion": "V2_0"}});
        let update = json!({"UserPoolId": stage.pool, "UserPoolTier": "LITE", "LambdaConfig": config});
        assert!(stage.refused("UpdateUserPool", update).await.starts_with("FeatureUnavailableInTierException: "));
        let unknown = json!({"PreTokenGenerationConfig": {"LambdaArn": ARN, "LambdaVersion": "V4_0"}});
        let update = json!({"UserPoolId": stage.pool, "LambdaConfig": unknown});
        assert!(stage.refused("UpdateUserPool", update).await.starts_with("InvalidParameterException: "));
    }
}
