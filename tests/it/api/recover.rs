//! Forgotten passwords.

use poolhouse::domain::mfa::Factor;
use serde_json::{Value, json};

use super::{
    mfa::{every_factor, guarded},
    people::{CODE_EXPIRED, CODE_MISMATCH, DISABLED, PASSWORD, Site, TOO_OFTEN, Tokens, other_code, sites, sites_with},
    town::with,
};

const NO_COMBINATION: &str = "UserNotFoundException: Username/client id combination not found.";
const NO_ADDRESS: &str = "InvalidParameterException: Cannot reset password for the user as there is no registered/verified \
                          email or phone_number";
const NOT_NOW: &str = "NotAuthorizedException: User password cannot be reset in the current state.";

impl Site {
    /// The access token of somebody whose second factor is a code to this address.
    async fn tokens_after(&self, name: &str, answer: &str, address: &str) -> String {
        let asked = self.begin(name).await;
        let code = self.code(address).await;
        Tokens::of(&self.answer(&asked, name, json!({ answer: code })).await).access
    }
}

fn confirm(site: &Site, name: &str, code: &str, password: &str) -> Value {
    with(&site.by_client(name), json!({"ConfirmationCode": code, "Password": password}))
}

#[tokio::test]
async fn a_code_sets_a_new_password_once() {
    for site in sites().await {
        site.person("ann").await;
        let delivery = json!({"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"});
        assert_eq!(site.call("ForgotPassword", site.by_client("ann")).await["CodeDeliveryDetails"], delivery);
        assert!(site.opens("ann", PASSWORD).await, "asking changes nothing");
        let code = site.code("ann@example.com").await;
        let operation = "ConfirmForgotPassword";
        assert_eq!(
            site.refused(operation, confirm(&site, "ann", &other_code(&code), "Other-1234")).await,
            CODE_MISMATCH
        );
        assert_eq!(
            site.refused(operation, confirm(&site, "ann", &code, "other-1234")).await,
            "InvalidPasswordException: Password does not conform to policy: Password must have uppercase characters"
        );
        assert_eq!(site.call(operation, confirm(&site, "ann", &code, "Other-1234")).await, json!({}));
        assert_eq!(site.refused(operation, confirm(&site, "ann", &code, "Third-1234")).await, CODE_EXPIRED);
        assert!(site.opens("ann", "Other-1234").await && !site.opens("ann", PASSWORD).await);

        site.advance(1);
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        site.advance(3_600);
        assert_eq!(site.refused(operation, confirm(&site, "ann", &code, "Third-1234")).await, CODE_EXPIRED);
    }
}

#[tokio::test]
async fn guesses_and_requests_are_limited() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        site.advance(1);
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        for _ in 0..5 {
            let wrong = confirm(&site, "ann", &other_code(&code), "Other-1234");
            assert_eq!(site.refused("ConfirmForgotPassword", wrong).await, CODE_MISMATCH);
        }
        let right = confirm(&site, "ann", &code, "Other-1234");
        assert_eq!(site.refused("ConfirmForgotPassword", right).await, TOO_OFTEN);
        for _ in 0..5 {
            site.call("ForgotPassword", site.by_client("bob")).await;
        }
        assert_eq!(site.refused("ForgotPassword", site.by_client("bob")).await, TOO_OFTEN);
        site.advance(3_600);
        site.call("ForgotPassword", site.by_client("bob")).await;
    }
}

#[tokio::test]
async fn who_cannot_be_reached_or_may_not_come_in_gets_no_code() {
    for site in sites().await {
        site.person("disabled").await;
        site.newcomer("newcomer", PASSWORD).await;
        site.stranger("stranger").await;
        site.call("AdminDisableUser", site.named("disabled")).await;
        for (name, refusal) in
            [("nobody", NO_COMBINATION), ("disabled", DISABLED), ("newcomer", NOT_NOW), ("stranger", NO_ADDRESS)]
        {
            assert_eq!(site.refused("ForgotPassword", site.by_client(name)).await, refusal, "{name}");
        }
        let call = |name: &str| confirm(&site, name, "123456", "Other-1234");
        assert_eq!(site.refused("ConfirmForgotPassword", call("nobody")).await, NO_COMBINATION);
        assert_eq!(site.refused("ConfirmForgotPassword", call("stranger")).await, CODE_EXPIRED, "never asked");
        assert_eq!(site.refused("AdminResetUserPassword", site.named("newcomer")).await, NOT_NOW);
        let disabled = site.refused("AdminResetUserPassword", site.named("disabled")).await;
        assert!(disabled.starts_with("NotAuthorizedException: User is disabled"), "{disabled}");
        site.set_password("stranger", PASSWORD).await;
        assert_eq!(site.refused("AdminResetUserPassword", site.named("stranger")).await, NO_ADDRESS);
        assert_eq!(
            site.refused("AdminResetUserPassword", site.named("nobody")).await,
            "UserNotFoundException: User does not exist."
        );
    }
}

#[tokio::test]
async fn an_administrators_reset_makes_the_old_password_useless() {
    for site in sites().await {
        site.person("ann").await;
        for _ in 0..2 {
            site.advance(1);
            assert_eq!(site.call("AdminResetUserPassword", site.named("ann")).await, json!({}));
        }
        assert_eq!(site.status("ann").await, "RESET_REQUIRED");
        assert!(!site.opens("ann", PASSWORD).await);
        let code = site.code("ann@example.com").await;
        site.call("ConfirmForgotPassword", confirm(&site, "ann", &code, "Other-1234")).await;
        assert_eq!(site.status("ann").await, "CONFIRMED");
        assert!(site.opens("ann", "Other-1234").await);
    }
}

