//! What belongs to another pool, another user or another list, and what is not there any more.

use serde_json::{Value, json};

use super::{
    people::{
        CODE_EXPIRED, CODE_MISMATCH, DISABLED, NO_USER, PASSWORD, Site, TOO_OFTEN, Tokens, other_code, sites,
        sites_with,
    },
    town::with,
};

/// Every list of this area that has pages: the operation, its call, and what its limit and its token are called.
fn lists(site: &Site) -> [(&'static str, Value, &'static str, &'static str); 8] {
    let pool = json!({"UserPoolId": site.pool});
    [
        ("ListUserPools", json!({}), "MaxResults", "NextToken"),
        ("ListUserPoolClients", pool.clone(), "MaxResults", "NextToken"),
        ("ListUsers", pool.clone(), "Limit", "PaginationToken"),
        ("ListGroups", pool.clone(), "Limit", "NextToken"),
        ("ListUsersInGroup", with(&pool, json!({"GroupName": "a"})), "Limit", "NextToken"),
        ("AdminListGroupsForUser", with(&pool, json!({"Username": "ann"})), "Limit", "NextToken"),
        ("ListResourceServers", pool.clone(), "MaxResults", "NextToken"),
        ("ListUserImportJobs", pool, "MaxResults", "PaginationToken"),
    ]
}

/// Two of everything that can be listed.
async fn furnish(site: &Site) {
    site.pool().await;
    site.another_client(json!({})).await;
    for name in ["ann", "bob"] {
        site.person(name).await;
    }
    for group in ["a", "b"] {
        let named = json!({"UserPoolId": site.pool, "GroupName": group});
        site.call("CreateGroup", named.clone()).await;
        for user in ["ann", "bob"] {
            site.call("AdminAddUserToGroup", with(&named, json!({"Username": user}))).await;
        }
        let server = json!({"UserPoolId": site.pool, "Identifier": group, "Name": group});
        site.call("CreateResourceServer", server).await;
        let role = "arn:aws:iam::123456789012:role/import";
        let job = json!({"UserPoolId": site.pool, "JobName": group, "CloudWatchLogsRoleArn": role});
        site.call("CreateUserImportJob", job).await;
    }
}

#[tokio::test]
async fn a_token_of_one_list_is_good_for_no_other() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        furnish(&site).await;
        let mut tokens = Vec::new();
        for (operation, call, limit, token) in lists(&site) {
            let page = site.call(operation, with(&call, json!({limit: 1}))).await;
            tokens.push((operation, page[token].as_str().unwrap_or_else(|| panic!("{operation}: {page}")).to_owned()));
        }
        for (operation, call, limit, token) in lists(&site) {
            for (origin, value) in &tokens {
                let call = with(&call, json!({limit: 1, token: value}));
                if *origin == operation {
                    site.call(operation, call).await;
                } else {
                    assert_eq!(
                        site.refused(operation, call).await,
                        "InvalidParameterException: Invalid pagination token",
                        "{operation} with a token of {origin}"
                    );
                }
            }
            let (_, own) = tokens.iter().find(|(origin, _)| *origin == operation).unwrap();
            for forged in ["x".to_owned(), format!("{own}A"), own[1..].to_owned(), own.to_lowercase()] {
                let refusal = site.refused(operation, with(&call, json!({limit: 1, token: forged}))).await;
                assert_eq!(refusal, "InvalidParameterException: Invalid pagination token", "{operation}");
            }
        }
        // The same list of another pool is another list.
        let elsewhere = site.pool().await;
        for (operation, call, limit, token) in lists(&site).into_iter().skip(1) {
            if ["ListUsersInGroup", "AdminListGroupsForUser"].contains(&operation) {
                continue;
            }
            let (_, value) = tokens.iter().find(|(origin, _)| *origin == operation).unwrap();
            let moved = with(&call, json!({"UserPoolId": elsewhere, limit: 1, token: value}));
            let refusal = site.refused(operation, moved).await;
            assert_eq!(refusal, "InvalidParameterException: Invalid pagination token", "{operation}");
        }
    }
}

#[tokio::test]
async fn limits_are_numbers_within_their_bounds() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        furnish(&site).await;
        for (operation, call, limit, _) in lists(&site) {
            let most = if operation == "ListResourceServers" { 50 } else { 60 };
            for number in [json!(-1), json!(most + 1), json!(2_147_483_647)] {
                let refusal = site.refused(operation, with(&call, json!({limit: number}))).await;
                assert!(refusal.starts_with("InvalidParameterException: 1 validation error"), "{operation}: {refusal}");
            }
            for number in [json!("1"), json!(2_147_483_648_i64), json!(1.5), json!([1])] {
                let (status, body) = site.send(operation, &with(&call, json!({limit: number}))).await;
                assert_eq!((status, &body["__type"]), (400, &json!("SerializationException")), "{operation} {number}");
            }
            if limit == "Limit" {
                site.call(operation, with(&call, json!({limit: 0}))).await;
            }
        }
    }
}

