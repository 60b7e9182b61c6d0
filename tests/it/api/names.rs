//! User names and passwords in all the world's letters: which are one, which are two, which are none.

use serde_json::json;

use super::{
    people::{PASSWORD, Site, sites, sites_with},
    town::with,
};

/// Each line is one name where case does not matter, and as many as it has words where it does.
const NAMES: [&[&str]; 6] = [
    &["ann", "ANN", "aNN"],
    &["straße", "STRAßE", "STRASSE"],
    &["istanbul", "ISTANBUL"],
    &["ΟΔΟΣ", "οδος", "οδοσ"],
    &["\u{5e9}\u{5dc}\u{5d5}\u{5dd}"],
    &["caf\u{e9}", "CAF\u{c9}"],
];
/// Composed and decomposed letters look the same and are not.
const DECOMPOSED: &str = "cafe\u{301}";

async fn join(site: &Site, name: &str) -> bool {
    let (status, body) = site.send("SignUp", &site.sign_up(name)).await;
    assert!(status == 200 || body["__type"] == "UsernameExistsException", "{name}: {body}");
    status == 200
}

async fn subject(site: &Site, name: &str) -> String {
    site.attribute(name, "sub").await.unwrap()
}

#[tokio::test]
async fn names_that_differ_in_case_are_one_user_where_the_pool_says_so() {
    for site in sites_with(json!({"UsernameConfiguration": {"CaseSensitive": false}}), json!({})).await {
        for forms in NAMES {
            let joined: Vec<_> = [join(&site, forms[0]).await].into();
            assert_eq!(joined, [true], "{forms:?}");
            let owner = subject(&site, forms[0]).await;
            for form in forms {
                assert!(!join(&site, form).await, "{form}");
                assert_eq!(subject(&site, form).await, owner, "{form}");
            }
        }
        assert!(join(&site, DECOMPOSED).await);
        assert_eq!(site.call("AdminGetUser", site.named("ANN")).await["Username"], "ann");
        let prefix = json!({"UserPoolId": site.pool, "Filter": "username ^= \"ΟΔΟΣ\""});
        assert_eq!(site.call("ListUsers", prefix).await["Users"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn names_that_differ_in_case_are_two_users_otherwise() {
    for site in sites().await {
        for form in NAMES.iter().copied().flatten() {
            assert!(join(&site, form).await, "{form}");
            assert_eq!(site.call("AdminGetUser", site.named(form)).await["Username"], **form);
        }
        assert!(join(&site, DECOMPOSED).await);
    }
}

#[tokio::test]
async fn an_address_that_is_a_user_name_or_an_alias_is_compared_like_names() {
    let pool = json!({"UsernameAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": false}});
    for site in sites_with(pool, json!({})).await {
        let call = |name: &str| json!({"ClientId": site.client, "Username": name, "Password": PASSWORD});
        site.call("SignUp", call("Ann@Example.com")).await;
        assert_eq!(
            site.refused("SignUp", call("ann@example.COM")).await,
            "UsernameExistsException: An account with the given email already exists."
        );
        assert_eq!(
            site.attribute("ANN@EXAMPLE.COM", "email").await.as_deref(),
            Some("Ann@Example.com"),
            "attributes are kept as they came"
        );
    }
}

#[tokio::test]
async fn letters_that_nobody_sees_are_in_no_name() {
    for site in sites().await {
        for name in ["a\u{200b}nn", "\u{202e}nna", "a nn", "a\u{0}nn", "ann\n", "\u{feff}ann"] {
            let refusal = site.refused("SignUp", site.sign_up(name)).await;
            assert!(refusal.starts_with("InvalidParameterException: 1 validation error"), "{name:?}: {refusal}");
        }
    }
}

#[tokio::test]
async fn a_password_is_the_letters_that_were_typed() {
    for site in sites().await {
        site.newcomer("ann", PASSWORD).await;
        site.set_password("ann", "Caf\u{e9}-1234").await;
        assert!(site.opens("ann", "Caf\u{e9}-1234").await && !site.opens("ann", "Cafe\u{301}-1234").await);
        let set = |password: &str| with(&site.named("ann"), json!({"Password": password, "Permanent": true}));
        site.call("AdminSetUserPassword", set("In the middle 1")).await;
        assert!(site.opens("ann", "In the middle 1").await);
        for (password, exception) in [
            (format!("Aa1!{}", "x".repeat(253)), "InvalidParameterException"),
            ("Aa1!".repeat(300_000 / 4), "InvalidParameterException"),
            (String::new(), "InvalidParameterException"),
            ("Abcd\u{0}-1234".into(), "InvalidParameterException"),
            (" Right-1234".into(), "InvalidParameterException"),
            ("Right-1234 ".into(), "InvalidParameterException"),
        ] {
            let refusal = site.refused("AdminSetUserPassword", set(&password)).await;
            assert!(refusal.starts_with(exception), "{refusal}");
            let refusal = site.refused("SignUp", with(&site.sign_up("bob"), json!({"Password": password}))).await;
            assert!(refusal.starts_with(exception), "{refusal}");
        }
        site.call("AdminSetUserPassword", set(&format!("Aa1!{}", "x".repeat(252)))).await;
    }
}
