//! Signing in with a password, and the challenge to choose a new one.

use serde_json::{Value, json};

use super::{
    people::{
        DISABLED, INVALID_SESSION, NO_USER, PASSWORD, Site, Tokens, UNAUTHORIZED_ATTRIBUTE, WRONG, claims, secret_hash,
        sites, sites_with,
    },
    town::{NO_POOL, NOWHERE, with},
};

const SECRET: &str = "9secret0secret0secret0secret0secret0secret0secret0s";

#[tokio::test]
async fn a_password_gives_the_three_tokens() {
    for site in sites().await {
        site.person("ann").await;
        let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        assert_eq!(output["ChallengeParameters"], json!({}));
        let result = &output["AuthenticationResult"];
        assert_eq!((&result["ExpiresIn"], &result["TokenType"]), (&json!(3600), &json!("Bearer")));
        let tokens = Tokens::of(&output);
        let (access, id) = (claims(&tokens.access), claims(&tokens.id));
        assert_eq!(access["client_id"], site.client);
        assert_eq!(access["scope"], "aws.cognito.signin.user.admin");
        assert_eq!((&access["token_use"], &access["username"]), (&json!("access"), &json!("ann")));
        assert!(access.get("aud").is_none() && access.get("version").is_none());
        assert_eq!(
            (&id["aud"], &id["token_use"], &id["cognito:username"]),
            (&json!(site.client), &json!("id"), &json!("ann"))
        );
        assert_eq!((&id["email"], &id["email_verified"]), (&json!("ann@example.com"), &json!(true)));
        assert_eq!(id["iss"], format!("http://localhost:9229/{}", site.pool));
        for claim in ["sub", "origin_jti", "event_id", "auth_time", "iss"] {
            assert_eq!(access[claim], id[claim], "{claim}");
        }
        assert_ne!(access["jti"], id["jti"]);
        assert_eq!(tokens.refresh.split('.').count(), 5);

        let parameters = json!({"USERNAME": "ann", "PASSWORD": PASSWORD});
        for flow in ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"] {
            let call = json!({"UserPoolId": site.pool, "ClientId": site.client, "AuthFlow": flow, "AuthParameters": parameters});
            assert_eq!(site.call("AdminInitiateAuth", call).await["AuthenticationResult"]["ExpiresIn"], 3600);
        }
    }
}

#[tokio::test]
async fn refusals_come_in_the_services_order() {
    for site in sites().await {
        for name in ["ann", "disabled", "reset"] {
            site.person(name).await;
        }
        site.stranger("stranger").await;
        site.call("AdminDisableUser", site.named("disabled")).await;
        site.call("AdminResetUserPassword", site.named("reset")).await;
        let refusals = [
            (site.password("ann", "Wrong-1234"), WRONG),
            (site.password("nobody", PASSWORD), NO_USER),
            (site.password("disabled", "Wrong-1234"), DISABLED),
            (site.password("stranger", "Wrong-1234"), "UserNotConfirmedException: User is not confirmed."),
            (
                site.password("reset", "Wrong-1234"),
                "PasswordResetRequiredException: Password reset required for the user",
            ),
            (site.password("", PASSWORD), "InvalidParameterException: Missing required parameter USERNAME"),
            (site.password("ann", ""), "InvalidParameterException: Missing required parameter PASSWORD"),
            (
                site.password_at("0nobody0nobody0nobody0nobo", "ann", PASSWORD),
                "ResourceNotFoundException: User pool client 0nobody0nobody0nobody0nobo does not exist.",
            ),
        ];
        for (call, refusal) in refusals {
            assert_eq!(site.refused("InitiateAuth", call.clone()).await, refusal, "{call}");
        }
        let admin = with(
            &site.password("ann", PASSWORD),
            json!({"UserPoolId": NOWHERE, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}),
        );
        assert_eq!(site.refused("AdminInitiateAuth", admin.clone()).await, NO_POOL);
        let elsewhere = site.pool().await;
        assert_eq!(
            site.refused("AdminInitiateAuth", with(&admin, json!({"UserPoolId": elsewhere}))).await,
            format!("ResourceNotFoundException: User pool client {} does not exist.", site.client)
        );
    }
}

