//! What signed-in users do to their own accounts, and which tokens let them.

use serde_json::{Value, json};

use super::{
    people::{
        CODE_EXPIRED, CODE_MISMATCH, DISABLED, INVALID_TOKEN, NO_USER, PASSWORD, REVOKED, Site, TOO_OFTEN,
        UNAUTHORIZED_ATTRIBUTE, WRONG, attribute, other_code, sites, sites_with,
    },
    town::with,
};

/// Every built operation that takes an access token, with a call that would succeed or fail for another reason.
fn operations() -> [(&'static str, Value); 12] {
    let nickname = json!([{"Name": "nickname", "Value": "A"}]);
    [
        ("GetUser", json!({})),
        ("UpdateUserAttributes", json!({"UserAttributes": nickname})),
        ("DeleteUserAttributes", json!({"UserAttributeNames": ["nickname"]})),
        ("GetUserAttributeVerificationCode", json!({"AttributeName": "email"})),
        ("VerifyUserAttribute", json!({"AttributeName": "email", "Code": "123456"})),
        ("ChangePassword", json!({"PreviousPassword": PASSWORD, "ProposedPassword": "Other-1234"})),
        ("StartWebAuthnRegistration", json!({})),
        ("CompleteWebAuthnRegistration", json!({"Credential": {}})),
        ("ListWebAuthnCredentials", json!({})),
        ("DeleteWebAuthnCredential", json!({"CredentialId": "AAAA"})),
        ("GlobalSignOut", json!({})),
        ("DeleteUser", json!({})),
    ]
}

/// Asserts that no operation takes the token.
async fn assert_useless(site: &Site, token: &str, refusal: &str) {
    for (operation, members) in operations() {
        let call = with(&members, json!({"AccessToken": token}));
        assert_eq!(site.refused(operation, call).await, refusal, "{operation}");
    }
}

/// The same of a token whose user was deleted.
async fn assert_gone(site: &Site, token: &str) {
    for (operation, members) in operations() {
        let says_nothing_of_users = operation == "GlobalSignOut" || operation.contains("WebAuthn");
        let refusal = if says_nothing_of_users { REVOKED } else { NO_USER };
        assert_eq!(
            site.refused(operation, with(&members, json!({"AccessToken": token}))).await,
            refusal,
            "{operation}"
        );
    }
}

#[tokio::test]
async fn only_a_living_access_token_is_taken() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        assert_useless(&site, &tokens.id, INVALID_TOKEN).await;
        assert_useless(&site, &tokens.refresh, INVALID_TOKEN).await;
        assert_useless(&site, "a.b.c", INVALID_TOKEN).await;
        let parts: Vec<&str> = tokens.access.split('.').collect();
        let [head, payload, signature] = parts[..] else { panic!("three parts") };
        let id_signature = tokens.id.split('.').nth(2).unwrap();
        let forged = "NotAuthorizedException: Could not verify signature for Access Token";
        assert_useless(&site, &format!("{head}.{payload}.{id_signature}"), forged).await;
        let unsigned = "eyJhbGciOiJub25lIn0";
        for token in [format!("{unsigned}.{payload}."), format!("{unsigned}.{payload}.{signature}")] {
            assert_useless(&site, &token, INVALID_TOKEN).await;
        }
        site.call("GetUser", json!({"AccessToken": tokens.access})).await;
        site.advance(3_600);
        assert_useless(&site, &tokens.access, "NotAuthorizedException: Access Token has expired").await;
    }
}

#[tokio::test]
async fn a_revoked_token_is_taken_nowhere() {
    for site in sites().await {
        for name in ["ann", "bob", "eve", "dan", "gus", "reset"] {
            site.person(name).await;
        }
        let tokens = site.tokens("ann").await;
        site.call("RevokeToken", json!({"ClientId": site.client, "Token": tokens.refresh})).await;
        assert_useless(&site, &tokens.access, REVOKED).await;

        let tokens = site.tokens("bob").await;
        assert_eq!(site.call("GlobalSignOut", json!({"AccessToken": tokens.access})).await, json!({}));
        assert_useless(&site, &tokens.access, REVOKED).await;
        let refresh = site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await;
        assert_eq!(refresh, "NotAuthorizedException: Refresh Token has been revoked");
        assert!(site.opens("bob", PASSWORD).await, "a new sign-in works at once");

        let tokens = site.tokens("eve").await;
        assert_eq!(site.call("AdminUserGlobalSignOut", site.named("eve")).await, json!({}));
        assert_useless(&site, &tokens.access, REVOKED).await;

        let tokens = site.tokens("dan").await;
        site.call("AdminDisableUser", site.named("dan")).await;
        assert_useless(&site, &tokens.access, DISABLED).await;
        site.call("AdminEnableUser", site.named("dan")).await;
        assert_useless(&site, &tokens.access, REVOKED).await;

        let tokens = site.tokens("reset").await;
        site.call("AdminResetUserPassword", site.named("reset")).await;
        let refusal = "PasswordResetRequiredException: Password reset required for the user";
        assert_useless(&site, &tokens.access, refusal).await;

        let tokens = site.tokens("gus").await;
        assert_eq!(site.call("DeleteUser", json!({"AccessToken": tokens.access})).await, Value::Null);
        assert_gone(&site, &tokens.access).await;
        site.person("gus").await;
        assert_gone(&site, &tokens.access).await;
    }
}

