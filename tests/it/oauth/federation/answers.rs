//! What a provider, or somebody in its place, can send back.

use std::time::Duration;

use http::StatusCode;
use poolhouse::{domain::provider::Kind, store};
use serde_json::json;

use super::{
    NAME, assert_page, assert_told, come_back, depart, furnish,
    idp::{self, Idp, Sign},
    query, tokens, trip, value, with_idp,
};
use crate::app::{Browser, CALLBACK, PASSWORD, POOL, WEB, encode, houses};

#[tokio::test]
async fn a_trip_asks_as_the_specifications_have_it_and_ends_at_the_application() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let mut browser = Browser::new(&house);
        let asked = depart(&mut browser, &idp, &[("login_hint", "fay"), ("prompt", "login")]).await;
        for (name, expected) in [
            ("client_id", idp::CLIENT),
            ("redirect_uri", "http://localhost:9229/oauth2/idpresponse"),
            ("scope", "openid email"),
            ("response_type", "code"),
            ("code_challenge_method", "S256"),
            ("login_hint", "fay"),
            ("prompt", "login"),
        ] {
            assert_eq!(value(&asked, name), expected, "{name}");
        }
        assert!(value(&asked, "state").len() >= 43 && value(&asked, "nonce").len() >= 32);
        assert_ne!(value(&asked, "state"), "st&at=e");
        let reply = come_back(&mut browser, &asked).await;
        let told = tokens(&house, &reply).await;
        assert_eq!(told["cognito:username"], "okta_00u1");
        assert_eq!(told["email"], "fay@idp.example");
        assert_eq!(reply.told("state").as_deref(), Some("st&at=e"));
        {
            let script = idp.script.lock().unwrap();
            let form = &script.redeemed[0];
            assert_eq!(form["client_secret"], idp::SECRET);
            assert_eq!(form["redirect_uri"], "http://localhost:9229/oauth2/idpresponse");
            assert!((43..=128).contains(&form["code_verifier"].len()));
            assert_eq!(script.informed, ["GET Bearer at-of-idp"]);
        }
        // The session lets the same way in again, and no other.
        let again = browser.get(&format!("/oauth2/authorize?{}", query(&[("identity_provider", NAME)]))).await;
        assert!(again.told("code").is_some(), "{}", again.location());
        let any = browser.get(&format!("/oauth2/authorize?{}", query(&[("prompt", "none")]))).await;
        assert!(any.told("code").is_some(), "{}", any.location());
        let own = query(&[("prompt", "none"), ("identity_provider", "COGNITO")]);
        let own = browser.get(&format!("/oauth2/authorize?{own}")).await;
        assert_eq!(own.told("error").as_deref(), Some("login_required"));
        // A client that does not offer the provider asks anew.
        house.set_client(WEB, |client| client.supported_identity_providers = vec!["COGNITO".into()]).await;
        let other = browser.get(&format!("/oauth2/authorize?{}", query(&[]))).await;
        assert!(other.location().starts_with("/login?"), "{}", other.location());
    }
}

#[tokio::test]
async fn the_ways_of_the_implicit_grant_and_a_changed_page_are_kept() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let mut browser = Browser::new(&house);
        let implicit = encode(&[
            ("response_type", "token"),
            ("client_id", WEB),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("nonce", "n"),
            ("identity_provider", NAME),
        ]);
        let reply = browser.get(&format!("/oauth2/authorize?{implicit}")).await;
        let url = url::Url::parse(reply.location()).unwrap();
        let asked: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        idp.asked(&asked);
        let reply = come_back(&mut browser, &asked).await;
        assert!(reply.location().starts_with(&format!("{CALLBACK}#id_token=")), "{}", reply.location());
    }
}

#[tokio::test]
async fn a_state_is_for_one_browser_once_and_for_five_minutes() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let mut browser = Browser::new(&house);
        for state in ["", "unknown"] {
            let answer = encode(&[("code", idp::CODE), ("state", state)]);
            assert_page(&browser.get(&format!("/oauth2/idpresponse?{answer}")).await);
        }
        assert_page(&browser.get(&format!("/oauth2/idpresponse?code={}", idp::CODE)).await);

        let asked = depart(&mut browser, &idp, &[]).await;
        let reply = come_back(&mut browser, &asked).await;
        assert!(reply.told("code").is_some());
        assert_page(&come_back(&mut browser, &asked).await);

        // Somebody has a stranger's browser bring their answer; the state is spent by that.
        let mut victim = Browser::new(&house);
        victim.get(&format!("/login?{}", query(&[]))).await;
        let asked = depart(&mut browser, &idp, &[("prompt", "login")]).await;
        assert_page(&come_back(&mut victim, &asked).await);
        assert_page(&come_back(&mut Browser::new(&house), &asked).await);
        assert_page(&come_back(&mut browser, &asked).await);
        let silent = victim.get(&format!("/oauth2/authorize?{}", query(&[("prompt", "none")]))).await;
        assert_eq!(silent.told("error").as_deref(), Some("login_required"), "nobody is signed in by that");

        let asked = depart(&mut browser, &idp, &[("prompt", "login")]).await;
        house.app.clock.advance(Duration::from_secs(300));
        assert_page(&come_back(&mut browser, &asked).await);
        assert_eq!(idp.script.lock().unwrap().redeemed.len(), 1, "no code is redeemed for a state that does not count");
    }
}

