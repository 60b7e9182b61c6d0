//! Pools with `oidc = "strict"`: OpenID Connect to the letter where the service differs, and the service's ways next to it.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    ORDINARY,
    token::{CHALLENGE, VERIFIER, basic, claims, redeeming},
};
use crate::app::{
    Browser, CALLBACK, House, PASSWORD, Reply, SECRET, SERVER, WEB, encode, houses_of_both_kinds, strict_houses,
};

/// The ordinary request of a public client, with its challenge.
fn proven() -> Vec<(&'static str, &'static str)> {
    [&ORDINARY[..], &CHALLENGE[..]].concat()
}

fn with<'a>(pairs: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<_> = pairs.iter().copied().filter(|(own, _)| *own != name).collect();
    pairs.push((name, value));
    pairs
}

async fn ask(house: &House, pairs: &[(&str, &str)]) -> Reply {
    house.get(&format!("/oauth2/authorize?{}", encode(pairs))).await
}

/// The tokens of ann for this request.
async fn tokens(house: &House, pairs: &[(&str, &str)]) -> Value {
    let code = house.code(pairs).await;
    let reply = house.token(&with(&redeeming(&code), "code_verifier", VERIFIER)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

async fn user_info(house: &House, token: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    house.post("/oauth2/userInfo", &[], &[("authorization", &authorization)]).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The header of a token.
pub fn header(token: &Value) -> Value {
    let header = text(token).split('.').next().unwrap();
    serde_json::from_slice(&base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap()).unwrap()
}

#[tokio::test]
async fn a_public_client_proves_that_it_is_who_asked() {
    for (house, needs) in houses_of_both_kinds().await {
        let reply = ask(&house, &ORDINARY).await;
        assert_eq!(reply.told("error").as_deref() == Some("invalid_request"), needs, "{}", reply.location());
        assert!(ask(&house, &proven()).await.location().starts_with("/login?"));
    }
}

#[tokio::test]
async fn answers_say_who_gives_them() {
    for house in strict_houses().await {
        let mut browser = Browser::new(&house);
        let issuer = "http://localhost:9229/us-east-1_Example01";
        let reply = browser.sign_in(&encode(&proven()), "ann", PASSWORD).await;
        assert_eq!(reply.told("iss").as_deref(), Some(issuer), "{}", reply.location());
        let refused = ask(&house, &with(&proven(), "scope", "unknown")).await;
        assert_eq!(
            (refused.told("iss").as_deref(), refused.told("error").as_deref()),
            (Some(issuer), Some("invalid_scope"))
        );
    }
}

#[tokio::test]
async fn request_objects_are_refused_by_name() {
    for house in strict_houses().await {
        // Whoever is asked for a request would notice.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let here = format!("http://{}/request", listener.local_addr().unwrap());
        for (name, value, code) in [
            ("request", "eyJhbGciOiJub25lIn0.eyJzY29wZSI6InBob25lIn0.", "request_not_supported"),
            ("request", "eyJhbGciOiJSUzI1NiJ9.eyJzY29wZSI6InBob25lIn0.AA", "request_not_supported"),
            ("request_uri", "https://app.example/r", "request_uri_not_supported"),
            ("request_uri", "http://169.254.169.254/", "request_uri_not_supported"),
            ("request_uri", &here, "request_uri_not_supported"),
        ] {
            let pairs = with(&proven(), name, value);
            assert_eq!(ask(&house, &pairs).await.told("error").as_deref(), Some(code));
            house.set_strict(false).await;
            assert!(ask(&house, &pairs).await.location().starts_with("/login?"), "the service does not look at it");
            house.set_strict(true).await;
        }
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing is fetched");
    }
}

#[tokio::test]
async fn a_request_comes_as_a_form_and_keeps_the_browsers_session() {
    for house in strict_houses().await {
        let reply = house.post("/oauth2/authorize", &proven(), &[]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        assert!(house.get(reply.location()).await.location().starts_with("/login?"));
        let mut browser = Browser::new(&house);
        browser.sign_in(&encode(&proven()), "ann", PASSWORD).await;
        assert!(browser.get(reply.location()).await.told("code").is_some());
        let twice = [proven(), vec![("scope", "openid")]].concat();
        let reply = house.post("/oauth2/authorize", &twice, &[]).await;
        assert_eq!(house.get(reply.location()).await.told("error").as_deref(), Some("invalid_request"));
        // What stands in the address and in the form stands there twice; what the address alone has, counts.
        for (query, told) in [
            (encode(&[("client_id", WEB)]), None),
            (encode(&[("redirect_uri", CALLBACK)]), None),
            (encode(&[("state", "x")]), Some("invalid_request")),
            (encode(&[("prompt", "none")]), Some("login_required")),
        ] {
            let reply = house.post(&format!("/oauth2/authorize?{query}"), &proven(), &[]).await;
            let reply = house.get(reply.location()).await;
            match told {
                Some(error) => assert_eq!(reply.told("error").as_deref(), Some(error), "{query}"),
                None => assert!(reply.location().starts_with("/error?"), "{query}: {}", reply.location()),
            }
        }
        let unknown = house.post("/oauth2/authorize", &with(&proven(), "client_id", "nobody"), &[]).await;
        assert!(unknown.location().starts_with("/error?"));
        house.set_strict(false).await;
        let faithful = house.post("/oauth2/authorize", &proven(), &[]).await;
        assert_eq!((faithful.status, faithful.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
    }
}

#[tokio::test]
async fn an_answer_can_travel_as_a_form_whose_script_is_the_only_one() {
    for house in strict_houses().await {
        let mut browser = Browser::new(&house);
        let mut pairs = with(&proven(), "response_mode", "form_post");
        pairs.push(("nonce", "n"));
        let pairs = with(&pairs, "state", "\"><script>alert(1)</script>");
        let reply = browser.sign_in(&encode(&pairs), "ann", PASSWORD).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::OK, ""));
        assert!(reply.text.contains(&format!("action=\"{CALLBACK}\"")) && !reply.text.contains("alert(1)</script>"));
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("script-src 'sha256-") && policy.ends_with("form-action https:"), "{policy}");
        assert_eq!(reply.header("cache-control"), "no-store");
        let code = reply.input("code");
        let redeemed = house.token(&with(&redeeming(&code), "code_verifier", VERIFIER)).await;
        assert_eq!(redeemed.status, StatusCode::OK, "{}", redeemed.text);
        for (kind, mode) in [("code", "web_message"), ("token", "query")] {
            let pairs = with(&with(&pairs, "response_type", kind), "response_mode", mode);
            assert_eq!(ask(&house, &pairs).await.told("error").as_deref(), Some("invalid_request"), "{mode}");
        }
        let refused = ask(&house, &with(&pairs, "scope", "unknown")).await;
        assert_eq!(refused.input("error"), "invalid_scope");
    }
}

#[tokio::test]
async fn an_id_token_in_the_fragment_answers_one_request() {
    for house in strict_houses().await {
        let implicit = with(&ORDINARY, "response_type", "token");
        assert_eq!(ask(&house, &implicit).await.told("error").as_deref(), Some("invalid_request"));
        assert!(ask(&house, &with(&implicit, "nonce", "n")).await.location().starts_with("/login?"));
        let without = with(&implicit, "scope", "https://api.example/read");
        assert!(ask(&house, &without).await.location().starts_with("/login?"), "no ID token, no nonce");
    }
}

#[tokio::test]
async fn programs_on_this_machine_listen_where_they_can() {
    for house in strict_houses().await {
        let callbacks = json!(["http://127.0.0.1/cb", "http://[::1]:1/cb?x=1", "http://localhost:3000/cb"]);
        let native = "9example23456789abcdefghij";
        house
            .client(
                native,
                &[],
                json!({
                    "CallbackURLs": callbacks, "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true,
                    "AllowedOAuthScopes": ["openid", "email"],
                }),
            )
            .await;
        let request = |uri: &'static str| with(&with(&proven(), "client_id", native), "redirect_uri", uri);
        for uri in ["http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "http://[::1]:65535/cb?x=1"] {
            let mut browser = Browser::new(&house);
            let reply = browser.sign_in(&encode(&request(uri)), "ann", PASSWORD).await;
            assert!(reply.location().starts_with(uri), "{}", reply.location());
            let code = reply.told("code").unwrap();
            let form = [
                ("grant_type", "authorization_code"),
                ("client_id", native),
                ("redirect_uri", uri),
                ("code", &*code),
                ("code_verifier", VERIFIER),
            ];
            assert_eq!(house.token(&form).await.status, StatusCode::OK);
        }
        for uri in [
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:1@evil.example/cb",
            "https://127.0.0.1:51004/cb",
            "http://127.0.0.2:51004/cb",
            "http://localhost:3001/cb",
            "http://[::1]:2/cb",
        ] {
            assert!(ask(&house, &request(uri)).await.location().starts_with("/error?"), "{uri}");
        }
    }
}

#[tokio::test]
async fn a_code_that_comes_twice_takes_its_tokens_along() {
    for (house, is_strict) in houses_of_both_kinds().await {
        let code = house.code(&proven()).await;
        let form = with(&redeeming(&code), "code_verifier", VERIFIER);
        let tokens = house.token(&form).await.json();
        assert_eq!(user_info(&house, text(&tokens["access_token"])).await.status, StatusCode::OK);
        house.token(&form).await.assert_refused("invalid_grant");
        let status = user_info(&house, text(&tokens["access_token"])).await.status;
        assert_eq!(status == StatusCode::OK, !is_strict, "{status}");
        let refresh =
            [("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", text(&tokens["refresh_token"]))];
        assert_eq!(house.token(&refresh).await.status == StatusCode::OK, !is_strict);
    }
}

#[tokio::test]
async fn refresh_tokens_of_public_clients_are_replaced_and_a_copy_ends_them_all() {
    for house in strict_houses().await {
        let first = tokens(&house, &proven()).await;
        let refresh = |token: &Value| {
            let token = text(token).to_owned();
            let house = &house;
            async move {
                house.token(&[("grant_type", "refresh_token"), ("client_id", WEB), ("refresh_token", &token)]).await
            }
        };
        let second = refresh(&first["refresh_token"]).await.json();
        assert_ne!(second["refresh_token"], first["refresh_token"]);
        refresh(&first["refresh_token"]).await.assert_refused("invalid_grant");
        refresh(&second["refresh_token"]).await.assert_refused("invalid_grant");
        assert_eq!(user_info(&house, text(&second["access_token"])).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_access_token_says_what_it_is_and_for_whom() {
    for house in strict_houses().await {
        let given = tokens(&house, &proven()).await;
        let access = &given["access_token"];
        assert_eq!((&header(access)["typ"], &header(access)["alg"]), (&json!("at+jwt"), &json!("RS256")));
        assert_eq!(header(&given["id_token"])["typ"], Value::Null);
        assert_eq!(claims(access)["aud"], WEB);
        let machine = [("grant_type", "client_credentials"), ("resource", "https://files.example")];
        let authorization = basic(SERVER, SECRET);
        let machine = house.post("/oauth2/token", &machine, &[("authorization", &authorization)]).await.json();
        assert_eq!(claims(&machine["access_token"])["aud"], "https://files.example");
        assert_eq!(header(&machine["access_token"])["typ"], "at+jwt");
    }
}

#[tokio::test]
async fn claims_have_their_types_and_come_with_their_scopes() {
    for house in strict_houses().await {
        let mut ann = house.find("ann").await;
        for (name, value) in [
            ("address", "1 Main Street"),
            ("updated_at", "1700000000"),
            ("given_name", "Ann"),
            ("phone_number", "+15550100"),
        ] {
            ann.attributes.insert(name.into(), value.into());
        }
        house.update(&ann).await;
        let info = |scope: &'static str| {
            let house = &house;
            async move {
                let given = tokens(house, &with(&proven(), "scope", scope)).await;
                user_info(house, text(&given["access_token"])).await.json()
            }
        };
        let bare = info("openid").await;
        assert_eq!(bare, json!({"sub": ann.sub, "username": "ann"}), "openid alone tells who it is");
        let some = info("openid email profile").await;
        assert_eq!((&some["email_verified"], &some["updated_at"]), (&json!(true), &json!(1_700_000_000)));
        assert_eq!(
            (&some["given_name"], &some["phone_number"], &some["address"]),
            (&json!("Ann"), &Value::Null, &Value::Null)
        );
        let given = tokens(&house, &with(&proven(), "scope", "openid")).await;
        assert_eq!(claims(&given["id_token"])["email"], Value::Null);
    }
}

#[tokio::test]
async fn address_and_offline_access_are_scopes() {
    for house in strict_houses().await {
        let client = "8example23456789abcdefghij";
        let settings = json!({
            "CallbackURLs": [CALLBACK], "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthScopes": ["openid", "address", "offline_access"],
        });
        house.client(client, &[], settings).await;
        let mut ann = house.find("ann").await;
        ann.attributes.insert("address".into(), "1 Main Street".into());
        house.update(&ann).await;
        let pairs = with(&with(&proven(), "client_id", client), "scope", "openid address offline_access");
        let code = house.code(&pairs).await;
        let form = with(&with(&redeeming(&code), "client_id", client), "code_verifier", VERIFIER);
        let given = house.token(&form).await.json();
        assert!(given["refresh_token"].is_string());
        let info = user_info(&house, text(&given["access_token"])).await.json();
        assert_eq!(info["address"], json!({"formatted": "1 Main Street"}));
    }
}

#[tokio::test]
async fn a_token_for_user_info_may_come_in_a_form() {
    for (house, is_taken) in houses_of_both_kinds().await {
        let given = tokens(&house, &proven()).await;
        let token = text(&given["access_token"]);
        let reply = house.post("/oauth2/userInfo", &[("access_token", token)], &[]).await;
        assert_eq!(reply.status == StatusCode::OK, is_taken, "{}", reply.text);
        let authorization = format!("Bearer {token}");
        let both =
            house.post("/oauth2/userInfo", &[("access_token", token)], &[("authorization", &authorization)]).await;
        assert_eq!(both.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_client_that_fails_to_prove_itself_reads_how_it_could() {
    for house in strict_houses().await {
        let form = [("grant_type", "client_credentials")];
        let wrong = basic(SERVER, "wrong");
        let reply = house.post("/oauth2/token", &form, &[("authorization", &wrong)]).await;
        assert_eq!((reply.status, &reply.json()["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
        assert!(reply.header("www-authenticate").starts_with("Basic "));
    }
}

#[tokio::test]
async fn careful_clients_encode_what_basic_carries() {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let form = [("grant_type", "client_credentials")];
    let careful = basic(&encoded(SERVER), &encoded(SECRET));
    for (house, is_taken) in houses_of_both_kinds().await {
        let reply = house.post("/oauth2/token", &form, &[("authorization", &careful)]).await;
        assert_eq!(reply.status == StatusCode::OK, is_taken, "{}", reply.text);
        for plain in [basic(SERVER, SECRET), basic(&encoded(SERVER), SECRET)] {
            let reply = house.post("/oauth2/token", &form, &[("authorization", &plain)]).await;
            assert_eq!(reply.status == StatusCode::OK, is_taken || plain == basic(SERVER, SECRET), "{}", reply.text);
        }
        let twice = basic(SERVER, &encoded(&encoded(SECRET)));
        let reply = house.post("/oauth2/token", &form, &[("authorization", &twice)]).await;
        assert_ne!(reply.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn an_access_token_can_be_revoked_by_its_client() {
    for house in strict_houses().await {
        let given = tokens(&house, &proven()).await;
        let access = text(&given["access_token"]);
        let foreign = basic(SERVER, SECRET);
        let reply = house.post("/oauth2/revoke", &[("token", access)], &[("authorization", &foreign)]).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(user_info(&house, access).await.status, StatusCode::OK, "another client's word");
        let reply = house.post("/oauth2/revoke", &[("token", access), ("client_id", WEB)], &[]).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(user_info(&house, access).await.status, StatusCode::UNAUTHORIZED);
        let nonsense = format!("{access}x");
        let reply = house.post("/oauth2/revoke", &[("token", &nonsense), ("client_id", WEB)], &[]).await;
        assert_eq!(reply.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn introspection_tells_clients_with_a_secret_what_still_counts() {
    for house in strict_houses().await {
        let given = tokens(&house, &proven()).await;
        let authorization = basic(SERVER, SECRET);
        let look = |token: String| {
            let (house, authorization) = (&house, &authorization);
            async move {
                house.post("/oauth2/introspect", &[("token", &token)], &[("authorization", authorization)]).await.json()
            }
        };
        let access = text(&given["access_token"]).to_owned();
        let found = look(access.clone()).await;
        assert_eq!(
            (&found["active"], &found["client_id"], &found["token_type"]),
            (&json!(true), &json!(WEB), &json!("Bearer"))
        );
        assert_eq!((&found["username"], &found["scope"]), (&json!("ann"), &json!("openid email")));
        let form = [("grant_type", "client_credentials")];
        let machine = house.post("/oauth2/token", &form, &[("authorization", &authorization)]).await.json();
        let machine = text(&machine["access_token"]).to_owned();
        assert_eq!(look(machine.clone()).await["active"], true);
        // An ID token is for its client; a refresh token is nobody else's business.
        for token in [text(&given["id_token"]), text(&given["refresh_token"]), "nonsense", &format!("{access}x")] {
            assert_eq!(look(token.to_owned()).await, json!({"active": false}));
        }
        // A client of another pool is told of its own pool's tokens alone.
        let other = house.other_pool().await;
        let mut strict = poolhouse::flows::directory::pool(&house.cx(), &other).await.unwrap().as_ref().clone();
        strict.strict_oidc = true;
        let mut tx = house.app.store.begin().await.unwrap();
        assert!(poolhouse::store::pools::update(&mut tx, &strict).await.unwrap());
        tx.commit().await.unwrap();
        house.app.directory.forget_pool(&other);
        house.client_of(&other, "7example", &[SECRET], json!({})).await;
        let stranger = basic("7example", SECRET);
        for token in [&access, &machine, text(&given["refresh_token"])] {
            let told = house.post("/oauth2/introspect", &[("token", token)], &[("authorization", &stranger)]).await;
            assert_eq!((told.status, told.json()), (StatusCode::OK, json!({"active": false})));
        }
        assert_eq!(look(access.clone()).await["active"], true);
        house.post("/oauth2/revoke", &[("token", &*access), ("client_id", WEB)], &[]).await;
        assert_eq!(look(access).await, json!({"active": false}));
        house.app.clock.advance(std::time::Duration::from_secs(3_600));
        assert_eq!(look(machine).await, json!({"active": false}));
        let public = house.post("/oauth2/introspect", &[("token", "x"), ("client_id", WEB)], &[]).await;
        assert_eq!(public.status, StatusCode::UNAUTHORIZED);
        let wrong = basic(SERVER, "wrong");
        let unproven = house.post("/oauth2/introspect", &[("token", "x")], &[("authorization", &wrong)]).await;
        assert_eq!((unproven.status, &unproven.json()["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
        house.set_strict(false).await;
        let reply = house.post("/oauth2/introspect", &[("token", "x")], &[("authorization", &authorization)]).await;
        reply.assert_refused("invalid_request");
    }
}

#[tokio::test]
async fn the_api_opens_only_what_the_client_names() {
    for house in strict_houses().await {
        let pool = house.pool().await;
        let silent = poolhouse::domain::Client {
            settings: poolhouse::domain::client::ClientSettings::default(),
            ..(*poolhouse::flows::directory::client(&house.cx(), WEB).await.unwrap().1).clone()
        };
        use poolhouse::domain::client::Flow;
        assert!(silent.allows(Flow::Srp) && !pool.allows(&silent, Flow::Srp) && pool.allows(&silent, Flow::Refresh));
    }
}

#[tokio::test]
async fn discovery_tells_all_that_a_client_can_use() {
    for house in strict_houses().await {
        let document = house.get("/us-east-1_Example01/.well-known/openid-configuration").await.json();
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
        assert_eq!(document["introspection_endpoint"], "http://localhost:9229/oauth2/introspect");
        assert_eq!(
            (&document["request_parameter_supported"], &document["request_uri_parameter_supported"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(document["acr_values_supported"][0], "urn:cognito:loa:4");
        let told = document["claims_supported"].as_array().unwrap();
        assert!(
            ["iss", "sub", "acr", "email_verified", "address", "updated_at"]
                .iter()
                .all(|claim| told.contains(&json!(claim)))
        );
        let scopes = document["scopes_supported"].as_array().unwrap();
        assert!(scopes.contains(&json!("address")) && scopes.contains(&json!("offline_access")));
        let standard = [
            "/us-east-1_Example01/.well-known/oauth-authorization-server",
            "/.well-known/oauth-authorization-server/us-east-1_Example01",
        ];
        for path in standard {
            assert_eq!(house.get(path).await.json(), document);
        }
        house.set_strict(false).await;
        for path in standard {
            assert_eq!(house.get(path).await.status, StatusCode::NOT_FOUND);
        }
        let faithful = house.get("/us-east-1_Example01/.well-known/openid-configuration").await.json();
        assert_eq!(faithful["code_challenge_methods_supported"], Value::Null);
    }
}