#[tokio::test]
async fn the_pool_chooses_who_resets() {
    let only = json!({"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}});
    for site in sites_with(only, json!({})).await {
        site.person("ann").await;
        assert_eq!(
            site.refused("ForgotPassword", site.by_client("ann")).await,
            "NotAuthorizedException: Contact administrator to reset password."
        );
    }
}

#[tokio::test]
async fn a_password_of_the_history_is_refused_everywhere() {
    let policy = json!({"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 2}});
    const USED: &str = "PasswordHistoryPolicyViolationException: Password has previously been used";
    for site in sites_with(json!({"Policies": policy}), json!({})).await {
        site.newcomer("ann", "Zero-1234").await;
        site.set_password("ann", "First-1234").await;
        site.set_password("ann", "Second-1234").await;
        for used in ["First-1234", "Second-1234"] {
            let set = with(&site.named("ann"), json!({"Password": used, "Permanent": true}));
            assert_eq!(site.refused("AdminSetUserPassword", set).await, USED);
        }
        let tokens = site.call("InitiateAuth", site.password("ann", "Second-1234")).await;
        let access = &tokens["AuthenticationResult"]["AccessToken"];
        let change =
            |to: &str| json!({"AccessToken": access, "PreviousPassword": "Second-1234", "ProposedPassword": to});
        assert_eq!(site.refused("ChangePassword", change("First-1234")).await, USED);
        site.advance(1);
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        assert_eq!(site.refused("ConfirmForgotPassword", confirm(&site, "ann", &code, "First-1234")).await, USED);
        site.call("ChangePassword", change("Third-1234")).await;
        site.set_password("ann", "First-1234").await;
    }
}

/// Where the pool has `AccountRecoverySetting`, no code goes where the second factor goes.
#[tokio::test]
async fn the_address_of_the_second_factor_recovers_nothing() {
    let mechanisms =
        json!([{"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2}]);
    let both = json!({"AccountRecoverySetting": {"RecoveryMechanisms": mechanisms}});
    for site in guarded("OPTIONAL", &[Factor::Sms, Factor::Totp, Factor::Email]).await {
        site.person("ann").await;
        site.give_phone("ann").await;
        let medium = async || {
            let sent = site.call("ForgotPassword", site.by_client("ann")).await;
            sent["CodeDeliveryDetails"]["DeliveryMedium"].as_str().unwrap().to_owned()
        };
        let on = |factor: &str| json!({factor: {"Enabled": true}});
        let off = |factor: &str| json!({factor: {"Enabled": false}});
        // Without the setting the telephone comes first, whatever the second factor is.
        site.prefer("ann", on("SMSMfaSettings")).await;
        assert_eq!(medium().await, "SMS");

        let update = |members: Value| {
            with(&with(&every_factor(), json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL"})), members)
        };
        site.call("UpdateUserPool", update(both.clone())).await;
        assert_eq!(medium().await, "EMAIL");
        site.prefer("ann", off("SMSMfaSettings")).await;
        site.prefer("ann", on("EmailMfaSettings")).await;
        assert_eq!(medium().await, "SMS");
        // An authenticator app is no address, and does not make a factor beside it idle.
        let secret = site.app_of(&site.tokens_after("ann", "EMAIL_OTP_CODE", "ann@example.com").await).await;
        assert!(!secret.is_empty());
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}})).await;
        assert_eq!(medium().await, "SMS");
        site.advance(3_600);
        site.prefer("ann", off("EmailMfaSettings")).await;
        assert_eq!(medium().await, "EMAIL");

        let one = json!({"RecoveryMechanisms": [{"Name": "verified_phone_number", "Priority": 1}]});
        site.call("UpdateUserPool", update(json!({ "AccountRecoverySetting": one }))).await;
        site.prefer("ann", on("SMSMfaSettings")).await;
        assert_eq!(site.refused("ForgotPassword", site.by_client("ann")).await, NO_ADDRESS);
        assert_eq!(site.refused("AdminResetUserPassword", site.named("ann")).await, NO_ADDRESS);
        assert_eq!(site.status("ann").await, "CONFIRMED", "a reset that reaches nobody changes nothing");
        site.prefer("ann", off("SMSMfaSettings")).await;
        site.call("AdminResetUserPassword", site.named("ann")).await;
        assert_eq!(site.status("ann").await, "RESET_REQUIRED");
    }
}

#[tokio::test]
async fn a_factor_that_the_pool_asks_everybody_for_recovers_nothing_either() {
    for site in guarded("ON", &[Factor::Email]).await {
        site.person("ann").await;
        let one = json!({"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]});
        let update = json!({"UserPoolId": site.pool, "MfaConfiguration": "ON", "AccountRecoverySetting": one,
                            "EmailConfiguration": every_factor()["EmailConfiguration"]});
        site.call("ForgotPassword", site.by_client("ann")).await;
        site.call("UpdateUserPool", update).await;
        assert_eq!(site.refused("ForgotPassword", site.by_client("ann")).await, NO_ADDRESS);
    }
}
