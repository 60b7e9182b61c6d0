//! Users from the administrator's side.

use serde_json::{Value, json};

use super::{
    people::{DISABLED, NO_USER, PASSWORD, attribute, sites, sites_with},
    town::{NO_POOL, NOWHERE, with},
};

#[tokio::test]
async fn a_user_is_made_described_and_deleted() {
    for site in sites().await {
        let email = json!([{"Name": "email", "Value": "ann@example.com"}, {"Name": "email_verified", "Value": "True"}]);
        let call = with(&site.named("ann"), json!({"UserAttributes": email, "DesiredDeliveryMediums": ["EMAIL"]}));
        let made = site.call("AdminCreateUser", call.clone()).await["User"].clone();
        assert_eq!((&made["UserStatus"], &made["Enabled"]), (&json!("FORCE_CHANGE_PASSWORD"), &json!(true)));
        assert_eq!(made["UserCreateDate"], 1_800_000_000.0);
        assert_eq!(attribute(&made["Attributes"], "email_verified").as_deref(), Some("true"));
        let password = site.code("ann@example.com").await;
        let asked = site.call("InitiateAuth", site.password("ann", &password)).await;
        assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED");
        let user = site.call("AdminGetUser", site.named("ann")).await;
        assert_eq!(user["UserAttributes"], made["Attributes"]);
        assert_eq!(user["UserAttributes"][0]["Name"], "sub");
        assert_eq!(site.refused("AdminCreateUser", call).await, "UsernameExistsException: User account already exists");
        let sub = attribute(&made["Attributes"], "sub").unwrap();
        assert_eq!(site.call("AdminGetUser", site.named(&sub)).await["Username"], "ann");
        assert_eq!(site.call("AdminDeleteUser", site.named("ann")).await, Value::Null);
        assert_eq!(site.refused("AdminGetUser", site.named("ann")).await, NO_USER);
    }
}

#[tokio::test]
async fn every_operation_says_what_is_not_there() {
    for site in sites().await {
        let attributes = json!([{"Name": "nickname", "Value": "A"}]);
        let operations = [
            ("AdminGetUser", json!({})),
            ("AdminUpdateUserAttributes", json!({"UserAttributes": attributes})),
            ("AdminDeleteUserAttributes", json!({"UserAttributeNames": ["nickname"]})),
            ("AdminDeleteUser", json!({})),
            ("AdminEnableUser", json!({})),
            ("AdminDisableUser", json!({})),
            ("AdminConfirmSignUp", json!({})),
            ("AdminSetUserPassword", json!({"Password": PASSWORD})),
            ("AdminResetUserPassword", json!({})),
            ("AdminUserGlobalSignOut", json!({})),
            ("AdminCreateUser", json!({"MessageAction": "RESEND"})),
        ];
        site.person("ann").await;
        let elsewhere = site.pool().await;
        for (operation, members) in operations {
            let call = |pool: &str, name: &str| with(&json!({"UserPoolId": pool, "Username": name}), members.clone());
            assert_eq!(site.refused(operation, call(&site.pool, "nobody")).await, NO_USER, "{operation}");
            assert_eq!(site.refused(operation, call(&elsewhere, "ann")).await, NO_USER, "{operation}");
            assert_eq!(site.refused(operation, call(NOWHERE, "ann")).await, NO_POOL, "{operation}");
        }
    }
}

#[tokio::test]
async fn attributes_are_written_and_deleted() {
    let schema = json!([{"Name": "badge", "AttributeDataType": "String", "Mutable": false},
                        {"Name": "grade", "AttributeDataType": "String", "DeveloperOnlyAttribute": true}]);
    for site in sites_with(json!({"Schema": schema}), json!({})).await {
        site.person("ann").await;
        let update = |name: &str, value: &str| {
            with(&site.named("ann"), json!({"UserAttributes": [{"Name": name, "Value": value}]}))
        };
        assert_eq!(site.call("AdminUpdateUserAttributes", update("dev:custom:grade", "A")).await, json!({}));
        assert_eq!(site.attribute("ann", "dev:custom:grade").await.as_deref(), Some("A"));
        assert!(!site.tokens("ann").await.id.is_empty());
        for name in ["sub", "custom:badge"] {
            assert_eq!(
                site.refused("AdminUpdateUserAttributes", update(name, "1")).await,
                format!("InvalidParameterException: user.{name}: Attribute cannot be updated.\n")
            );
        }
        site.call("AdminUpdateUserAttributes", update("email", "new@example.com")).await;
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("false"));
        site.call("AdminUpdateUserAttributes", update("email_verified", "true")).await;
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("true"));
        site.call("AdminUpdateUserAttributes", update("email", "")).await;
        assert_eq!((site.attribute("ann", "email").await, site.attribute("ann", "email_verified").await), (None, None));
        let unknown = with(&site.named("ann"), json!({"UserAttributeNames": ["custom:a", "custom:b"]}));
        assert_eq!(
            site.refused("AdminDeleteUserAttributes", unknown).await,
            "InvalidParameterException: Invalid user attributes: user.custom:a: Attribute does not exist in the schema.\n\
             user.custom:b: Attribute does not exist in the schema.\n"
        );
        let grade = with(&site.named("ann"), json!({"UserAttributeNames": ["dev:custom:grade"]}));
        assert_eq!(site.call("AdminDeleteUserAttributes", grade).await, json!({}));
        assert_eq!(site.attribute("ann", "dev:custom:grade").await, None);
    }
}

