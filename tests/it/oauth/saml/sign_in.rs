//! A browser that goes to a SAML provider and comes back.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::StatusCode;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use poolhouse::{
    domain::provider::Kind,
    flows::{
        certificates,
        providers::{self, Wanted},
    },
};
use serde_json::{Value, json};
use url::Url;

use super::{AUDIENCE, CONSUMER};
use crate::{
    app::{Browser, CALLBACK, House, POOL, Reply, WEB, encode, houses},
    oauth::ORDINARY,
    saml_provider::{Answer, Cipher, ENTITY, RSA_SHA256, SIGN_ON, SamlProvider, Signing, encrypted, field},
};

pub const CORP: &str = "Corp";

/// Gives the house a provider, which its client offers beside the pool itself.
pub async fn invite(house: &House, provider: &SamlProvider, more: &[(&str, &str)]) {
    let mut details = vec![("MetadataFile".to_owned(), provider.metadata(&[]))];
    details.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let wanted = Wanted {
        details: Some(details.into_iter().collect()),
        mapping: Some([("email".to_owned(), "mail".to_owned())].into()),
        identifiers: Some(vec!["corp.example".to_owned()]),
        ..Wanted::default()
    };
    providers::create(&house.cx(), POOL, CORP.to_owned(), Kind::Saml, wanted).await.unwrap();
    house.set_client(WEB, |client| client.supported_identity_providers = vec!["COGNITO".into(), CORP.into()]).await;
}

/// What the browser takes along to the provider.
pub struct Question {
    pub request: String,
    pub request_id: String,
    pub state: String,
    pub address: String,
}

pub fn query() -> Vec<(&'static str, &'static str)> {
    ORDINARY.into_iter().chain([("identity_provider", CORP)]).collect()
}

pub async fn set_out(browser: &mut Browser<'_>) -> Question {
    set_out_with(browser, &query()).await
}

/// The same of somebody who is signed in and wants to sign in again.
pub async fn set_out_anew(browser: &mut Browser<'_>) -> Question {
    let question = set_out_with(browser, &[query(), vec![("prompt", "login")]].concat()).await;
    assert!(question.request.contains(r#" ForceAuthn="true""#), "{}", question.request);
    question
}

async fn set_out_with(browser: &mut Browser<'_>, query: &[(&str, &str)]) -> Question {
    let reply = browser.get(&format!("/oauth2/authorize?{}", encode(query))).await;
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    assert!(reply.location().starts_with(SIGN_ON), "{}", reply.location());
    let deflated = BASE64_STANDARD.decode(reply.told("SAMLRequest").unwrap()).unwrap();
    let request = String::from_utf8(decompress_to_vec_with_limit(&deflated, 10_000).unwrap()).unwrap();
    let document = roxmltree::Document::parse(&request).unwrap();
    let request_id = document.root_element().attribute("ID").unwrap().to_owned();
    drop(document);
    let (state, address) = (reply.told("RelayState").unwrap(), reply.location().to_owned());
    Question { request, request_id, state, address }
}

/// The form that the provider has the browser send: from another site, so that no cookie comes along. Then the browser follows.
pub async fn bring(browser: &mut Browser<'_>, house: &House, xml: &str, state: &str) -> Reply {
    let form = [("SAMLResponse", &*field(xml)), ("RelayState", state)];
    let held = house.post("/saml2/idpresponse", &form, &[]).await;
    if held.status != StatusCode::SEE_OTHER {
        return held;
    }
    assert!(held.location().starts_with("/saml2/idpresponse?state="), "{}", held.location());
    browser.get(held.location()).await
}

fn answer(question: &Question) -> Answer {
    Answer::to(Some(&question.request_id), CONSUMER, AUDIENCE)
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Exchanges the code of a reply for tokens.
async fn tokens(house: &House, reply: &Reply) -> Value {
    let code = reply.told("code").unwrap_or_else(|| panic!("no code: {} {}", reply.location(), reply.text));
    let form = [("grant_type", "authorization_code"), ("code", &code), ("client_id", WEB), ("redirect_uri", CALLBACK)];
    house.token(&form).await.json()
}

fn assert_told(reply: &Reply, description: &str) {
    assert!(reply.location().starts_with(CALLBACK), "{} {}", reply.location(), reply.text);
    let code =
        if description.starts_with("Invalid SAML response received") { "server_error" } else { "invalid_request" };
    assert_eq!(reply.told("error").as_deref(), Some(code));
    assert_eq!(reply.told("error_description").as_deref(), Some(description));
    assert_eq!((reply.told("state").as_deref(), reply.told("code")), (Some("st&at=e"), None));
}

fn assert_page(reply: &Reply) {
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    assert!(reply.location().starts_with("/error?error=invalid_request"), "{}", reply.location());
}

#[tokio::test]
async fn somebody_signs_in_with_a_saml_provider_and_is_known_the_next_time() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[]).await;
        let mut subs = Vec::new();
        for mail in ["jane@example.com", "jane.doe@example.com"] {
            let mut browser = Browser::new(&house);
            let question = set_out(&mut browser).await;
            let changed = Answer {
                attributes: vec![("mail".into(), vec![mail.into()])],
                assertion_id: format!("_{mail}"),
                ..answer(&question)
            };
            let reply = bring(&mut browser, &house, &provider.response(&changed), &question.state).await;
            assert_eq!(reply.told("state").as_deref(), Some("st&at=e"));
            let tokens = tokens(&house, &reply).await;
            let claims = claims(&tokens["id_token"]);
            assert_eq!(claims["cognito:username"], "Corp_jane@example.com");
            assert_eq!(claims["email"], mail);
            assert_eq!(claims["cognito:groups"], json!([format!("{POOL}_{CORP}")]));
            let identity = &claims["identities"][0];
            assert_eq!(identity["userId"], "jane@example.com");
            assert_eq!(identity["providerName"], CORP);
            assert_eq!(identity["providerType"], "SAML");
            assert_eq!(identity["issuer"], ENTITY);
            assert_eq!(identity["primary"], "true");
            subs.push(claims["sub"].clone());
        }
        assert_eq!(subs[0], subs[1]);
    }
}

