//! An account that its owner makes.

use std::sync::Arc;

use http::StatusCode;
use poolhouse::{
    domain::{
        client::ClientSettings,
        pool::{PoolSettings, UsernameConfiguration},
        user::Status,
    },
    functions::{FunctionError, Functions, native::native},
    hooks::Hooks,
    store,
};
use serde_json::json;

use super::query;
use crate::app::{Browser, CALLBACK, PASSWORD, Reply, SERVER, WEB, encode, houses, houses_with};

async fn page(browser: &mut Browser<'_>) -> Reply {
    let page = browser.get(&format!("/signup?{}", query())).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    page
}

/// Passwords typed twice.
fn with_password<'a>(fields: &[(&'a str, &'a str)], password: &'a str) -> Vec<(&'a str, &'a str)> {
    [fields, &[("password", password), ("confirm_password", password)]].concat()
}

async fn sign_up(browser: &mut Browser<'_>, fields: &[(&str, &str)]) -> Reply {
    let page = page(browser).await;
    browser.send_form(&page, "/signup", &with_password(fields, PASSWORD)).await
}

fn requires(settings: &mut PoolSettings, names: &[&str]) {
    let wanted = settings.schema.iter_mut().filter(|schema| names.contains(&schema.name.as_str()));
    wanted.for_each(|schema| schema.required = Some(true));
}

#[tokio::test]
async fn an_account_is_made_and_confirmed_and_signs_in_where_it_was_asked_for() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let login = browser.get(&format!("/login?{}", query())).await;
        let link = format!("href=\"/signup?{}\"", query().replace('&', "&#38;"));
        assert!(login.text.contains(&link), "{}", login.text);
        let code = sign_up(&mut browser, &[("username", "new"), ("attribute.email", "new@example.com")]).await;
        assert!(code.text.contains("We have sent a code to n***@e***."), "{}", code.text);
        assert_eq!(house.find("new").await.status, Status::Unconfirmed);
        let wrong = browser.send_form(&code, "/confirm", &[("code", "x")]).await;
        assert!(wrong.alert().contains("That code is not right"), "{}", wrong.text);
        assert!(wrong.text.contains("n***@e***"), "{}", wrong.text);
        let again = browser.send_form(&wrong, "/resendcode", &[]).await;
        assert!(again.text.contains("a new one is on its way"), "{}", again.text);
        let digits = house.newest_code().await;
        let login = browser.send_form(&again, "/confirm", &[("code", &digits)]).await;
        assert!(login.text.contains("Your account is confirmed."), "{}", login.text);
        assert_eq!(login.input("username"), "new");
        let done = browser.send_form(&login, "/login", &[("username", "new"), ("password", PASSWORD)]).await;
        assert!(done.location().starts_with(&format!("{CALLBACK}?code=")), "{}", done.text);
        assert_eq!(done.told("state").as_deref(), Some("s 1"));
    }
}

#[tokio::test]
async fn where_users_choose_how_to_sign_in_the_confirmation_does() {
    for house in houses().await {
        let flows = |settings: &mut ClientSettings| settings.explicit_auth_flows = Some(vec!["ALLOW_USER_AUTH".into()]);
        house.set_client(WEB, flows).await;
        let mut browser = Browser::new(&house);
        let fields = [("username", "new"), ("attribute.email", "new@example.com")];
        let code = sign_up(&mut browser, &fields).await;
        let digits = house.newest_code().await;
        let done = browser.send_form(&code, "/confirm", &[("code", &digits)]).await;
        assert!(done.told("code").is_some(), "{}", done.text);
        // The session of a sign-up that took too long takes nothing from its code.
        let fields = [("username", "slow"), ("attribute.email", "slow@example.com")];
        let code = sign_up(&mut browser, &fields).await;
        let digits = house.newest_code().await;
        house.app.clock.advance(std::time::Duration::from_secs(600));
        let done = browser.send_form(&code, "/confirm", &[("code", &digits)]).await;
        assert!(done.text.contains("Your account is confirmed."), "{}", done.text);
    }
}