#[tokio::test]
async fn tokens_without_revocation_end_at_a_global_sign_out_too() {
    for site in sites_with(json!({}), json!({"EnableTokenRevocation": false})).await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        site.call("GetUser", json!({"AccessToken": tokens.access})).await;
        site.call("AdminUserGlobalSignOut", site.named("ann")).await;
        assert_useless(&site, &tokens.access, REVOKED).await;
        site.advance(1);
        let later = site.tokens("ann").await;
        site.call("GetUser", json!({"AccessToken": later.access})).await;
    }
}

#[tokio::test]
async fn tokens_end_with_their_client_and_their_pool() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        let client = json!({"UserPoolId": site.pool, "ClientId": site.client});
        site.call("DeleteUserPoolClient", client).await;
        assert_useless(&site, &tokens.access, INVALID_TOKEN).await;
        let gone = format!("ResourceNotFoundException: User pool client {} does not exist.", site.client);
        assert_eq!(site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await, gone);

        let site = Site::at(site.town, json!({}), json!({})).await;
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        site.call("DeleteUserPool", json!({"UserPoolId": site.pool})).await;
        assert_useless(&site, &tokens.access, INVALID_TOKEN).await;
        let gone = format!("ResourceNotFoundException: User pool client {} does not exist.", site.client);
        assert_eq!(site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await, gone);
    }
}

#[tokio::test]
async fn a_user_sees_and_writes_what_the_client_may() {
    let schema = json!([{"Name": "badge", "AttributeDataType": "String", "Mutable": false},
                        {"Name": "grade", "AttributeDataType": "String", "DeveloperOnlyAttribute": true}]);
    let client =
        json!({"ReadAttributes": ["email", "nickname"], "WriteAttributes": ["nickname", "email", "custom:badge"]});
    for site in sites_with(json!({"Schema": schema}), client).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let update =
            |name: &str, value: &str| json!({"AccessToken": token, "UserAttributes": [{"Name": name, "Value": value}]});
        assert_eq!(site.call("UpdateUserAttributes", update("nickname", "A")).await, json!({}));
        let user = site.call("GetUser", json!({"AccessToken": token})).await;
        let names: Vec<_> =
            user["UserAttributes"].as_array().unwrap().iter().map(|a| a["Name"].as_str().unwrap()).collect();
        assert_eq!((&user["Username"], names), (&json!("ann"), vec!["sub", "email", "nickname"]));
        for name in ["name", "email_verified", "sub", "identities", "dev:custom:grade"] {
            assert_eq!(
                site.refused("UpdateUserAttributes", update(name, "true")).await,
                UNAUTHORIZED_ATTRIBUTE,
                "{name}"
            );
        }
        for name in ["name", "dev:custom:grade"] {
            let delete = json!({"AccessToken": token, "UserAttributeNames": [name]});
            assert_eq!(site.refused("DeleteUserAttributes", delete).await, UNAUTHORIZED_ATTRIBUTE, "{name}");
        }
        assert_eq!(
            site.refused("UpdateUserAttributes", update("custom:badge", "1")).await,
            "InvalidParameterException: user.custom:badge: Attribute cannot be updated.\n"
        );
        let unknown = site.refused("UpdateUserAttributes", update("custom:none", "1")).await;
        assert!(unknown.contains("custom:none: Attribute does not exist in the schema.\n"), "{unknown}");
        let delete = |name: &str| json!({"AccessToken": token, "UserAttributeNames": [name]});
        assert_eq!(
            site.refused("DeleteUserAttributes", delete("custom:none")).await,
            "InvalidParameterException: Invalid user attributes: user.custom:none: Attribute does not exist in the schema.\n"
        );
        assert_eq!(site.call("DeleteUserAttributes", delete("nickname")).await, json!({}));
        assert_eq!(site.attribute("ann", "nickname").await, None);
    }
}

