//! What the host of a request says about its pool.

use axum::body::Body;
use http::{Request, StatusCode, header::HOST};
use poolhouse::{
    domain::pool_domain::CustomDomain,
    flows::domains::{self, Wanted},
};

use super::ORDINARY;
use crate::app::{self, House, PASSWORD, POOL, Reply, SECRET, SERVER, WEB, encode, houses_with};

const OWN: &str = "example.auth.localhost:9229";
const CUSTOM: &str = "login.example.test";
const FOREIGN: &str = "other.auth.localhost:9229";
const UNKNOWN: &str = "unknown.auth.localhost";

async fn domain(house: &House, pool: &str, name: &str) {
    let arn = "arn:aws:acm:us-east-1:123456789012:certificate/a".to_owned();
    let custom = CustomDomain { certificate_arn: arn, security_policy: None };
    let wanted = Wanted {
        name: name.into(),
        pool_id: pool.into(),
        custom: name.contains('.').then_some(custom),
        managed_login_version: None,
        routing: None,
    };
    domains::create(&house.cx(), wanted).await.unwrap();
}

/// Houses with two pools, each at a domain; the first has one of its owner's too.
async fn houses() -> Vec<House> {
    let houses = app::houses().await;
    for house in &houses {
        let other = house.other_pool().await;
        domain(house, POOL, "example").await;
        domain(house, POOL, CUSTOM).await;
        domain(house, &other, "other").await;
    }
    houses
}

async fn get_at(house: &House, host: &str, path: &str) -> Reply {
    house.send(Request::get(path).header(HOST, host).body(Body::empty()).unwrap()).await
}

async fn token_at(house: &House, host: &str) -> Reply {
    let form = [("grant_type", "client_credentials"), ("client_id", SERVER), ("client_secret", SECRET)];
    house.post("/oauth2/token", &form, &[("host", host)]).await
}

#[tokio::test]
async fn a_pools_domain_serves_its_own_clients_only() {
    for house in houses().await {
        let path = format!("/oauth2/authorize?{}", encode(&ORDINARY));
        for host in
            ["localhost:9229", "127.0.0.1:9229", "[::1]:9229", "poolhouse:9229", OWN, "EXAMPLE.auth.localhost.", CUSTOM]
        {
            assert!(get_at(&house, host, &path).await.location().starts_with("/login?"), "{host}");
            assert_eq!(token_at(&house, host).await.status, StatusCode::OK, "{host}");
        }
        for host in [FOREIGN, UNKNOWN, "a.example.auth.localhost", "login.example.test.auth.localhost"] {
            let reply = get_at(&house, host, &path).await;
            // As for a client that nobody has.
            let nobody = path.replace(WEB, "nobody");
            assert_eq!(reply.location(), get_at(&house, "localhost", &nobody).await.location(), "{host}");
            assert_eq!(reply.told("error").as_deref(), Some("invalid_request"), "{host}");
            token_at(&house, host).await.assert_refused("invalid_client");
            let logout = format!("/logout?client_id={WEB}&logout_uri=https%3A%2F%2Fapp.example%2Fbye");
            assert_eq!(get_at(&house, host, &logout).await.told("error").as_deref(), Some("invalid_request"), "{host}");
            let page = get_at(&house, host, &format!("/login?{}", encode(&ORDINARY))).await;
            assert_eq!(page.told("error").as_deref(), Some("invalid_request"), "{host}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_pool_is_none_at_a_domain() {
    for house in houses().await {
        let code = house.code(&ORDINARY).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", WEB),
            ("code", &code),
            ("redirect_uri", crate::app::CALLBACK),
        ];
        let tokens = house.token(&form).await.json();
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        for (host, status) in [(OWN, StatusCode::OK), (CUSTOM, StatusCode::OK), (FOREIGN, StatusCode::UNAUTHORIZED)] {
            let request = Request::get("/oauth2/userInfo").header(HOST, host).header("authorization", &bearer);
            assert_eq!(house.send(request.body(Body::empty()).unwrap()).await.status, status, "{host}");
        }
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let form = [("client_id", WEB), ("token", refresh)];
        let refused = house.post("/oauth2/revoke", &form, &[("host", FOREIGN)]).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_domain_works_from_its_creation_to_its_end() {
    for house in houses().await {
        assert_eq!(token_at(&house, OWN).await.status, StatusCode::OK);
        domains::delete(&house.cx(), POOL, "example").await.unwrap();
        token_at(&house, OWN).await.assert_refused("invalid_client");
        domain(&house, POOL, "example").await;
        assert_eq!(token_at(&house, OWN).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_public_host_serves_every_pool_even_as_a_domain() {
    for house in houses_with(|parts| parts.setup.public_url = "https://id.example.test".into()).await {
        let other = house.other_pool().await;
        domain(&house, &other, "id.example.test").await;
        assert_eq!(token_at(&house, "id.example.test").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn somebody_signs_in_at_a_domain_and_stays_there() {
    for house in houses().await {
        let path = format!("/login?{}", encode(&ORDINARY));
        let page = get_at(&house, OWN, &path).await;
        let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
        let form = [("_csrf", &*page.input("_csrf")), ("username", "ann"), ("password", PASSWORD)];
        let send = async |origin: &str| {
            let headers = [("host", OWN), ("cookie", &*cookie), ("origin", origin)];
            house.post(&path, &form, &headers).await
        };
        // The public URL is another site for a browser that came by the domain.
        for foreign in
            ["http://localhost:9229", "http://other.auth.localhost:9229", "https://example.auth.localhost:9229"]
        {
            assert!(send(foreign).await.told("code").is_none(), "{foreign}");
        }
        let reply = send(&format!("http://{OWN}")).await;
        assert!(reply.told("code").is_some(), "{} {}", reply.status, reply.text);
    }
}

#[tokio::test]
async fn discovery_names_the_public_url_whatever_the_host() {
    for house in houses().await {
        let path = format!("/{POOL}/.well-known/openid-configuration");
        let usual = house.get(&path).await.json();
        assert_eq!(usual["authorization_endpoint"], "http://localhost:9229/oauth2/authorize");
        for host in [OWN, CUSTOM, FOREIGN, UNKNOWN, "evil.example"] {
            assert_eq!(get_at(&house, host, &path).await.json(), usual, "{host}");
        }
    }
}
