//! Replicas, which are records here.

use serde_json::json;

use super::town::{ACCOUNT, NO_POOL, NOWHERE, towns, with};

#[tokio::test]
async fn a_replica_goes_through_its_states() {
    for town in towns().await {
        let pool = town.pool().await;
        let shown = |status: &str| {
            json!({
                "RegionName": "eu-west-1", "Status": status, "Role": "SECONDARY",
                "UserPoolArn": format!("arn:aws:cognito-idp:eu-west-1:{ACCOUNT}:userpool/{pool}"),
            })
        };
        let named = json!({"UserPoolId": pool, "RegionName": "eu-west-1"});
        let made = town.call("CreateUserPoolReplica", with(&named, json!({"UserPoolTags": {"stage": "dev"}}))).await;
        assert_eq!(made["UserPoolReplica"], shown("CREATING"));
        let list =
            async || town.call("ListUserPoolReplicas", json!({"UserPoolId": pool})).await["UserPoolReplicas"].clone();
        let primary = json!({
            "RegionName": "us-east-1", "Status": "ACTIVE", "Role": "PRIMARY",
            "UserPoolArn": format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{pool}"),
        });
        assert_eq!(list().await, json!([primary, shown("INACTIVE")]));
        let active = with(&named, json!({"Status": "ACTIVE"}));
        assert_eq!(town.call("UpdateUserPoolReplica", active).await["UserPoolReplica"], shown("ACTIVE"));
        assert_eq!(list().await, json!([primary, shown("ACTIVE")]));
        let busy = "InvalidParameterException: The replica in eu-west-1 is active: make it inactive first.";
        assert_eq!(town.refused("DeleteUserPoolReplica", named.clone()).await, busy);
        town.call("UpdateUserPoolReplica", with(&named, json!({"Status": "INACTIVE"}))).await;
        assert_eq!(town.call("DeleteUserPoolReplica", named.clone()).await["UserPoolReplica"], shown("DELETING"));
        assert_eq!(list().await, json!([primary]));
        let gone = format!("ResourceNotFoundException: User pool {pool} has no replica in eu-west-1.");
        for operation in ["UpdateUserPoolReplica", "DeleteUserPoolReplica"] {
            assert_eq!(town.refused(operation, with(&named, json!({"Status": "ACTIVE"}))).await, gone, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_replica_that_cannot_be_is_refused() {
    for town in towns().await {
        let pool = town.pool().await;
        let call = |pool: &str, region: &str| json!({"UserPoolId": pool, "RegionName": region, "Status": "ACTIVE"});
        for region in ["somewhere", "us-east-1"] {
            let refused = town.refused("CreateUserPoolReplica", call(&pool, region)).await;
            assert!(refused.starts_with("InvalidParameterException"), "{refused}");
        }
        let reserved = with(&call(&pool, "eu-west-1"), json!({"UserPoolTags": {"aws:x": "y"}}));
        assert!(town.refused("CreateUserPoolReplica", reserved).await.starts_with("InvalidParameterException"));
        for n in 1..=5 {
            town.call("CreateUserPoolReplica", call(&pool, &format!("eu-west-{n}"))).await;
        }
        let twice = town.refused("CreateUserPoolReplica", call(&pool, "eu-west-1")).await;
        assert!(twice.starts_with("InvalidParameterException"), "{twice}");
        let one_more = town.refused("CreateUserPoolReplica", call(&pool, "eu-west-6")).await;
        assert!(one_more.starts_with("LimitExceededException"), "{one_more}");
        for operation in
            ["CreateUserPoolReplica", "UpdateUserPoolReplica", "DeleteUserPoolReplica", "ListUserPoolReplicas"]
        {
            assert_eq!(town.refused(operation, call(NOWHERE, "eu-west-1")).await, NO_POOL, "{operation}");
        }
        let forged = json!({"UserPoolId": pool, "NextToken": "forged"});
        let invalid = "InvalidParameterException: Invalid pagination token";
        assert_eq!(town.refused("ListUserPoolReplicas", forged).await, invalid);
    }
}
