//! Signing in by choice: the name first, then a password, a code or a passkey.

use http::StatusCode;
use poolhouse::{
    domain::{mfa::Mode, pool::SoftwareTokens, user::Credential},
    store,
};

use super::query;
use crate::app::{Browser, House, PASSWORD, Reply, WEB, houses};

/// Lets the users of the web client choose among these factors beside the password.
pub async fn let_choose(house: &House, factors: &[&str]) {
    house.set_client(WEB, |settings| settings.explicit_auth_flows = Some(vec!["ALLOW_USER_AUTH".into()])).await;
    house
        .set_pool(|settings| {
            let allowed = ["PASSWORD"].iter().chain(factors).map(|factor| (*factor).to_owned());
            settings.policies.sign_in_policy.allowed_first_auth_factors = allowed.collect();
        })
        .await;
}

/// The page that follows the name.
pub async fn named(browser: &mut Browser<'_>, username: &str) -> Reply {
    let page = browser.get(&format!("/login?{}", query())).await;
    assert!(!page.text.contains("name=\"password\""), "{}", page.text);
    browser.send_form(&page, "/login", &[("username", username)]).await
}

async fn choose(browser: &mut Browser<'_>, page: &Reply, factor: &str) -> Reply {
    assert!(page.text.contains(&format!("value=\"{factor}\"")), "{factor}: {}", page.text);
    browser.send_form(page, "/selectChallenge", &[("answer", factor)]).await
}

