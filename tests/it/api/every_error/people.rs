//! Users: what administrators do with them, and what they do with themselves. Their sign-ins are elsewhere.

use poolhouse::{domain::auth_event::AuthEvent, flows::auth_events};
use serde_json::{Value, json};

use crate::api::{
    every_error::Report,
    people::{
        CODE_EXPIRED, CODE_MISMATCH, DISABLED, NO_USER, PASSWORD, Site, UNAUTHORIZED_ATTRIBUTE, WRONG, other_code,
        sites_with,
    },
    town::with,
};

const TAKEN: &str = "AliasExistsException: An account with the given email already exists.";
const CONFIRMED: &str = "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED";
const NO_RESET: &str = "NotAuthorizedException: User password cannot be reset in the current state.";
const SHORT: &str = "InvalidPasswordException: Password does not conform to policy: Password not long enough";
const USED: &str = "PasswordHistoryPolicyViolationException: Password has previously been used";

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    let pool = json!({
        "AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"],
        "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
        "Policies": {"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 2}},
    });
    for site in sites_with(pool, json!({"WriteAttributes": ["email", "name"]})).await {
        for name in ["ann", "bob"] {
            site.newcomer(name, "First-1234").await;
            site.set_password(name, PASSWORD).await;
        }
        site.newcomer("new", PASSWORD).await;
        administrators(&mut report, &site).await;
        sign_up(&mut report, &site).await;
        recovery(&mut report, &site).await;
        bearers(&mut report, &site).await;
        sessions_and_events(&mut report, &site).await;
        report.note(&site);
        taken(&mut report, site).await;
    }
    report
}

fn email(address: &str) -> Value {
    json!({"UserAttributes": [{"Name": "email", "Value": address}]})
}

async fn administrators(report: &mut Report, site: &Site) {
    let verified = json!({"UserAttributes": [{"Name": "email", "Value": "ann@example.com"},
                                             {"Name": "email_verified", "Value": "true"}]});
    let resend = json!({"MessageAction": "RESEND"});
    let exists = "UsernameExistsException: User account already exists";
    let confirmed = "UnsupportedUserStateException: Resend not possible. ann status is not FORCE_CHANGE_PASSWORD";
    for (operation, name, members, text) in [
        ("AdminCreateUser", "ann", json!({}), exists),
        (
            "AdminCreateUser",
            "cy",
            verified.clone(),
            "UsernameExistsException: An account with the given email already exists.",
        ),
        ("AdminCreateUser", "cy", json!({"TemporaryPassword": "shorter"}), SHORT),
        ("AdminCreateUser", "ann", resend, confirmed),
        ("AdminUpdateUserAttributes", "bob", verified, TAKEN),
        ("AdminSetUserPassword", "ann", json!({"Password": "shorter"}), SHORT),
        ("AdminSetUserPassword", "ann", json!({"Password": "First-1234"}), USED),
        ("AdminConfirmSignUp", "ann", json!({}), CONFIRMED),
        ("AdminResetUserPassword", "new", json!({}), NO_RESET),
        (
            "AdminDeleteUserAttributes",
            "ann",
            json!({"UserAttributeNames": ["custom:x"]}),
            "InvalidParameterException: Invalid user attributes: user.custom:x: Attribute does not exist in the schema.\n",
        ),
    ] {
        report.refused(site, (operation, with(&site.named(name), members)), text).await;
    }
    site.stranger("dan").await;
    site.stranger("eve").await;
    site.call("AdminConfirmSignUp", site.named("eve")).await;
    let verify = json!({"UserAttributes": [{"Name": "email_verified", "Value": "true"}]});
    site.call("AdminUpdateUserAttributes", with(&site.named("eve"), verify)).await;
    let members =
        json!({"UserAttributes": [{"Name": "name", "Value": "Dan"}], "UserAttributeNames": ["name"], "MFAOptions": []});
    let named = with(&site.named("dan"), members);
    for operation in [
        "AdminConfirmSignUp",
        "AdminGetUser",
        "AdminUpdateUserAttributes",
        "AdminDeleteUserAttributes",
        "AdminDisableUser",
        "AdminResetUserPassword",
        "AdminEnableUser",
        "AdminUserGlobalSignOut",
        "AdminSetUserSettings",
        "ListUsers",
        "AdminDeleteUser",
    ] {
        if operation == "AdminResetUserPassword" {
            report.refused(site, (operation, named.clone()), DISABLED).await;
        } else {
            report.given(site, operation, named.clone()).await;
        }
    }
    report.given(site, "AdminResetUserPassword", site.named("eve")).await;
    let filter = site.of_pool(json!({"Filter": "custom:x = \"y\""}));
    report.refused(site, ("ListUsers", filter), "InvalidParameterException: Invalid search attribute: custom:x").await;
}

