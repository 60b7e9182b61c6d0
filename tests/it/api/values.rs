//! Values that nobody in good faith would send: each is refused before anything happens, or is nothing but a value.

use serde_json::{Value, json};

use super::{
    people::{NO_USER, PASSWORD, Site, claims, sites},
    town::with,
};

async fn exception(site: &Site, operation: &str, input: Value) -> String {
    let refusal = site.refused(operation, input).await;
    refusal.split(": ").next().unwrap().to_owned()
}

/// No such password reaches the hash: it breaks the published shape, or the policy.
#[tokio::test]
async fn a_password_that_cannot_be_one_is_refused_everywhere() {
    for site in sites().await {
        site.person("ann").await;
        let access = site.tokens("ann").await.access;
        let long = "Aa1-".repeat(65);
        for (password, expected) in [
            ("", "InvalidParameterException"),
            (long.as_str(), "InvalidParameterException"),
            ("Right\u{0}1234", "InvalidParameterException"),
            (" Right-1234", "InvalidParameterException"),
            ("Right-1234 ", "InvalidParameterException"),
            ("Aa1-", "InvalidPasswordException"),
        ] {
            let set = json!({"Password": password, "Permanent": true});
            let change = json!({"AccessToken": access, "PreviousPassword": PASSWORD, "ProposedPassword": password});
            for (operation, input) in [
                ("SignUp", with(&site.sign_up("bob"), json!({"Password": password}))),
                ("AdminSetUserPassword", with(&site.named("ann"), set)),
                ("AdminCreateUser", with(&site.named("bob"), json!({"TemporaryPassword": password}))),
                ("ChangePassword", change),
                (
                    "ConfirmForgotPassword",
                    with(&site.by_client("ann"), json!({"ConfirmationCode": "123456", "Password": password})),
                ),
            ] {
                // An empty temporary password is one that the server makes up, with the service too.
                if operation == "AdminCreateUser" && password.is_empty() {
                    continue;
                }
                assert_eq!(exception(&site, operation, input).await, expected, "{operation} {password:?}");
            }
        }
        let shown = site.refused("AdminGetUser", site.named("bob")).await;
        assert_eq!(shown, NO_USER, "nobody was made on the way");
        assert!(site.opens("ann", PASSWORD).await);

        // A lone surrogate is no text at all.
        let body = site.sign_up("bob").to_string().replace(PASSWORD, "Right-1234\\ud800");
        let (status, answer) = site.send_text("SignUp", body).await;
        assert_eq!((status, answer["__type"].as_str()), (400, Some("SerializationException")), "{answer}");
        // A megabyte of it never gets as far as a password.
        let (status, answer) = site.send("InitiateAuth", &site.password("ann", &"a".repeat(1 << 20))).await;
        assert!((400..500).contains(&status), "{answer}");
    }
}

#[tokio::test]
async fn an_address_with_more_than_one_reading_is_none() {
    let long = format!("{}@{}.example", "a".repeat(200), "b".repeat(120));
    for site in sites().await {
        for email in [
            "a@b.example\r\nBcc: x@y.example",
            "a@b.example\nx",
            "a@b@c.example",
            "a\u{ff20}b.example",
            "\"a b\"@c.example",
            "a <b@c.example>",
            "a@b..example",
            "@b.example",
            "a@",
            &long,
        ] {
            let given = json!([{"Name": "email", "Value": email}]);
            let input = with(&site.sign_up("ann"), json!({"UserAttributes": given}));
            let refusal = site.refused("SignUp", input).await;
            assert_eq!(refusal, "InvalidParameterException: Invalid email address format.", "{email:?}");
        }
        for phone in
            ["15550101234", "+", "+1", "+1 555 0101", "+1555010123456789", "+1-555", "00155501", "+1555\u{661}"]
        {
            let given = json!([{"Name": "phone_number", "Value": phone}]);
            let input = with(&site.sign_up("ann"), json!({"UserAttributes": given}));
            let refusal = site.refused("SignUp", input).await;
            assert_eq!(refusal, "InvalidParameterException: Invalid phone number format.", "{phone:?}");
        }
        assert_eq!(site.call("ListUsers", json!({"UserPoolId": site.pool})).await["Users"], json!([]));
    }
}

/// A token stays of a bounded size: 100 groups is the most that it can tell of.
#[tokio::test]
async fn a_token_tells_of_a_hundred_groups_and_no_more() {
    for site in sites().await {
        site.person("ann").await;
        let mut refused = None;
        for number in 0..=100 {
            let group = json!({"UserPoolId": site.pool, "GroupName": format!("group-{number}")});
            site.call("CreateGroup", group.clone()).await;
            let join = with(&group, json!({"Username": "ann"}));
            let (status, body) = site.send("AdminAddUserToGroup", &join).await;
            if status != 200 {
                refused = Some((number, body["__type"].as_str().unwrap().to_owned()));
            }
        }
        assert_eq!(refused, Some((100, "InvalidParameterException".to_owned())));
        let tokens = site.tokens("ann").await;
        assert_eq!(claims(&tokens.access)["cognito:groups"].as_array().unwrap().len(), 100);
        assert!(tokens.access.len() < 8_192, "a header can carry it");
    }
}
