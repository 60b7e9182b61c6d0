//! Lists of users: filters, pages, cursors.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    people::{Site, sites},
    town::{NO_POOL, NOWHERE, with},
};

async fn found(site: &Site, filter: &str) -> Vec<String> {
    let output = site.call("ListUsers", json!({"UserPoolId": site.pool, "Filter": filter})).await;
    let mut names: Vec<_> =
        output["Users"].as_array().unwrap().iter().map(|user| user["Username"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

async fn newcomer(site: &Site, name: &str, attributes: &[(&str, &str)]) {
    let list: Vec<_> = attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let members = json!({"MessageAction": "SUPPRESS", "TemporaryPassword": "Right-1234", "UserAttributes": list});
    site.call("AdminCreateUser", with(&site.named(name), members)).await;
}

#[tokio::test]
async fn filters_find_by_value_and_by_prefix() {
    for site in sites().await {
        newcomer(
            &site,
            "ann",
            &[("email", "ann@example.com"), ("given_name", "Ann"), ("phone_number", "+15555550100")],
        )
        .await;
        newcomer(&site, "anna", &[("email", "anna@example.org"), ("given_name", "An\"na\\")]).await;
        newcomer(&site, "bob", &[("email", "b%b_@example.com"), ("given_name", "o' OR 1=1 --")]).await;
        site.set_password("bob", "Right-1234").await;
        site.call("AdminDisableUser", site.named("anna")).await;
        let sub = site.attribute("bob", "sub").await.unwrap();
        let filters = [
            (r#"username = "ann""#.to_owned(), vec!["ann"]),
            (r#"username ^= "ann""#.into(), vec!["ann", "anna"]),
            (r#"email="ann@example.com""#.into(), vec!["ann"]),
            (r#"email ^= "b%""#.into(), vec!["bob"]),
            (r#"email ^= "%""#.into(), vec![]),
            (r#"email = "b%b_@example.com""#.into(), vec!["bob"]),
            (r#"phone_number ^= "+1""#.into(), vec!["ann"]),
            (r#"given_name = "An\"na\\""#.into(), vec!["anna"]),
            (r#"given_name = "o' OR 1=1 --""#.into(), vec!["bob"]),
            (r#"status = "Disabled""#.into(), vec!["anna"]),
            (r#"status = "Enabled""#.into(), vec!["ann", "bob"]),
            (r#"cognito:user_status = "CONFIRMED""#.into(), vec!["bob"]),
            (format!(r#"sub = "{sub}""#), vec!["bob"]),
            (r#"name = "x""#.into(), vec![]),
            (String::new(), vec!["ann", "anna", "bob"]),
        ];
        for (filter, names) in filters {
            assert_eq!(found(&site, &filter).await, names, "{filter}");
        }
        for filter in ["email", "email = ann", r#"email = "a" or "b" = "b""#, r#"email > "a""#] {
            let call = json!({"UserPoolId": site.pool, "Filter": filter});
            let refusal = "InvalidParameterException: Error while parsing filter";
            assert_eq!(site.refused("ListUsers", call).await, refusal, "{filter}");
        }
        assert_eq!(
            site.refused("ListUsers", json!({"UserPoolId": site.pool, "Filter": r#"custom:foo = "a""#})).await,
            "InvalidParameterException: Invalid search attribute: custom:foo"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_and_thirty_users_come_page_by_page() {
    for site in sites().await {
        for number in 0..130 {
            newcomer(&site, &format!("user{number:03}"), &[("email", "all@example.com")]).await;
        }
        for filter in ["", r#"email = "all@example.com""#, r#"username ^= "user""#] {
            let call = json!({"UserPoolId": site.pool, "Filter": filter});
            let (mut names, mut sizes, mut token) = (BTreeSet::new(), Vec::new(), Value::Null);
            loop {
                let mut call = call.clone();
                if !token.is_null() {
                    call["PaginationToken"] = token;
                }
                let page = site.call("ListUsers", call).await;
                let users = page["Users"].as_array().unwrap();
                sizes.push(users.len());
                names.extend(users.iter().map(|user| user["Username"].as_str().unwrap().to_owned()));
                token = page["PaginationToken"].clone();
                if token.is_null() {
                    break;
                }
            }
            assert_eq!((names.len(), sizes), (130, vec![60, 60, 10]), "{filter}");
        }
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    for site in sites().await {
        for name in ["ann", "bob", "eve"] {
            newcomer(&site, name, &[("email", "e@example.com")]).await;
        }
        let call = json!({"UserPoolId": site.pool, "Limit": 1});
        let token = site.call("ListUsers", call.clone()).await["PaginationToken"].clone();
        let with_token = |call: &Value| with(call, json!({"PaginationToken": token}));
        site.call("ListUsers", with_token(&call)).await;
        let elsewhere = site.pool().await;
        let misuses = [
            with_token(&with(&call, json!({"Filter": r#"status = "Enabled""#}))),
            with_token(&with(&call, json!({"UserPoolId": elsewhere}))),
            with(&call, json!({"PaginationToken": format!("{}A", token.as_str().unwrap())})),
            with(&call, json!({"PaginationToken": "bob"})),
        ];
        for misuse in misuses {
            let refusal = "InvalidParameterException: Invalid pagination token";
            assert_eq!(site.refused("ListUsers", misuse.clone()).await, refusal, "{misuse}");
        }
        assert_eq!(
            site.call("ListUsers", with(&call, json!({"Limit": 0}))).await["Users"].as_array().unwrap().len(),
            3
        );
        for limit in [-1, 61, 2_147_483_647] {
            let refusal = site.refused("ListUsers", with(&call, json!({"Limit": limit}))).await;
            assert!(refusal.starts_with("InvalidParameterException: 1 validation error detected: "), "{refusal}");
        }
        assert_eq!(site.refused("ListUsers", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
        let chosen = site.call("ListUsers", with(&call, json!({"AttributesToGet": ["email"]}))).await;
        assert_eq!(chosen["Users"][0]["Attributes"], json!([{"Name": "email", "Value": "e@example.com"}]));
        assert_eq!(
            site.refused("ListUsers", with(&call, json!({"AttributesToGet": ["custom:none"]}))).await,
            "InvalidParameterException: One or more requested attributes do not exist."
        );
    }
}

#[tokio::test]
async fn a_filtered_list_goes_on_where_it_stopped() {
    for site in sites().await {
        let people = [("d", "ann b"), ("a", "ann b"), ("c", "ann a"), ("b", "anna"), ("e", "bob"), ("f", "ann b")];
        for (user, name) in people {
            newcomer(&site, user, &[("name", name)]).await;
        }
        for (filter, wanted) in [
            (r#"name ^= "ann""#, vec!["a", "b", "c", "d", "f"]),
            (r#"name = "ann b""#, vec!["a", "d", "f"]),
            (r#"username ^= """#, vec!["a", "b", "c", "d", "e", "f"]),
        ] {
            let (mut names, mut token) = (Vec::new(), Value::Null);
            loop {
                let mut call = json!({"UserPoolId": site.pool, "Filter": filter, "Limit": 1});
                if !token.is_null() {
                    call["PaginationToken"] = token;
                }
                let page = site.call("ListUsers", call).await;
                names.extend(
                    page["Users"].as_array().unwrap().iter().map(|user| user["Username"].as_str().unwrap().to_owned()),
                );
                token = page["PaginationToken"].clone();
                if token.is_null() {
                    break;
                }
            }
            names.sort();
            assert_eq!(names, wanted, "{filter}");
        }
    }
}
