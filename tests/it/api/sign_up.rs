//! Accounts that people make for themselves.

use serde_json::{Value, json};

use super::{
    people::{
        CODE_EXPIRED, CODE_MISMATCH, DISABLED, PASSWORD, TOO_OFTEN, UNAUTHORIZED_ATTRIBUTE, attribute, other_code,
        sites, sites_with,
    },
    town::with,
};

const NO_COMBINATION: &str = "UserNotFoundException: Username/client id combination not found.";

fn verifying() -> Value {
    json!({"AutoVerifiedAttributes": ["email"]})
}

#[tokio::test]
async fn an_account_is_made_and_confirmed_with_its_code() {
    for site in sites_with(verifying(), json!({})).await {
        let made = site.call("SignUp", site.sign_up("ann")).await;
        let delivery = json!({"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"});
        assert_eq!((&made["UserConfirmed"], &made["CodeDeliveryDetails"]), (&json!(false), &delivery));
        assert_eq!(made["UserSub"].as_str(), site.attribute("ann", "sub").await.as_deref());
        assert_eq!(site.status("ann").await, "UNCONFIRMED");
        assert_eq!(site.refused("SignUp", site.sign_up("ann")).await, "UsernameExistsException: User already exists");

        let first = site.code("ann@example.com").await;
        site.advance(1);
        assert_eq!(site.call("ResendConfirmationCode", site.by_client("ann")).await["CodeDeliveryDetails"], delivery);
        let second = site.code("ann@example.com").await;
        let confirm = |code: &str| with(&site.by_client("ann"), json!({"ConfirmationCode": code}));
        if first != second {
            assert_eq!(site.refused("ConfirmSignUp", confirm(&first)).await, CODE_MISMATCH, "it was replaced");
        }
        assert_eq!(site.refused("ConfirmSignUp", confirm(&other_code(&second))).await, CODE_MISMATCH);
        assert_eq!(site.call("ConfirmSignUp", confirm(&second)).await, json!({}));
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("true"));
        let confirmed = "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED";
        assert_eq!(site.refused("ConfirmSignUp", confirm(&second)).await, confirmed);
        assert_eq!(
            site.refused("ResendConfirmationCode", site.by_client("ann")).await,
            "InvalidParameterException: User is already confirmed."
        );
        assert!(site.opens("ann", PASSWORD).await);
    }
}

#[tokio::test]
async fn a_code_ends_after_a_day_and_guesses_after_a_few() {
    for site in sites_with(verifying(), json!({})).await {
        for name in ["ann", "bob"] {
            site.stranger(name).await;
        }
        let confirm = |name: &str, code: &str| with(&site.by_client(name), json!({"ConfirmationCode": code}));
        let anns = site.code("ann@example.com").await;
        let bobs = site.code("bob@example.com").await;
        if anns != bobs {
            assert_eq!(site.refused("ConfirmSignUp", confirm("ann", &bobs)).await, CODE_MISMATCH, "another user's");
        }
        site.advance(24 * 3_600);
        assert_eq!(site.refused("ConfirmSignUp", confirm("ann", &anns)).await, CODE_EXPIRED);
        site.call("ResendConfirmationCode", site.by_client("ann")).await;
        let anns = site.code("ann@example.com").await;
        let mut refusals = Vec::new();
        for _ in 0..20 {
            refusals.push(site.refused("ConfirmSignUp", confirm("ann", &other_code(&anns))).await);
        }
        assert_eq!(refusals[0], CODE_MISMATCH);
        assert_eq!(refusals[19], TOO_OFTEN);
        assert_eq!(
            site.refused("ConfirmSignUp", confirm("ann", &anns)).await,
            TOO_OFTEN,
            "the right one comes too late"
        );
        assert_eq!(site.status("ann").await, "UNCONFIRMED");
        let mut refusal = String::new();
        for _ in 0..6 {
            let (status, body) = site.send("ResendConfirmationCode", &site.by_client("bob")).await;
            refusal = if status == 200 { String::new() } else { body["message"].as_str().unwrap().to_owned() };
        }
        assert!(TOO_OFTEN.ends_with(&refusal) && !refusal.is_empty(), "{refusal}");
    }
}