#[tokio::test]
async fn two_tabs_keep_their_own_trips_also_when_one_signs_in_here() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let mut browser = Browser::new(&house);
        let first = depart(&mut browser, &idp, &[]).await;
        let second = depart(&mut browser, &idp, &[]).await;
        browser.sign_in(&query(&[]), "ann", PASSWORD).await;
        assert!(come_back(&mut browser, &second).await.told("code").is_some());
        // The nonce is another one than that of the newest question.
        idp.asked(&second);
        assert_page(&come_back(&mut browser, &first).await);
    }
}

#[tokio::test]
async fn an_id_token_that_does_not_fit_signs_nobody_in() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let honest = idp.script.lock().unwrap().claims.clone();
        for (name, lie) in [
            ("nonce", json!("another")),
            ("nonce", json!("")),
            ("iss", json!("https://evil.example")),
            ("iss", json!(format!("{}/", idp.url))),
            ("aud", json!("another-client")),
            ("aud", json!([idp::CLIENT, "another-client"])),
            ("aud", json!([])),
            ("azp", json!("another-client")),
            ("exp", json!(1_799_999_900)),
            ("exp", json!("1800000600")),
            ("iat", json!(1_800_000_900)),
            ("sub", json!(7)),
        ] {
            idp.set(|script| script.claims = honest.clone());
            idp.claim(name, lie.clone());
            let reply = trip(&house, &idp).await;
            assert_page(&reply);
            assert_eq!(reply.header("set-cookie").matches("poolhouse").count(), 0, "{name} {lie}");
        }
        for missing in ["aud", "exp", "sub", "iss"] {
            idp.set(|script| script.claims = honest.clone());
            idp.claim(missing, json!(null));
            assert_page(&trip(&house, &idp).await);
        }
        idp.set(|script| script.claims = honest.clone());
        idp.claim("aud", json!([idp::CLIENT, "another"]));
        idp.claim("azp", json!(idp::CLIENT));
        assert!(trip(&house, &idp).await.told("code").is_some());
    }
}

#[tokio::test]
async fn signatures_are_those_of_the_providers_keys_or_of_the_shared_secret() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        for sign in [Sign::None, Sign::HmacByPublicKey, Sign::Stranger, Sign::Impostor] {
            idp.set(|script| script.sign = sign);
            assert_page(&trip(&house, &idp).await);
        }
        for sign in [Sign::Rsa, Sign::Ecdsa, Sign::Hmac] {
            idp.set(|script| script.sign = sign);
            assert!(trip(&house, &idp).await.told("code").is_some(), "{sign:?}");
        }
    }
}

#[tokio::test]
async fn keys_that_are_unknown_are_looked_for_once_in_thirty_seconds() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        idp.set(|script| script.sign = Sign::Stranger);
        for _ in 0..3 {
            assert_page(&trip(&house, &idp).await);
        }
        assert_eq!(idp.script.lock().unwrap().key_fetches, 1);
        house.app.clock.advance(Duration::from_secs(31));
        for _ in 0..3 {
            assert_page(&trip(&house, &idp).await);
        }
        assert_eq!(idp.script.lock().unwrap().key_fetches, 2);
    }
}

#[tokio::test]
async fn user_info_is_of_the_user_of_the_id_token() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        for lie in [json!({"sub": "00u2"}), json!({}), json!({"sub": "00u1 "})] {
            idp.set(|script| script.user_info = lie);
            assert_page(&trip(&house, &idp).await);
        }
        idp.set(|script| script.user_info = json!({"sub": "00u1", "name": "Fay from userInfo"}));
        super::change_provider(&house, |provider| {
            provider.details.insert("attributes_request_method".into(), "POST".into());
        })
        .await;
        let reply = trip(&house, &idp).await;
        assert_eq!(idp.script.lock().unwrap().informed.last().unwrap(), "POST Bearer at-of-idp");
        assert!(reply.told("code").is_some());
        assert_eq!(house.find("okta_00u1").await.attribute("name"), Some("Fay from userInfo"));
    }
}

