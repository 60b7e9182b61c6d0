//! `/oauth2/authorize`: what is refused, and where.

use http::StatusCode;

use super::{ORDINARY, token::CHALLENGE};
use crate::app::{API_ONLY, Browser, CALLBACK, House, PASSWORD, Reply, SERVER, WEB, encode, houses};

/// What looks like the registered address and is not.
pub const STRANGE: [&str; 32] = [
    "https://evil.example/cb",
    "https://app.example/cb/x",
    "https://app.example/cb/",
    "https://app.example/c",
    "https://app.example/cbx",
    "https://app.example/cb?x=1",
    "https://app.example/cb?b=2&a=1",
    "https://app.example/cb?a=1",
    "https://app.example/cb#f",
    "https://app.example@evil.example/cb",
    "https://evil.example#@app.example/cb",
    "https://app.example.evil.example/cb",
    "https://app.example/cb/../x",
    "https://app.example/cb/..;/x",
    "https://app.example/%2e%2e/cb",
    "https://app.example/\\..\\cb",
    "HTTPS://app.example/cb",
    "https://APP.example/cb",
    "https://app.example/CB",
    "https://app.example./cb",
    "https://app.example:443/cb",
    "//app.example/cb",
    "https:app.example/cb",
    "https://app.example/cb\r\n",
    " https://app.example/cb",
    "https://app.example/cb\0",
    "https://аpp.example/cb",
    "https://xn--pp-eja.example/cb",
    "https://app.example/%252e%252e/cb",
    "https://app.example/c\tb",
    "javascript:alert(1)",
    "",
];

/// The ordinary request with one parameter replaced, or left out when the value is `None`.
pub fn with(name: &str, value: Option<&str>) -> String {
    let mut pairs: Vec<_> = ORDINARY.into_iter().filter(|(own, _)| *own != name).collect();
    pairs.extend(value.map(|value| (name, value)));
    encode(&pairs)
}

async fn ask(house: &House, query: &str) -> Reply {
    house.get(&format!("/oauth2/authorize?{query}")).await
}

/// PAGE: our own error page, 400, nothing of the application's address.
pub async fn assert_page(house: &House, query: &str) -> String {
    let reply = ask(house, query).await;
    assert_eq!(reply.status, StatusCode::FOUND, "{query}: {}", reply.text);
    assert!(reply.location().starts_with("/error?"), "{query}: {}", reply.location());
    let page = house.get(reply.location()).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    page.text
}

/// RED(code): the client is told, with its state.
pub fn assert_told(reply: &Reply, code: &str) {
    assert_eq!(reply.status, StatusCode::FOUND);
    assert!(reply.location().starts_with(CALLBACK), "{}", reply.location());
    assert_eq!(reply.told("error").as_deref(), Some(code), "{}", reply.location());
    assert_eq!(reply.told("code"), None);
}

#[tokio::test]
async fn an_unregistered_redirect_address_is_never_redirected_to() {
    for house in houses().await {
        for uri in STRANGE {
            assert_page(&house, &with("redirect_uri", Some(uri))).await;
        }
        assert_page(&house, &with("redirect_uri", None)).await;
    }
}

#[tokio::test]
async fn a_client_that_is_none_looks_the_same_whatever_it_is() {
    for house in houses().await {
        let unknown = assert_page(&house, &with("client_id", Some("nobody"))).await;
        for id in ["", "1example", &"x".repeat(5_000), "1' OR '1'='1"] {
            assert_eq!(assert_page(&house, &with("client_id", Some(id))).await, unknown);
        }
        assert_eq!(assert_page(&house, &with("client_id", None)).await, unknown);
        assert_page(&house, &with("client_id", Some("a\0b"))).await;
    }
}

#[tokio::test]
async fn repeated_parameters_are_refused() {
    for house in houses().await {
        let ordinary = encode(&ORDINARY);
        assert_page(&house, &format!("{ordinary}&client_id={WEB}")).await;
        assert_page(&house, &format!("{ordinary}&{}", encode(&[("redirect_uri", CALLBACK)]))).await;
        let challenge = encode(&CHALLENGE);
        for more in [
            "response_type=code",
            "state=x",
            "scope=openid",
            "prompt=none&prompt=login",
            &format!("{challenge}&code_challenge={}", CHALLENGE[0].1),
            &format!("{challenge}&code_challenge_method=S256"),
        ] {
            assert_told(&ask(&house, &format!("{ordinary}&{more}")).await, "invalid_request");
        }
    }
}

#[tokio::test]
async fn the_client_is_told_what_is_wrong_with_its_request() {
    for house in houses().await {
        for response_type in ["code token", "id_token", "none", "CODE", "code ", ""] {
            assert_told(&ask(&house, &with("response_type", Some(response_type))).await, "invalid_request");
        }
        assert_told(&ask(&house, &with("response_type", None)).await, "invalid_request");
        for scope in ["unknown", "openid \"", "openid \\", "phone", "email", "https://api.example/gone", "openid\u{7}"]
        {
            assert_told(&ask(&house, &with("scope", Some(scope))).await, "invalid_scope");
        }
        assert_told(&ask(&house, &with("nonce", Some(&"n".repeat(8_000)))).await, "invalid_request");
        assert_told(&ask(&house, &with("state", Some(&"s".repeat(5_000)))).await, "invalid_request");
        assert_told(&ask(&house, &with("identity_provider", Some("Unknown"))).await, "invalid_request");
        assert_told(&ask(&house, &with("idp_identifier", Some("x"))).await, "invalid_request");
        let told = ask(&house, &with("scope", Some("unknown"))).await;
        assert_eq!(told.told("state").as_deref(), Some("st&at=e"));
    }
}