#[tokio::test]
async fn nothing_is_sent_where_nothing_is_verified() {
    for site in sites().await {
        let made = site.call("SignUp", site.sign_up("ann")).await;
        assert!(made.get("CodeDeliveryDetails").is_none());
        assert_eq!(
            site.refused("ResendConfirmationCode", site.by_client("ann")).await,
            "InvalidParameterException: Cannot resend codes. Auto verification not turned on."
        );
        let code = json!({"ConfirmationCode": "123456"});
        assert_eq!(site.refused("ConfirmSignUp", with(&site.by_client("ann"), code.clone())).await, CODE_EXPIRED);
        assert_eq!(site.refused("ConfirmSignUp", with(&site.by_client("nobody"), code)).await, NO_COMBINATION);
        assert_eq!(site.refused("ResendConfirmationCode", site.by_client("nobody")).await, NO_COMBINATION);
        site.call("AdminConfirmSignUp", site.named("ann")).await;
        site.call("AdminDisableUser", site.named("ann")).await;
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, DISABLED);
    }
}

#[tokio::test]
async fn passwords_are_held_against_the_policy() {
    for site in sites().await {
        let rules = [
            ("Ab1!", "Password not long enough"),
            ("abcdefg1!", "Password must have uppercase characters"),
            ("ABCDEFG1!", "Password must have lowercase characters"),
            ("Abcdefgh!", "Password must have numeric characters"),
            ("Abcdefgh1", "Password must have symbol characters"),
        ];
        site.newcomer("bob", PASSWORD).await;
        for (password, rule) in rules {
            // The length is a rule of the shape too, below six characters.
            let call = with(&site.sign_up("ann"), json!({"Password": password}));
            let refusal = format!("InvalidPasswordException: Password did not conform with policy: {rule}");
            assert_eq!(site.refused("SignUp", call).await, refusal);
            let refusal = format!("InvalidPasswordException: Password does not conform to policy: {rule}");
            let set = with(&site.named("bob"), json!({"Password": password}));
            assert_eq!(site.refused("AdminSetUserPassword", set).await, refusal);
            let create = with(&site.named("ann"), json!({"TemporaryPassword": password}));
            assert_eq!(site.refused("AdminCreateUser", create).await, refusal);
        }
        let mut call = site.sign_up("ann");
        call.as_object_mut().unwrap().remove("Password");
        assert_eq!(
            site.refused("SignUp", call).await,
            "InvalidParameterException: 1 validation error detected: Value at 'password' failed to satisfy constraint: \
             Member must not be null"
        );
        assert_eq!(
            site.refused("AdminGetUser", site.named("ann")).await,
            "UserNotFoundException: User does not exist."
        );
    }
}

#[tokio::test]
async fn attributes_are_held_against_the_schema_and_the_client() {
    let schema = json!([{"Name": "given_name", "AttributeDataType": "String", "Required": true, "Mutable": true},
                        {"Name": "size", "AttributeDataType": "Number", "NumberAttributeConstraints": {"MaxValue": "9"}}]);
    let client = json!({"WriteAttributes": ["given_name", "email", "phone_number", "custom:size"]});
    for site in sites_with(json!({"Schema": schema}), client).await {
        let given = |attributes: &[(&str, &str)]| {
            let list: Vec<_> = attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
            with(&site.sign_up("ann"), json!({"UserAttributes": list}))
        };
        let invalid = |text: &str| format!("InvalidParameterException: {text}");
        let schema = |text: &str| invalid(&format!("Attributes did not conform to the schema: {text}\n"));
        let name = ("given_name", "Ann");
        let refusals = [
            (given(&[]), schema("given_name: The attribute is required")),
            (given(&[name, ("custom:none", "1")]), schema("custom:none: Attribute does not exist in the schema.")),
            (given(&[name, ("email", "ann")]), invalid("Invalid email address format.")),
            (given(&[name, ("email", "a@b\r\nBcc:x")]), invalid("Invalid email address format.")),
            (given(&[name, ("phone_number", "5550100")]), invalid("Invalid phone number format.")),
            (given(&[name, ("nickname", "A")]), UNAUTHORIZED_ATTRIBUTE.to_owned()),
            (given(&[name, ("email_verified", "true")]), UNAUTHORIZED_ATTRIBUTE.to_owned()),
            (given(&[name, ("sub", "1")]), UNAUTHORIZED_ATTRIBUTE.to_owned()),
            (given(&[name, ("identities", "[]")]), UNAUTHORIZED_ATTRIBUTE.to_owned()),
        ];
        for (call, refusal) in refusals {
            assert_eq!(site.refused("SignUp", call.clone()).await, refusal, "{call}");
        }
        for size in ["ten", "10"] {
            let refusal = site.refused("SignUp", given(&[name, ("custom:size", size)])).await;
            assert!(
                refusal.starts_with(&invalid("Attributes did not conform to the schema: custom:size: ")),
                "{refusal}"
            );
        }
        site.call("SignUp", given(&[name, ("custom:size", "9")])).await;
    }
}