#[tokio::test]
async fn filters_are_taken_at_their_word() {
    for site in sites().await {
        site.person("ann").await;
        let filters = [
            r#"username = "x\" or \"1\"=\"1""#.to_owned(),
            r#"username = "ann%""#.into(),
            r#"username = "an_""#.into(),
            r#"username ^= "\\""#.into(),
            r#"email = "' OR 1=1 --""#.into(),
            "given_name = \"\u{5d0}\u{1f600}\"".into(),
        ];
        for filter in filters {
            let found = site.call("ListUsers", json!({"UserPoolId": site.pool, "Filter": filter})).await;
            assert_eq!(found["Users"], json!([]), "{filter}");
        }
        for filter in [format!("username = \"{}\"", "x".repeat(10_000)), "username = \"a\u{0}\"".into()] {
            let refusal = site.refused("ListUsers", json!({"UserPoolId": site.pool, "Filter": filter})).await;
            assert!(refusal.starts_with("InvalidParameterException"), "{refusal}");
        }
    }
}

#[tokio::test]
async fn attributes_to_get_must_be_there_for_every_user_of_the_page() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let nickname = json!([{"Name": "nickname", "Value": "A"}]);
        site.call("AdminUpdateUserAttributes", with(&site.named("ann"), json!({"UserAttributes": nickname}))).await;
        let call = json!({"UserPoolId": site.pool, "AttributesToGet": ["nickname"]});
        assert_eq!(
            site.refused("ListUsers", call.clone()).await,
            "InvalidParameterException: One or more requested attributes do not exist."
        );
        let found = site.call("ListUsers", with(&call, json!({"Filter": "username = \"ann\""}))).await;
        assert_eq!(found["Users"][0]["Attributes"], nickname);
    }
}

#[tokio::test]
async fn nothing_of_another_pool_is_there() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        furnish(&site).await;
        let job = site.call("ListUserImportJobs", json!({"UserPoolId": site.pool, "MaxResults": 1})).await;
        let job = job["UserImportJobs"][0]["JobId"].clone();
        let elsewhere = site.pool().await;
        let missing = "ResourceNotFoundException";
        let attributes = json!([{"Name": "nickname", "Value": "A"}]);
        let calls = [
            ("AdminGetUser", json!({"Username": "ann"}), "UserNotFoundException"),
            (
                "AdminUpdateUserAttributes",
                json!({"Username": "ann", "UserAttributes": attributes}),
                "UserNotFoundException",
            ),
            ("AdminDeleteUser", json!({"Username": "ann"}), "UserNotFoundException"),
            ("AdminListGroupsForUser", json!({"Username": "ann"}), "UserNotFoundException"),
            ("AdminAddUserToGroup", json!({"Username": "ann", "GroupName": "a"}), "UserNotFoundException"),
            ("AdminRemoveUserFromGroup", json!({"Username": "ann", "GroupName": "a"}), "UserNotFoundException"),
            ("GetGroup", json!({"GroupName": "a"}), missing),
            ("UpdateGroup", json!({"GroupName": "a"}), missing),
            ("DeleteGroup", json!({"GroupName": "a"}), missing),
            ("ListUsersInGroup", json!({"GroupName": "a"}), missing),
            ("DescribeUserPoolClient", json!({"ClientId": site.client}), missing),
            ("UpdateUserPoolClient", json!({"ClientId": site.client}), missing),
            ("DeleteUserPoolClient", json!({"ClientId": site.client}), missing),
            ("AddUserPoolClientSecret", json!({"ClientId": site.client}), missing),
            ("ListUserPoolClientSecrets", json!({"ClientId": site.client}), missing),
            ("DeleteUserPoolClientSecret", json!({"ClientId": site.client, "ClientSecretId": "x"}), missing),
            ("DescribeResourceServer", json!({"Identifier": "a"}), missing),
            ("UpdateResourceServer", json!({"Identifier": "a", "Name": "n"}), missing),
            ("DeleteResourceServer", json!({"Identifier": "a"}), missing),
            ("DescribeUserImportJob", json!({"JobId": job}), missing),
            ("StartUserImportJob", json!({"JobId": job}), missing),
            ("StopUserImportJob", json!({"JobId": job}), missing),
            (
                "AdminInitiateAuth",
                with(&site.password("ann", PASSWORD), json!({"AuthFlow": "ADMIN_USER_PASSWORD_AUTH"})),
                missing,
            ),
        ];
        for (operation, members, exception) in calls {
            let call = with(&members, json!({"UserPoolId": elsewhere}));
            let refusal = site.refused(operation, call).await;
            assert!(refusal.starts_with(exception), "{operation}: {refusal}");
        }
        site.call("AdminGetUser", site.named("ann")).await;
    }
}

