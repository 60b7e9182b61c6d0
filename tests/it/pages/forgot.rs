//! A forgotten password: who asks is told the same, whoever they ask for.

use http::StatusCode;
use poolhouse::domain::{
    pool::{AccountRecovery, RecoveryMechanism, RecoveryName},
    user::Status,
};

use super::query;
use crate::app::{Browser, PASSWORD, Reply, houses};

async fn ask(browser: &mut Browser<'_>, username: &str) -> Reply {
    let page = browser.get(&format!("/forgotPassword?{}", query())).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    browser.send_form(&page, "/forgotPassword", &[("username", username)]).await
}

async fn choose(browser: &mut Browser<'_>, page: &Reply, code: &str, password: &str) -> Reply {
    let fields = [("code", code), ("new_password", password), ("confirm_password", password)];
    browser.send_form(page, "/confirmForgotPassword", &fields).await
}

#[tokio::test]
async fn a_code_and_a_new_password_lead_back_to_the_sign_in() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let login = browser.get(&format!("/login?{}", query())).await;
        assert!(login.text.contains("href=\"/forgotPassword?"), "{}", login.text);
        let page = ask(&mut browser, "ann").await;
        assert!(page.text.contains("a code is on its way to a***@e***."), "{}", page.text);
        let code = house.newest_code().await;
        let weak = choose(&mut browser, &page, &code, "short").await;
        assert_eq!(weak.alert(), "Password not long enough.");
        // A code that was not looked at stays in its field.
        assert!(weak.text.contains(&format!("value=\"{code}\"")), "{}", weak.text);
        let fields = [("code", &*code), ("new_password", "Chosen-1234"), ("confirm_password", "Chosen-12345")];
        let differ = browser.send_form(&weak, "/confirmForgotPassword", &fields).await;
        assert_eq!(differ.alert(), "The two passwords differ.");
        let wrong = choose(&mut browser, &differ, "x", "Chosen-1234").await;
        assert!(wrong.alert().starts_with("That code is not right"), "{}", wrong.text);
        let login = choose(&mut browser, &wrong, &code, "Chosen-1234").await;
        assert!(login.text.contains("Your password was changed."), "{}", login.text);
        assert_eq!(login.input("username"), "ann");
        let old = browser.send_form(&login, "/login", &[("username", "ann"), ("password", PASSWORD)]).await;
        assert_eq!(old.alert(), "Incorrect username or password.");
        let done = browser.send_form(&login, "/login", &[("username", "ann"), ("password", "Chosen-1234")]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
    }
}

#[tokio::test]
async fn nobody_learns_who_exists_or_can_be_reset() {
    for house in houses().await {
        house.user("first", PASSWORD, Status::ForceChangePassword).await;
        let mut stopped = house.user("stopped", PASSWORD, Status::Confirmed).await;
        stopped.enabled = false;
        house.update(&stopped).await;
        let mut unproven = house.user("unproven", PASSWORD, Status::Confirmed).await;
        unproven.attributes.insert("email_verified".into(), "false".into());
        house.update(&unproven).await;
        let mut browser = Browser::new(&house);
        let mut texts = Vec::new();
        for name in ["ann", "nobody", "first", "stopped", "unproven"] {
            let page = ask(&mut browser, name).await;
            let wrong = choose(&mut browser, &page, "x", "Chosen-1234").await;
            let domain = page.input("sent");
            let plain = |reply: &Reply| {
                let initial = format!("{}***@{}", &name[..1], domain.split_once('@').unwrap().1);
                reply.text.replace(&initial, "ADDRESS").replace(name, "NAME")
            };
            texts.push((plain(&page), plain(&wrong)));
        }
        assert!(texts.iter().all(|pair| *pair == texts[0]), "{texts:#?}");
    }
}

#[tokio::test]
async fn asking_and_guessing_have_limits_for_everybody() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        for name in ["ann", "nobody"] {
            let page = ask(&mut browser, name).await;
            for _ in 0..5 {
                assert!(choose(&mut browser, &page, "x", "Chosen-1234").await.alert().starts_with("That code is"));
            }
            let locked = choose(&mut browser, &page, "x", "Chosen-1234").await;
            assert_eq!(locked.alert(), "Too many attempts. Please try again later.", "{name}");
            let mut again = page;
            for _ in 0..4 {
                again = browser.send_form(&again, "/forgotPassword", &[]).await;
                assert_eq!(again.alert(), "", "{}", again.text);
            }
            let limited = browser.send_form(&again, "/forgotPassword", &[]).await;
            assert_eq!(limited.alert(), "Too many attempts. Please try again later.", "{name}");
        }
    }
}

#[tokio::test]
async fn who_has_to_reset_goes_on_with_the_code_that_was_sent() {
    for house in houses().await {
        let user = house.user("reset", PASSWORD, Status::Confirmed).await;
        poolhouse::flows::recover::reset(&house.cx(), &house.pool().await, &user, None).await.unwrap();
        let mut browser = Browser::new(&house);
        let page = browser.sign_in(&query(), "reset", PASSWORD).await;
        assert!(page.text.contains("Your password must be reset"), "{}", page.text);
        let code = house.newest_code().await;
        let login = choose(&mut browser, &page, &code, "Chosen-1234").await;
        assert!(login.text.contains("Your password was changed."), "{}", login.text);
    }
}

#[tokio::test]
async fn where_only_administrators_reset_everybody_is_sent_to_them() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let page = browser.get(&format!("/forgotPassword?{}", query())).await;
        house
            .set_pool(|settings| {
                let only = RecoveryMechanism { name: RecoveryName::AdminOnly, priority: 1 };
                settings.account_recovery_setting = Some(AccountRecovery { recovery_mechanisms: vec![only] });
            })
            .await;
        let closed = browser.get(&format!("/forgotPassword?{}", query())).await;
        assert_eq!(closed.status, StatusCode::FORBIDDEN);
        for name in ["ann", "nobody"] {
            let sent = browser.send_form(&page, "/forgotPassword", &[("username", name)]).await;
            assert_eq!(sent.text, closed.text);
        }
        assert!(closed.text.contains("Only an administrator"), "{}", closed.text);
    }
}

#[tokio::test]
async fn a_form_that_this_browser_was_not_shown_changes_nothing() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let page = ask(&mut browser, "ann").await;
        let code = house.newest_code().await;
        let mut stranger = Browser::new(&house);
        stranger.get(&format!("/login?{}", query())).await;
        assert_eq!(choose(&mut stranger, &page, &code, "Chosen-1234").await.status, StatusCode::FORBIDDEN);
        for path in ["/forgotPassword", "/confirmForgotPassword"] {
            let form = [("username", "ann"), ("code", &*code), ("new_password", "Chosen-1234")];
            let bare = browser.post(&format!("{path}?{}", query()), &form).await;
            assert_eq!(bare.status, StatusCode::FORBIDDEN, "{path}");
        }
        let crooked = ask(&mut browser, "two words").await;
        assert_eq!(crooked.alert(), "A username has up to 128 characters and no spaces.");
    }
}
