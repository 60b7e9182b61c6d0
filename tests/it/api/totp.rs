//! Authenticator apps: set up with a token or in the middle of a sign-in, and a code taken once ever.

use poolhouse::domain::mfa::Factor;
use serde_json::json;

use super::{
    mfa::guarded,
    people::{INVALID_SESSION, INVALID_TOKEN, Tokens, sites},
    town::with,
};

const WRONG: &str = "CodeMismatchException: Invalid code received for user";
const USED: &str = "ExpiredCodeException: Your software token has already been used once.";
const MISMATCH: &str = "EnableSoftwareTokenMFAException: Code mismatch";
const OFF: &str = "SoftwareTokenMFANotFoundException: Software Token MFA has not been enabled by the userPool";

#[tokio::test]
async fn an_app_is_verified_then_preferred_then_asked_for() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let secret = site.app_of(&token).await;
        assert_eq!(secret.len(), 52);
        assert!(site.begin("ann").await["AuthenticationResult"].is_object(), "not before it is preferred");
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}})).await;
        let asked = site.begin("ann").await;
        assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
        assert_eq!(asked["ChallengeParameters"], json!({"FRIENDLY_DEVICE_NAME": "phone", "USER_ID_FOR_SRP": "ann"}));
        let right = json!({"SOFTWARE_TOKEN_MFA_CODE": site.totp(&secret, 0)});
        assert_eq!(site.answer_refused(&asked, "ann", right).await, USED, "its verification was the one use");
        site.advance(30);
        let done = site.answer(&asked, "ann", json!({"SOFTWARE_TOKEN_MFA_CODE": site.totp(&secret, 0)})).await;
        assert!(!Tokens::of(&done).access.is_empty());
    }
}

#[tokio::test]
async fn a_code_of_another_time_or_form_is_wrong() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        site.person("ann").await;
        let secret = site.app_of(&site.tokens("ann").await.access).await;
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true}})).await;
        site.advance(300);
        let asked = site.begin("ann").await;
        for wrong in [site.totp(&secret, -2), site.totp(&secret, 2), "abcdef".into(), "1234567".into()] {
            assert_eq!(site.answer_refused(&asked, "ann", json!({"SOFTWARE_TOKEN_MFA_CODE": wrong})).await, WRONG);
        }
        // A step before and one after are good, but none before one that was taken.
        let asked = site.begin("ann").await;
        let late = json!({"SOFTWARE_TOKEN_MFA_CODE": site.totp(&secret, 1)});
        assert!(site.answer(&asked, "ann", late).await["AuthenticationResult"].is_object());
        let asked = site.begin("ann").await;
        let early = json!({"SOFTWARE_TOKEN_MFA_CODE": site.totp(&secret, -1)});
        assert_eq!(site.answer_refused(&asked, "ann", early).await, USED);
    }
}

#[tokio::test]
async fn of_eight_uses_of_a_code_at_once_one_wins() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        site.person("ann").await;
        let secret = site.app_of(&site.tokens("ann").await.access).await;
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true}})).await;
        site.advance(60);
        let code = site.totp(&secret, 0);
        let mut replies = Vec::new();
        for _ in 0..8 {
            let asked = site.begin("ann").await;
            replies.push(site.reply(&asked, "ann", json!({"SOFTWARE_TOKEN_MFA_CODE": code})));
        }
        let send = |reply| {
            let site = &site;
            async move { site.send("RespondToAuthChallenge", &reply).await }
        };
        let answers = futures_all(replies.into_iter().map(send)).await;
        let won = answers.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(won, 1);
        for (_, body) in answers.iter().filter(|(status, _)| *status != 200) {
            assert_eq!(body["__type"], "ExpiredCodeException", "{body}");
        }
    }
}

/// Polls all of them at once.
async fn futures_all<T>(all: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    use std::{pin::pin, task::Poll};
    let mut all: Vec<_> = all.into_iter().map(|future| (Box::pin(future), None)).collect();
    let each = std::future::poll_fn(move |cx| {
        for (future, done) in &mut all {
            if done.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *done = Some(value);
            }
        }
        if all.iter().any(|(_, done)| done.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(all.iter_mut().filter_map(|(_, done)| done.take()).collect())
    });
    pin!(each).await
}