#[tokio::test]
async fn a_disabled_user_comes_in_nowhere() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        site.newcomer("new", PASSWORD).await;
        let asked = site.call("InitiateAuth", site.password("new", PASSWORD)).await;
        for name in ["ann", "new"] {
            site.call("AdminDisableUser", site.named(name)).await;
        }
        let admin = json!({"UserPoolId": site.pool, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"});
        let reset = json!({"ConfirmationCode": code, "Password": "Other-1234"});
        let answers = json!({"USERNAME": "new", "NEW_PASSWORD": "Other-1234"});
        let answer = json!({"ClientId": site.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"],
                            "ChallengeResponses": answers});
        let calls = [
            ("InitiateAuth", site.password("ann", PASSWORD)),
            ("InitiateAuth", site.password("ann", "Wrong-1234")),
            ("AdminInitiateAuth", with(&site.password("ann", PASSWORD), admin)),
            ("RespondToAuthChallenge", answer),
            ("GetUser", json!({"AccessToken": tokens.access})),
            ("ForgotPassword", site.by_client("ann")),
            ("ConfirmForgotPassword", with(&site.by_client("ann"), reset)),
        ];
        for (operation, call) in calls {
            assert_eq!(site.refused(operation, call).await, DISABLED, "{operation}");
        }
        let refresh = site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await;
        assert!(refresh.starts_with("NotAuthorizedException: "), "{refresh}");
        let newer = json!({"ClientId": site.client, "RefreshToken": tokens.refresh});
        let newer = site.refused("GetTokensFromRefreshToken", newer).await;
        assert!(newer.starts_with("NotAuthorizedException: "), "{newer}");
    }
}

#[tokio::test]
async fn a_user_of_the_same_name_inherits_nothing() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        let before = site.attribute("ann", "sub").await;
        site.call("ForgotPassword", site.by_client("ann")).await;
        let reset = site.code("ann@example.com").await;
        site.advance(1);
        site.stranger("bob").await;
        let confirm = site.code("bob@example.com").await;
        site.newcomer("new", PASSWORD).await;
        let asked = site.call("InitiateAuth", site.password("new", PASSWORD)).await;
        for name in ["ann", "bob", "new"] {
            site.call("AdminDeleteUser", site.named(name)).await;
        }
        site.person("ann").await;
        site.stranger("bob").await;
        site.newcomer("new", PASSWORD).await;

        assert_ne!(site.attribute("ann", "sub").await, before);
        assert_eq!(site.refused("GetUser", json!({"AccessToken": tokens.access})).await, NO_USER);
        let refresh = site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await;
        assert!(refresh.starts_with("NotAuthorizedException: "), "{refresh}");
        let call = with(&site.by_client("ann"), json!({"ConfirmationCode": reset, "Password": "Other-1234"}));
        assert_eq!(site.refused("ConfirmForgotPassword", call).await, CODE_EXPIRED);
        if site.code("bob@example.com").await != confirm {
            let call = with(&site.by_client("bob"), json!({"ConfirmationCode": confirm}));
            assert_eq!(site.refused("ConfirmSignUp", call).await, CODE_MISMATCH);
        }
        let answer = json!({"ClientId": site.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"],
                            "ChallengeResponses": {"USERNAME": "new", "NEW_PASSWORD": "Other-1234"}});
        let refusal = site.refused("RespondToAuthChallenge", answer).await;
        assert!(refusal.starts_with("NotAuthorizedException: "), "{refusal}");
    }
}

