//! Resource servers.

use std::collections::BTreeMap;

use poolhouse::{
    domain::ResourceServer,
    flows::{Applied, resource_servers},
};
use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, towns, with};

#[tokio::test]
async fn a_resource_server_is_made_changed_and_deleted() {
    for town in towns().await {
        let pool = town.pool().await;
        let named = json!({"UserPoolId": pool, "Identifier": "https://api.example"});
        let bare = with(&named, json!({"Name": "api"}));
        let made = town.call("CreateResourceServer", bare.clone()).await;
        assert_eq!(made, json!({"ResourceServer": bare}));
        assert_eq!(
            town.refused("CreateResourceServer", bare.clone()).await,
            format!("InvalidParameterException: https://api.example already exists in user pool {pool}.")
        );
        let scopes = json!([{"ScopeName": "read", "ScopeDescription": "Read"}]);
        let changed = with(&named, json!({"Name": "renamed", "Scopes": scopes}));
        let updated = town.call("UpdateResourceServer", changed.clone()).await;
        assert_eq!(updated, json!({"ResourceServer": changed}));
        assert_eq!(town.call("DescribeResourceServer", named.clone()).await, updated);
        let listed = town.call("ListResourceServers", json!({"UserPoolId": pool, "MaxResults": 1})).await;
        assert_eq!(listed, json!({"ResourceServers": [changed]}));
        assert_eq!(town.call("DeleteResourceServer", named.clone()).await, Value::Null);
        let gone = "ResourceNotFoundException: Resource server https://api.example does not exist.";
        for operation in ["DescribeResourceServer", "DeleteResourceServer", "UpdateResourceServer"] {
            assert_eq!(town.refused(operation, bare.clone()).await, gone, "{operation}");
        }
        let nowhere = with(&bare, json!({"UserPoolId": NOWHERE}));
        for operation in
            ["CreateResourceServer", "DescribeResourceServer", "DeleteResourceServer", "ListResourceServers"]
        {
            assert_eq!(town.refused(operation, nowhere.clone()).await, NO_POOL, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_pool_has_no_more_than_its_share() {
    for town in towns().await {
        let pool = town.pool().await;
        let server = |n: usize| json!({"UserPoolId": pool, "Identifier": format!("api{n}"), "Name": "api"});
        for n in 0..resource_servers::MOST_RESOURCE_SERVERS {
            town.call("CreateResourceServer", server(n)).await;
        }
        assert!(town.refused("CreateResourceServer", server(99)).await.starts_with("LimitExceededException"));
        let first = town.call("ListResourceServers", json!({"UserPoolId": pool, "MaxResults": 20})).await;
        let rest = json!({"UserPoolId": pool, "MaxResults": 20, "NextToken": first["NextToken"]});
        assert_eq!(town.call("ListResourceServers", rest).await["ResourceServers"].as_array().unwrap().len(), 5);
    }
}

#[tokio::test]
async fn applying_a_resource_server_twice_writes_once() {
    for town in towns().await {
        let (cx, pool_id) = (town.cx(), town.pool().await);
        let mut desired =
            ResourceServer { pool_id, identifier: "api".into(), name: "api".into(), scopes: BTreeMap::new() };
        assert_eq!(resource_servers::apply(&cx, desired.clone()).await.unwrap(), Applied::Created);
        assert_eq!(resource_servers::apply(&cx, desired.clone()).await.unwrap(), Applied::Unchanged);
        desired.scopes.insert("read".into(), "Read".into());
        assert_eq!(resource_servers::apply(&cx, desired.clone()).await.unwrap(), Applied::Changed);
        assert_eq!(resource_servers::apply(&cx, desired).await.unwrap(), Applied::Unchanged);
    }
}