#[tokio::test]
async fn a_required_app_is_set_up_on_the_way_in() {
    for site in guarded("ON", &[Factor::Totp]).await {
        site.person("ann").await;
        let asked = site.begin("ann").await;
        assert_eq!(asked["ChallengeName"], "MFA_SETUP");
        assert_eq!(asked["ChallengeParameters"]["MFAS_CAN_SETUP"], r#"["SOFTWARE_TOKEN_MFA"]"#);
        assert_eq!(site.answer_refused(&asked, "ann", json!({})).await, INVALID_SESSION, "nothing is set up yet");

        let made = site.call("AssociateSoftwareToken", json!({"Session": asked["Session"]})).await;
        assert_ne!(made["Session"], asked["Session"]);
        let old = json!({"Session": asked["Session"]});
        assert_eq!(
            site.refused("AssociateSoftwareToken", old).await,
            "NotAuthorizedException: Invalid session for the user, session can only be used once."
        );
        let secret = made["SecretCode"].as_str().unwrap();
        let wrong = json!({"Session": made["Session"], "UserCode": site.totp(secret, 5)});
        assert_eq!(site.refused("VerifySoftwareToken", wrong).await, MISMATCH);
        let right = json!({"Session": made["Session"], "UserCode": site.totp(secret, 0)});
        let verified = site.call("VerifySoftwareToken", right).await;
        assert_eq!(verified["Status"], "SUCCESS");
        // It is asked for from now on, whether this sign-in is finished or not.
        assert_eq!(site.begin("ann").await["ChallengeName"], "SOFTWARE_TOKEN_MFA");
        let reply = with(&site.reply(&asked, "ann", json!({})), json!({"Session": verified["Session"]}));
        let done = site.call("RespondToAuthChallenge", reply).await;
        assert!(!Tokens::of(&done).access.is_empty());
        let shown = site.call("AdminGetUser", site.named("ann")).await;
        assert_eq!(shown["UserMFASettingList"], json!(["SOFTWARE_TOKEN_MFA"]));
    }
}

#[tokio::test]
async fn a_session_of_another_challenge_sets_nothing_up() {
    for site in guarded("ON", &[Factor::Email, Factor::Totp]).await {
        site.person("ann").await;
        let asked = site.begin("ann").await;
        assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
        assert_eq!(site.refused("AssociateSoftwareToken", json!({"Session": asked["Session"]})).await, INVALID_SESSION);
        let verify = json!({"Session": asked["Session"], "UserCode": "123456"});
        assert_eq!(site.refused("VerifySoftwareToken", verify).await, INVALID_SESSION);
    }
}

#[tokio::test]
async fn only_the_newest_secret_can_be_verified_and_only_once() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let verify = |code: String| json!({"AccessToken": token, "UserCode": code});
        assert_eq!(site.refused("VerifySoftwareToken", verify("123456".into())).await, MISMATCH);
        let first = site.call("AssociateSoftwareToken", json!({"AccessToken": token})).await;
        let second = site.call("AssociateSoftwareToken", json!({"AccessToken": token})).await;
        let code = |made: &serde_json::Value| site.totp(made["SecretCode"].as_str().unwrap(), 0);
        assert_eq!(site.refused("VerifySoftwareToken", verify(code(&first))).await, MISMATCH);
        site.call("VerifySoftwareToken", verify(code(&second))).await;
        assert_eq!(site.refused("VerifySoftwareToken", verify(code(&second))).await, MISMATCH);
        for both in [json!({}), json!({"AccessToken": token, "Session": "x".repeat(20)})] {
            assert_eq!(
                site.refused("AssociateSoftwareToken", both).await,
                "InvalidParameterException: Exactly one of AccessToken and Session must be given."
            );
        }
        let id = site.tokens("ann").await.id;
        assert_eq!(site.refused("AssociateSoftwareToken", json!({"AccessToken": id})).await, INVALID_TOKEN);
    }
}

#[tokio::test]
async fn a_pool_without_apps_says_so() {
    for site in sites().await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        assert_eq!(site.refused("AssociateSoftwareToken", json!({"AccessToken": token})).await, OFF);
        assert_eq!(site.refused("VerifySoftwareToken", json!({"AccessToken": token, "UserCode": "123456"})).await, OFF);
    }
}
