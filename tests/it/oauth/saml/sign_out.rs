//! Signing out here and at the provider.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use miniz_oxide::{deflate::compress_to_vec, inflate::decompress_to_vec_with_limit};
use url::form_urlencoded;

use super::{
    AUDIENCE, CONSUMER,
    sign_in::{bring, invite, query, set_out},
};
use crate::{
    app::{Browser, House, Reply, WEB, encode, houses},
    saml_provider::{Answer, ENTITY, RSA_SHA256, SIGN_OUT, SamlProvider, Signing, field},
};

const ENDPOINT: &str = "http://localhost:9229/saml2/logout";
const BYE: &str = "https://app.example/bye";

/// Somebody who is signed in through the provider.
async fn visitor<'a>(house: &'a House, provider: &SamlProvider) -> Browser<'a> {
    let mut browser = Browser::new(house);
    let question = set_out(&mut browser).await;
    let answer = Answer::to(Some(&question.request_id), CONSUMER, AUDIENCE);
    let reply = bring(&mut browser, house, &provider.response(&answer), &question.state).await;
    assert!(reply.told("code").is_some(), "{}", reply.location());
    browser
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    let mut pairs = query();
    pairs.push(("prompt", "none"));
    browser.get(&format!("/oauth2/authorize?{}", encode(&pairs))).await.told("code").is_some()
}

async fn leave(browser: &mut Browser<'_>) -> Reply {
    browser.get(&format!("/logout?{}", encode(&[("client_id", WEB), ("logout_uri", BYE)]))).await
}

fn message(reply: &Reply, name: &str) -> String {
    let bytes = BASE64_STANDARD.decode(reply.told(name).unwrap()).unwrap();
    String::from_utf8(decompress_to_vec_with_limit(&bytes, 10_000).unwrap()).unwrap()
}

/// The address by which the provider sends a message.
fn sent(provider: &SamlProvider, name: &str, xml: &str, state: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let text = encode(&BASE64_STANDARD.encode(compress_to_vec(xml.as_bytes(), 6)));
    let covered = format!("{name}={text}&RelayState={}&SigAlg={}", encode(state), encode(RSA_SHA256));
    let signature = encode(&BASE64_STANDARD.encode(provider.sign_bytes(covered.as_bytes())));
    format!("/saml2/logout?{covered}&Signature={signature}")
}

fn response(in_response_to: &str) -> String {
    format!(
        r#"<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="{ENDPOINT}" ID="_done" InResponseTo="{in_response_to}" IssueInstant="2027-01-15T08:00:00Z" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{ENTITY}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status></samlp:LogoutResponse>"#
    )
}

fn request(name: &str, index: &str) -> String {
    format!(
        r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="{ENDPOINT}" ID="_out" IssueInstant="2027-01-15T08:00:00Z" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{ENTITY}</saml:Issuer><saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{name}</saml:NameID><samlp:SessionIndex>{index}</samlp:SessionIndex></samlp:LogoutRequest>"#
    )
}

#[tokio::test]
async fn whoever_signs_out_here_signs_out_at_the_provider_where_it_is_told() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[("IDPSignout", "true")]).await;
        let mut browser = visitor(&house, &provider).await;
        let away = leave(&mut browser).await;
        assert!(away.location().starts_with(&format!("{SIGN_OUT}&SAMLRequest=")), "{}", away.location());
        let xml = message(&away, "SAMLRequest");
        assert!(xml.contains(">jane@example.com</saml:NameID><samlp:SessionIndex>_session<"), "{xml}");
        assert_eq!(away.told("SigAlg").as_deref(), Some(RSA_SHA256));
        assert!(!is_signed_in(&mut browser).await, "whatever the provider does");

        let state = away.told("RelayState").unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        let id = document.root_element().attribute("ID").unwrap().to_owned();
        let back = browser.get(&sent(&provider, "SAMLResponse", &response(&id), &state)).await;
        assert_eq!((back.status, back.location()), (StatusCode::FOUND, BYE));
        for address in [
            sent(&SamlProvider::new(), "SAMLResponse", &response(&id), &state),
            sent(&provider, "SAMLResponse", &response("_other"), &state),
            sent(&provider, "SAMLResponse", &response(&id), &state.replace('0', "1")),
            sent(&provider, "SAMLResponse", &response(&id), ""),
        ] {
            let reply = browser.get(&address).await;
            assert!(reply.location().starts_with("/error?"), "{address}: {}", reply.location());
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_not_to_be_told_is_not() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[]).await;
        let mut browser = visitor(&house, &provider).await;
        assert!(is_signed_in(&mut browser).await);
        assert_eq!(leave(&mut browser).await.location(), BYE);
        assert!(!is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn a_session_that_ends_at_the_provider_ends_here() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[("IDPSignout", "true")]).await;
        let mut browser = visitor(&house, &provider).await;
        for address in [
            sent(&SamlProvider::new(), "SAMLRequest", &request("jane@example.com", "_session"), "s"),
            "/saml2/logout".to_owned(),
        ] {
            let reply = browser.get(&address).await;
            assert!(reply.location().starts_with("/error?"), "{address}: {}", reply.location());
            assert!(is_signed_in(&mut browser).await);
        }
        // Of somebody else, or of another session: there is nothing to end here, and the provider goes on.
        for address in [
            sent(&provider, "SAMLRequest", &request("john@example.com", "_session"), "s"),
            sent(&provider, "SAMLRequest", &request("jane@example.com", "_other"), "s"),
        ] {
            assert_answered(&browser.get(&address).await, "s");
            assert!(is_signed_in(&mut browser).await);
        }
        let reply = browser.get(&sent(&provider, "SAMLRequest", &request("jane@example.com", "_session"), "s t")).await;
        assert!(reply.location().starts_with(&format!("{SIGN_OUT}&SAMLResponse=")), "{}", reply.location());
        assert_eq!(reply.told("RelayState").as_deref(), Some("s t"));
        assert!(message(&reply, "SAMLResponse").contains(r#"InResponseTo="_out""#));
        assert!(!is_signed_in(&mut browser).await);

        // As a form, which comes without the browser's cookie and goes on as a query.
        let mut browser = visitor_again(&house, &provider).await;
        let xml = provider.sign(&request("jane@example.com", "_session"), "_out", &Signing::default());
        let held = house.post("/saml2/logout", &[("SAMLRequest", &field(&xml)), ("RelayState", "s")], &[]).await;
        assert_eq!(held.status, StatusCode::SEE_OTHER);
        let reply = browser.get(held.location()).await;
        assert!(reply.location().starts_with(&format!("{SIGN_OUT}&SAMLResponse=")), "{}", reply.location());
        assert!(!is_signed_in(&mut browser).await);
    }
}