#[tokio::test]
async fn a_password_is_chosen_and_may_be_mistyped() {
    for house in houses().await {
        let_choose(&house, &["EMAIL_OTP"]).await;
        let mut browser = Browser::new(&house);
        let choice = named(&mut browser, "ann").await;
        assert!(choice.text.contains("as ann"), "{}", choice.text);
        assert!(!choice.text.contains("PASSWORD_SRP"), "{}", choice.text);
        let page = choose(&mut browser, &choice, "PASSWORD").await;
        assert!(page.text.contains("autocomplete=\"current-password\""), "{}", page.text);
        let wrong = browser.send_form(&page, "/selectChallenge", &[("password", "Wrong-1234")]).await;
        assert_eq!(wrong.alert(), "Incorrect username or password.");
        let empty = browser.send_form(&wrong, "/selectChallenge", &[("password", "")]).await;
        assert_eq!(empty.alert(), "Enter your password.");
        // Another way begins anew, with the same name.
        let again = browser.send_form(&empty, "/login", &[]).await;
        assert!(again.text.contains("value=\"EMAIL_OTP\""), "{}", again.text);
        let done = browser.send_form(&empty, "/selectChallenge", &[("password", PASSWORD)]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
    }
}

#[tokio::test]
async fn a_code_is_sent_and_sent_again() {
    for house in houses().await {
        let_choose(&house, &["EMAIL_OTP"]).await;
        let mut browser = Browser::new(&house);
        let choice = named(&mut browser, "ann").await;
        let page = choose(&mut browser, &choice, "EMAIL_OTP").await;
        assert!(page.text.contains("We have sent a code to a***@e***."), "{}", page.text);
        let first = house.newest_code().await;
        let page = browser.send_form(&page, "/login", &[("preferred", "EMAIL_OTP")]).await;
        assert!(page.text.contains("We have sent a code to a***@e***."), "{}", page.text);
        let second = house.newest_code().await;
        assert_ne!(first, second);
        let old = browser.send_form(&page, "/mfa", &[("code", &first)]).await;
        assert!(old.alert().starts_with("That code is not right"), "{}", old.text);
        let done = browser.send_form(&old, "/mfa", &[("code", &second)]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
    }
}

#[tokio::test]
async fn a_code_goes_to_a_telephone_too() {
    for house in houses().await {
        let_choose(&house, &["SMS_OTP"]).await;
        let mut ann = house.find("ann").await;
        ann.attributes.insert("phone_number".into(), "+15555550100".into());
        ann.attributes.insert("phone_number_verified".into(), "true".into());
        house.update(&ann).await;
        let mut browser = Browser::new(&house);
        let choice = named(&mut browser, "ann").await;
        assert!(choice.text.contains("Send a code by SMS"), "{}", choice.text);
        let page = choose(&mut browser, &choice, "SMS_OTP").await;
        let code = house.newest_code().await;
        let done = browser.send_form(&page, "/mfa", &[("code", &code)]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
    }
}

#[tokio::test]
async fn without_a_choice_the_password_is_asked_for_at_once() {
    for house in houses().await {
        let_choose(&house, &["EMAIL_OTP"]).await;
        house
            .set_pool(|settings| {
                settings.mfa_configuration = Mode::On;
                settings.software_token_mfa_configuration = Some(SoftwareTokens { enabled: true });
            })
            .await;
        let mut browser = Browser::new(&house);
        let page = named(&mut browser, "ann").await;
        assert!(page.text.contains("autocomplete=\"current-password\""), "{}", page.text);
        assert!(!page.text.contains("Sign in another way"), "{}", page.text);
        let next = browser.send_form(&page, "/selectChallenge", &[("password", PASSWORD)]).await;
        assert!(next.text.contains("Set up a second factor"), "{}", next.text);
    }
}

#[tokio::test]
async fn a_password_that_comes_with_the_name_signs_in_as_ever() {
    for house in houses().await {
        let_choose(&house, &["EMAIL_OTP"]).await;
        let done = Browser::new(&house).sign_in(&query(), "ann", PASSWORD).await;
        assert!(done.told("code").is_some(), "{}", done.text);
        let page = Browser::new(&house).sign_in(&query(), "", "").await;
        assert!(page.alert().starts_with("Enter your user name"), "{}", page.text);
    }
}

#[tokio::test]
async fn nobody_learns_who_exists_from_the_choice() {
    for house in houses().await {
        let_choose(&house, &["EMAIL_OTP"]).await;
        let mut texts = Vec::new();
        for name in ["ann", "nob"] {
            let mut browser = Browser::new(&house);
            let choice = named(&mut browser, name).await;
            let page = choose(&mut browser, &choice, "PASSWORD").await;
            let wrong = browser.send_form(&page, "/selectChallenge", &[("password", "Wrong-1234")]).await;
            let choice_again = named(&mut browser, name).await;
            let code = choose(&mut browser, &choice_again, "EMAIL_OTP").await;
            assert!(code.text.contains("We have sent a code to "), "{}", code.text);
            let guess = browser.send_form(&code, "/mfa", &[("code", "x")]).await;
            let plain = |reply: &Reply| {
                let hidden = [reply.input("_csrf"), reply.input("session")];
                hidden.iter().fold(reply.text.replace(name, "NAME"), |text, value| text.replace(value, "HIDDEN"))
            };
            texts.push((plain(&choice), plain(&wrong), guess.alert().to_owned()));
        }
        assert_eq!(texts[0], texts[1]);
    }
}

#[tokio::test]
async fn somebody_with_nothing_to_choose_does_not_come_in() {
    for house in houses().await {
        let_choose(&house, &["EMAIL_OTP"]).await;
        let mut ann = house.find("ann").await;
        ann.attributes.clear();
        ann.credential = Credential::default();
        house.update(&ann).await;
        let mut tx = house.app.store.begin().await.unwrap();
        assert!(store::users::set_credential(&mut tx, &ann).await.unwrap());
        tx.commit().await.unwrap();
        let page = named(&mut Browser::new(&house), "ann").await;
        assert_eq!(page.alert(), "Incorrect username or password.", "{}", page.text);
    }
}

#[tokio::test]
async fn what_is_not_offered_or_not_ours_is_refused() {
    for house in houses().await {
        let_choose(&house, &["EMAIL_OTP"]).await;
        let mut browser = Browser::new(&house);
        let choice = named(&mut browser, "ann").await;
        let refused = browser.send_form(&choice, "/selectChallenge", &[("answer", "SMS_OTP")]).await;
        assert!(refused.alert().contains("SMS_OTP is not among the available challenges."), "{}", refused.text);
        let odd = browser.send_form(&choice, "/selectChallenge", &[("challenge", "OTHER")]).await;
        assert_eq!(odd.status, StatusCode::BAD_REQUEST);
        let page = choose(&mut browser, &choice, "PASSWORD").await;
        // The choice was made.
        let again = browser.send_form(&choice, "/selectChallenge", &[("answer", "EMAIL_OTP")]).await;
        assert_eq!(again.alert(), "That took too long. Please begin again.");
        let mut stranger = Browser::new(&house);
        stranger.get(&format!("/login?{}", query())).await;
        let forged = stranger.send_form(&page, "/selectChallenge", &[("password", PASSWORD)]).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN);
        house.app.clock.advance(std::time::Duration::from_secs(600));
        let late = browser.send_form(&page, "/selectChallenge", &[("password", PASSWORD)]).await;
        assert_eq!(late.alert(), "That took too long. Please begin again.");
    }
}
