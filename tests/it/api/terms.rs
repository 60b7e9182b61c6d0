//! Terms that pages link to.

use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, Town, towns, with};

async fn client(town: &Town, pool: &str) -> String {
    let made = town.call("CreateUserPoolClient", json!({"UserPoolId": pool, "ClientName": "web"})).await;
    made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

fn terms(pool: &str, client: &str, name: &str) -> Value {
    json!({
        "UserPoolId": pool, "ClientId": client, "TermsName": name, "TermsSource": "LINK", "Enforcement": "NONE",
        "Links": {"cognito:default": "https://app.example/terms", "cognito:german": "https://app.example/agb"},
    })
}

#[tokio::test]
async fn terms_are_made_changed_and_deleted() {
    for town in towns().await {
        let pool = town.pool().await;
        let client = client(&town, &pool).await;
        let wanted = terms(&pool, &client, "terms-of-use");
        let made = town.call("CreateTerms", wanted.clone()).await["Terms"].clone();
        let id = made["TermsId"].as_str().unwrap();
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        let exists = "TermsExistsException: Terms with this name already exist for this app client.";
        assert_eq!(town.refused("CreateTerms", wanted).await, exists);
        let by_id = json!({"UserPoolId": pool, "TermsId": id});
        let shown = json!({"Terms": made});
        assert_eq!(town.call("DescribeTerms", by_id.clone()).await, shown);
        let by_client = json!({"UserPoolId": pool, "ClientId": client, "TermsName": "terms-of-use"});
        assert_eq!(town.call("DescribeTermsByClient", by_client.clone()).await, shown);

        town.call("CreateTerms", terms(&pool, &client, "privacy-policy")).await;
        let taken = with(&by_id, json!({"TermsName": "privacy-policy"}));
        assert_eq!(town.refused("UpdateTerms", taken).await, exists);
        let links = json!({"cognito:default": "https://app.example/new"});
        let changed = town.call("UpdateTerms", with(&by_id, json!({"Links": links}))).await["Terms"].clone();
        assert_eq!((&changed["Links"], &changed["TermsName"]), (&links, &json!("terms-of-use")));

        assert_eq!(town.call("DeleteTerms", by_id.clone()).await, Value::Null);
        let gone = format!("ResourceNotFoundException: Terms {id} do not exist.");
        for operation in ["DescribeTerms", "UpdateTerms", "DeleteTerms"] {
            assert_eq!(town.refused(operation, by_id.clone()).await, gone, "{operation}");
        }
        let none = format!("ResourceNotFoundException: User pool client {client} has no terms-of-use terms.");
        assert_eq!(town.refused("DescribeTermsByClient", by_client).await, none);
    }
}

#[tokio::test]
async fn terms_are_listed_page_by_page() {
    for town in towns().await {
        let pool = town.pool().await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let client = client(&town, &pool).await;
            let made = town.call("CreateTerms", terms(&pool, &client, "terms-of-use")).await;
            ids.push(made["Terms"]["TermsId"].as_str().unwrap().to_owned());
        }
        ids.sort();
        let first = town.call("ListTerms", json!({"UserPoolId": pool, "MaxResults": 2})).await;
        let rest = json!({"UserPoolId": pool, "MaxResults": 2, "NextToken": first["NextToken"]});
        let rest = town.call("ListTerms", rest).await;
        assert_eq!(rest.get("NextToken"), None);
        let all = [&first, &rest].map(|page| page["Terms"].as_array().unwrap().clone()).concat();
        assert_eq!(all.iter().map(|terms| terms["TermsId"].as_str().unwrap()).collect::<Vec<_>>(), ids);
        assert_eq!(all[0].get("Links"), None);
        let other = town.pool().await;
        let forged = json!({"UserPoolId": other, "NextToken": first["NextToken"]});
        assert_eq!(town.refused("ListTerms", forged).await, "InvalidParameterException: Invalid pagination token");
    }
}

#[tokio::test]
async fn terms_link_to_pages_of_their_own_pools_clients() {
    for town in towns().await {
        let (pool, other) = (town.pool().await, town.pool().await);
        let client = client(&town, &pool).await;
        for link in ["javascript:alert(1)", "/terms", "https://me:secret@app.example/"] {
            let call = with(&terms(&pool, &client, "terms-of-use"), json!({"Links": {"cognito:default": link}}));
            let refused = town.refused("CreateTerms", call).await;
            assert!(refused.starts_with("InvalidParameterException: Invalid link"), "{refused}");
        }
        let mut unlinked = terms(&pool, &client, "terms-of-use");
        unlinked.as_object_mut().unwrap().remove("Links");
        assert!(town.refused("CreateTerms", unlinked).await.starts_with("InvalidParameterException: Links must"));
        for broken in
            [json!({"TermsName": "other"}), json!({"Links": {"english": "https://a.example"}}), json!({"Links": {}})]
        {
            let call = with(&terms(&pool, &client, "terms-of-use"), broken);
            assert!(
                town.refused("CreateTerms", call).await.starts_with("InvalidParameterException: 1 validation error")
            );
        }
        let made = town.call("CreateTerms", terms(&pool, &client, "terms-of-use")).await;
        let id = made["Terms"]["TermsId"].as_str().unwrap().to_owned();
        for operation in ["CreateTerms", "DescribeTermsByClient"] {
            let none = format!("ResourceNotFoundException: User pool client {client} does not exist.");
            assert_eq!(town.refused(operation, terms(&other, &client, "terms-of-use")).await, none, "{operation}");
            assert_eq!(town.refused(operation, terms(NOWHERE, &client, "terms-of-use")).await, NO_POOL, "{operation}");
        }
        for operation in ["DescribeTerms", "UpdateTerms", "DeleteTerms"] {
            let abroad = json!({"UserPoolId": other, "TermsId": id});
            assert!(
                town.refused(operation, abroad).await.starts_with("ResourceNotFoundException: Terms"),
                "{operation}"
            );
            assert_eq!(town.refused(operation, json!({"UserPoolId": NOWHERE, "TermsId": id})).await, NO_POOL);
        }
        assert_eq!(town.refused("ListTerms", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
        // They go with their client.
        town.call("DeleteUserPoolClient", json!({"UserPoolId": pool, "ClientId": client})).await;
        assert_eq!(town.call("ListTerms", json!({"UserPoolId": pool})).await["Terms"], json!([]));
    }
}
