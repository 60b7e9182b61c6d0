//! Addresses that change: which one counts until the new one is proven, and whose it is.

use serde_json::{Value, json};

use super::{
    people::{CODE_EXPIRED, CODE_MISMATCH, PASSWORD, Site, other_code, sites_with},
    town::with,
};

const TAKEN: &str = "AliasExistsException: An account with the given email already exists.";

/// Pools that keep an address until the next one is proven.
async fn careful(pool: Value) -> Vec<Site> {
    let settings = json!({
        "AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    });
    sites_with(with(&settings, pool), json!({})).await
}

fn email(value: &str) -> Value {
    json!([{"Name": "email", "Value": value}])
}

impl Site {
    async fn ask_for(&self, token: &str, address: &str) -> Value {
        self.call("UpdateUserAttributes", json!({"AccessToken": token, "UserAttributes": email(address)})).await
    }

    fn proof(token: &str, code: &str) -> Value {
        json!({"AccessToken": token, "AttributeName": "email", "Code": code})
    }

    async fn address(&self, name: &str) -> (Option<String>, Option<String>) {
        (self.attribute(name, "email").await, self.attribute(name, "email_verified").await)
    }
}

fn verified(address: &str) -> (Option<String>, Option<String>) {
    (Some(address.to_owned()), Some("true".to_owned()))
}

#[tokio::test]
async fn a_new_address_waits_for_its_code_and_the_old_one_counts() {
    for site in careful(json!({"AliasAttributes": ["email"]})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let asked = site.ask_for(&token, "new@example.org").await;
        let delivery = json!({"Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"});
        assert_eq!(asked["CodeDeliveryDetailsList"], json!([delivery]));
        assert_eq!(site.address("ann").await, verified("ann@example.com"));
        assert!(site.opens("ann@example.com", PASSWORD).await && !site.opens("new@example.org", PASSWORD).await);

        site.advance(1);
        let about = json!({"AccessToken": token, "AttributeName": "email"});
        let again = site.call("GetUserAttributeVerificationCode", about).await;
        assert_eq!(again["CodeDeliveryDetails"], delivery, "the code goes to the address that it is to prove");
        let code = site.code("new@example.org").await;
        assert_eq!(site.refused("VerifyUserAttribute", Site::proof(&token, &other_code(&code))).await, CODE_MISMATCH);
        assert_eq!(site.call("VerifyUserAttribute", Site::proof(&token, &code)).await, json!({}));
        assert_eq!(site.address("ann").await, verified("new@example.org"));
        assert!(site.opens("new@example.org", PASSWORD).await && !site.opens("ann@example.com", PASSWORD).await);
        assert_eq!(site.refused("VerifyUserAttribute", Site::proof(&token, &code)).await, CODE_EXPIRED);
    }
}

#[tokio::test]
async fn an_administrator_waits_too_unless_they_vouch() {
    for site in careful(json!({})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let update = |attributes: Value| with(&site.named("ann"), json!({"UserAttributes": attributes}));
        site.call("AdminUpdateUserAttributes", update(email("new@example.org"))).await;
        assert_eq!(site.address("ann").await, verified("ann@example.com"));
        let code = site.code("new@example.org").await;
        let vouched =
            json!([{"Name": "email", "Value": "sure@example.org"}, {"Name": "email_verified", "Value": "true"}]);
        site.call("AdminUpdateUserAttributes", update(vouched)).await;
        assert_eq!(site.address("ann").await, verified("sure@example.org"));
        assert_eq!(site.refused("VerifyUserAttribute", Site::proof(&token, &code)).await, CODE_MISMATCH);
        assert_eq!(site.address("ann").await, verified("sure@example.org"), "what waited is forgotten");
    }
}

#[tokio::test]
async fn the_last_word_about_an_address_counts() {
    for site in careful(json!({})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        site.ask_for(&token, "one@example.org").await;
        let first = site.code("one@example.org").await;
        site.ask_for(&token, "two@example.org").await;
        let second = site.code("two@example.org").await;
        if first != second {
            assert_eq!(site.refused("VerifyUserAttribute", Site::proof(&token, &first)).await, CODE_MISMATCH);
        }
        let back = site.ask_for(&token, "ann@example.com").await;
        assert_eq!(back, json!({}), "nothing changes, so nothing is to be proven");
        assert_eq!(site.refused("VerifyUserAttribute", Site::proof(&token, &second)).await, CODE_MISMATCH);
        assert_eq!(site.address("ann").await, verified("ann@example.com"));

        site.ask_for(&token, "three@example.org").await;
        let third = site.code("three@example.org").await;
        site.call("DeleteUserAttributes", json!({"AccessToken": token, "UserAttributeNames": ["email"]})).await;
        assert_eq!(site.refused("VerifyUserAttribute", Site::proof(&token, &third)).await, CODE_MISMATCH);
        assert_eq!(site.address("ann").await, (None, None));
    }
}

#[tokio::test]
async fn an_address_that_somebody_has_is_refused_before_and_after_the_code() {
    for site in careful(json!({"UsernameAttributes": ["email"]})).await {
        let join = |address: &str| json!({"ClientId": site.client, "Username": address, "Password": PASSWORD});
        for name in ["ann@example.com", "bob@example.com"] {
            site.call("SignUp", join(name)).await;
            site.call("AdminConfirmSignUp", site.named(name)).await;
        }
        let token = site.tokens("ann@example.com").await.access;
        let taken = json!({"AccessToken": token, "UserAttributes": email("bob@example.com")});
        assert_eq!(site.refused("UpdateUserAttributes", taken).await, TAKEN);
        site.ask_for(&token, "new@example.org").await;
        let code = site.code("new@example.org").await;
        assert!(!site.opens("new@example.org", PASSWORD).await, "nobody signs in with what is not proven");
        site.call("SignUp", join("new@example.org")).await;
        assert_eq!(site.refused("VerifyUserAttribute", Site::proof(&token, &code)).await, TAKEN);
        assert_eq!(site.attribute("ann@example.com", "email").await.as_deref(), Some("ann@example.com"));
    }
}

#[tokio::test]
async fn the_setting_stays_until_an_update_names_it() {
    for site in careful(json!({})).await {
        let pool = json!({"UserPoolId": site.pool});
        let setting = "UserAttributeUpdateSettings";
        site.call("UpdateUserPool", with(&pool, json!({"AutoVerifiedAttributes": ["email"]}))).await;
        let kept = site.call("DescribeUserPool", pool.clone()).await["UserPool"][setting].clone();
        assert_eq!(kept, json!({"AttributesRequireVerificationBeforeUpdate": ["email"]}));
        site.call("UpdateUserPool", with(&pool, json!({setting: {"AttributesRequireVerificationBeforeUpdate": []}})))
            .await;
        let cleared = site.call("DescribeUserPool", pool.clone()).await["UserPool"][setting].clone();
        assert_eq!(cleared, json!({"AttributesRequireVerificationBeforeUpdate": []}));
        let alone = with(&pool, json!({setting: {"AttributesRequireVerificationBeforeUpdate": ["phone_number"]}}));
        let refusal = site.refused("UpdateUserPool", alone).await;
        assert!(refusal.contains("can only name attributes of AutoVerifiedAttributes"), "{refusal}");
    }
}

#[tokio::test]
async fn an_unproven_alias_lets_nobody_in() {
    let pool = json!({"AliasAttributes": ["email"], "AutoVerifiedAttributes": ["email"]});
    for site in sites_with(pool, json!({})).await {
        site.stranger("eve").await;
        site.call("AdminConfirmSignUp", site.named("eve")).await;
        assert!(site.opens("eve", PASSWORD).await && !site.opens("eve@example.com", PASSWORD).await);
        let unknown = "UserNotFoundException: Username/client id combination not found.";
        assert_eq!(site.refused("ForgotPassword", site.by_client("eve@example.com")).await, unknown);

        // A verified one that is exchanged for another counts no more, and the other not yet.
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        site.ask_for(&token, "new@example.org").await;
        assert_eq!(site.address("ann").await, (Some("new@example.org".into()), Some("false".into())));
        assert!(!site.opens("ann@example.com", PASSWORD).await && !site.opens("new@example.org", PASSWORD).await);
    }
}

#[tokio::test]
async fn a_user_name_that_is_an_address_changes_with_it_at_once() {
    for site in sites_with(json!({"UsernameAttributes": ["email", "phone_number"]}), json!({})).await {
        site.call("SignUp", json!({"ClientId": site.client, "Username": "a@example.com", "Password": PASSWORD})).await;
        site.call("AdminConfirmSignUp", site.named("a@example.com")).await;
        let token = site.tokens("a@example.com").await.access;
        site.ask_for(&token, "b@example.com").await;
        assert!(site.opens("b@example.com", PASSWORD).await && !site.opens("a@example.com", PASSWORD).await);
        let phone = json!([{"Name": "phone_number", "Value": "+15555550100"}]);
        site.call("UpdateUserAttributes", json!({"AccessToken": token, "UserAttributes": phone})).await;
        assert!(site.opens("+15555550100", PASSWORD).await && site.opens("b@example.com", PASSWORD).await);
        let neither = json!({"ClientId": site.client, "Username": "ann", "Password": PASSWORD});
        assert_eq!(
            site.refused("SignUp", neither).await,
            "InvalidParameterException: Username should be either an email or a phone number."
        );
    }
}

#[tokio::test]
async fn a_preferred_name_has_one_owner_from_the_first_day() {
    for site in sites_with(json!({"AliasAttributes": ["preferred_username"]}), json!({})).await {
        let nick = json!([{"Name": "preferred_username", "Value": "nick"}]);
        let made = |name: &str| {
            with(
                &site.named(name),
                json!({"MessageAction": "SUPPRESS", "TemporaryPassword": PASSWORD, "UserAttributes": nick}),
            )
        };
        site.call("AdminCreateUser", made("ann")).await;
        assert_eq!(site.call("AdminGetUser", site.named("nick")).await["Username"], "ann");
        assert_eq!(
            site.refused("AdminCreateUser", made("bob")).await,
            "UsernameExistsException: An account with the given preferred_username already exists."
        );
        let early = with(&site.sign_up("eve"), json!({"UserAttributes": nick}));
        assert_eq!(
            site.refused("SignUp", early).await,
            "InvalidParameterException: Cannot provide preferred_username for unconfirmed account"
        );
    }
}