#[tokio::test]
async fn a_refusal_of_the_provider_reaches_the_application() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let mut browser = Browser::new(&house);
        for (error, told) in [("access_denied", "access_denied"), ("evil<script>", "invalid_request")] {
            let asked = depart(&mut browser, &idp, &[]).await;
            let answer =
                encode(&[("error", error), ("error_description", "no\r\nway"), ("state", value(&asked, "state"))]);
            let reply = browser.get(&format!("/oauth2/idpresponse?{answer}")).await;
            assert_eq!(reply.told("error").as_deref(), Some(told));
            assert_eq!(reply.told("error_description").as_deref(), Some("noway"));
            assert_page(&come_back(&mut browser, &asked).await);
        }
    }
}

#[tokio::test]
async fn a_provider_speaks_for_itself_alone() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        // RFC 9207: another issuer has answered, or the one that says who it is has not.
        for (names_itself, iss, is_good) in
            [(false, Some("https://evil.example"), false), (true, None, false), (true, Some(""), false)]
        {
            idp.set(|script| script.names_itself = names_itself);
            // What the provider says of itself is known for a while.
            house.app.clock.advance(Duration::from_secs(300));
            let mut browser = Browser::new(&house);
            let asked = depart(&mut browser, &idp, &[]).await;
            let mut answer = vec![("code", idp::CODE), ("state", value(&asked, "state"))];
            answer.extend(iss.map(|iss| ("iss", iss)));
            let reply = browser.get(&format!("/oauth2/idpresponse?{}", encode(&answer))).await;
            assert_eq!(reply.told("code").is_some(), is_good);
            assert_page(&reply);
            assert!(idp.script.lock().unwrap().redeemed.is_empty(), "a code of another is handed to nobody");
        }
        idp.set(|script| script.names_itself = false);
        house.app.clock.advance(Duration::from_secs(300));
        // A code of one provider in an answer for another is redeemed there, and worth nothing.
        let other = Idp::start().await;
        furnish(&house, "Other", Kind::Oidc, other.details()).await;
        let mut browser = Browser::new(&house);
        let asked = depart(&mut browser, &idp, &[]).await;
        let answer = encode(&[("code", "code-of-other"), ("state", value(&asked, "state"))]);
        let reply = browser.get(&format!("/oauth2/idpresponse?{answer}")).await;
        assert_told(&reply, "Okta Error - 400 error getting token");
        assert!(other.script.lock().unwrap().redeemed.is_empty());
    }
}

#[tokio::test]
async fn a_refusal_of_somebody_else_is_none() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        for (names_itself, iss, is_told) in [
            (false, None, true),
            (false, Some(&*idp.url), true),
            (false, Some("https://evil.example"), false),
            (true, Some(&*idp.url), true),
            (true, Some("https://evil.example"), false),
            (true, None, false),
        ] {
            idp.set(|script| script.names_itself = names_itself);
            // What the provider says of itself is known for a while.
            house.app.clock.advance(Duration::from_secs(300));
            let mut browser = Browser::new(&house);
            let asked = depart(&mut browser, &idp, &[]).await;
            let mut answer = vec![("error", "access_denied"), ("state", value(&asked, "state"))];
            answer.extend(iss.map(|iss| ("iss", iss)));
            let reply = browser.get(&format!("/oauth2/idpresponse?{}", encode(&answer))).await;
            if is_told {
                assert_eq!(reply.told("error").as_deref(), Some("access_denied"), "{}", reply.location());
            } else {
                assert_page(&reply);
            }
        }
    }
}

#[tokio::test]
async fn the_name_of_a_provider_and_what_it_says_are_shown_as_text() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let name = "<script>alert(1)</script>\"'&";
        furnish(&house, name, Kind::Oidc, idp.details()).await;
        let page = house.get(&format!("/login?{}", query(&[]))).await;
        assert!(page.text.contains("Continue with"), "{}", page.text);
        assert!(!page.text.contains("<script>alert") && page.text.contains("alert(1)"), "{}", page.text);
        // The page has no script of its own, and none may run.
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        let mut browser = Browser::new(&house);
        let asked = depart(&mut browser, &idp, &[]).await;
        let answer = encode(&[
            ("error", "access_denied"),
            ("error_description", "<script>alert(1)</script>\r\nSet-Cookie: a=b"),
            ("state", value(&asked, "state")),
        ]);
        let reply = browser.get(&format!("/oauth2/idpresponse?{answer}")).await;
        assert!(!reply.location().contains(['<', '\r', '\n', ' ']), "{}", reply.location());
        assert_eq!(reply.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn a_description_of_another_issuer_is_not_followed() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        idp.set(|script| script.discovered_issuer = Some("https://evil.example".into()));
        let reply = house.get(&format!("/oauth2/authorize?{}", query(&[("identity_provider", NAME)]))).await;
        assert_told(&reply, "The discovery document of the identity provider names another issuer");
    }
}

