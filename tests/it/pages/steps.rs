//! What comes between a right password and the application.

use http::StatusCode;
use poolhouse::{domain::user::Status, store};

use super::query;
use crate::app::{Browser, House, PASSWORD, Reply, houses};

const TEMPORARY: &str = "Temp-1234";

async fn choose(browser: &mut Browser<'_>, page: &Reply, password: &str, again: &str) -> Reply {
    let (token, session, username) = (page.input("_csrf"), page.input("session"), page.input("username"));
    let form = [
        ("_csrf", &*token),
        ("session", &session),
        ("username", &username),
        ("new_password", password),
        ("confirm_password", again),
    ];
    browser.post(&format!("/changePassword?{}", query()), &form).await
}

#[tokio::test]
async fn a_temporary_password_is_replaced_before_anything_else() {
    for house in houses().await {
        house.user("new", TEMPORARY, Status::ForceChangePassword).await;
        let mut browser = Browser::new(&house);
        let page = browser.sign_in(&query(), "new", TEMPORARY).await;
        assert!(page.text.contains("autocomplete=\"new-password\""), "{}", page.text);
        let differs = choose(&mut browser, &page, "Chosen-1234", "Chosen-12345").await;
        assert!(differs.text.contains("The two passwords differ."));
        let weak = choose(&mut browser, &differs, "short", "short").await;
        assert!(weak.text.contains("Password not long enough."), "{}", weak.text);
        let done = choose(&mut browser, &weak, "Chosen-1234", "Chosen-1234").await;
        assert!(done.told("code").is_some(), "{}", done.text);
        assert_eq!(house.find("new").await.status, Status::Confirmed);
        // The challenge is answered for good.
        let token = browser.get(&format!("/login?{}", query())).await.input("_csrf");
        let session = page.input("session");
        let form = [
            ("_csrf", &*token),
            ("session", &session),
            ("username", "new"),
            ("new_password", "Other-12345"),
            ("confirm_password", "Other-12345"),
        ];
        let again = browser.post(&format!("/changePassword?{}", query()), &form).await;
        assert!(again.text.contains("That took too long"), "{}", again.text);
    }
}

#[tokio::test]
async fn a_code_confirms_an_account() {
    for house in houses().await {
        house.user("fresh", PASSWORD, Status::Unconfirmed).await;
        let mut browser = Browser::new(&house);
        let page = browser.sign_in(&query(), "fresh", PASSWORD).await;
        assert!(page.text.contains("Confirm your account"), "{}", page.text);
        let token = page.input("_csrf");
        let path = format!("/confirm?{}", query());
        let wrong = browser.post(&path, &[("_csrf", &*token), ("username", "fresh"), ("code", "x")]).await;
        assert!(wrong.text.contains("That code is not right, or does not work any more."), "{}", wrong.text);
        let nobody = browser.post(&path, &[("_csrf", &*token), ("username", "nobody"), ("code", "x")]).await;
        assert_eq!(nobody.text.replace("nobody", "fresh"), wrong.text);
        let resend =
            browser.post(&format!("/resendcode?{}", query()), &[("_csrf", &*token), ("username", "fresh")]).await;
        assert!(resend.text.contains("a new one is on its way"), "{}", resend.text);
        let code = newest_code(&house).await;
        let done = browser.post(&path, &[("_csrf", &*token), ("username", "fresh"), ("code", &code)]).await;
        assert_eq!(done.status, StatusCode::OK);
        assert!(done.text.contains("Your account is confirmed."), "{}", done.text);
        assert_eq!(house.find("fresh").await.status, Status::Confirmed);
        assert!(browser.sign_in(&query(), "fresh", PASSWORD).await.told("code").is_some());
    }
}

#[tokio::test]
async fn somebody_who_has_to_reset_is_told_so() {
    for house in houses().await {
        house.user("reset", PASSWORD, Status::ResetRequired).await;
        let page = Browser::new(&house).sign_in(&query(), "reset", PASSWORD).await;
        assert!(page.text.contains("Your password must be reset"), "{}", page.text);
        assert!(page.text.contains("action=\"/confirmForgotPassword?"), "{}", page.text);
    }
}

async fn newest_code(house: &House) -> String {
    let mut tx = house.app.store.read().await.unwrap();
    let messages = store::messages::newest(&mut tx, Some("fresh@example.com"), 5).await.unwrap();
    messages[0].code.clone().unwrap()
}
