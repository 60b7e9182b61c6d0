//! The links of a message about a sign-in at risk: opening one shows a button, and the button says whether it was the user.

use http::StatusCode;
use poolhouse::{
    domain::risk::RiskSettings,
    flows::{auth_events, risk},
    store,
    web::client_ip::ClientAddress,
};
use serde_json::json;

use crate::app::{Browser, House, PASSWORD, POOL, WEB, encode, houses};

/// Somebody who has ann's password from `ip`.
async fn sign_in(house: &House, ip: &str) {
    let form = [("grant_type", "password"), ("client_id", WEB), ("username", "ann"), ("password", PASSWORD)];
    let mut request = http::Request::post("/oauth2/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(encode(&form)))
        .unwrap();
    request.extensions_mut().insert(ClientAddress(ip.parse().unwrap()));
    assert_eq!(house.send(request).await.status, StatusCode::OK);
    house.app.clock.advance(std::time::Duration::from_secs(1));
}

/// Houses that have written to ann, and the links that say that it was her, and was not.
async fn written() -> Vec<(House, [String; 2])> {
    let mut written = Vec::new();
    for house in houses().await {
        let links = write(&house).await;
        written.push((house, links));
    }
    written
}

async fn write(house: &House) -> [String; 2] {
    let mut pool = house.pool().await;
    pool.settings.kept.insert("UserPoolAddOns".into(), json!({"AdvancedSecurityMode": "ENFORCED"}));
    let mut tx = house.app.store.begin().await.unwrap();
    store::pools::update(&mut tx, &pool).await.unwrap();
    tx.commit().await.unwrap();
    let settings: RiskSettings = serde_json::from_value(json!({"AccountTakeoverRiskConfiguration": {
        "NotifyConfiguration": {"SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/security@app.example"},
        "Actions": {"LowAction": {"Notify": true, "EventAction": "NO_ACTION"}},
    }}))
    .unwrap();
    risk::set(&house.cx(), POOL, None, settings).await.unwrap();
    sign_in(house, "203.0.113.9").await;
    sign_in(house, "198.51.100.7").await;
    let mut tx = house.app.store.read().await.unwrap();
    let body = store::messages::newest(&mut tx, Some("ann@example.com"), 1).await.unwrap().remove(0).body;
    let link = |value: &str| {
        let links = body.split("<a href=\"http://localhost:9229").skip(1).map(|rest| rest.split_once('"').unwrap().0);
        let mut links = links.filter(|link| link.ends_with(&format!("value={value}")));
        links.next().unwrap().replace("&amp;", "&")
    };
    [link("valid"), link("invalid")]
}

/// What is known of the newest event, and who said it.
async fn feedback(house: &House) -> Option<(bool, &'static str)> {
    let events = auth_events::list(&house.cx(), POOL, "ann", (1, None)).await.unwrap().items;
    events[0].feedback.as_ref().map(|feedback| (feedback.is_valid, feedback.provider.name()))
}

#[tokio::test]
async fn opening_a_link_says_nothing_and_its_button_does() {
    for (house, [valid, invalid]) in written().await {
        for link in [&valid, &invalid] {
            assert_eq!(house.get(link).await.status, StatusCode::OK);
        }
        assert_eq!(feedback(&house).await, None);
        for (link, button, is_valid) in [(&invalid, "No, it was not me", false), (&valid, "Yes, it was me", true)] {
            let mut browser = Browser::new(&house);
            let page = browser.get(link).await;
            assert!(page.text.contains(button), "{}", page.text);
            let done = browser.post(link, &[("_csrf", &page.input("_csrf"))]).await;
            assert_eq!(done.status, StatusCode::OK);
            assert!(done.text.contains("Thank you"), "{}", done.text);
            assert_eq!(feedback(&house).await, Some((is_valid, "User")));
        }
    }
}

#[tokio::test]
async fn a_form_of_another_browser_or_link_says_nothing() {
    for (house, [valid, invalid]) in written().await {
        let mut browser = Browser::new(&house);
        let token = browser.get(&valid).await.input("_csrf");
        assert_eq!(house.post(&valid, &[("_csrf", &token)], &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(browser.post(&invalid, &[("_csrf", &*token)]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(feedback(&house).await, None);
        for half in ["", "?value=valid", "?token=a", "?token=a&value=maybe", "?token=a&value=valid&value=invalid"] {
            assert_eq!(house.get(&format!("/signInFeedback{half}")).await.status, StatusCode::BAD_REQUEST, "{half}");
        }
    }
}

#[tokio::test]
async fn a_link_that_is_forged_or_of_somebody_gone_is_refused() {
    for (house, [valid, _]) in written().await {
        let press = async |link: &str| {
            let mut browser = Browser::new(&house);
            let token = browser.get(link).await.input("_csrf");
            let reply = browser.post(link, &[("_csrf", &*token)]).await;
            (reply.status, reply.text.contains("does not work any more"))
        };
        assert_eq!(press("/signInFeedback?token=AAAA&value=valid").await, (StatusCode::BAD_REQUEST, true));
        let ann = house.find("ann").await;
        let mut tx = house.app.store.begin().await.unwrap();
        assert!(store::users::delete(&mut tx, POOL, &ann.sub).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(press(&valid).await, (StatusCode::BAD_REQUEST, true));
    }
}