#[tokio::test]
async fn the_form_asks_for_what_the_pool_requires_in_fitting_fields() {
    for house in houses().await {
        house
            .set_pool(|settings| {
                requires(settings, &["birthdate", "given_name", "phone_number", "website"]);
                let name = settings.schema.iter_mut().find(|schema| schema.name == "given_name").unwrap();
                name.string_attribute_constraints.as_mut().unwrap().max_length = Some("10".into());
                settings.policies.password_policy.minimum_length = 9;
                settings.policies.password_policy.require_symbols = false;
            })
            .await;
        let mut browser = Browser::new(&house);
        let shown = page(&mut browser).await;
        for field in [
            "name=\"attribute.birthdate\" type=\"date\" value=\"\" autocomplete=\"bday\" required",
            "name=\"attribute.given_name\" type=\"text\" value=\"\" autocomplete=\"given-name\" required maxlength=\"10\"",
            "name=\"attribute.phone_number\" type=\"tel\" value=\"\" autocomplete=\"tel\" required",
            "name=\"attribute.website\" type=\"url\" value=\"\" autocomplete=\"url\" required",
            "name=\"attribute.email\" type=\"email\" value=\"\" autocomplete=\"email\" required",
            "minlength=\"9\" maxlength=\"256\" aria-describedby=\"rules\"",
            "<li>at least 9 characters</li>",
            ">Given name</label>",
        ] {
            assert!(shown.text.contains(field), "{field}: {}", shown.text);
        }
        assert!(!shown.text.contains("special character") && !shown.text.contains("attribute.sub"), "{}", shown.text);
        let some = [("username", "new"), ("attribute.email", "new@example.com"), ("attribute.given_name", "Ada<b>")];
        let lacks = browser.send_form(&shown, "/signup", &with_password(&some, PASSWORD)).await;
        assert_eq!(lacks.alert(), "Please check: Birthday, Website, Phone number.");
        // What was typed stays, but no password.
        assert_eq!(lacks.input("username"), "new");
        assert_eq!(lacks.input("attribute.given_name"), "Ada&#60;b&#62;");
        assert!(!lacks.text.contains(PASSWORD));
        let rest = [("attribute.birthdate", "1815-12-10"), ("attribute.website", "https://ada.example")];
        let phone = [("attribute.phone_number", "0123")];
        let all = [&some[..], &rest, &phone].concat();
        let wrong = browser.send_form(&lacks, "/signup", &with_password(&all, PASSWORD)).await;
        assert_eq!(wrong.alert(), "That is not a phone number. Begin with + and the country code.");
        let phone = [("attribute.phone_number", "+15555550100")];
        let all = [&some[..], &rest, &phone].concat();
        let made = browser.send_form(&wrong, "/signup", &with_password(&all, PASSWORD)).await;
        assert!(made.text.contains("We have sent a code"), "{}", made.text);
        assert_eq!(house.find("new").await.attribute("birthdate"), Some("1815-12-10"));
    }
}

