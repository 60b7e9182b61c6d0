//! The second step of a sign-in, in a browser.

use poolhouse::{
    domain::{
        mfa::{Factor, Mode},
        pool::SoftwareTokens,
    },
    keys::totp,
    store,
};
use serde_json::{Value, json};

use super::query;
use crate::{
    app::{Browser, CALLBACK, House, PASSWORD, Reply, WEB, houses},
    oauth::token::claims,
};

/// Lets the pool ask for second factors: e-mail, and authenticator apps where `apps`.
async fn guard(house: &House, email: bool, apps: bool) {
    let mut pool = house.pool().await;
    pool.settings.mfa_configuration = Mode::On;
    pool.settings.software_token_mfa_configuration = Some(SoftwareTokens { enabled: apps });
    if email {
        pool.settings.kept.insert("EmailMfaConfiguration".into(), json!({}));
    }
    let mut tx = house.app.store.begin().await.unwrap();
    assert!(store::pools::update(&mut tx, &pool).await.unwrap());
    tx.commit().await.unwrap();
    house.app.directory.forget_pool(&pool.id);
}

async fn newest_code(house: &House) -> String {
    let mut tx = house.app.store.read().await.unwrap();
    let newest = store::messages::newest(&mut tx, None, 1).await.unwrap();
    newest.into_iter().next().unwrap().code.unwrap()
}

/// Sends the form of `page` with these fields beside those that it hides.
async fn send(browser: &mut Browser<'_>, path: &str, page: &Reply, fields: &[(&str, &str)]) -> Reply {
    let hidden: Vec<_> = ["_csrf", "session", "username", "challenge", "detail", "secret", "email_offered"]
        .into_iter()
        .filter(|name| page.text.contains(&format!("name=\"{name}\"")))
        .map(|name| (name, page.input(name)))
        .collect();
    let mut form: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.extend_from_slice(fields);
    browser.post(&format!("{path}?{}", query()), &form).await
}

fn code_of(house: &House, page: &Reply) -> String {
    let secret = data_encoding::BASE32_NOPAD.decode(page.input("secret").as_bytes()).unwrap();
    totp::code_at(&secret, house.app.clock.now())
}

