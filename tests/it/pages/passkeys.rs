//! Passkeys on the pages: made after a sign-in, and used for the next one.

use http::StatusCode;
use poolhouse::{domain::passkey::Passkey, flows::passkeys, store};
use serde_json::Value;

use super::{
    choose::{let_choose, named},
    query,
};
use crate::{
    app::{Browser, CALLBACK, House, PASSWORD, Reply, houses},
    authenticator::Authenticator,
};

/// What the page's script is given.
fn options(page: &Reply) -> Value {
    let (_, behind) = page.text.split_once("data-options=\"").unwrap_or_else(|| panic!("no options in {}", page.text));
    serde_json::from_str(&behind.split_once('"').unwrap().0.replace("&#34;", "\"")).unwrap()
}

/// Signs ann in, and shows her the page that she comes to before the application.
async fn arrive(browser: &mut Browser<'_>) -> Reply {
    let reply = browser.sign_in(&query(), "ann", PASSWORD).await;
    assert_eq!(reply.location(), format!("/passkeys/add?{}", query()), "{}", reply.text);
    browser.get(reply.location()).await
}

async fn add(browser: &mut Browser<'_>, page: &Reply, authenticator: &mut Authenticator) -> Reply {
    let credential = authenticator.create(&options(page)).to_string();
    authenticator.counter = 2;
    browser.send_form(page, "/passkeys/add", &[("credential", &credential)]).await
}

async fn made(house: &House) -> usize {
    let ann = house.find("ann").await;
    passkeys::all(&house.cx(), &house.pool().await, &ann.sub).await.unwrap().len()
}

#[tokio::test]
async fn a_passkey_is_made_after_a_sign_in_and_signs_in_the_next_time() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut authenticator = Authenticator::new();
        let mut browser = Browser::new(&house);
        let page = arrive(&mut browser).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let done = add(&mut browser, &page, &mut authenticator).await;
        assert!(done.location().starts_with(&format!("{CALLBACK}?code=")), "{}", done.text);
        assert_eq!(done.told("state").as_deref(), Some("s 1"));
        assert_eq!(made(&house).await, 1);

        let mut browser = Browser::new(&house);
        let choice = named(&mut browser, "ann").await;
        let page = browser.send_form(&choice, "/selectChallenge", &[("answer", "WEB_AUTHN")]).await;
        let credential = authenticator.get(&options(&page)).to_string();
        let done = browser.send_form(&page, "/selectChallenge", &[("credential", &credential)]).await;
        // Whoever has one is not asked for another.
        assert!(done.location().starts_with(&format!("{CALLBACK}?code=")), "{}", done.text);
    }
}

#[tokio::test]
async fn the_script_is_a_file_of_ours_and_the_policy_lets_nothing_else_run() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut browser = Browser::new(&house);
        let page = arrive(&mut browser).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && policy.contains("script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");
        let (_, behind) = page.text.split_once("<script src=\"").unwrap();
        let script = house.get(behind.split_once('"').unwrap().0).await;
        assert_eq!((script.status, script.header("content-type")), (StatusCode::OK, "text/javascript"));
        assert_eq!(page.text.matches("<script").count(), 1);
        let login = Browser::new(&house).get(&format!("/login?{}", query())).await;
        assert!(!login.text.contains("<script") && !login.header("content-security-policy").contains("script-src"));
    }
}

#[tokio::test]
async fn whoever_wants_none_goes_on_and_is_not_asked_again() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut browser = Browser::new(&house);
        let page = arrive(&mut browser).await;
        let done = browser.send_form(&page, "/passkeys/add", &[("later", "true")]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
        let cookie = done.header("set-cookie").to_owned();
        assert!(cookie.starts_with("passkey-later=1;") && cookie.contains("HttpOnly"), "{cookie}");
        assert_eq!(made(&house).await, 0);
        // A browser with that cookie.
        let mut browser = Browser::new(&house);
        browser.other = Some("passkey-later=1".into());
        let done = browser.sign_in(&query(), "ann", PASSWORD).await;
        assert!(done.told("code").is_some(), "{}", done.location());
        // Who asks for the page gets it all the same.
        let page = browser.get(&format!("/passkeys/add?{}", query())).await;
        assert_eq!(page.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn nobody_makes_a_passkey_without_having_signed_in() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut browser = Browser::new(&house);
        let path = format!("/passkeys/add?{}", query());
        let away = browser.get(&path).await;
        assert_eq!(away.location(), format!("/login?{}", query()));
        let page = arrive(&mut browser).await;
        let credential = Authenticator::new().create(&options(&page)).to_string();
        let mut stranger = Browser::new(&house);
        stranger.get(&format!("/login?{}", query())).await;
        let forged = stranger.send_form(&page, "/passkeys/add", &[("credential", &credential)]).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN);
        // Nor with a sign-in that does not count any more.
        let mut ann = house.find("ann").await;
        ann.enabled = false;
        house.update(&ann).await;
        let stopped = browser.send_form(&page, "/passkeys/add", &[("credential", &credential)]).await;
        assert_eq!(stopped.location(), format!("/login?{}", query()));
        assert_eq!(browser.get(&path).await.location(), format!("/login?{}", query()));
        assert_eq!(made(&house).await, 0);
    }
}