#[tokio::test]
async fn a_new_address_is_proven_with_a_code() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let email = json!([{"Name": "email", "Value": "new@example.org"}]);
        let changed = site.call("UpdateUserAttributes", json!({"AccessToken": token, "UserAttributes": email})).await;
        let delivery = json!({"Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"});
        assert_eq!(changed["CodeDeliveryDetailsList"], json!([delivery]));
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("false"));
        let about = |name: &str| json!({"AccessToken": token, "AttributeName": name});
        site.advance(1);
        let sent = site.call("GetUserAttributeVerificationCode", about("email")).await;
        assert_eq!(sent["CodeDeliveryDetails"], delivery);
        let code = site.code("new@example.org").await;
        let verify = |code: &str| with(&about("email"), json!({"Code": code}));
        assert_eq!(site.refused("VerifyUserAttribute", verify(&other_code(&code))).await, CODE_MISMATCH);
        assert_eq!(site.call("VerifyUserAttribute", verify(&code)).await, json!({}));
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("true"));
        assert_eq!(site.refused("VerifyUserAttribute", verify(&code)).await, CODE_EXPIRED);
        for operation in ["GetUserAttributeVerificationCode", "VerifyUserAttribute"] {
            let call = with(&about("nickname"), json!({"Code": code}));
            assert_eq!(
                site.refused(operation, call).await,
                "InvalidParameterException: Invalid attribute name. Only phone_number and email can be verified."
            );
        }
        let absent = site.refused("GetUserAttributeVerificationCode", about("phone_number")).await;
        assert!(absent.starts_with("InvalidParameterException: "), "{absent}");
    }
}

#[tokio::test]
async fn a_code_proves_the_address_that_it_was_sent_to_and_no_other() {
    for site in sites().await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let update = |value: &str| json!({"AccessToken": token, "UserAttributes": [{"Name": "email", "Value": value}]});
        site.call("UpdateUserAttributes", update("mine@example.com")).await;
        site.call("GetUserAttributeVerificationCode", json!({"AccessToken": token, "AttributeName": "email"})).await;
        let code = site.code("mine@example.com").await;
        site.call("UpdateUserAttributes", update("theirs@example.com")).await;
        let verify = json!({"AccessToken": token, "AttributeName": "email", "Code": code});
        let refusal = site.refused("VerifyUserAttribute", verify).await;
        assert!([CODE_MISMATCH, CODE_EXPIRED].contains(&refusal.as_str()), "{refusal}");
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("false"));
    }
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it() {
    for site in sites().await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let change =
            |from: &str, to: &str| json!({"AccessToken": token, "PreviousPassword": from, "ProposedPassword": to});
        assert_eq!(site.refused("ChangePassword", change("Wrong-1234", "Other-1234")).await, WRONG);
        assert_eq!(
            site.refused("ChangePassword", json!({"AccessToken": token, "ProposedPassword": "Other-1234"})).await,
            WRONG
        );
        assert_eq!(
            site.refused("ChangePassword", change(PASSWORD, "other-1234")).await,
            "InvalidPasswordException: Password does not conform to policy: Password must have uppercase characters"
        );
        assert_eq!(site.call("ChangePassword", change(PASSWORD, "Other-1234")).await, json!({}));
        assert!(site.opens("ann", "Other-1234").await && !site.opens("ann", PASSWORD).await);
        let user = site.call("GetUser", json!({"AccessToken": token})).await;
        assert_eq!(attribute(&user["UserAttributes"], "email").as_deref(), Some("ann@example.com"));
    }
}

#[tokio::test]
async fn a_password_cannot_be_guessed_with_a_token() {
    for site in sites().await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let change =
            |from: &str| json!({"AccessToken": token, "PreviousPassword": from, "ProposedPassword": "Other-1234"});
        for _ in 0..4 {
            assert_eq!(site.refused("ChangePassword", change("Wrong-1234")).await, WRONG);
        }
        let weak = json!({"AccessToken": token, "PreviousPassword": PASSWORD, "ProposedPassword": "weak-pass"});
        let refusal = site.refused("ChangePassword", weak).await;
        assert!(refusal.starts_with("InvalidPasswordException"), "whoever knows it is no guesser: {refusal}");
        for _ in 0..5 {
            // Past the lock that wrong passwords bring at every door.
            site.advance(60);
            assert_eq!(site.refused("ChangePassword", change("Wrong-1234")).await, WRONG);
        }
        site.advance(60);
        assert_eq!(site.refused("ChangePassword", change(PASSWORD)).await, TOO_OFTEN);
        site.advance(3_000);
        let token = site.tokens("ann").await.access;
        let change = json!({"AccessToken": token, "PreviousPassword": PASSWORD, "ProposedPassword": "Other-1234"});
        site.advance(600);
        site.call("ChangePassword", change).await;
    }
}