#[tokio::test]
async fn what_is_refused_is_said_and_makes_nobody() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let shown = page(&mut browser).await;
        let email = ("attribute.email", "new@example.com");
        let mut refuse = async |fields: &[(&str, &str)]| {
            let reply = browser.send_form(&shown, "/signup", fields).await;
            assert_eq!(reply.status, StatusCode::OK);
            reply.alert().to_owned()
        };
        let new = [("username", "new"), email];
        let differ = [&new[..], &[("password", PASSWORD), ("confirm_password", "Other-1234")]].concat();
        assert_eq!(refuse(&differ).await, "The two passwords differ.");
        assert_eq!(refuse(&with_password(&new, "short")).await, "Password not long enough.");
        assert_eq!(refuse(&with_password(&new, "right-1234")).await, "Password must have uppercase characters.");
        assert_eq!(refuse(&with_password(&new, &"Aa1-".repeat(65))).await, "Password is too long.");
        assert_eq!(refuse(&new).await, "Choose a password.");
        let taken = with_password(&[("username", "ann"), email], PASSWORD);
        assert_eq!(refuse(&taken).await, "This username is taken. Choose another one.");
        for name in ["", "two words", &"x".repeat(129)] {
            let alert = refuse(&with_password(&[("username", name), email], PASSWORD)).await;
            assert_eq!(alert, "A username has up to 128 characters and no spaces.", "{name}");
        }
        let crooked = with_password(&[("username", "new"), ("attribute.email", "new")], PASSWORD);
        assert_eq!(refuse(&crooked).await, "That is not an e-mail address.");
        let forged = [("username", "new"), email, ("attribute.email_verified", "true")];
        assert_eq!(refuse(&with_password(&forged, PASSWORD)).await, "This application may not do that.");
        let unknown = [("username", "new"), email, ("attribute.custom:team", "red")];
        assert_eq!(refuse(&with_password(&unknown, PASSWORD)).await, "Please check: Team.");
        let (mut tx, pool) = (house.app.store.read().await.unwrap(), house.pool().await);
        assert!(store::users::by_login(&mut tx, &pool, "new").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_form_that_this_browser_was_not_shown_makes_nobody() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let shown = page(&mut browser).await;
        let mut stranger = Browser::new(&house);
        stranger.get(&format!("/login?{}", query())).await;
        let fields = with_password(&[("username", "new"), ("attribute.email", "new@example.com")], PASSWORD);
        assert_eq!(stranger.send_form(&shown, "/signup", &fields).await.status, StatusCode::FORBIDDEN);
        let bare = browser.post(&format!("/signup?{}", query()), &fields).await;
        assert_eq!(bare.status, StatusCode::FORBIDDEN);
        assert_eq!(shown.header("cache-control"), "no-store");
        assert!(shown.header("content-security-policy").contains("frame-ancestors 'none'"));
    }
}

#[tokio::test]
async fn a_pool_of_administrators_has_no_sign_up() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let shown = page(&mut browser).await;
        house.set_pool(|settings| settings.admin_create_user_config.allow_admin_create_user_only = true).await;
        let login = browser.get(&format!("/login?{}", query())).await;
        assert!(!login.text.contains("/signup"), "{}", login.text);
        let closed = browser.get(&format!("/signup?{}", query())).await;
        assert_eq!(closed.status, StatusCode::FORBIDDEN);
        assert!(closed.text.contains("You cannot create an account here."), "{}", closed.text);
        let fields = with_password(&[("username", "new"), ("attribute.email", "new@example.com")], PASSWORD);
        let sent = browser.send_form(&shown, "/signup", &fields).await;
        assert_eq!(sent.status, StatusCode::FORBIDDEN, "{}", sent.text);
    }
}

#[tokio::test]
async fn an_address_is_the_name_where_the_pool_says_so() {
    for house in houses().await {
        house
            .set_pool(|settings| {
                settings.username_attributes = vec!["email".into()];
                settings.username_configuration = Some(UsernameConfiguration { case_sensitive: false });
            })
            .await;
        let mut browser = Browser::new(&house);
        let shown = page(&mut browser).await;
        assert!(shown.text.contains("<label class=\"label-customizable\" for=\"username\">E-mail address</label>"));
        assert!(shown.text.contains("name=\"username\" type=\"email\"") && !shown.text.contains("attribute.email"));
        let wrong = browser.send_form(&shown, "/signup", &with_password(&[("username", "new")], PASSWORD)).await;
        assert_eq!(wrong.alert(), "The username has to be an e-mail address.");
        let code = sign_up(&mut browser, &[("username", "new@example.com")]).await;
        let digits = house.newest_code().await;
        let login = browser.send_form(&code, "/confirm", &[("code", &digits)]).await;
        assert_eq!(login.input("username"), "new@example.com", "{}", login.text);
        let again = sign_up(&mut browser, &[("username", "New@example.com")]).await;
        assert_eq!(again.alert(), "An account with this address exists already.");
        house.set_pool(|settings| settings.username_attributes.push("phone_number".into())).await;
        let shown = page(&mut browser).await;
        assert!(shown.text.contains(">E-mail address or phone number</label>"), "{}", shown.text);
        let wrong = browser.send_form(&shown, "/signup", &with_password(&[("username", "new")], PASSWORD)).await;
        assert_eq!(wrong.alert(), "The username has to be an e-mail address or a phone number.");
    }
}