#[tokio::test]
async fn only_flows_that_are_switched_on_are_open() {
    for site in sites_with(json!({}), json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"]})).await {
        site.person("ann").await;
        let call = site.password("ann", PASSWORD);
        let refusals = [
            ("InitiateAuth", "USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH flow not enabled for this client"),
            ("InitiateAuth", "USER_SRP_AUTH", "USER_SRP_AUTH is not enabled for the client."),
            ("InitiateAuth", "REFRESH_TOKEN_AUTH", "Auth flow not enabled for this client"),
            ("InitiateAuth", "USER_AUTH", "Auth flow not enabled for this client"),
            ("InitiateAuth", "ADMIN_USER_PASSWORD_AUTH", "Initiate Auth method not supported"),
            ("InitiateAuth", "CUSTOM_AUTH", "Custom auth lambda trigger is not configured for the user pool."),
            ("AdminInitiateAuth", "ADMIN_USER_PASSWORD_AUTH", "Auth flow not enabled for this client"),
            ("AdminInitiateAuth", "USER_PASSWORD_AUTH", "Initiate Auth method not supported"),
        ];
        for (operation, flow, refusal) in refusals {
            let call = with(&call, json!({"UserPoolId": site.pool, "AuthFlow": flow}));
            assert_eq!(site.refused(operation, call).await, format!("InvalidParameterException: {refusal}"), "{flow}");
        }
        let unknown = site.refused("InitiateAuth", with(&call, json!({"AuthFlow": "NO_SUCH_FLOW"}))).await;
        let sentence = "1 validation error detected: Value 'NO_SUCH_FLOW' at 'authFlow' failed to satisfy constraint: \
                        Member must satisfy enum value set: [";
        assert!(unknown.starts_with(&format!("InvalidParameterException: {sentence}")), "{unknown}");
    }
}

#[tokio::test]
async fn a_client_with_a_secret_proves_itself_at_every_operation() {
    for site in sites().await {
        site.person("ann").await;
        let client = site.another_client(json!({"ClientSecret": SECRET})).await;
        let missing = format!(
            "NotAuthorizedException: Client {client} is configured with secret but SECRET_HASH was not received"
        );
        let wrong = format!("NotAuthorizedException: Unable to verify secret hash for client {client}");
        let unexpected = format!(
            "NotAuthorizedException: Client {} is not configured with secret but SECRET_HASH was received",
            site.client
        );
        let right = secret_hash(SECRET, "ann", &client);
        let wrongs = [
            secret_hash(SECRET, "Ann", &client),
            secret_hash("other", "ann", &client),
            secret_hash(SECRET, "ann", &site.client),
            SECRET.to_owned(),
        ];
        let operations = [
            ("SignUp", json!({"Password": PASSWORD})),
            ("ConfirmSignUp", json!({"ConfirmationCode": "123456"})),
            ("ResendConfirmationCode", json!({})),
            ("ForgotPassword", json!({})),
            ("ConfirmForgotPassword", json!({"ConfirmationCode": "123456", "Password": PASSWORD})),
        ];
        for (operation, members) in operations {
            let call = with(&json!({"ClientId": client, "Username": "ann"}), members);
            assert_eq!(site.refused(operation, call.clone()).await, missing, "{operation}");
            for hash in &wrongs {
                assert_eq!(
                    site.refused(operation, with(&call, json!({"SecretHash": hash}))).await,
                    wrong,
                    "{operation}"
                );
            }
            let public = with(&call, json!({"ClientId": site.client, "SecretHash": right}));
            assert_eq!(site.refused(operation, public).await, unexpected, "{operation}");
        }

        let srp_a = "2".to_owned();
        let parameters = |hash: Option<&str>| {
            let mut parameters = json!({"USERNAME": "ann", "PASSWORD": PASSWORD, "SRP_A": srp_a});
            if let Some(hash) = hash {
                parameters["SECRET_HASH"] = json!(hash);
            }
            parameters
        };
        let flows = [
            ("InitiateAuth", "USER_PASSWORD_AUTH"),
            ("InitiateAuth", "USER_SRP_AUTH"),
            ("AdminInitiateAuth", "USER_SRP_AUTH"),
            ("AdminInitiateAuth", "ADMIN_USER_PASSWORD_AUTH"),
        ];
        for (operation, flow) in flows {
            let call = |client: &str, hash: Option<&str>| json!({"UserPoolId": site.pool, "ClientId": client, "AuthFlow": flow, "AuthParameters": parameters(hash)});
            assert_eq!(site.refused(operation, call(&client, None)).await, missing, "{flow}");
            for hash in &wrongs {
                assert_eq!(site.refused(operation, call(&client, Some(hash))).await, wrong, "{flow}");
            }
            assert_eq!(site.refused(operation, call(&site.client, Some(&right))).await, unexpected, "{flow}");
            site.call(operation, call(&client, Some(&right))).await;
        }
        for operation in ["RespondToAuthChallenge", "AdminRespondToAuthChallenge"] {
            let call = |client: &str, responses: Value| {
                json!({"UserPoolId": site.pool, "ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
                       "ChallengeResponses": responses})
            };
            assert_eq!(site.refused(operation, call(&client, json!({"USERNAME": "ann"}))).await, missing);
            let hashed = json!({"USERNAME": "ann", "SECRET_HASH": wrongs[0]});
            assert_eq!(site.refused(operation, call(&client, hashed.clone())).await, wrong);
            assert_eq!(site.refused(operation, call(&site.client, hashed)).await, unexpected);
        }
    }
}

