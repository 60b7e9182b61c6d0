//! Signing in, and what protects it.

use std::time::Duration;

use http::StatusCode;
use poolhouse::{
    domain::{
        risk::{RiskExceptions, RiskSettings},
        user::Status,
    },
    flows::{auth_events, risk},
    web::client_ip::ClientAddress,
};

use super::query;
use crate::app::{Browser, CALLBACK, PASSWORD, POOL, encode, houses, houses_with};

#[tokio::test]
async fn signing_in_leads_back_to_the_application() {
    for house in houses().await {
        let reply = Browser::new(&house).sign_in(&query(), "ann", PASSWORD).await;
        assert_eq!(reply.status, StatusCode::FOUND);
        assert!(reply.location().starts_with(&format!("{CALLBACK}?code=")), "{}", reply.location());
        assert!(reply.location().ends_with("&state=s%201"), "{}", reply.location());
    }
}

#[tokio::test]
async fn nobody_learns_who_exists() {
    for house in houses().await {
        let mut disabled = house.user("stopped", PASSWORD, Status::Confirmed).await;
        disabled.enabled = false;
        house.update(&disabled).await;
        let mut texts = Vec::new();
        for (name, password) in [("ann", "Wrong-1234"), ("nobody", PASSWORD), ("stopped", PASSWORD)] {
            let page = Browser::new(&house).sign_in(&query(), name, password).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.text.contains("Incorrect username or password."));
            assert_eq!(page.input("username"), name);
            texts.push(page.text.replace(name, "NAME").replace(&page.input("_csrf"), "TOKEN"));
        }
        assert!(texts.iter().all(|text| *text == texts[0]));
    }
}

#[tokio::test]
async fn the_session_is_renewed_and_its_cookie_protected() {
    for house in houses_with(|parts| parts.setup.public_url = "https://id.example".into()).await {
        let mut browser = Browser::new(&house);
        browser.get(&format!("/login?{}", query())).await;
        let before = browser.cookie.clone().unwrap();
        assert!(before.starts_with("__Host-poolhouse="));
        let reply = browser.sign_in(&query(), "ann", PASSWORD).await;
        let cookie = reply.header("set-cookie");
        for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        assert_ne!(browser.cookie, Some(before.clone()));
        let path = format!("/oauth2/authorize?{}", query());
        assert!(browser.get(&path).await.told("code").is_some());
        // The id from before is dead, and a value of somebody's choice is never taken over.
        for foreign in [before, "__Host-poolhouse=AAAAAAAAAAAAAAAAAAAAAA".to_owned(), "__Host-poolhouse=%00".to_owned()]
        {
            let mut thief = Browser::new(&house);
            thief.cookie = Some(foreign.clone());
            assert!(thief.get(&path).await.location().starts_with("/login?"));
            thief.get(&format!("/login?{}", query())).await;
            assert_ne!(thief.cookie, Some(foreign));
        }
    }
}

#[tokio::test]
async fn a_session_lasts_an_hour_from_the_sign_in() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        browser.sign_in(&query(), "ann", PASSWORD).await;
        let path = format!("/oauth2/authorize?{}", query());
        house.app.clock.advance(Duration::from_secs(3_599));
        assert!(browser.get(&path).await.told("code").is_some());
        assert!(browser.get(&format!("{path}&max_age=60")).await.location().starts_with("/login?"));
        house.app.clock.advance(Duration::from_secs(1));
        assert!(browser.get(&path).await.location().starts_with("/login?"));
    }
}

#[tokio::test]
async fn a_disabled_user_is_not_let_in_by_a_session() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        browser.sign_in(&query(), "ann", PASSWORD).await;
        let mut ann = house.find("ann").await;
        ann.enabled = false;
        house.update(&ann).await;
        assert!(browser.get(&format!("/oauth2/authorize?{}", query())).await.location().starts_with("/login?"));
    }
}