#[tokio::test]
async fn an_alias_is_no_name_of_its_own_and_named_at_the_sign_in() {
    for house in houses().await {
        house.set_pool(|settings| settings.alias_attributes = vec!["email".into(), "phone_number".into()]).await;
        let mut browser = Browser::new(&house);
        let login = browser.get(&format!("/login?{}", query())).await;
        assert!(login.text.contains(">Username, e-mail address or phone number</label>"), "{}", login.text);
        let fields = [("username", "new@example.com"), ("attribute.email", "new@example.com")];
        assert_eq!(sign_up(&mut browser, &fields).await.alert(), "The username must not be an e-mail address.");
        let fields = [("username", "+15555550100"), ("attribute.email", "new@example.com")];
        assert_eq!(sign_up(&mut browser, &fields).await.alert(), "The username must not be a phone number.");
    }
}

#[tokio::test]
async fn a_client_with_a_secret_signs_up_too_and_resending_has_a_limit() {
    for house in houses().await {
        let query = encode(&[("response_type", "code"), ("client_id", SERVER), ("redirect_uri", CALLBACK)]);
        let mut browser = Browser::new(&house);
        let shown = browser.get(&format!("/signup?{query}")).await;
        let fields = with_password(&[("username", "new"), ("attribute.email", "new@example.com")], PASSWORD);
        let mut code = browser.send_form(&shown, "/signup", &fields).await;
        for _ in 0..5 {
            code = browser.send_form(&code, "/resendcode", &[]).await;
            assert_eq!(code.alert(), "", "{}", code.text);
        }
        let limited = browser.send_form(&code, "/resendcode", &[]).await;
        assert_eq!(limited.alert(), "Too many attempts. Please try again later.");
    }
}

#[tokio::test]
async fn without_an_address_to_prove_an_account_waits() {
    for house in houses().await {
        house.set_pool(|settings| settings.auto_verified_attributes.clear()).await;
        let waits = sign_up(&mut Browser::new(&house), &[("username", "new")]).await;
        assert!(waits.text.contains("It has to be confirmed before you can sign in."), "{}", waits.text);
    }
}

#[tokio::test]
async fn a_link_confirms_where_the_pool_sends_links() {
    for house in houses().await {
        house
            .set_pool(|settings| {
                let template = json!({"DefaultEmailOption": "CONFIRM_WITH_LINK"});
                settings.kept.insert("VerificationMessageTemplate".into(), template);
            })
            .await;
        let fields = [("username", "new"), ("attribute.email", "new@example.com")];
        let sent = sign_up(&mut Browser::new(&house), &fields).await;
        assert!(sent.text.contains("Open the link in it"), "{}", sent.text);
        assert!(!sent.text.contains("name=\"code\""), "{}", sent.text);
    }
}

#[tokio::test]
async fn a_trigger_confirms_at_once_or_refuses_in_its_own_words() {
    let mut functions = Functions::default();
    functions.insert(
        "newcomers",
        native(|call| async move {
            let mut event = call.event;
            if event["userName"] == "robot" {
                return Err(FunctionError::Threw {
                    kind: "Error".into(),
                    message: "No <b>robots</b>".into(),
                    trace: Vec::new(),
                });
            }
            event["response"]["autoConfirmUser"] = true.into();
            Ok(event)
        }),
    );
    let functions = Arc::new(functions);
    for house in houses_with(|parts| parts.hooks = Hooks::new(Arc::clone(&functions))).await {
        let name = "newcomers";
        house
            .set_pool(|settings| settings.lambda_config = serde_json::from_value(json!({"PreSignUp": name})).unwrap())
            .await;
        let mut browser = Browser::new(&house);
        let robot = sign_up(&mut browser, &[("username", "robot"), ("attribute.email", "robot@example.com")]).await;
        assert_eq!(robot.alert(), "No &#60;b&#62;robots&#60;/b&#62;");
        let login = sign_up(&mut browser, &[("username", "new"), ("attribute.email", "new@example.com")]).await;
        assert!(login.text.contains("Your account was created. You can sign in now."), "{}", login.text);
    }
}