/// The session of a newcomer who has given the temporary password to this client.
async fn session(site: &Site, client: &str, name: &str) -> String {
    let output = site.call("InitiateAuth", site.password_at(client, name, PASSWORD)).await;
    assert_eq!(output["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    output["Session"].as_str().unwrap().to_owned()
}

fn new_password(client: &str, name: &str, session: &str, password: &str) -> Value {
    json!({"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
           "ChallengeResponses": {"USERNAME": name, "NEW_PASSWORD": password}})
}

#[tokio::test]
async fn a_temporary_password_is_changed_at_the_first_sign_in() {
    for site in sites().await {
        site.newcomer("ann", PASSWORD).await;
        assert_eq!(site.refused("InitiateAuth", site.password("ann", "Wrong-1234")).await, WRONG);
        let asked = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        let parameters = &asked["ChallengeParameters"];
        assert_eq!((&parameters["USER_ID_FOR_SRP"], &parameters["requiredAttributes"]), (&json!("ann"), &json!("[]")));
        let shown: Value = serde_json::from_str(parameters["userAttributes"].as_str().unwrap()).unwrap();
        assert_eq!(shown, json!({"email": "ann@example.com", "email_verified": "true"}));
        let session = asked["Session"].as_str().unwrap();

        let weak = new_password(&site.client, "ann", session, "short");
        assert_eq!(
            site.refused("RespondToAuthChallenge", weak).await,
            "InvalidPasswordException: Password does not conform to policy: Password not long enough"
        );
        let provided = with(
            &new_password(&site.client, "ann", session, "Other-1234"),
            json!({"ChallengeResponses": {"USERNAME": "ann", "NEW_PASSWORD": "Other-1234", "userAttributes.email": "x@y.z"}}),
        );
        assert_eq!(
            site.refused("RespondToAuthChallenge", provided).await,
            "NotAuthorizedException: Cannot modify an already provided email"
        );
        let incomplete =
            with(&new_password(&site.client, "ann", session, ""), json!({"ChallengeResponses": {"USERNAME": "ann"}}));
        assert_eq!(
            site.refused("RespondToAuthChallenge", incomplete).await,
            "InvalidParameterException: Missing required parameter NEW_PASSWORD"
        );
        let right = new_password(&site.client, "ann", session, "Other-1234");
        assert!(!Tokens::of(&site.call("RespondToAuthChallenge", right).await).access.is_empty());
        assert_eq!(site.status("ann").await, "CONFIRMED");
        assert!(site.opens("ann", "Other-1234").await && !site.opens("ann", PASSWORD).await);
    }
}

#[tokio::test]
async fn required_attributes_come_with_the_new_password() {
    let schema = json!([{"Name": "given_name", "AttributeDataType": "String", "Required": true, "Mutable": true}]);
    let client = json!({"WriteAttributes": ["given_name"]});
    for site in sites_with(json!({"Schema": schema}), client).await {
        site.newcomer("ann", PASSWORD).await;
        let asked = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        assert_eq!(asked["ChallengeParameters"]["requiredAttributes"], r#"["userAttributes.given_name"]"#);
        let call = new_password(&site.client, "ann", asked["Session"].as_str().unwrap(), "Other-1234");
        assert_eq!(
            site.refused("RespondToAuthChallenge", call.clone()).await,
            "InvalidParameterException: Invalid attributes given, given_name is missing"
        );
        let mut unwritable = call.clone();
        unwritable["ChallengeResponses"]["userAttributes.nickname"] = json!("a");
        assert_eq!(site.refused("RespondToAuthChallenge", unwritable).await, UNAUTHORIZED_ATTRIBUTE);
        let mut right = call;
        right["ChallengeResponses"]["userAttributes.given_name"] = json!("Ann");
        let tokens = Tokens::of(&site.call("RespondToAuthChallenge", right).await);
        assert_eq!(claims(&tokens.id)["given_name"], "Ann");
    }
}

#[tokio::test]
async fn a_session_is_good_for_its_user_client_and_pool_once_and_not_for_long() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.newcomer(name, PASSWORD).await;
        }
        let sealed = session(&site, &site.client, "ann").await;
        let respond = |call: Value| site.refused("RespondToAuthChallenge", call);
        let call = |client: &str, name: &str, session: &str| new_password(client, name, session, "Other-1234");

        let mut flipped = sealed.clone().into_bytes();
        let middle = flipped.len() / 2;
        flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        for bogus in [flipped.as_str(), &"A".repeat(200), &sealed[..sealed.len() - 4]] {
            assert_eq!(respond(call(&site.client, "ann", bogus)).await, INVALID_SESSION);
        }
        assert_eq!(respond(call(&site.client, "bob", &sealed)).await, INVALID_SESSION, "another user's");
        assert_eq!(respond(call(&site.client, "nobody", &sealed)).await, INVALID_SESSION);
        let other = site.another_client(json!({})).await;
        assert_eq!(respond(call(&other, "ann", &sealed)).await, INVALID_SESSION, "another client's");
        let mut absent = call(&site.client, "ann", &sealed);
        absent.as_object_mut().unwrap().remove("Session");
        assert_eq!(respond(absent).await, INVALID_SESSION);
        for challenge in ["SMS_MFA", "SOFTWARE_TOKEN_MFA", "MFA_SETUP", "DEVICE_SRP_AUTH", "CUSTOM_CHALLENGE"] {
            let complete = json!({"USERNAME": "ann", "ANSWER": "1", "SRP_A": "2", "SMS_MFA_CODE": "1", "SOFTWARE_TOKEN_MFA_CODE": "1"});
            let skipping = json!({"ChallengeName": challenge, "ChallengeResponses": complete});
            let skipping = with(&call(&site.client, "ann", &sealed), skipping);
            assert_eq!(respond(skipping).await, INVALID_SESSION, "{challenge}");
        }
        assert_eq!(site.status("ann").await, "FORCE_CHANGE_PASSWORD");

        let second = session(&site, &site.client, "ann").await;
        site.advance(180);
        assert_eq!(
            respond(call(&site.client, "ann", &second)).await,
            "NotAuthorizedException: Invalid session for the user, session is expired."
        );
        let third = session(&site, &site.client, "ann").await;
        site.call("AdminDisableUser", site.named("ann")).await;
        assert_eq!(respond(call(&site.client, "ann", &third)).await, DISABLED);
        site.call("AdminEnableUser", site.named("ann")).await;
        site.call("RespondToAuthChallenge", call(&site.client, "ann", &third)).await;
        assert_eq!(
            respond(call(&site.client, "ann", &third)).await,
            "NotAuthorizedException: Invalid session for the user, session can only be used once."
        );

        let bobs = session(&site, &site.client, "bob").await;
        let foreign = Site::at(site.town, json!({}), json!({})).await;
        foreign.newcomer("bob", PASSWORD).await;
        let answer = new_password(&foreign.client, "bob", &bobs, "Other-1234");
        assert_eq!(foreign.refused("RespondToAuthChallenge", answer).await, INVALID_SESSION, "another pool's");
    }
}

#[tokio::test]
async fn a_temporary_password_ends_after_its_days() {
    let policy = json!({"PasswordPolicy": {"MinimumLength": 8, "TemporaryPasswordValidityDays": 2}});
    for site in sites_with(json!({"Policies": policy}), json!({})).await {
        site.newcomer("ann", PASSWORD).await;
        site.advance(2 * 86_400 - 1);
        assert!(site.opens("ann", PASSWORD).await);
        site.advance(1);
        assert_eq!(
            site.refused("InitiateAuth", site.password("ann", PASSWORD)).await,
            "NotAuthorizedException: Temporary password has expired and must be reset by an administrator."
        );
        let resend = with(&site.named("ann"), json!({"MessageAction": "RESEND", "TemporaryPassword": "Newer-1234"}));
        site.call("AdminCreateUser", resend).await;
        assert!(site.opens("ann", "Newer-1234").await);
    }
}