#[tokio::test]
async fn a_client_that_wants_a_new_sign_in_gets_one() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut browser = Browser::new(&house);
        arrive(&mut browser).await;
        for wish in ["prompt=login", "max_age=60"] {
            let path = format!("/passkeys/add?{}&{wish}", query());
            assert_eq!(browser.get(&path).await.status, StatusCode::OK, "{wish}");
        }
        house.app.clock.advance(std::time::Duration::from_secs(301));
        for wish in ["prompt=login", "max_age=60"] {
            let away = browser.get(&format!("/passkeys/add?{}&{wish}", query())).await;
            assert_eq!(away.location(), format!("/login?{}&{wish}", query()));
        }
        assert_eq!(browser.get(&format!("/passkeys/add?{}", query())).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_no_authenticator_gave_makes_no_passkey() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut browser = Browser::new(&house);
        let page = arrive(&mut browser).await;
        let credential = Authenticator::new().create(&options(&page)).to_string();
        for bad in ["", "{", "{}", &credential.replace("public-key", "other")] {
            let refused = browser.send_form(&page, "/passkeys/add", &[("credential", bad)]).await;
            assert_eq!(refused.alert(), "No passkey was created. Please try again.", "{bad}");
        }
        assert_eq!(made(&house).await, 0);
    }
}

#[tokio::test]
async fn a_passkey_of_somebody_else_signs_nobody_in() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut browser = Browser::new(&house);
        let page = arrive(&mut browser).await;
        add(&mut browser, &page, &mut Authenticator::new()).await;
        let mut browser = Browser::new(&house);
        let choice = named(&mut browser, "ann").await;
        let page = browser.send_form(&choice, "/selectChallenge", &[("answer", "WEB_AUTHN")]).await;
        let mut other = Authenticator::new();
        for bad in ["{", &other.get(&options(&page)).to_string()] {
            let refused = browser.send_form(&page, "/selectChallenge", &[("credential", bad)]).await;
            assert_eq!(refused.alert(), "That passkey does not work here.");
        }
    }
}

#[tokio::test]
async fn where_passkeys_cannot_work_nobody_is_asked_for_one() {
    for house in houses().await {
        let path = format!("/passkeys/add?{}", query());
        // Neither the pool nor the client has them.
        let mut browser = Browser::new(&house);
        assert!(browser.sign_in(&query(), "ann", PASSWORD).await.told("code").is_some());
        let off = browser.get(&path).await;
        assert_eq!(off.status, StatusCode::FORBIDDEN);
        assert!(off.text.contains("Passkeys cannot be used here."), "{}", off.text);
        // The domain that they would be for is another one than the pages'.
        let_choose(&house, &["WEB_AUTHN"]).await;
        house
            .set_pool(|settings| {
                let elsewhere = serde_json::json!({"RelyingPartyId": "elsewhere.example"});
                settings.kept.insert("WebAuthnConfiguration".into(), elsewhere);
            })
            .await;
        let done = Browser::new(&house).sign_in(&query(), "ann", PASSWORD).await;
        assert!(done.told("code").is_some(), "{}", done.location());
    }
}

#[tokio::test]
async fn somebody_with_as_many_as_there_may_be_is_told_so() {
    for house in houses().await {
        let_choose(&house, &["WEB_AUTHN"]).await;
        let mut browser = Browser::new(&house);
        let page = arrive(&mut browser).await;
        add(&mut browser, &page, &mut Authenticator::new()).await;
        let ann = house.find("ann").await;
        let first = passkeys::all(&house.cx(), &house.pool().await, &ann.sub).await.unwrap().remove(0);
        let mut tx = house.app.store.begin().await.unwrap();
        for number in 1..20 {
            let another = Passkey { id: format!("more{number}"), ..first.clone() };
            assert!(store::passkeys::insert(&mut tx, &another).await.unwrap());
        }
        tx.commit().await.unwrap();
        let full = browser.get(&format!("/passkeys/add?{}", query())).await;
        assert_eq!(full.status, StatusCode::FORBIDDEN);
        assert!(full.text.contains("as many passkeys as it can have"), "{}", full.text);
    }
}