async fn sign_up(report: &mut Report, site: &Site) {
    let hash = format!(
        "NotAuthorizedException: Client {} is not configured with secret but SECRET_HASH was received",
        site.client
    );
    let code = json!({"ConfirmationCode": "123456", "Password": "Other-1234", "SecretHash": "abc"});
    for operation in ["SignUp", "ConfirmSignUp", "ResendConfirmationCode", "ForgotPassword", "ConfirmForgotPassword"] {
        report.refused(site, (operation, with(&site.by_client("ann"), code.clone())), &hash).await;
    }
    let weak = "InvalidPasswordException: Password did not conform with policy: Password not long enough";
    report.refused(site, ("SignUp", with(&site.sign_up("kim"), json!({"Password": "shorter"}))), weak).await;
    report.refused(site, ("SignUp", site.sign_up("ann")), "UsernameExistsException: User already exists").await;
    let unwritable = json!({"UserAttributes": [{"Name": "nickname", "Value": "K"}]});
    report.refused(site, ("SignUp", with(&site.sign_up("kim"), unwritable)), UNAUTHORIZED_ATTRIBUTE).await;

    site.stranger("kim").await;
    let confirm = |code: &str| with(&site.by_client("kim"), json!({"ConfirmationCode": code}));
    let code = site.code("kim@example.com").await;
    report.refused(site, ("ConfirmSignUp", confirm(&other_code(&code))), CODE_MISMATCH).await;
    site.advance(1);
    report.given(site, "ResendConfirmationCode", site.by_client("kim")).await;
    site.advance(86_400);
    let code = site.code("kim@example.com").await;
    report.refused(site, ("ConfirmSignUp", confirm(&code)), CODE_EXPIRED).await;
    report.given(site, "ResendConfirmationCode", site.by_client("kim")).await;
    let code = site.code("kim@example.com").await;
    report.given(site, "ConfirmSignUp", confirm(&code)).await;
    report.refused(site, ("ConfirmSignUp", confirm(&code)), CONFIRMED).await;
    let known = "InvalidParameterException: User is already confirmed.";
    report.refused(site, ("ResendConfirmationCode", site.by_client("kim")), known).await;

    site.advance(1);
    report.given(site, "SignUp", with(&site.sign_up("lou"), email("kim@example.com"))).await;
    let code = json!({"ConfirmationCode": site.code("kim@example.com").await});
    let taken = "AliasExistsException: An account with the email already exists.";
    report.refused(site, ("ConfirmSignUp", with(&site.by_client("lou"), code)), taken).await;
    let closed = json!({"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}});
    let made = site.call("CreateUserPool", with(&json!({"PoolName": "closed"}), closed)).await;
    let client = json!({"UserPoolId": made["UserPool"]["Id"], "ClientName": "web"});
    let client = site.call("CreateUserPoolClient", client).await["UserPoolClient"]["ClientId"].clone();
    let call = with(&site.sign_up("moe"), json!({"ClientId": client}));
    report.refused(site, ("SignUp", call), "NotAuthorizedException: SignUp is not permitted for this user pool").await;
}

async fn recovery(report: &mut Report, site: &Site) {
    let reset = |name: &str, code: &str, password: &str| {
        with(&site.by_client(name), json!({"ConfirmationCode": code, "Password": password}))
    };
    report.refused(site, ("ForgotPassword", site.by_client("new")), NO_RESET).await;
    report.refused(site, ("ConfirmForgotPassword", reset("bob", "123456", "Other-1234")), CODE_EXPIRED).await;
    report.given(site, "ForgotPassword", site.by_client("bob")).await;
    let code = site.code("bob@example.com").await;
    report
        .refused(site, ("ConfirmForgotPassword", reset("bob", &other_code(&code), "Other-1234")), CODE_MISMATCH)
        .await;
    report.refused(site, ("ConfirmForgotPassword", reset("bob", &code, "shorter")), SHORT).await;
    report.refused(site, ("ConfirmForgotPassword", reset("bob", &code, "First-1234")), USED).await;
    report.given(site, "ConfirmForgotPassword", reset("bob", &code, "Other-1234")).await;
}

async fn bearers(report: &mut Report, site: &Site) {
    let token = site.tokens("ann").await.access;
    let by_token = |members: Value| with(&json!({"AccessToken": token}), members);
    let change = |old: &str, new: &str| by_token(json!({"PreviousPassword": old, "ProposedPassword": new}));
    let proof = |code: &str| by_token(json!({"AttributeName": "email", "Code": code}));
    for (input, text) in [
        (change("Wrong-1234", "Other-1234"), WRONG),
        (change(PASSWORD, "shorter"), SHORT),
        (change(PASSWORD, "First-1234"), USED),
    ] {
        report.refused(site, ("ChangePassword", input), text).await;
    }
    report.given(site, "ChangePassword", change(PASSWORD, "Other-1234")).await;
    report.refused(site, ("VerifyUserAttribute", proof("123456")), CODE_EXPIRED).await;
    report.given(site, "GetUserAttributeVerificationCode", by_token(json!({"AttributeName": "email"}))).await;
    let code = site.code("ann@example.com").await;
    report.refused(site, ("VerifyUserAttribute", proof(&other_code(&code))), CODE_MISMATCH).await;
    report.given(site, "VerifyUserAttribute", proof(&code)).await;
    let name =
        json!({"UserAttributes": [{"Name": "name", "Value": "Ann"}], "UserAttributeNames": ["name"], "MFAOptions": []});
    for operation in ["UpdateUserAttributes", "DeleteUserAttributes", "SetUserSettings", "GetUser", "GlobalSignOut"] {
        report.given(site, operation, by_token(name.clone())).await;
    }
    site.stranger("pat").await;
    site.call("AdminConfirmSignUp", site.named("pat")).await;
    report.given(site, "DeleteUser", json!({"AccessToken": site.tokens("pat").await.access})).await;
}

async fn sessions_and_events(report: &mut Report, site: &Site) {
    site.stranger("sue").await;
    site.call("AdminConfirmSignUp", site.named("sue")).await;
    for _ in 0..2 {
        site.tokens("sue").await;
    }
    let token = json!({"AccessToken": site.tokens("sue").await.access});
    let listed = report.given(site, "ListUserSessions", token.clone()).await;
    let none = "ResourceNotFoundException: Session does not exist.";
    let unknown = json!({"SessionId": "tkn0000000000000000000000000"});
    report.refused(site, ("RevokeUserSession", with(&token, unknown.clone())), none).await;
    report.refused(site, ("AdminRevokeUserSession", with(&site.named("sue"), unknown)), none).await;
    report.given(site, "AdminListUserSessions", site.named("sue")).await;
    let others = listed["Sessions"].as_array().unwrap().iter().filter(|session| session["IsCurrentSession"] == false);
    for (session, operation) in others.zip(["AdminRevokeUserSession", "RevokeUserSession"]) {
        let named = with(&site.named("sue"), with(&token, json!({"SessionId": session["SessionId"]})));
        report.given(site, operation, named).await;
    }
    report.given(site, "AdminListUserAuthEvents", site.named("sue")).await;
    let event = auth_events::list(&site.cx(), &site.pool, "sue", (1, None)).await.unwrap().items.remove(0);
    let feedback = |name: &str, event: &str, token: &str| {
        with(&site.named(name), json!({"EventId": event, "FeedbackToken": token, "FeedbackValue": "Valid"}))
    };
    let sealed = auth_events::feedback_token(&site.cx(), &event).unwrap();
    let lost = AuthEvent { id: "lost".into(), ..event.clone() };
    let lost = auth_events::feedback_token(&site.cx(), &lost).unwrap();
    let gone = "ResourceNotFoundException: Event lost does not exist.";
    let invalid = "NotAuthorizedException: Invalid feedback token.";
    report.given(site, "AdminUpdateAuthEventFeedback", feedback("sue", &event.id, "-")).await;
    report.refused(site, ("AdminUpdateAuthEventFeedback", feedback("sue", "lost", "-")), gone).await;
    report.given(site, "UpdateAuthEventFeedback", feedback("sue", &event.id, &sealed)).await;
    report.refused(site, ("UpdateAuthEventFeedback", feedback("sue", "lost", &lost)), gone).await;
    report.refused(site, ("UpdateAuthEventFeedback", feedback("sue", &event.id, "-")), invalid).await;
    report.refused(site, ("UpdateAuthEventFeedback", feedback("nobody", &event.id, &sealed)), NO_USER).await;
}

/// Addresses that are names belong to one user.
async fn taken(report: &mut Report, site: Site) {
    let pool = json!({"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"],
                      "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}});
    let site = Site::at(site.town, pool, json!({})).await;
    for name in ["ann@example.com", "bob@example.com"] {
        report.given(&site, "SignUp", with(&site.by_client(name), json!({"Password": PASSWORD}))).await;
        report.given(&site, "AdminConfirmSignUp", site.named(name)).await;
    }
    let token = json!({"AccessToken": site.tokens("ann@example.com").await.access});
    report.refused(&site, ("UpdateUserAttributes", with(&token, email("bob@example.com"))), TAKEN).await;
    report.given(&site, "UpdateUserAttributes", with(&token, email("new@example.com"))).await;
    let code = json!({"AttributeName": "email", "Code": site.code("new@example.com").await});
    report.given(&site, "SignUp", with(&site.by_client("new@example.com"), json!({"Password": PASSWORD}))).await;
    report.refused(&site, ("VerifyUserAttribute", with(&token, code)), TAKEN).await;
    report.note(&site);
}