#[tokio::test]
async fn a_pool_may_leave_accounts_to_administrators() {
    let only = json!({"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}});
    for site in sites_with(only, json!({})).await {
        assert_eq!(
            site.refused("SignUp", site.sign_up("ann")).await,
            "NotAuthorizedException: SignUp is not permitted for this user pool"
        );
    }
}

#[tokio::test]
async fn an_address_can_be_the_user_name() {
    let pool = json!({"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]});
    for site in sites_with(pool, json!({})).await {
        assert_eq!(
            site.refused("SignUp", site.sign_up("ann")).await,
            "InvalidParameterException: Username should be an email."
        );
        let call = json!({"ClientId": site.client, "Username": "ann@example.com", "Password": PASSWORD});
        let made = site.call("SignUp", call.clone()).await;
        let user = site.call("AdminGetUser", site.named("ann@example.com")).await;
        assert_eq!(user["Username"], made["UserSub"]);
        assert_eq!(attribute(&user["UserAttributes"], "email").as_deref(), Some("ann@example.com"));
        assert_eq!(
            site.refused("SignUp", call).await,
            "UsernameExistsException: An account with the given email already exists."
        );
        let code = site.code("ann@example.com").await;
        site.call("ConfirmSignUp", with(&site.by_client("ann@example.com"), json!({"ConfirmationCode": code}))).await;
        assert!(site.opens("ann@example.com", PASSWORD).await);
        assert!(site.opens(made["UserSub"].as_str().unwrap(), PASSWORD).await);
    }
}

#[tokio::test]
async fn an_alias_belongs_to_whoever_proved_it_last_with_force() {
    let pool = json!({"AliasAttributes": ["email"], "AutoVerifiedAttributes": ["email"]});
    for site in sites_with(pool, json!({})).await {
        let call = |name: &str| {
            with(&site.sign_up(name), json!({"UserAttributes": [{"Name": "email", "Value": "we@example.com"}]}))
        };
        assert_eq!(
            site.refused("SignUp", call("a@b.c")).await,
            "InvalidParameterException: Username cannot be of email format, since user pool is configured for email alias."
        );
        for name in ["ann", "bob"] {
            site.advance(1);
            site.call("SignUp", call(name)).await;
            assert!(!site.opens("we@example.com", "Wrong-1234").await);
        }
        let bobs = site.code("we@example.com").await;
        site.advance(1);
        site.call("ResendConfirmationCode", site.by_client("ann")).await;
        let anns = site.code("we@example.com").await;
        site.call("ConfirmSignUp", with(&site.by_client("ann"), json!({"ConfirmationCode": anns}))).await;
        assert!(site.opens("we@example.com", PASSWORD).await);
        let confirm = with(&site.by_client("bob"), json!({"ConfirmationCode": bobs}));
        let taken = site.refused("ConfirmSignUp", confirm.clone()).await;
        assert_eq!(taken, "AliasExistsException: An account with the email already exists.");
        assert_eq!(site.status("bob").await, "UNCONFIRMED");
        site.call("ConfirmSignUp", with(&confirm, json!({"ForceAliasCreation": true}))).await;
        assert_eq!(site.attribute("ann", "email_verified").await.as_deref(), Some("false"));
        let owner = site.call("AdminGetUser", site.named("we@example.com")).await;
        assert_eq!(owner["Username"], "bob");
    }
}

#[tokio::test]
async fn a_password_is_refused_before_a_name() {
    for site in sites().await {
        site.stranger("ann").await;
        let weak = with(&site.sign_up("ann"), json!({"Password": "weak-pass"}));
        let refusal = site.refused("SignUp", weak).await;
        assert!(refusal.starts_with("InvalidPasswordException"), "{refusal}");
    }
}