#[tokio::test]
async fn the_name_of_somebody_is_told_apart_by_case() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[]).await;
        let mut subs = Vec::new();
        for name in ["Jane", "jane"] {
            let mut browser = Browser::new(&house);
            let question = set_out(&mut browser).await;
            let changed = Answer { name: name.into(), assertion_id: format!("_{name}"), ..answer(&question) };
            let reply = bring(&mut browser, &house, &provider.response(&changed), &question.state).await;
            let claims = claims(&tokens(&house, &reply).await["id_token"]);
            assert_eq!(claims["identities"][0]["userId"], name);
            subs.push(claims["sub"].clone());
        }
        assert_ne!(subs[0], subs[1]);
    }
}

#[tokio::test]
async fn a_response_is_worth_nothing_in_another_browser_or_trip_or_twice() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[]).await;
        let (mut attacker, mut victim) = (Browser::new(&house), Browser::new(&house));
        let question = set_out(&mut attacker).await;
        let theirs = set_out(&mut victim).await;
        let xml = provider.response(&answer(&question));
        // The attacker's answer in the victim's browser: with the attacker's state, without a cookie, and with the victim's.
        assert_page(&bring(&mut victim, &house, &xml, &question.state).await);
        let reply = bring(&mut victim, &house, &xml, &theirs.state).await;
        assert_told(&reply, "Invalid SAML response received: it answers no request of this sign-in.");
        // Each of these has ended a trip, also for its owner.
        assert_page(&bring(&mut attacker, &house, &xml, &question.state).await);

        let question = set_out(&mut attacker).await;
        let xml = provider.response(&answer(&question));
        assert!(bring(&mut attacker, &house, &xml, &question.state).await.told("code").is_some());
        assert_page(&bring(&mut attacker, &house, &xml, &question.state).await);
        // Another trip does not make it new.
        let next = set_out_anew(&mut attacker).await;
        let again = Answer { in_response_to: Some(next.request_id.clone()), ..answer(&next) };
        assert_eq!(again.assertion_id, answer(&question).assertion_id);
        let reply = bring(&mut attacker, &house, &provider.response(&again), &next.state).await;
        assert_told(&reply, "Invalid SAML response received: the assertion was used before.");
    }
}

