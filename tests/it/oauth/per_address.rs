//! The limit of an address is one at every door.

use axum::body::Body;
use http::{Request, StatusCode};
use poolhouse::{config::limits::Limits, web::client_ip::ClientAddress};

use super::ORDINARY;
use crate::app::{Browser, House, PASSWORD, Reply, WEB, encode, houses_with};

const HERE: &str = "2001:db8:1:2::1";

async fn post(house: &House, ip: &str, path: &str, (form, cookie): (&[(&str, &str)], &str)) -> Reply {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    let mut request = request.header("cookie", cookie).body(Body::from(encode(form))).unwrap();
    request.extensions_mut().insert(ClientAddress(ip.parse().unwrap()));
    house.send(request).await
}

async fn grant(house: &House, ip: &str, username: &str, password: &str) -> Reply {
    let form = [("grant_type", "password"), ("client_id", WEB), ("username", username), ("password", password)];
    post(house, ip, "/oauth2/token", (&form, "")).await
}

async fn page(house: &House, ip: &str, username: &str, password: &str) -> Reply {
    let path = format!("/login?{}", encode(&ORDINARY));
    let mut browser = Browser::new(house);
    let token = browser.get(&path).await.input("_csrf");
    let form = [("_csrf", &*token), ("username", username), ("password", password)];
    post(house, ip, &path, (&form, &browser.cookie.unwrap())).await
}

#[tokio::test]
async fn the_pages_and_the_token_endpoint_count_together() {
    let limits = Limits { failed_sign_ins: 2, ..Limits::default() };
    for house in houses_with(|parts| parts.setup.limits = limits.clone()).await {
        grant(&house, HERE, "nobody", PASSWORD).await.assert_refused("invalid_grant");
        let wrong = page(&house, "2001:db8:1:2::2", "ann", "Wrong-1234").await;
        assert!(wrong.text.contains("Incorrect username or password."), "{}", wrong.text);
        let refused = page(&house, HERE, "ann", PASSWORD).await;
        assert!(refused.text.contains("Too many attempts. Please try again later."), "{}", refused.text);
        let refused = grant(&house, HERE, "ann", PASSWORD).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]),
            (StatusCode::TOO_MANY_REQUESTS, &"invalid_request".into())
        );
        assert_eq!(page(&house, "2001:db8:1:3::1", "ann", PASSWORD).await.status, StatusCode::FOUND);
        assert_eq!(grant(&house, "203.0.113.9", "ann", PASSWORD).await.status, StatusCode::OK);
    }
}