/// The provider is told that it is done.
fn assert_answered(reply: &Reply, state: &str) {
    assert!(reply.location().starts_with(&format!("{SIGN_OUT}&SAMLResponse=")), "{} {}", reply.location(), reply.text);
    assert_eq!(reply.told("RelayState").as_deref(), Some(state));
    assert_eq!(reply.told("SigAlg").as_deref(), Some(RSA_SHA256));
    let xml = message(reply, "SAMLResponse");
    assert!(xml.contains(r#"InResponseTo="_out""#) && xml.contains("status:Success"), "{xml}");
}

#[tokio::test]
async fn a_provider_whose_session_is_not_here_is_told_that_it_has_ended() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[("IDPSignout", "true")]).await;
        let asked = request("jane@example.com", "_session");
        // A browser that was never here.
        assert_answered(&house.get(&sent(&provider, "SAMLRequest", &asked, "s t")).await, "s t");
        let xml = provider.sign(&asked, "_out", &Signing::default());
        let held = house.post("/saml2/logout", &[("SAMLRequest", &field(&xml)), ("RelayState", "s")], &[]).await;
        assert_answered(&house.get(held.location()).await, "s");
        // Nobody is told anything who is not the provider, or whose request is not for here or too old.
        let mut stranger = SamlProvider::new();
        stranger.entity_id = "https://stranger.example".into();
        for address in [
            sent(&SamlProvider::new(), "SAMLRequest", &asked, "s"),
            sent(&stranger, "SAMLRequest", &asked.replace(ENTITY, "https://stranger.example"), "s"),
            sent(&provider, "SAMLRequest", &asked.replace(ENDPOINT, "https://other.example/saml2/logout"), "s"),
            sent(&provider, "SAMLRequest", &asked.replace("2027-01-15T08:00:00Z", "2027-01-15T07:00:00Z"), "s"),
            "/saml2/logout?SAMLRequest=nonsense".to_owned(),
        ] {
            let reply = house.get(&address).await;
            assert!(reply.location().starts_with("/error?"), "{address}: {}", reply.location());
        }
        let unsigned = sent(&provider, "SAMLRequest", &asked, "s");
        let (unsigned, _) = unsigned.split_once("&SigAlg").unwrap();
        assert!(house.get(unsigned).await.location().starts_with("/error?"));
    }
}

/// The same with another assertion.
async fn visitor_again<'a>(house: &'a House, provider: &SamlProvider) -> Browser<'a> {
    let mut browser = Browser::new(house);
    let question = set_out(&mut browser).await;
    let answer = Answer::to(Some(&question.request_id), CONSUMER, AUDIENCE);
    let answer = Answer { assertion_id: "_again".into(), ..answer };
    let reply = bring(&mut browser, house, &provider.response(&answer), &question.state).await;
    assert!(reply.told("code").is_some(), "{}", reply.location());
    browser
}

#[tokio::test]
async fn a_pool_tells_providers_what_they_need_to_know() {
    for house in houses().await {
        let reply = house.get("/us-east-1_Example01/saml2/metadata").await;
        assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/samlmetadata+xml"));
        let document = roxmltree::Document::parse(&reply.text).unwrap();
        assert_eq!(document.root_element().attribute("entityID"), Some(AUDIENCE));
        let location = |service: &str| {
            let mut all = document.descendants().filter(|node| node.tag_name().name() == service);
            all.next().and_then(|node| node.attribute("Location")).unwrap()
        };
        assert_eq!((location("AssertionConsumerService"), location("SingleLogoutService")), (CONSUMER, ENDPOINT));
        assert_eq!(document.descendants().filter(|node| node.tag_name().name() == "X509Certificate").count(), 2);
        assert_eq!(house.get("/us-east-1_Nobody001/saml2/metadata").await.status, StatusCode::NOT_FOUND);
    }
}