#[tokio::test]
async fn forms_that_are_not_ours_are_refused() {
    for house in houses().await {
        let path = format!("/login?{}", query());
        let mut browser = Browser::new(&house);
        let token = browser.get(&path).await.input("_csrf");
        let cookie = browser.cookie.clone().unwrap();
        let other = Browser::new(&house).get(&path).await.input("_csrf");
        let send = async |path: &str, token: Option<&str>, headers: &[(&str, &str)]| {
            let mut form = vec![("username", "ann"), ("password", PASSWORD)];
            form.extend(token.map(|token| ("_csrf", token)));
            house.post(path, &form, headers).await
        };
        let changed = format!("/login?{}&nonce=x", query());
        for (path, token, headers) in [
            (&path, None, &[("cookie", &*cookie)][..]),
            (&path, Some(""), &[("cookie", &cookie)]),
            (&path, Some(&*other), &[("cookie", &cookie)]),
            (&path, Some(&token), &[]),
            (&changed, Some(&token), &[("cookie", &cookie)]),
            (&path, Some(&token), &[("cookie", &cookie), ("origin", "https://evil.example")]),
            (&path, Some(&token), &[("cookie", &cookie), ("sec-fetch-site", "cross-site")]),
            (&path, Some(&token), &[("cookie", &cookie), ("sec-fetch-site", "same-site")]),
        ] {
            let reply = send(path, token, headers).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN);
            assert!(!reply.headers.contains_key("set-cookie"));
        }
        let own = [("cookie", &*cookie), ("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert_eq!(send(&path, Some(&token), &own).await.status, StatusCode::FOUND);
        // The form was used: the session that it belonged to is gone.
        assert_eq!(send(&path, Some(&token), &own).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn what_comes_from_outside_is_escaped_and_framed_by_a_policy() {
    for house in houses_with(|parts| parts.setup.public_url = "https://id.example".into()).await {
        let hint = encode(&[("login_hint", "\"><script>alert(1)</script>")]);
        let page = Browser::new(&house).get(&format!("/login?{}&{hint}", query())).await;
        assert!(!page.text.contains("<script"));
        assert!(page.text.contains("web &#60;&#38;&#62; app"), "{}", page.text);
        let policy = page.header("content-security-policy");
        for part in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(policy.ends_with("form-action 'self' https:"), "{policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(page.header(name), value);
        }
        let page = house.get("/error?error=%3Cscript%3E&error_description=call+this+number").await;
        assert!(!page.text.contains("<script") && !page.text.contains("call this number"));
    }
}

#[tokio::test]
async fn the_style_sheet_can_be_kept_for_ever() {
    for house in houses().await {
        let page = Browser::new(&house).get(&format!("/login?{}", query())).await;
        let address = page.text.split_once("rel=\"stylesheet\" href=\"").unwrap().1.split_once('"').unwrap().0;
        let style = house.get(address).await;
        assert_eq!((style.status, style.header("content-type")), (StatusCode::OK, "text/css"));
        assert!(style.header("cache-control").contains("immutable"));
        assert_eq!(house.get("/static/0/pages.css").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn many_wrong_passwords_bring_a_pause() {
    for house in houses().await {
        for _ in 0..5 {
            Browser::new(&house).sign_in(&query(), "ann", "Wrong-1234").await;
        }
        let page = Browser::new(&house).sign_in(&query(), "ann", PASSWORD).await;
        assert!(page.text.contains("Too many wrong passwords"), "{}", page.text);
        house.app.clock.advance(Duration::from_secs(60));
        assert_eq!(Browser::new(&house).sign_in(&query(), "ann", PASSWORD).await.status, StatusCode::FOUND);
    }
}

#[tokio::test]
async fn two_tabs_keep_their_own_requests() {
    for house in houses().await {
        let mut browser = Browser::new(&house);
        let (one, two) = (format!("{}1", query()), format!("{}2", query()));
        let first = browser.get(&format!("/login?{one}")).await.input("_csrf");
        browser.get(&format!("/login?{two}")).await;
        let form = [("_csrf", &*first), ("username", "ann"), ("password", PASSWORD)];
        let reply = browser.post(&format!("/login?{one}"), &form).await;
        assert_eq!(reply.told("state").as_deref(), Some("s 11"));
    }
}

#[tokio::test]
async fn a_user_from_another_provider_does_not_sign_in_here() {
    for house in houses().await {
        house.user("Okta_1", PASSWORD, Status::ExternalProvider).await;
        let page = Browser::new(&house).sign_in(&query(), "Okta_1", PASSWORD).await;
        assert!(page.text.contains("Incorrect username or password."), "{}", page.text);
    }
}

#[tokio::test]
async fn a_blocked_address_is_refused_and_what_happened_recorded() {
    for house in houses().await {
        let mut pool = house.pool().await;
        pool.settings.kept.insert("UserPoolAddOns".into(), serde_json::json!({"AdvancedSecurityMode": "ENFORCED"}));
        let mut tx = house.app.store.begin().await.unwrap();
        poolhouse::store::pools::update(&mut tx, &pool).await.unwrap();
        tx.commit().await.unwrap();
        let exceptions = RiskExceptions { blocked: Some(vec!["203.0.113.0/24".into()]), skipped: None };
        let settings = RiskSettings { risk_exception_configuration: Some(exceptions), ..RiskSettings::default() };
        risk::set(&house.cx(), POOL, None, settings).await.unwrap();
        let sign_in = async |ip: &str| {
            let path = format!("/login?{}", query());
            let mut browser = Browser::new(&house);
            let token = browser.get(&path).await.input("_csrf");
            let form = encode(&[("_csrf", &*token), ("username", "ann"), ("password", PASSWORD)]);
            let mut request = http::Request::post(&path)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("cookie", browser.cookie.unwrap())
                .body(axum::body::Body::from(form))
                .unwrap();
            request.extensions_mut().insert(ClientAddress(ip.parse().unwrap()));
            house.send(request).await
        };
        let refused = sign_in("203.0.113.9").await;
        assert!(refused.text.contains("Signing in is not possible from where you are."), "{}", refused.text);
        assert_eq!(sign_in("198.51.100.7").await.status, StatusCode::FOUND);
        let events = auth_events::list(&house.cx(), POOL, "ann", (10, None)).await.unwrap().items;
        let seen: Vec<_> =
            events.iter().map(|event| (event.response.name(), event.detail.address.as_deref())).collect();
        let mut expected = [("Fail", Some("203.0.113.9")), ("Pass", Some("198.51.100.7"))];
        expected.sort_by_key(|(response, _)| seen.iter().position(|(own, _)| own == response));
        assert_eq!(seen, expected);
    }
}
