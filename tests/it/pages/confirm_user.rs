//! The link of a sign-up's e-mail: opening it shows a button, and the button confirms.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use poolhouse::{
    domain::{Client, user::Status},
    flows::sign_up::{self, SignUp},
    kit::secret::Secret,
    store,
};
use serde_json::json;

use crate::app::{Browser, House, PASSWORD, SECRET, SERVER, houses};

/// A name that would break out of a link or a page that is put together carelessly.
const NAME: &str = "new&user_name=<i>";

/// Somebody signs up through the client that has a secret, and gets this link by e-mail.
async fn link(house: &House) -> String {
    let mut pool = house.pool().await;
    let template = json!({"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "Please {##click##}."});
    pool.settings.kept.insert("VerificationMessageTemplate".into(), template);
    let mut tx = house.app.store.begin().await.unwrap();
    store::pools::update(&mut tx, &pool).await.unwrap();
    tx.commit().await.unwrap();
    let client: Client =
        store::clients::find(&mut house.app.store.read().await.unwrap(), SERVER).await.unwrap().unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let given = SignUp {
        pool: Arc::new(pool),
        client: Arc::new(client),
        username: NAME.into(),
        password: Some(Secret::from(PASSWORD)),
        attributes: [("email".to_owned(), "new@example.com".to_owned())].into(),
        secret_hash: Some(BASE64_STANDARD.encode(hmac::sign(&key, format!("{NAME}{SERVER}").as_bytes()))),
        validation_data: None,
        metadata: None,
    };
    sign_up::sign_up(&house.cx(), given).await.unwrap();
    let mut tx = house.app.store.read().await.unwrap();
    let message = store::messages::newest(&mut tx, Some("new@example.com"), 1).await.unwrap().remove(0);
    assert_eq!(message.subject.as_deref(), Some("Your verification link"));
    let (_, rest) = message.body.split_once("Please <a href=\"http://localhost:9229").unwrap();
    let (link, end) = rest.split_once('"').unwrap();
    assert_eq!(end, ">click</a>.");
    link.replace("&amp;", "&")
}

#[tokio::test]
async fn opening_the_link_confirms_nothing_and_its_button_does() {
    for house in houses().await {
        let link = link(&house).await;
        for _ in 0..3 {
            let page = house.get(&link).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.header("content-security-policy").contains("form-action"), "{}", page.text);
        }
        assert_eq!(house.find(NAME).await.status, Status::Unconfirmed);
        let mut browser = Browser::new(&house);
        let page = browser.get(&link).await;
        let token = page.input("_csrf");
        let done = browser.post(&link, &[("_csrf", &*token)]).await;
        assert_eq!(done.status, StatusCode::OK);
        assert!(done.text.contains("Your account is confirmed"), "{}", done.text);
        assert_eq!(house.find(NAME).await.status, Status::Confirmed);
        assert!(house.find(NAME).await.has_verified("email"));
        let again = browser.post(&link, &[("_csrf", &*token)]).await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST);
        assert!(again.text.contains("does not work any more"), "{}", again.text);
    }
}

#[tokio::test]
async fn a_form_of_another_browser_or_link_confirms_nothing() {
    for house in houses().await {
        let link = link(&house).await;
        let mut browser = Browser::new(&house);
        let token = browser.get(&link).await.input("_csrf");
        let stranger = house.post(&link, &[("_csrf", &*token)], &[]).await;
        assert_eq!(stranger.status, StatusCode::FORBIDDEN);
        let other = link.replace("confirmation_code=", "confirmation_code=9");
        assert_eq!(browser.post(&other, &[("_csrf", &*token)]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(browser.post(&link, &[("_csrf", "")]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(house.find(NAME).await.status, Status::Unconfirmed);
    }
}

#[tokio::test]
async fn a_link_that_is_wrong_tells_nothing_about_anybody() {
    for house in houses().await {
        let mut texts = Vec::new();
        for (client, name) in [(SERVER, "nobody"), ("9nowhere", "ann"), (SERVER, "ann")] {
            let link = format!("/confirmUser?client_id={client}&user_name={name}&confirmation_code=000000");
            let mut browser = Browser::new(&house);
            let token = browser.get(&link).await.input("_csrf");
            let reply = browser.post(&link, &[("_csrf", &*token)]).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{client} {name}");
            texts.push(reply.text);
        }
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
        for half in
            ["", "?client_id=a", "?client_id=a&user_name=b", "?client_id=a&user_name=b&confirmation_code=c&client_id=d"]
        {
            assert_eq!(house.get(&format!("/confirmUser{half}")).await.status, StatusCode::BAD_REQUEST, "{half}");
        }
    }
}
