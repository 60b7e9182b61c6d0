//! A provider that publishes its metadata at an address, changes them, and is not always there.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::StatusCode;
use poolhouse::{
    domain::{Error, provider::Kind},
    flows::{
        providers::{self, Wanted},
        saml::metadata::refresh_due,
    },
    kit::{network::Block, reach::Reach, trust::Trust},
    outside::Client,
    post::Post,
};

use super::{
    AUDIENCE, CONSUMER,
    sign_in::{CORP, bring, query, set_out},
};
use crate::{
    app::{Browser, CALLBACK, House, POOL, Reply, WEB, encode, houses, houses_with},
    saml_provider::{Answer, SIGN_ON, SIGN_OUT, SamlProvider},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Where a document stands.
#[derive(Clone)]
struct Place {
    url: String,
    says: Arc<Mutex<(u16, Vec<u8>)>>,
    fetches: Arc<AtomicUsize>,
}

impl Place {
    async fn new(document: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metadata", listener.local_addr().unwrap());
        let says = Arc::new(Mutex::new((200, document.as_bytes().to_vec())));
        let place = Self { url, says, fetches: Arc::default() };
        let router = Router::new().route("/metadata", get(serve)).with_state(place.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        place
    }

    fn say(&self, status: u16, document: impl AsRef<[u8]>) {
        *self.says.lock().unwrap() = (status, document.as_ref().to_vec());
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn wanted(&self) -> Wanted {
        let details = [("MetadataURL".to_owned(), self.url.clone()), ("IDPSignout".to_owned(), "true".to_owned())];
        Wanted { details: Some(details.into()), ..Wanted::default() }
    }

    async fn invited(&self, house: &House) -> Result<(), Error> {
        providers::create(&house.cx(), POOL, CORP.to_owned(), Kind::Saml, self.wanted()).await?;
        house.set_client(WEB, |client| client.supported_identity_providers = vec!["COGNITO".into(), CORP.into()]).await;
        Ok(())
    }
}

async fn serve(State(place): State<Place>) -> impl IntoResponse {
    place.fetches.fetch_add(1, Ordering::SeqCst);
    let (status, body) = place.says.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), [("location", "/metadata")], body)
}

/// There and back, with a response of now.
async fn trip(house: &House, provider: &SamlProvider) -> Reply {
    let mut browser = Browser::new(house);
    let question = set_out(&mut browser).await;
    let now = house.app.clock.now();
    let answer = Answer {
        assertion_id: format!("_{}", question.state),
        not_before: now.minus(Duration::from_secs(30)),
        not_on_or_after: now.plus(Duration::from_secs(300)),
        ..Answer::to(Some(&question.request_id), CONSUMER, AUDIENCE)
    };
    bring(&mut browser, house, &provider.response(&answer), &question.state).await
}

fn assert_in(reply: &Reply) {
    assert!(reply.told("code").is_some(), "{} {}", reply.location(), reply.text);
}

fn assert_refused(reply: &Reply, description: &str) {
    assert!(reply.location().starts_with(CALLBACK), "{} {}", reply.location(), reply.text);
    assert_eq!(reply.told("error_description").as_deref(), Some(description));
    assert_eq!(reply.told("code"), None);
}

const OTHER_KEY: &str = "Invalid SAML response received: the signature is not of the provider.";

#[tokio::test]
async fn metadata_are_fetched_where_the_provider_publishes_them() {
    for house in houses().await {
        let provider = SamlProvider::new();
        let place = Place::new(&provider.metadata(&[])).await;
        place.invited(&house).await.unwrap();
        assert_in(&trip(&house, &provider).await);
        assert_eq!(place.fetches(), 1);
        let made = providers::get(&house.cx(), POOL, CORP).await.unwrap();
        let shown = providers::shown_details(&house.cx(), &made).await.unwrap();
        assert_eq!((&*shown["SSORedirectBindingURI"], &*shown["SLORedirectBindingURI"]), (SIGN_ON, SIGN_OUT));
        assert_eq!(shown["MetadataURL"], place.url);
        // What was described can be sent back, and a file replaces the address.
        let back = Wanted { details: Some(shown.clone()), ..Wanted::default() };
        let same = providers::update(&house.cx(), POOL, CORP, back).await.unwrap();
        assert_eq!(providers::shown_details(&house.cx(), &same).await.unwrap(), shown);
        let other = SamlProvider::new();
        let file = [("MetadataFile".to_owned(), other.metadata(&[]))].into();
        let wanted = Wanted { details: Some(file), ..Wanted::default() };
        providers::update(&house.cx(), POOL, CORP, wanted).await.unwrap();
        assert_in(&trip(&house, &other).await);
        assert_refused(&trip(&house, &provider).await, OTHER_KEY);
        assert_eq!(place.fetches(), 2);
    }
}

#[tokio::test]
async fn metadata_that_do_not_load_or_parse_make_no_provider() {
    for house in houses().await {
        let provider = SamlProvider::new();
        let good = provider.metadata(&[]);
        let place = Place::new(&good).await;
        let (url, past) = (place.url.clone(), r#"<md:EntityDescriptor validUntil="2027-01-15T08:00:00Z""#);
        let post_only = good.replace("HTTP-Redirect", "HTTP-POST");
        let entity = format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{good}");
        let retrieving = format!("Error retrieving metadata from {url}");
        let status = |code: u16| format!("Non-ok status code {code} returned from remote metadata source {url}");
        let binding = "No SingleSignOn Http redirect binding location found in metadata.";
        let cases: Vec<(u16, Vec<u8>, String)> = vec![
            (404, b"nothing".into(), status(404)),
            (500, good.clone().into(), status(500)),
            (302, Vec::new(), status(302)),
            (200, vec![b' '; 300_000], retrieving.clone()),
            (200, vec![0xff, 0xfe], retrieving),
            (200, b"<html>".into(), "Invalid SAML metadata: it is no plain XML document".to_owned()),
            (200, entity.into(), "Invalid SAML metadata: it is no plain XML document".to_owned()),
            (200, post_only.into(), binding.to_owned()),
            (
                200,
                good.replace("<md:EntityDescriptor", past).into(),
                "Invalid SAML metadata: it has expired.".to_owned(),
            ),
            (
                200,
                good.replace("<md:IDP", r#"<x cacheDuration="soon"/><md:IDP"#)
                    .replace("<md:EntityDescriptor", r#"<md:EntityDescriptor cacheDuration="soon""#)
                    .into(),
                "Invalid SAML metadata: its cacheDuration cannot be read.".to_owned(),
            ),
        ];
        for (code, body, expected) in &cases {
            place.say(*code, body);
            let refused = place.invited(&house).await.unwrap_err();
            let Error::InvalidParameter(text) = &refused else { panic!("{refused}") };
            assert!(text.starts_with(&**expected), "{text} is not {expected}");
        }
        assert!(providers::find(&house.cx(), POOL, CORP).await.unwrap().is_none());
        // An update that fails changes nothing.
        place.say(200, &good);
        place.invited(&house).await.unwrap();
        place.say(503, "");
        assert!(providers::update(&house.cx(), POOL, CORP, place.wanted()).await.is_err());
        assert_in(&trip(&house, &provider).await);
        // Nobody listens there.
        let details = [("MetadataURL".to_owned(), "http://127.0.0.1:9/m".to_owned())].into();
        let wanted = Wanted { details: Some(details), ..Wanted::default() };
        let refused = providers::update(&house.cx(), POOL, CORP, wanted).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidParameter(text) if text.starts_with("Error retrieving metadata from")));
    }
}

#[tokio::test]
async fn production_fetches_no_metadata_from_inside_unless_they_are_named() {
    let near = |allow| Post::new(false, None, None, Client::new(Reach::public_and(allow), &Trust::default())).unwrap();
    let place = Place::new(&SamlProvider::new().metadata(&[])).await;
    for house in houses_with(|parts| parts.post = near(Vec::new())).await {
        let cases =
            ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"];
        for host in cases {
            let there = Place { url: place.url.replace("127.0.0.1", host), ..place.clone() };
            let Error::InvalidParameter(text) = there.invited(&house).await.unwrap_err() else { panic!("{host}") };
            assert_eq!(text, format!("Error retrieving metadata from {}", there.url));
        }
        assert!(providers::find(&house.cx(), POOL, CORP).await.unwrap().is_none());
    }
    assert_eq!(place.fetches(), 0);
    let named = || vec![Block::parse("127.0.0.1").unwrap()];
    for house in houses_with(|parts| parts.post = near(named())).await {
        // To itself, which is named: it is not followed all the same.
        place.say(302, "");
        let fetches = place.fetches();
        let Error::InvalidParameter(text) = place.invited(&house).await.unwrap_err() else { panic!("a redirect") };
        assert_eq!(text, format!("Non-ok status code 302 returned from remote metadata source {}", place.url));
        assert_eq!(place.fetches(), fetches + 1);
        place.say(200, SamlProvider::new().metadata(&[]));
        place.invited(&house).await.unwrap();
    }
}

#[tokio::test]
async fn metadata_are_refreshed_after_six_hours_and_serve_on_when_that_fails() {
    for house in houses().await {
        let (old, new) = (SamlProvider::new(), SamlProvider::new());
        let place = Place::new(&old.metadata(&[])).await;
        place.invited(&house).await.unwrap();
        // Before its time nobody looks.
        place.say(200, new.metadata(&[]));
        house.app.clock.advance(6 * HOUR - Duration::from_secs(1));
        assert_in(&trip(&house, &old).await);
        assert_eq!(place.fetches(), 1);
        // The provider is not there, then not itself: what was good serves on, and it is asked again after five minutes.
        place.say(503, "");
        house.app.clock.advance(Duration::from_secs(1));
        assert_in(&trip(&house, &old).await);
        assert_in(&trip(&house, &old).await);
        assert_eq!(place.fetches(), 2);
        for nonsense in ["<html>".to_owned(), new.metadata(&[]).replace("https://idp.example/saml", "https://another")]
        {
            place.say(200, &nonsense);
            house.app.clock.advance(Duration::from_secs(300));
            assert_in(&trip(&house, &old).await);
        }
        assert_eq!(place.fetches(), 4);
        // It is back with another key.
        place.say(200, new.metadata(&[]));
        house.app.clock.advance(Duration::from_secs(300));
        assert_in(&trip(&house, &new).await);
        assert_refused(&trip(&house, &old).await, OTHER_KEY);
        assert_eq!(place.fetches(), 5);
        // And again without anybody signing in; of many at once one looks.
        place.say(200, old.metadata(&[]));
        refresh_due(&house.app).await.unwrap();
        assert_eq!(place.fetches(), 5);
        house.app.clock.advance(6 * HOUR);
        let mut many = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let app = Arc::clone(&house.app);
            many.spawn(async move { refresh_due(&app).await });
        }
        for refreshed in many.join_all().await {
            refreshed.unwrap();
        }
        assert_eq!(place.fetches(), 6);
        assert_in(&trip(&house, &old).await);
    }
}

#[tokio::test]
async fn metadata_that_have_expired_sign_nobody_in() {
    for house in houses().await {
        let provider = SamlProvider::new();
        let until = |moment: &str| {
            let dated = format!(r#"<md:EntityDescriptor validUntil="{moment}""#);
            provider.metadata(&[]).replace("<md:EntityDescriptor", &dated)
        };
        let place = Place::new(&until("2027-01-15T10:00:00Z")).await;
        place.invited(&house).await.unwrap();
        // It is looked at again before the end.
        place.say(503, "");
        house.app.clock.advance(HOUR);
        assert_in(&trip(&house, &provider).await);
        assert_eq!(place.fetches(), 2);
        house.app.clock.advance(HOUR);
        let refused = Browser::new(&house).get(&format!("/oauth2/authorize?{}", encode(&query()))).await;
        assert_refused(&refused, "The metadata of Corp have expired.");
        place.say(200, until("2027-01-15T12:00:00Z"));
        house.app.clock.advance(Duration::from_secs(300));
        assert_in(&trip(&house, &provider).await);
    }
}

#[tokio::test]
async fn metadata_do_not_weaken_what_is_asked_of_a_response() {
    for house in houses().await {
        let provider = SamlProvider::new();
        let lax = r#"IDPSSODescriptor WantAuthnRequestsSigned="false" WantAssertionsSigned="false" "#;
        let place =
            Place::new(&provider.metadata(&[]).replace("IDPSSODescriptor protocol", &format!("{lax}protocol"))).await;
        place.invited(&house).await.unwrap();
        assert_in(&trip(&house, &provider).await);
        let mut browser = Browser::new(&house);
        let question = set_out(&mut browser).await;
        let answer = Answer::to(Some(&question.request_id), CONSUMER, AUDIENCE);
        let unsigned = provider.response(&Answer { signs_assertion: None, ..answer });
        let reply = bring(&mut browser, &house, &unsigned, &question.state).await;
        assert_refused(&reply, "Invalid SAML response received: it is not signed.");
    }
}
