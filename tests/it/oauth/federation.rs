//! Signing in through an OpenID Connect provider, which is played here and lies as it is told to.

mod accounts;
mod answers;
mod failures;
mod idp;
mod keys;
mod links;
mod social;

use http::StatusCode;
use idp::Idp;
use poolhouse::{
    domain::{
        Provider,
        provider::{Kind, ProviderSettings},
    },
    store,
};
use serde_json::{Value, json};

use super::{ORDINARY, token::claims};
use crate::app::{Browser, CALLBACK, House, POOL, Reply, WEB, encode};

const NAME: &str = "Okta";

/// Gives the pool a provider, and the client all that the pool has.
async fn furnish(house: &House, name: &str, kind: Kind, details: Value) {
    // Names are written in small letters then, as those of most pools are.
    let ignoring_case = json!({"CaseSensitive": false});
    house.set_pool(|pool| pool.username_configuration = Some(serde_json::from_value(ignoring_case).unwrap())).await;
    let now = house.app.clock.now();
    let mapping = json!({"email": "email", "name": "name"});
    let provider = Provider {
        pool_id: POOL.into(),
        name: name.into(),
        kind,
        details: serde_json::from_value(details).unwrap(),
        settings: ProviderSettings {
            attribute_mapping: serde_json::from_value(mapping).unwrap(),
            ..ProviderSettings::default()
        },
        created_at: now,
        modified_at: now,
    };
    let mut tx = house.app.store.begin().await.unwrap();
    assert!(store::providers::insert(&mut tx, &provider).await.unwrap());
    tx.commit().await.unwrap();
    house
        .set_client(WEB, |client| {
            let offered = &mut client.supported_identity_providers;
            if offered.is_empty() {
                offered.push("COGNITO".into());
            }
            offered.push(name.into());
        })
        .await;
}

async fn change_provider(house: &House, change: impl FnOnce(&mut Provider)) {
    let mut tx = house.app.store.begin().await.unwrap();
    let mut provider = store::providers::find(&mut tx, POOL, NAME).await.unwrap().unwrap();
    change(&mut provider);
    assert!(store::providers::update(&mut tx, &provider).await.unwrap());
    tx.commit().await.unwrap();
}

async fn map(house: &House, mapping: Value) {
    change_provider(house, |provider| provider.settings.attribute_mapping = serde_json::from_value(mapping).unwrap())
        .await;
}

/// A house whose client offers one provider beside the pool.
async fn with_idp(house: &House) -> Idp {
    let idp = Idp::start().await;
    furnish(house, NAME, Kind::Oidc, idp.details()).await;
    idp
}

fn query(further: &[(&str, &str)]) -> String {
    encode(&[&ORDINARY[..], further].concat())
}

/// Sends the browser off, and gives the query of the question that the provider gets.
async fn depart(browser: &mut Browser<'_>, idp: &Idp, further: &[(&str, &str)]) -> Vec<(String, String)> {
    let query = query(&[&[("identity_provider", NAME)][..], further].concat());
    let reply = browser.get(&format!("/oauth2/authorize?{query}")).await;
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    let url = url::Url::parse(reply.location()).unwrap_or_else(|_| panic!("{}", reply.location()));
    assert!(url.as_str().starts_with(&format!("{}/authorize?", idp.url)), "{url}");
    let asked: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    idp.asked(&asked);
    asked
}

fn value<'a>(asked: &'a [(String, String)], name: &str) -> &'a str {
    asked.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

async fn come_back(browser: &mut Browser<'_>, asked: &[(String, String)]) -> Reply {
    let answer = encode(&[("code", idp::CODE), ("state", value(asked, "state"))]);
    browser.get(&format!("/oauth2/idpresponse?{answer}")).await
}

/// There and back.
async fn trip(house: &House, idp: &Idp) -> Reply {
    let mut browser = Browser::new(house);
    let asked = depart(&mut browser, idp, &[]).await;
    come_back(&mut browser, &asked).await
}

/// The claims of the ID token that the application gets in the end.
async fn tokens(house: &House, reply: &Reply) -> Value {
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    let code = reply.told("code").unwrap_or_else(|| panic!("no code in {}", reply.location()));
    let form = [("grant_type", "authorization_code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("code", &*code)];
    let told = house.token(&form).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    claims(&told.json()["id_token"])
}

/// PAGE: our own error page, and nobody is signed in.
fn assert_page(reply: &Reply) {
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    assert!(reply.location().starts_with("/error?error=invalid_request"), "{}", reply.location());
}

/// The application is told `text`, with its state.
fn assert_told(reply: &Reply, text: &str) {
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    assert!(reply.location().starts_with(CALLBACK), "{}", reply.location());
    assert_eq!(reply.told("error").as_deref(), Some("invalid_request"), "{}", reply.location());
    assert_eq!(reply.told("error_description").as_deref(), Some(text), "{}", reply.location());
    assert_eq!(reply.told("state").as_deref(), Some("st&at=e"));
}