#[tokio::test]
async fn a_code_is_good_for_one_purpose_and_until_the_next_one() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        site.call("ForgotPassword", site.by_client("ann")).await;
        let reset = site.code("ann@example.com").await;
        let verify = |code: &str| json!({"AccessToken": token, "AttributeName": "email", "Code": code});
        assert_eq!(site.refused("VerifyUserAttribute", verify(&reset)).await, CODE_EXPIRED, "another purpose");

        site.advance(1);
        let about = json!({"AccessToken": token, "AttributeName": "email"});
        site.call("GetUserAttributeVerificationCode", about.clone()).await;
        let first = site.code("ann@example.com").await;
        let set =
            |code: &str| with(&site.by_client("ann"), json!({"ConfirmationCode": code, "Password": "Other-1234"}));
        if first != reset {
            assert_eq!(site.refused("ConfirmForgotPassword", set(&first)).await, CODE_MISMATCH, "another purpose");
        }
        site.advance(1);
        site.call("GetUserAttributeVerificationCode", about).await;
        let second = site.code("ann@example.com").await;
        if first != second {
            assert_eq!(
                site.refused("VerifyUserAttribute", verify(&first)).await,
                CODE_MISMATCH,
                "a newer one was sent"
            );
        }
        let mut refusals = Vec::new();
        for _ in 0..20 {
            refusals.push(site.refused("VerifyUserAttribute", verify(&other_code(&second))).await);
        }
        assert_eq!((&*refusals[0], &*refusals[19]), (CODE_MISMATCH, TOO_OFTEN));
        assert_eq!(
            site.refused("VerifyUserAttribute", verify(&second)).await,
            TOO_OFTEN,
            "the right one comes too late"
        );
    }
}

#[tokio::test]
async fn attributes_beyond_the_schema_are_refused() {
    let schema = json!([{"Name": "size", "AttributeDataType": "Number",
                         "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"}},
                        {"Name": "flag", "AttributeDataType": "Boolean"},
                        {"Name": "code", "AttributeDataType": "String", "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "3"}}]);
    for site in sites_with(json!({"Schema": schema}), json!({})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let long = "x".repeat(2_049);
        let cases = [
            ("name", long.as_str()),
            ("name", "a\u{0}b"),
            ("custom:size", "0"),
            ("custom:size", "10"),
            ("custom:size", "NaN"),
            ("custom:size", "inf"),
            ("custom:size", "many"),
            ("custom:flag", "maybe"),
            ("custom:code", "a"),
            ("custom:code", "abcd"),
            ("cognito:username", "eve"),
            ("cognito:groups", "admin"),
            ("custom:none", "1"),
            ("", "1"),
        ];
        for (name, value) in cases {
            let attributes = json!([{"Name": name, "Value": value}]);
            let own = json!({"AccessToken": token, "UserAttributes": attributes});
            let refusal = site.refused("UpdateUserAttributes", own).await;
            assert!(refusal.starts_with("InvalidParameterException: "), "{name} {refusal}");
            let admin = with(&site.named("ann"), json!({"UserAttributes": attributes}));
            let refusal = site.refused("AdminUpdateUserAttributes", admin).await;
            assert!(refusal.starts_with("InvalidParameterException: "), "{name} {refusal}");
        }
        let good = json!([{"Name": "custom:flag", "Value": "TRUE"}, {"Name": "custom:size", "Value": "1"},
                          {"Name": "custom:code", "Value": "ab"}, {"Name": "name", "Value": "x".repeat(2_048)}]);
        site.call("UpdateUserAttributes", json!({"AccessToken": token, "UserAttributes": good})).await;
        assert_eq!(site.attribute("ann", "custom:flag").await.as_deref(), Some("true"));
    }
}

#[tokio::test]
async fn a_schema_holds_fifty_attributes_of_ones_own() {
    for site in sites().await {
        let custom = |number: usize| json!({"Name": format!("a{number}"), "AttributeDataType": "String"});
        let add = |numbers: std::ops::Range<usize>| json!({"UserPoolId": site.pool, "CustomAttributes": numbers.map(custom).collect::<Vec<_>>()});
        for numbers in [0..25, 25..50] {
            site.call("AddCustomAttributes", add(numbers)).await;
        }
        let refusal = site.refused("AddCustomAttributes", add(50..51)).await;
        assert_eq!(refusal, "InvalidParameterException: A pool holds at most 50 custom attributes.");
        let many = site.refused("AddCustomAttributes", add(50..76)).await;
        assert!(many.contains("less than or equal to 25"), "{many}");
    }
}

#[tokio::test]
async fn a_changed_password_ends_no_session() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        let change =
            json!({"AccessToken": tokens.access, "PreviousPassword": PASSWORD, "ProposedPassword": "Other-1234"});
        site.call("ChangePassword", change).await;
        site.call("GetUser", json!({"AccessToken": tokens.access})).await;
        let again = Tokens::of(&site.call("InitiateAuth", site.refresh(&tokens.refresh)).await);
        site.call("GetUser", json!({"AccessToken": again.access})).await;
        site.advance(1);
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        let reset = json!({"ConfirmationCode": code, "Password": "Third-1234"});
        site.call("ConfirmForgotPassword", with(&site.by_client("ann"), reset)).await;
        site.call("InitiateAuth", site.refresh(&tokens.refresh)).await;
    }
}