#[tokio::test]
async fn passwords_and_states_follow_the_administrators_word() {
    for site in sites().await {
        site.stranger("ann").await;
        assert_eq!(site.call("AdminConfirmSignUp", site.named("ann")).await, json!({}));
        assert_eq!(
            site.refused("AdminConfirmSignUp", site.named("ann")).await,
            "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED"
        );
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("false"), "it proves no address");
        let temporary = with(&site.named("ann"), json!({"Password": "Other-1234"}));
        assert_eq!(site.call("AdminSetUserPassword", temporary).await, json!({}));
        assert_eq!(site.status("ann").await, "FORCE_CHANGE_PASSWORD");
        site.set_password("ann", PASSWORD).await;
        assert_eq!(site.status("ann").await, "CONFIRMED");
        let resend = with(&site.named("ann"), json!({"MessageAction": "RESEND"}));
        assert_eq!(
            site.refused("AdminCreateUser", resend).await,
            "UnsupportedUserStateException: Resend not possible. ann status is not FORCE_CHANGE_PASSWORD"
        );
        assert_eq!(site.call("AdminDisableUser", site.named("ann")).await, json!({}));
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, DISABLED);
        assert_eq!(site.call("AdminEnableUser", site.named("ann")).await, json!({}));
        assert!(site.opens("ann", PASSWORD).await);
    }
}

#[tokio::test]
async fn an_alias_has_one_owner() {
    let pool = json!({"AliasAttributes": ["email", "preferred_username"]});
    for site in sites_with(pool, json!({})).await {
        site.person("ann").await;
        let taken = json!([{"Name": "email", "Value": "ann@example.com"}, {"Name": "email_verified", "Value": "true"}]);
        let call = with(&site.named("bob"), json!({"MessageAction": "SUPPRESS", "UserAttributes": taken}));
        assert_eq!(
            site.refused("AdminCreateUser", call.clone()).await,
            "UsernameExistsException: An account with the given email already exists."
        );
        assert_eq!(site.refused("AdminGetUser", site.named("bob")).await, NO_USER, "nothing is left behind");
        site.call("AdminCreateUser", with(&call, json!({"ForceAliasCreation": true}))).await;
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("false"));
        assert_eq!(site.call("AdminGetUser", site.named("ann@example.com")).await["Username"], "bob");
        let back = with(&site.named("ann"), json!({"UserAttributes": [{"Name": "email_verified", "Value": "true"}]}));
        assert_eq!(
            site.refused("AdminUpdateUserAttributes", back).await,
            "AliasExistsException: An account with the given email already exists."
        );
        let nick = |name: &str| {
            with(&site.named(name), json!({"UserAttributes": [{"Name": "preferred_username", "Value": "nick"}]}))
        };
        site.call("AdminUpdateUserAttributes", nick("ann")).await;
        assert!(site.opens("nick", PASSWORD).await);
        let refusal = site.refused("AdminUpdateUserAttributes", nick("bob")).await;
        assert!(refusal.starts_with("AliasExistsException: "), "{refusal}");
    }
}

#[tokio::test]
async fn a_repeated_invitation_brings_a_new_password_with_new_days() {
    let policy =
        json!({"PasswordPolicy": {"MinimumLength": 8, "TemporaryPasswordValidityDays": 1, "PasswordHistorySize": 2}});
    for site in sites_with(json!({"Policies": policy}), json!({})).await {
        site.newcomer("ann", "First-1234").await;
        site.advance(24 * 3_600);
        assert_eq!(
            site.refused("InitiateAuth", site.password("ann", "First-1234")).await,
            "NotAuthorizedException: Temporary password has expired and must be reset by an administrator."
        );
        let again = |password: &str| {
            let members = json!({"MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]});
            with(&with(&site.named("ann"), members), json!({"TemporaryPassword": password}))
        };
        assert_eq!(
            site.refused("AdminCreateUser", again("First-1234")).await,
            "InvalidParameterException: Password has previously been used"
        );
        let resent = site.call("AdminCreateUser", again("Second-1234")).await;
        assert_eq!(resent["User"]["UserStatus"], "FORCE_CHANGE_PASSWORD");
        assert_eq!(site.code("ann@example.com").await, "Second-1234");
        let asked = site.call("InitiateAuth", site.password("ann", "Second-1234")).await;
        let answers = json!({"USERNAME": "ann", "NEW_PASSWORD": "First-1234"});
        let answer = json!({"ClientId": site.client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
                            "Session": asked["Session"], "ChallengeResponses": answers});
        let refusal = site.refused("RespondToAuthChallenge", answer).await;
        assert!(refusal.starts_with("PasswordHistoryPolicyViolationException"), "{refusal}");
    }
}
