//! Clients that hide who exists: the same words, shapes and locks for everybody.

use serde_json::{Value, json};

use super::{
    people::{CODE_EXPIRED, CODE_MISMATCH, PASSWORD, Site, WRONG, sites_with},
    town::with,
};

const LOCKED: &str = "NotAuthorizedException: Password attempts exceeded";

async fn hiding(pool: Value) -> Vec<Site> {
    sites_with(pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await
}

#[tokio::test]
async fn an_unknown_user_is_refused_and_locked_like_a_known_one() {
    for site in hiding(json!({})).await {
        site.person("ann").await;
        let mut answers = Vec::new();
        for name in ["ann", "nobody"] {
            let mut refusals = Vec::new();
            for advance in [0, 0, 0, 0, 0, 0, 1, 0, 2, 0] {
                site.advance(advance);
                refusals.push(site.refused("InitiateAuth", site.password(name, "Wrong-1234")).await);
            }
            answers.push(refusals);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!((&*answers[0][4], &*answers[0][5], &*answers[0][6]), (WRONG, LOCKED, WRONG));

        let admin = |name: &str| {
            let call = json!({"UserPoolId": site.pool, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"});
            with(&site.password(name, "Wrong-1234"), call)
        };
        assert_eq!(site.refused("AdminInitiateAuth", admin("nemo")).await, WRONG);
        assert_eq!(
            site.refused("AdminGetUser", site.named("nobody")).await,
            "UserNotFoundException: User does not exist.",
            "administrators are told"
        );
        assert_eq!(site.refused("SignUp", site.sign_up("ann")).await, "UsernameExistsException: User already exists");
    }
}

#[tokio::test]
async fn codes_seem_to_go_to_everybody() {
    for site in hiding(json!({"AutoVerifiedAttributes": ["email"]})).await {
        site.person("ann").await;
        site.person("disabled").await;
        site.stranger("stranger").await;
        site.call("AdminDisableUser", site.named("disabled")).await;
        let known = site.call("ForgotPassword", site.by_client("ann")).await;
        let members =
            |value: &Value| value["CodeDeliveryDetails"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for operation in ["ForgotPassword", "ResendConfirmationCode"] {
            for name in ["nobody", "nobody@example.com"] {
                let unknown = site.call(operation, site.by_client(name)).await;
                assert_eq!(members(&unknown), members(&known), "{operation} {name}");
                assert_eq!(unknown["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
                assert_eq!(unknown, site.call(operation, site.by_client(name)).await);
            }
        }
        site.call("ForgotPassword", site.by_client("disabled")).await;
        let reset =
            |name: &str| with(&site.by_client(name), json!({"ConfirmationCode": "123456", "Password": PASSWORD}));
        for name in ["nobody", "disabled"] {
            assert_eq!(site.refused("ConfirmForgotPassword", reset(name)).await, CODE_MISMATCH, "{name}");
        }
        assert_eq!(site.refused("ConfirmForgotPassword", reset("nemo")).await, CODE_EXPIRED, "never asked for one");
        let confirm = with(&site.by_client("nobody"), json!({"ConfirmationCode": "123456"}));
        let refusal = site.refused("ConfirmSignUp", confirm).await;
        assert!([CODE_MISMATCH, CODE_EXPIRED].contains(&refusal.as_str()), "{refusal}");

        // The limits tell nothing either.
        for operation in ["ForgotPassword", "ResendConfirmationCode"] {
            let mut limits = Vec::new();
            for name in ["nemo", if operation == "ForgotPassword" { "ann" } else { "stranger" }] {
                site.advance(3_600);
                let mut given = 0;
                while site.send(operation, &site.by_client(name)).await.0 == 200 {
                    given += 1;
                    assert!(given < 50);
                }
                limits.push(given);
            }
            assert_eq!(limits[0], limits[1], "{operation}");
        }
    }
}