/// What the tokens of a client that asked for `levels` say.
async fn level_and_methods(house: &House, answer: &Reply) -> (Value, Value) {
    let code = answer.told("code").unwrap_or_else(|| panic!("{} {}", answer.location(), answer.text));
    let form = [("grant_type", "authorization_code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("code", &*code)];
    let tokens = house.token(&form).await.json();
    let told = claims(&tokens["id_token"]);
    assert_eq!(claims(&tokens["access_token"])["acr"], told["acr"]);
    (told["acr"].clone(), told["amr"].clone())
}

#[tokio::test]
async fn a_client_that_wants_more_has_its_user_asked_for_more() {
    for house in houses().await {
        guard(&house, false, true).await;
        let mut browser = Browser::new(&house);
        let page = browser.sign_in(&query(), "ann", PASSWORD).await;
        let done = send(&mut browser, "/mfaSetup", &page, &[("code", &code_of(&house, &page))]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
        // Whoever came in by a password alone is asked once more, and whoever did more is not.
        house.set_pool(|pool| pool.mfa_configuration = Mode::Optional).await;
        let wishing = |level: &str| format!("{}&acr_values=urn%3Aelsewhere%20urn%3Acognito%3Aloa%3A{level}", query());
        let strong = browser.get(&format!("/oauth2/authorize?{}", wishing("3"))).await;
        let expected = (json!("urn:cognito:loa:3"), json!(["pwd", "otp", "mfa"]));
        assert_eq!(level_and_methods(&house, &strong).await, expected);
        let highest = browser.get(&format!("/oauth2/authorize?{}", wishing("4"))).await;
        assert!(highest.told("code").is_some(), "what nobody can reach is not asked for: {}", highest.location());
        // A sign-in of before levels were kept counts for nothing.
        let user = house.find("ann").await;
        let mut tx = house.app.store.begin().await.unwrap();
        let mut preference = store::factors::find(&mut tx, &user).await.unwrap().preference;
        preference.disable(Factor::Totp);
        store::factors::set_preference(&mut tx, &user, &preference).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::new(&house);
        let weak = browser.sign_in(&wishing("3"), "ann", PASSWORD).await;
        assert_eq!(level_and_methods(&house, &weak).await, (json!("urn:cognito:loa:1"), json!(["pwd"])));
        let mut tx = house.app.store.begin().await.unwrap();
        preference.enable(Factor::Totp);
        store::factors::set_preference(&mut tx, &user, &preference).await.unwrap();
        tx.commit().await.unwrap();
        let silent = browser.get(&format!("/oauth2/authorize?{}&prompt=none", wishing("3"))).await;
        assert_eq!(silent.told("error").as_deref(), Some("login_required"));
        let plain = browser.get(&format!("/oauth2/authorize?{}", query())).await;
        assert!(plain.told("code").is_some(), "who asks for nothing is content");
        house.app.clock.advance(std::time::Duration::from_secs(60));
        let asked = browser.sign_in(&wishing("3"), "ann", PASSWORD).await;
        assert!(asked.text.contains("Enter the code that your authenticator app shows."), "{}", asked.text);
        let code = totp::code_at(
            &data_encoding::BASE32_NOPAD.decode(page.input("secret").as_bytes()).unwrap(),
            house.app.clock.now(),
        );
        let form: Vec<(String, String)> = ["_csrf", "session", "username", "challenge"]
            .into_iter()
            .filter(|name| asked.text.contains(&format!("name=\"{name}\"")))
            .map(|name| (name.to_owned(), asked.input(name)))
            .chain([("code".to_owned(), code)])
            .collect();
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let done = browser.post(&format!("/mfa?{}", wishing("3")), &form).await;
        assert_eq!(level_and_methods(&house, &done).await, expected);
    }
}

#[tokio::test]
async fn a_code_that_was_sent_is_the_second_step() {
    for house in houses().await {
        guard(&house, true, false).await;
        let mut browser = Browser::new(&house);
        let page = browser.sign_in(&query(), "ann", PASSWORD).await;
        assert!(page.text.contains("autocomplete=\"one-time-code\""), "{}", page.text);
        assert!(page.text.contains("We have sent a code to a***@e***."), "{}", page.text);
        // Whoever gets none begins anew.
        assert!(page.text.contains("<a href=\"/login?") && page.text.contains("Back to signing in"), "{}", page.text);
        let wrong = send(&mut browser, "/mfa", &page, &[("code", "x")]).await;
        assert!(wrong.text.contains("That code is not right"), "{}", wrong.text);
        assert!(wrong.text.contains("aria-invalid=\"true\""));
        let code = newest_code(&house).await;
        let done = send(&mut browser, "/mfa", &wrong, &[("code", &code)]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
    }
}

#[tokio::test]
async fn nobody_gets_around_the_second_step() {
    for house in houses().await {
        guard(&house, true, false).await;
        let mut browser = Browser::new(&house);
        let page = browser.sign_in(&query(), "ann", PASSWORD).await;
        assert!(page.told("code").is_none());
        let again = browser.get(&format!("/oauth2/authorize?{}", query())).await;
        assert!(again.told("code").is_none(), "the browser is not signed in yet");
        let chosen = send(&mut browser, "/mfa", &page, &[("answer", "SOFTWARE_TOKEN_MFA")]).await;
        assert!(chosen.text.contains("Please begin again."), "{}", chosen.text);
    }
}

#[tokio::test]
async fn an_authenticator_app_is_set_up_and_then_asked_for() {
    for house in houses().await {
        guard(&house, false, true).await;
        let mut browser = Browser::new(&house);
        let page = browser.sign_in(&query(), "ann", PASSWORD).await;
        assert!(
            page.text.contains("<svg") && page.text.contains("otpauth://totp/example:ann?secret="),
            "{}",
            page.text
        );
        let wrong = send(&mut browser, "/mfaSetup", &page, &[("code", "000000")]).await;
        assert!(wrong.text.contains("That code is not right."), "{}", wrong.text);
        assert_eq!(wrong.input("secret"), page.input("secret"));
        let code = code_of(&house, &wrong);
        let done = send(&mut browser, "/mfaSetup", &wrong, &[("code", &code)]).await;
        assert!(done.told("code").is_some(), "{}", done.text);

        let mut browser = Browser::new(&house);
        let asked = browser.sign_in(&query(), "ann", PASSWORD).await;
        assert!(asked.text.contains("Enter the code that your authenticator app shows."), "{}", asked.text);
        let used = send(&mut browser, "/mfa", &asked, &[("code", &code)]).await;
        assert!(used.text.contains("That code is not right"), "{}", used.text);
        house.app.clock.advance(std::time::Duration::from_secs(30));
        let code = code_of(&house, &wrong);
        let done = send(&mut browser, "/mfa", &used, &[("code", &code)]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
    }
}