#[tokio::test]
async fn a_provider_that_is_gone_or_not_the_clients_lets_nobody_in() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let mut browser = Browser::new(&house);
        let asked = depart(&mut browser, &idp, &[]).await;
        house.set_client(WEB, |client| client.supported_identity_providers = vec!["COGNITO".into()]).await;
        let reply = come_back(&mut browser, &asked).await;
        assert_page(&reply);
        house.set_client(WEB, |client| client.supported_identity_providers.push(NAME.into())).await;
        let asked = depart(&mut browser, &idp, &[]).await;
        let mut tx = house.app.store.begin().await.unwrap();
        assert!(store::providers::delete(&mut tx, POOL, NAME).await.unwrap());
        tx.commit().await.unwrap();
        let reply = come_back(&mut browser, &asked).await;
        assert_page(&reply);
        for name in [NAME, "Nobody", "cognito"] {
            let reply = house.get(&format!("/oauth2/authorize?{}", query(&[("identity_provider", name)]))).await;
            assert_told(&reply, "the client does not offer this identity provider");
        }
        assert!(idp.script.lock().unwrap().redeemed.is_empty());
    }
}

#[tokio::test]
async fn a_provider_is_found_by_its_identifiers_and_their_domains() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let mut tx = house.app.store.begin().await.unwrap();
        let provider = store::providers::find(&mut tx, POOL, NAME).await.unwrap().unwrap();
        for identifier in ["corp.example", "Staff"] {
            assert!(store::providers::claim_identifier(&mut tx, &provider, identifier).await.unwrap());
        }
        tx.commit().await.unwrap();
        for (hint, is_found) in [
            ("Staff", true),
            ("corp.example", true),
            ("fay@corp.example", true),
            ("fay@Corp.Example", true),
            ("staff", false),
        ] {
            let reply = house.get(&format!("/oauth2/authorize?{}", query(&[("idp_identifier", hint)]))).await;
            assert_eq!(reply.location().starts_with(&idp.url), is_found, "{hint}: {}", reply.location());
        }
    }
}

#[tokio::test]
async fn the_sign_in_page_offers_what_the_client_offers() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        furnish(&house, "Google", Kind::Google, json!({})).await;
        let page = house.get(&format!("/login?{}", query(&[]))).await;
        assert!(
            page.text.contains("Continue with Okta") && page.text.contains("Continue with Google"),
            "{}",
            page.text
        );
        assert!(page.text.contains("name=\"password\""));
        for (language, words) in [
            ("de", "Weiter mit Okta"),
            ("es", "Continuar con Okta"),
            ("fr", "Continuer avec Okta"),
            ("ja", "Okta で続ける"),
        ] {
            let page = house.get(&format!("/login?{}", query(&[("lang", language)]))).await;
            assert!(page.text.contains(words), "{language}");
        }
        let own = house.get(&format!("/login?{}", query(&[("identity_provider", "COGNITO")]))).await;
        assert!(!own.text.contains("Continue with"));

        // Without the pool's own users there is no form, and none is taken.
        let mut browser = Browser::new(&house);
        let before = browser.get(&format!("/login?{}", query(&[]))).await;
        house.set_client(WEB, |client| client.supported_identity_providers.retain(|name| name != "COGNITO")).await;
        let page = browser.get(&format!("/login?{}", query(&[]))).await;
        assert!(page.text.contains("Continue with Okta") && !page.text.contains("name=\"password\""));
        let token = before.input("_csrf");
        let form = [("_csrf", &*token), ("username", "ann"), ("password", PASSWORD)];
        let reply = browser.post(&format!("/login?{}", query(&[])), &form).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        assert!(reply.location().starts_with("/oauth2/authorize?"));
        for page in ["signup", "forgotPassword"] {
            let reply = browser.get(&format!("/{page}?{}", query(&[]))).await;
            assert!(reply.location().starts_with("/login?"), "{page}: {}", reply.location());
        }
        // With one provider there is nothing to choose.
        house.set_client(WEB, |client| client.supported_identity_providers.retain(|name| name == NAME)).await;
        let reply = house.get(&format!("/oauth2/authorize?{}", query(&[]))).await;
        assert!(reply.location().starts_with(&idp.url), "{}", reply.location());
        let silent = house.get(&format!("/oauth2/authorize?{}", query(&[("prompt", "none")]))).await;
        assert_eq!(silent.told("error").as_deref(), Some("login_required"));
    }
}
