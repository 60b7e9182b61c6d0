//! Groups and who is in them.

use poolhouse::flows::{
    Applied,
    groups::{self, Details},
};
use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, towns, with};

const NO_GROUP: &str = "ResourceNotFoundException: Group not found.";

#[tokio::test]
async fn a_group_is_made_changed_and_deleted() {
    for town in towns().await {
        let pool = town.pool().await;
        let named = json!({"UserPoolId": pool, "GroupName": "admin"});
        let members = json!({"Description": "d", "Precedence": 0, "RoleArn": "arn:aws:iam::123456789012:role/admin"});
        let made = town.call("CreateGroup", with(&named, members.clone())).await["Group"].clone();
        let dates = json!({"CreationDate": 1_800_000_000.0, "LastModifiedDate": 1_800_000_000.0});
        assert_eq!(made, with(&with(&named, members), dates));
        assert_eq!(
            town.refused("CreateGroup", named.clone()).await,
            "GroupExistsException: A group with the name already exists."
        );
        let updated = town.call("UpdateGroup", with(&named, json!({"Precedence": 3}))).await["Group"].clone();
        assert_eq!((&updated["Precedence"], &updated["Description"]), (&json!(3), &json!("d")));
        assert_eq!(town.call("GetGroup", named.clone()).await["Group"], updated);
        assert_eq!(town.call("DeleteGroup", named.clone()).await, Value::Null);
        for operation in ["GetGroup", "UpdateGroup", "DeleteGroup", "ListUsersInGroup"] {
            assert_eq!(town.refused(operation, named.clone()).await, NO_GROUP, "{operation}");
        }
        let nowhere = with(&named, json!({"UserPoolId": NOWHERE}));
        for operation in ["CreateGroup", "GetGroup", "UpdateGroup", "DeleteGroup", "ListGroups", "ListUsersInGroup"] {
            assert_eq!(town.refused(operation, nowhere.clone()).await, NO_POOL, "{operation}");
        }
    }
}

#[tokio::test]
async fn users_join_and_leave_as_often_as_they_are_told_to() {
    for town in towns().await {
        let pool = town.pool().await;
        for group in ["a", "b", "c"] {
            town.call("CreateGroup", json!({"UserPoolId": pool, "GroupName": group})).await;
        }
        town.user(&pool, "ann").await;
        town.user(&pool, "bob").await;
        let membership = |user: &str, group: &str| json!({"UserPoolId": pool, "Username": user, "GroupName": group});
        for (user, group) in [("ann", "a"), ("ann", "a"), ("ann", "b"), ("ann", "c"), ("bob", "a")] {
            assert_eq!(town.call("AdminAddUserToGroup", membership(user, group)).await, Value::Null);
        }
        let ann = json!({"UserPoolId": pool, "Username": "ann"});
        let first = town.call("AdminListGroupsForUser", with(&ann, json!({"Limit": 2}))).await;
        assert_eq!(first["Groups"].as_array().unwrap().len(), 2);
        let rest = with(&ann, json!({"Limit": 2, "NextToken": first["NextToken"]}));
        assert_eq!(town.call("AdminListGroupsForUser", rest).await["Groups"][0]["GroupName"], "c");

        let group = json!({"UserPoolId": pool, "GroupName": "a"});
        let one = town.call("ListUsersInGroup", with(&group, json!({"Limit": 1}))).await;
        let next = with(&group, json!({"Limit": 1, "NextToken": one["NextToken"]}));
        let other = town.call("ListUsersInGroup", next).await;
        let mut names = [&one, &other].map(|page| page["Users"][0]["Username"].as_str().unwrap().to_owned());
        names.sort_unstable();
        assert_eq!(names, ["ann", "bob"]);

        for _ in 0..2 {
            town.call("AdminRemoveUserFromGroup", membership("ann", "a")).await;
        }
        town.call("DeleteGroup", json!({"UserPoolId": pool, "GroupName": "b"})).await;
        let left = town.call("AdminListGroupsForUser", with(&ann, json!({"Limit": 0}))).await;
        assert_eq!(left["Groups"].as_array().unwrap().len(), 1);
        for operation in ["AdminAddUserToGroup", "AdminRemoveUserFromGroup"] {
            let nobody = "UserNotFoundException: User does not exist.";
            assert_eq!(town.refused(operation, membership("nobody", "a")).await, nobody);
            assert_eq!(town.refused(operation, membership("ann", "none")).await, NO_GROUP);
            let nowhere = with(&membership("ann", "a"), json!({"UserPoolId": NOWHERE}));
            assert_eq!(town.refused(operation, nowhere).await, NO_POOL);
        }
        let nobody = json!({"UserPoolId": pool, "Username": "nobody"});
        assert!(town.refused("AdminListGroupsForUser", nobody).await.starts_with("UserNotFoundException"));
    }
}

#[tokio::test]
async fn groups_are_listed_page_by_page() {
    for town in towns().await {
        let pool = town.pool().await;
        for group in ["b", "a", "c"] {
            town.call("CreateGroup", json!({"UserPoolId": pool, "GroupName": group})).await;
        }
        let first = town.call("ListGroups", json!({"UserPoolId": pool, "Limit": 2})).await;
        let rest = json!({"UserPoolId": pool, "Limit": 2, "NextToken": first["NextToken"]});
        let second = town.call("ListGroups", rest).await;
        let names = [&first["Groups"][0], &first["Groups"][1], &second["Groups"][0]].map(|group| &group["GroupName"]);
        assert_eq!(names, ["a", "b", "c"]);
        let wrong = json!({"UserPoolId": pool, "NextToken": "x"});
        assert!(town.refused("ListGroups", wrong).await.starts_with("InvalidParameterException"));
    }
}

#[tokio::test]
async fn applying_a_group_twice_writes_once() {
    for town in towns().await {
        let (cx, pool) = (town.cx(), town.pool().await);
        let told = Details { description: Some("d".into()), ..Details::default() };
        assert_eq!(groups::apply(&cx, &pool, "a", told.clone()).await.unwrap(), Applied::Created);
        assert_eq!(groups::apply(&cx, &pool, "a", told).await.unwrap(), Applied::Unchanged);
        assert_eq!(groups::apply(&cx, &pool, "a", Details::default()).await.unwrap(), Applied::Changed);
        assert_eq!(groups::get(&cx, &pool, "a").await.unwrap().description, None);
        assert_eq!(groups::all_names(&cx, &pool).await.unwrap(), ["a"]);
    }
}