#[tokio::test]
async fn what_is_posted_without_a_trip_ends_on_our_own_page() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[]).await;
        let mut browser = Browser::new(&house);
        let question = set_out(&mut browser).await;
        let xml = field(&provider.response(&answer(&question)));
        let post = async |form: &[(&str, &str)]| house.post("/saml2/idpresponse", form, &[]).await;
        for form in [
            vec![("SAMLResponse", &*xml)],
            vec![("RelayState", &*question.state)],
            vec![("SAMLResponse", ""), ("RelayState", &question.state)],
            vec![("SAMLResponse", &xml), ("RelayState", "unknown")],
            vec![("SAMLResponse", &xml), ("SAMLResponse", &xml), ("RelayState", &question.state)],
            vec![("SAMLResponse", &xml), ("RelayState", &question.state), ("RelayState", &question.state)],
        ] {
            assert_page(&post(&form).await);
        }
        let long = "A".repeat(100_001);
        assert_page(&post(&[("SAMLResponse", &long), ("RelayState", &question.state)]).await);
        for huge in ["A".repeat(400_000), "A".repeat(10_000_000)] {
            assert_eq!(post(&[("SAMLResponse", &huge)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        }
        let reply = browser.get("/saml2/idpresponse").await;
        assert_eq!((reply.status, reply.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
        // Nothing of it has harmed the trip. It ends with its time.
        house.app.clock.advance(std::time::Duration::from_secs(301));
        let form = [("SAMLResponse", &*xml), ("RelayState", &*question.state)];
        assert_page(&post(&form).await);
    }
}

#[tokio::test]
async fn a_relay_state_is_neither_gone_to_nor_shown() {
    for house in houses().await {
        let provider = SamlProvider::new();
        // Also where the provider may send somebody with a request of its own, which is written like a query.
        invite(&house, &provider, &[("IDPInit", "true")]).await;
        let mut browser = Browser::new(&house);
        let question = set_out(&mut browser).await;
        let xml = field(&provider.response(&answer(&question)));
        for state in [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "javascript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "\r\nLocation: https://evil.example/",
            "https://evil.example/?a=b",
            "redirect_uri=https://evil.example/&client_id=<script>alert(1)</script>",
            "client_id=<script>alert(1)</script>&error=alert(1)",
            &format!("{}&x=https://evil.example/", encode(&query()).replace("app.example", "evil.example")),
        ] {
            let reply = house.post("/saml2/idpresponse", &[("SAMLResponse", &xml), ("RelayState", state)], &[]).await;
            assert_eq!(reply.status, StatusCode::FOUND, "{state}");
            assert!(reply.location().starts_with("/error?error="), "{state}: {}", reply.location());
            let page = house.get(reply.location()).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST);
            for (place, shown) in [("address", reply.location()), ("page", &page.text)] {
                assert!(!shown.contains("evil") && !shown.contains("alert(1)"), "{state} on the {place}: {shown}");
            }
        }
        // A state of ours does not turn into one of theirs.
        let longer = format!("{}https://evil.example/", question.state);
        let reply = house.post("/saml2/idpresponse", &[("SAMLResponse", &xml), ("RelayState", &longer)], &[]).await;
        assert_page(&reply);
        assert!(
            bring(&mut browser, &house, &provider.response(&answer(&question)), &question.state)
                .await
                .told("code")
                .is_some()
        );
    }
}

#[tokio::test]
async fn the_application_learns_why_a_response_was_refused() {
    for house in houses().await {
        let (provider, stranger) = (SamlProvider::new(), SamlProvider::new());
        invite(&house, &provider, &[]).await;
        let mut browser = Browser::new(&house);
        for (description, change) in [
            ("the signature is not of the provider", (|_: &mut Answer| {}) as fn(&mut Answer)),
            ("Audience is not for this service provider", |answer| answer.audience = Some("urn:other".into())),
            ("it has expired", |answer| answer.not_on_or_after = answer.not_before),
            ("it is not signed", |answer| answer.signs_assertion = None),
        ] {
            let question = set_out(&mut browser).await;
            let mut changed = answer(&question);
            change(&mut changed);
            changed.not_before = poolhouse::kit::clock::Time::from_seconds(changed.not_before.seconds() - 90);
            if description == "it has expired" {
                changed.not_on_or_after = changed.not_before;
            }
            let signs = if description.contains("not of the provider") { &stranger } else { &provider };
            let reply = bring(&mut browser, &house, &signs.response(&changed), &question.state).await;
            assert_told(&reply, &format!("Invalid SAML response received: {description}."));
        }
        let question = set_out(&mut browser).await;
        let nobody = Answer { attributes: vec![("mail".into(), vec!["no address".into()])], ..answer(&question) };
        let reply = bring(&mut browser, &house, &provider.response(&nobody), &question.state).await;
        assert_eq!(reply.told("error").as_deref(), Some("invalid_request"), "{}", reply.location());
    }
}

#[tokio::test]
async fn a_provider_sends_somebody_by_itself_only_where_it_may() {
    let wanted = encode(&query());
    let unasked = |id: &str| Answer { assertion_id: id.to_owned(), ..Answer::to(None, CONSUMER, AUDIENCE) };
    for (setting, works) in [(None, false), (Some("false"), false), (Some("true"), true)] {
        for house in houses().await {
            let provider = SamlProvider::new();
            let details: Vec<_> = setting.iter().map(|value| ("IDPInit", *value)).collect();
            invite(&house, &provider, &details).await;
            let mut browser = Browser::new(&house);
            let xml = provider.response(&unasked("_first"));
            let reply = bring(&mut browser, &house, &xml, &wanted).await;
            if !works {
                assert_page(&reply);
                continue;
            }
            assert_eq!(
                claims(&tokens(&house, &reply).await["id_token"])["identities"][0]["userId"],
                "jane@example.com"
            );
            // Once.
            let reply = bring(&mut browser, &house, &xml, &wanted).await;
            assert_told(&reply, "Invalid SAML response received: the assertion was used before.");
            // What was asked for belongs to a trip; it is not taken for something that nobody asked for.
            let question = set_out_anew(&mut browser).await;
            let asked = Answer { assertion_id: "_second".into(), ..answer(&question) };
            let reply = bring(&mut browser, &house, &provider.response(&asked), &wanted).await;
            assert_told(&reply, "Invalid SAML response received: it answers no request of this sign-in.");
            // And nobody lands at an application that does not offer the provider, or where nothing was registered.
            for wanted in [
                wanted.replace(CORP, "Other"),
                wanted.replace("app.example", "evil.example"),
                "client_id=nobody".to_owned(),
                wanted.replace(WEB, crate::app::SERVER),
            ] {
                let reply = bring(&mut browser, &house, &provider.response(&unasked("_third")), &wanted).await;
                assert!(reply.told("code").is_none() && !reply.location().contains("evil"), "{}", reply.location());
            }
            // By the other name of the provider.
            let named = wanted.replace(&format!("identity_provider={CORP}"), "idp_identifier=corp.example");
            let reply = bring(&mut browser, &house, &provider.response(&unasked("_fourth")), &named).await;
            assert!(reply.told("code").is_some(), "{}", reply.location());
        }
    }
}

#[tokio::test]
async fn requests_are_signed_where_the_provider_wants_them_so() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[("RequestSigningAlgorithm", "rsa-sha256")]).await;
        let question = set_out(&mut Browser::new(&house)).await;
        assert!(question.request.contains(AUDIENCE));
        let url = Url::parse(&question.address).unwrap();
        let (covered, _) = url.query().unwrap().split_once("&Signature=").unwrap();
        let told = |name: &str| url.query_pairs().find(|(own, _)| own == name).unwrap().1.into_owned();
        assert_eq!(told("SigAlg"), RSA_SHA256);
        let certificate = certificates::signing(&house.cx(), POOL).await.unwrap();
        let certificate = BASE64_STANDARD.decode(certificate).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256,
            &parsed.tbs_certificate.subject_pki.subject_public_key.data,
        );
        key.verify(covered.as_bytes(), &BASE64_STANDARD.decode(told("Signature")).unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_provider_that_changes_its_key_is_believed_with_both() {
    for house in houses().await {
        let (provider, former) = (SamlProvider::new(), SamlProvider::new());
        let metadata = provider.metadata(&[&former]);
        invite(&house, &provider, &[("MetadataFile", &metadata)]).await;
        for (signs, id) in [(&provider, "_new"), (&former, "_old")] {
            let mut browser = Browser::new(&house);
            let question = set_out(&mut browser).await;
            let changed = Answer { assertion_id: id.to_owned(), ..answer(&question) };
            let reply = bring(&mut browser, &house, &signs.response(&changed), &question.state).await;
            assert!(reply.told("code").is_some(), "{}", reply.location());
        }
    }
}

#[tokio::test]
async fn an_assertion_is_encrypted_for_the_pools_certificate() {
    for house in houses().await {
        let provider = SamlProvider::new();
        invite(&house, &provider, &[("EncryptedResponses", "true")]).await;
        let certificate = certificates::encryption(&house.cx(), POOL).await.unwrap();
        let certificate = BASE64_STANDARD.decode(certificate).unwrap();
        let mut browser = Browser::new(&house);
        let question = set_out(&mut browser).await;
        let inner = encrypted(&provider.assertion(&answer(&question)), &certificate, Cipher::Gcm);
        let xml = provider.response_with(&answer(&question), &inner);
        assert!(bring(&mut browser, &house, &xml, &question.state).await.told("code").is_some());
        let question = set_out_anew(&mut browser).await;
        let plain = Answer { signs_response: Some(Signing::default()), ..answer(&question) };
        let reply = bring(&mut browser, &house, &provider.response(&plain), &question.state).await;
        assert_told(&reply, "Invalid SAML response received: the assertion is not encrypted.");
    }
}