#[tokio::test]
async fn a_challenge_is_s256_of_the_right_form() {
    for house in houses().await {
        let good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let ordinary = encode(&ORDINARY);
        let reply = ask(&house, &format!("{ordinary}&code_challenge={good}&code_challenge_method=S256")).await;
        assert!(reply.location().starts_with("/login?"));
        for bad in [
            format!("code_challenge={good}"),
            format!("code_challenge={good}&code_challenge_method=plain"),
            format!("code_challenge={good}&code_challenge_method=S512"),
            format!("code_challenge={}&code_challenge_method=S256", &good[1..]),
            format!("code_challenge={}&code_challenge_method=S256", "a".repeat(129)),
            format!("code_challenge={}%2B&code_challenge_method=S256", &good[1..]),
            "code_challenge_method=S256".to_owned(),
        ] {
            assert_told(&ask(&house, &format!("{ordinary}&{bad}")).await, "invalid_request");
        }
    }
}

#[tokio::test]
async fn flows_that_are_off_are_refused() {
    for house in houses().await {
        let query = encode(&[("response_type", "token"), ("client_id", SERVER), ("redirect_uri", CALLBACK)]);
        let reply = ask(&house, &query).await;
        assert!(reply.location().contains("#error=unauthorized_client"), "{}", reply.location());
        // No callback is registered for this client, so nobody is told.
        assert_page(&house, &encode(&[("response_type", "code"), ("client_id", API_ONLY), ("redirect_uri", CALLBACK)]))
            .await;
    }
}

#[tokio::test]
async fn prompts_are_heeded() {
    for house in houses().await {
        assert_told(&ask(&house, &with("prompt", Some("none"))).await, "login_required");
        assert_told(&ask(&house, &with("prompt", Some("none login"))).await, "invalid_request");
        for ignored in ["NONE", "unknown", "consent"] {
            assert!(ask(&house, &with("prompt", Some(ignored))).await.location().starts_with("/login?"));
        }
        let mut browser = Browser::new(&house);
        browser.sign_in(&encode(&ORDINARY), "ann", PASSWORD).await;
        let silent = browser.get(&format!("/oauth2/authorize?{}", with("prompt", Some("none")))).await;
        assert!(silent.told("code").is_some(), "{}", silent.location());
        let again = browser.get(&format!("/oauth2/authorize?{}", with("prompt", Some("login")))).await;
        assert!(again.location().starts_with("/login?"));
    }
}

#[tokio::test]
async fn without_a_session_the_same_query_goes_to_the_sign_in_page() {
    for house in houses().await {
        let query = encode(&ORDINARY);
        let reply = ask(&house, &query).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::FOUND, &*format!("/login?{query}")));
        assert_eq!(reply.header("cache-control"), "no-store");
        let reply = house.post(&format!("/oauth2/authorize?{query}"), &[], &[]).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(reply.header("allow"), "GET, HEAD");
        for (name, value) in
            [("scope", "a".repeat(60_000)), ("scope", "a ".repeat(20_000)), ("state", "s".repeat(60_000))]
        {
            let reply = ask(&house, &with(name, Some(&value))).await;
            assert_eq!(reply.status, StatusCode::URI_TOO_LONG, "{name}");
        }
    }
}

#[tokio::test]
async fn state_cannot_write_headers() {
    for house in houses().await {
        let state = "\r\nSet-Cookie: a=b\"'<script>";
        let reply = ask(&house, &with("state", Some(state)).replace("openid", "unknown")).await;
        assert_eq!(reply.told("state").as_deref(), Some(state));
        assert!(!reply.headers.contains_key("set-cookie"));
        assert!(reply.location().contains("%0D%0ASet-Cookie"));
    }
}

#[tokio::test]
async fn implicit_tokens_come_in_the_fragment() {
    for house in houses().await {
        let query = encode(&[
            ("response_type", "token"),
            ("client_id", WEB),
            ("redirect_uri", "myapp://cb"),
            ("scope", "openid"),
            ("nonce", "n-1"),
        ]);
        let reply = Browser::new(&house).sign_in(&query, "ann", PASSWORD).await;
        assert!(reply.location().starts_with("myapp://cb#id_token="), "{}", reply.location());
        assert_eq!(reply.told("token_type").as_deref(), Some("bearer"));
        assert_eq!(reply.told("expires_in").as_deref(), Some("3600"));
        assert!(reply.told("access_token").is_some() && reply.told("refresh_token").is_none());
    }
}

#[tokio::test]
async fn an_address_with_a_query_keeps_it() {
    for house in houses().await {
        let query = with("redirect_uri", Some("https://app.example/cb?a=1&b=2"));
        let reply = Browser::new(&house).sign_in(&query, "ann", PASSWORD).await;
        assert!(reply.location().starts_with("https://app.example/cb?a=1&b=2&code="), "{}", reply.location());
    }
}
