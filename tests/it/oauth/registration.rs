//! Clients that register themselves.

use axum::body::Body;
use http::{Request, StatusCode};
use poolhouse::{
    config::limits::Limits,
    domain::{
        client::{ClientSettings, ClientType},
        origin::Origin,
    },
    flows::{
        clients::{self, MOST_OPEN_CLIENTS},
        register,
    },
    store,
};
use serde_json::{Value, json};

use super::token::{CHALLENGE, VERIFIER, basic};
use crate::app::{Browser, House, PASSWORD, POOL, Reply, SECRET, SERVER, encode, houses, houses_with, strict_houses};

const HERE: &str = "/us-east-1_Example01/oauth2/register";
const APP: &str = "https://new.example/cb";

async fn configure(house: &House, dcr: Value) {
    house.set_pool(|pool| pool.dcr_configuration = Some(serde_json::from_value(dcr).unwrap())).await;
}

fn open() -> Value {
    json!({"EnableStatus": "Enabled", "OpenDcrEnabled": true})
}

async fn register_at(house: &House, path: &str, token: Option<&str>, metadata: &Value) -> Reply {
    let request = Request::post(path).header("content-type", "application/json");
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    house.send(request.body(Body::from(metadata.to_string())).unwrap()).await
}

async fn register(house: &House, metadata: Value) -> Reply {
    register_at(house, HERE, None, &metadata).await
}

/// A token of a machine with these scopes.
async fn machine_token(house: &House, scope: &str) -> String {
    let form = [("grant_type", "client_credentials"), ("scope", scope)];
    let reply = house.post("/oauth2/token", &form, &[("authorization", &basic(SERVER, SECRET))]).await;
    reply.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", reply.text)).to_owned()
}

/// Lets the machine register clients.
async fn trust_machine(house: &House) {
    let scope = "aws.cognito/dcr/register".to_owned();
    house.set_client(SERVER, |client| client.allowed_oauth_scopes.push(scope)).await;
}

#[tokio::test]
async fn a_client_registers_itself_and_signs_somebody_in() {
    for house in houses().await {
        configure(&house, open()).await;
        let metadata = json!({
            "redirect_uris": [APP], "token_endpoint_auth_method": "none", "client_name": "New app",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": "openid email",
            "post_logout_redirect_uris": ["https://new.example/bye"], "logo_uri": "https://new.example/logo.png",
        });
        let made = register(&house, metadata).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.assert_protected();
        let told = made.json();
        let id = told["client_id"].as_str().unwrap();
        let expected = json!({
            "client_id": id, "client_id_issued_at": 1_800_000_000, "client_name": "New app", "redirect_uris": [APP],
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": "openid email",
            "token_endpoint_auth_method": "none", "post_logout_redirect_uris": ["https://new.example/bye"],
        });
        assert_eq!(told, expected);
        let query = [("response_type", "code"), ("client_id", id), ("redirect_uri", APP), ("scope", "openid email")];
        let query = encode(&[&query[..], &CHALLENGE[..]].concat());
        let code = Browser::new(&house).sign_in(&query, "ann", PASSWORD).await.told("code").unwrap();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("client_id", id),
            ("redirect_uri", APP),
            ("code_verifier", VERIFIER),
        ];
        let tokens = house.token(&form).await;
        assert!(tokens.json()["id_token"].is_string() && tokens.json()["refresh_token"].is_string(), "{}", tokens.text);
    }
}

#[tokio::test]
async fn one_with_a_secret_is_told_it_once() {
    for house in houses().await {
        configure(&house, open()).await;
        let told = register(&house, json!({"redirect_uris": [APP]})).await.json();
        assert_eq!(told["token_endpoint_auth_method"], "client_secret_basic");
        assert_eq!(told["client_secret_expires_at"], 0);
        assert_eq!(told["client_name"], told["client_id"], "one without a name is called by its id");
        assert_eq!(told["scope"], "openid email phone profile", "all that it can have");
        let (id, secret) = (told["client_id"].as_str().unwrap(), told["client_secret"].as_str().unwrap());
        let form = [("grant_type", "authorization_code"), ("code", "none")];
        house
            .post("/oauth2/token", &form, &[("authorization", &basic(id, secret))])
            .await
            .assert_refused("invalid_grant");
        let wrong = house.post("/oauth2/token", &form, &[("authorization", &basic(id, "x"))]).await;
        wrong.assert_refused("invalid_client");
    }
}

#[tokio::test]
async fn a_stranger_may_want_its_tokens_bound_to_its_key() {
    for house in strict_houses().await {
        configure(&house, open()).await;
        let wanted = json!({"redirect_uris": [APP], "dpop_bound_access_tokens": true});
        let told = register(&house, wanted).await;
        assert_eq!(
            (told.status, &told.json()["dpop_bound_access_tokens"]),
            (StatusCode::CREATED, &json!(true)),
            "{}",
            told.text
        );
        let told = told.json();
        let basic = basic(told["client_id"].as_str().unwrap(), told["client_secret"].as_str().unwrap());
        let form = [("grant_type", "authorization_code"), ("code", "none")];
        house.post("/oauth2/token", &form, &[("authorization", &basic)]).await.assert_refused("invalid_dpop_proof");
    }
}

#[tokio::test]
async fn nobody_registers_where_the_pool_does_not_say_so() {
    for house in houses().await {
        let metadata = json!({"redirect_uris": [APP]});
        for (dcr, status) in [
            (json!({}), StatusCode::NOT_FOUND),
            (json!({"EnableStatus": "Disabled", "OpenDcrEnabled": true}), StatusCode::NOT_FOUND),
            (json!({"EnableStatus": "Enabled"}), StatusCode::UNAUTHORIZED),
            (json!({"EnableStatus": "Enabled", "OpenDcrEnabled": false}), StatusCode::UNAUTHORIZED),
        ] {
            configure(&house, dcr.clone()).await;
            let reply = register(&house, metadata.clone()).await;
            assert_eq!(reply.status, status, "{dcr}: {}", reply.text);
            if status == StatusCode::UNAUTHORIZED {
                assert_eq!(
                    (reply.header("www-authenticate"), &reply.json()["error"]),
                    ("Bearer", &json!("invalid_token"))
                );
            }
            reply.assert_protected();
        }
        configure(&house, open()).await;
        for nowhere in ["/oauth2/register", "/us-east-1_Nowhere01/oauth2/register"] {
            assert_eq!(register_at(&house, nowhere, None, &metadata).await.status, StatusCode::NOT_FOUND, "{nowhere}");
        }
        assert_eq!(house.get(HERE).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn discovery_names_the_endpoint_as_long_as_there_is_one() {
    for house in houses().await {
        let told = async || house.get(&format!("/{POOL}/.well-known/openid-configuration")).await.json();
        assert_eq!(told().await["registration_endpoint"], Value::Null);
        configure(&house, open()).await;
        assert_eq!(told().await["registration_endpoint"], format!("http://localhost:9229{HERE}"));
        configure(&house, json!({"EnableStatus": "Disabled"})).await;
        assert_eq!(told().await["registration_endpoint"], Value::Null);
    }
}

#[tokio::test]
async fn a_machine_with_the_scope_registers_what_strangers_may_not() {
    for house in houses().await {
        trust_machine(&house).await;
        let dcr = json!({
            "EnableStatus": "Enabled", "AuthenticatedGrantTypes": ["code", "client_credentials"],
            "OpenDcrGrantTypes": ["implicit"], "OpenDcrEnabled": true, "AllowedScopes": ["https://api.example/read"],
        });
        configure(&house, dcr).await;
        let token = machine_token(&house, "aws.cognito/dcr/register").await;
        let machine = json!({"grant_types": ["client_credentials"], "scope": "https://api.example/read"});
        // The token tells the pool, too.
        for path in [HERE, "/oauth2/register"] {
            let made = register_at(&house, path, Some(&token), &machine).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
            let told = made.json();
            let (id, secret) = (told["client_id"].as_str().unwrap(), told["client_secret"].as_str().unwrap());
            let form = [("grant_type", "client_credentials")];
            let tokens = house.post("/oauth2/token", &form, &[("authorization", &basic(id, secret))]).await;
            assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
        }
        register(&house, machine).await.assert_refused("invalid_client_metadata");
        register(&house, json!({"redirect_uris": [APP]})).await.assert_refused("invalid_client_metadata");
        let implicit = json!({"redirect_uris": [APP], "grant_types": ["implicit"], "response_types": ["token"]});
        assert_eq!(register(&house, implicit.clone()).await.status, StatusCode::CREATED);
        let refused = register_at(&house, HERE, Some(&token), &implicit).await;
        refused.assert_refused("invalid_client_metadata");
    }
}

#[tokio::test]
async fn no_other_token_registers_anybody() {
    for house in houses().await {
        trust_machine(&house).await;
        configure(&house, open()).await;
        let metadata = json!({"redirect_uris": [APP]});
        let other = machine_token(&house, "https://api.example/read").await;
        let reply = register_at(&house, HERE, Some(&other), &metadata).await;
        assert_eq!((reply.status, &reply.json()["error"]), (StatusCode::FORBIDDEN, &json!("insufficient_scope")));
        assert!(reply.header("www-authenticate").contains("aws.cognito/dcr/register"));
        let form =
            [("grant_type", "password"), ("client_id", crate::app::WEB), ("username", "ann"), ("password", PASSWORD)];
        let of_user = house.token(&form).await.json();
        let good = machine_token(&house, "aws.cognito/dcr/register").await;
        let changed = format!("{}{}", &good[..good.len() - 4], if good.ends_with("AAAA") { "BBBB" } else { "AAAA" });
        let refused = async |token: &str| {
            let reply = register_at(&house, HERE, Some(token), &metadata).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{}", reply.text);
            assert_eq!(reply.header("www-authenticate"), r#"Bearer error="invalid_token""#);
        };
        for token in
            [of_user["access_token"].as_str().unwrap(), of_user["id_token"].as_str().unwrap(), &changed, "x", ""]
        {
            refused(token).await;
        }
        assert_eq!(register_at(&house, HERE, Some(&good), &metadata).await.status, StatusCode::CREATED);
        house.app.clock.advance(std::time::Duration::from_secs(3_601));
        refused(&good).await;
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_by_name() {
    for house in houses().await {
        let dcr = json!({"EnableStatus": "Enabled", "OpenDcrEnabled": true,
        "OpenDcrGrantTypes": ["code", "implicit", "client_credentials"],
        "AllowedScopes": ["https://api.example/read", "https://api.example/gone", "aws.cognito/dcr/register"]});
        configure(&house, dcr).await;
        let with = |name: &str, value: Value| {
            let mut metadata = json!({"redirect_uris": [APP]});
            metadata[name] = value;
            metadata
        };
        for uris in [
            json!([]),
            json!(["javascript:alert(1)"]),
            json!(["http://new.example/cb"]),
            json!(["https://new.example/cb#x"]),
            json!([APP, "/cb"]),
        ] {
            let reply = register(&house, with("redirect_uris", uris.clone())).await;
            assert_eq!(reply.json()["error"], "invalid_redirect_uri", "{uris}");
            reply.assert_refused("invalid_redirect_uri");
        }
        for (name, value) in [
            ("redirect_uris", json!("https://new.example/cb")),
            ("grant_types", json!(["password"])),
            ("grant_types", json!(["refresh_token"])),
            ("grant_types", json!(["implicit", "refresh_token"])),
            ("grant_types", json!(["authorization_code", "client_credentials"])),
            ("response_types", json!(["token"])),
            ("response_types", json!(["id_token"])),
            ("token_endpoint_auth_method", json!("tls_client_auth")),
            ("post_logout_redirect_uris", json!(["data:x"])),
            ("client_name", json!("<script>")),
            ("scope", json!("openid aws.cognito.signin.user.admin")),
            ("scope", json!("https://api.example/write")),
            ("scope", json!("aws.cognito/dcr/register")),
            // The pool allows it, and its resource server does not know it any more.
            ("scope", json!("https://api.example/gone")),
        ] {
            let reply = register(&house, with(name, value.clone())).await;
            assert_eq!(reply.json()["error"], "invalid_client_metadata", "{name} {value}");
            reply.assert_refused("invalid_client_metadata");
            assert!(reply.json()["error_description"].is_string());
        }
        let public = json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none",
        "scope": "https://api.example/read"});
        register(&house, public).await.assert_refused("invalid_client_metadata");
        register_at(&house, HERE, None, &json!([])).await.assert_refused("invalid_client_metadata");
        let form = house.post(HERE, &[("redirect_uris", APP)], &[]).await;
        form.assert_refused("invalid_request");
        let huge = json!({"redirect_uris": [APP], "client_name": "a".repeat(70_000)});
        assert_eq!(register(&house, huge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn they_are_listed_apart_and_sign_nobody_in_through_the_api() {
    for house in houses().await {
        configure(&house, open()).await;
        let id = register(&house, json!({"redirect_uris": [APP]})).await.json()["client_id"].clone();
        let cx = house.cx();
        let listed = async |kind| {
            let page = clients::list(&cx, POOL, kind, 60, None).await.unwrap();
            page.items.into_iter().map(|client| client.id).collect::<Vec<_>>()
        };
        assert_eq!(listed(Some(ClientType::Dcr)).await, [id.as_str().unwrap()]);
        let (regular, all) = (listed(Some(ClientType::Regular)).await, listed(None).await);
        assert_eq!((regular.len(), all.len()), (3, 4));
        assert!(!regular.contains(&id.as_str().unwrap().to_owned()));
        let first = clients::list(&cx, POOL, Some(ClientType::Regular), 2, None).await.unwrap();
        let next = first.next.unwrap();
        let rest = clients::list(&cx, POOL, Some(ClientType::Regular), 2, Some(&next)).await.unwrap();
        assert_eq!((rest.items.len(), rest.next), (1, None));
        assert!(
            clients::list(&cx, POOL, Some(ClientType::Dcr), 2, Some(&next)).await.is_err(),
            "a page of another list"
        );
        let client = store::clients::find(&mut cx.read().await.unwrap(), id.as_str().unwrap()).await.unwrap().unwrap();
        let flows = client.settings.explicit_auth_flows.clone().unwrap();
        assert_eq!(flows, ["ALLOW_REFRESH_TOKEN_AUTH"]);
        // An administrator may change it; what it is stays.
        let members = json!({"CallbackURLs": [APP]}).as_object().cloned().unwrap();
        let updated = clients::update(&cx, POOL, &client.id, members).await.unwrap();
        assert_eq!(updated.settings.client_type, Some(ClientType::Dcr));
        assert_eq!(listed(Some(ClientType::Dcr)).await.len(), 1);
    }
}

#[tokio::test]
async fn strangers_from_one_address_register_so_many_and_no_more() {
    let limits = Limits { registrations: 2, ..Limits::default() };
    for house in houses_with(|parts| parts.setup.limits = limits.clone()).await {
        configure(&house, open()).await;
        let pool = house.pool().await;
        let from = async |address: &str| {
            let origin = Origin { address: Some(address.parse().unwrap()), ..Origin::default() };
            let metadata = serde_json::from_value(json!({"redirect_uris": [APP]})).unwrap();
            register::register(&house.cx().seen_from(origin), &pool, None, metadata).await
        };
        for _ in 0..2 {
            from("192.0.2.1").await.unwrap();
        }
        assert!(matches!(from("192.0.2.1").await, Err(register::Refusal::Failed(_))));
        from("192.0.2.2").await.unwrap();
        house.app.clock.advance(std::time::Duration::from_secs(601));
        from("192.0.2.1").await.unwrap();
    }
}

#[tokio::test]
async fn strangers_do_not_use_up_the_clients_of_a_pool() {
    for house in houses().await {
        configure(&house, open()).await;
        trust_machine(&house).await;
        let cx = house.cx();
        let mut model = store::clients::find(&mut cx.read().await.unwrap(), SERVER).await.unwrap().unwrap();
        model.settings = ClientSettings { client_type: Some(ClientType::Dcr), ..model.settings };
        let mut tx = cx.begin().await.unwrap();
        for number in 0..MOST_OPEN_CLIENTS - 1 {
            model.id = format!("registered{number}");
            assert!(store::clients::insert(&mut tx, &model).await.unwrap());
        }
        tx.commit().await.unwrap();
        let metadata = json!({"redirect_uris": [APP]});
        assert_eq!(register(&house, metadata.clone()).await.status, StatusCode::CREATED);
        assert_eq!(register(&house, metadata.clone()).await.status, StatusCode::TOO_MANY_REQUESTS);
        let token = machine_token(&house, "aws.cognito/dcr/register").await;
        assert_eq!(register_at(&house, HERE, Some(&token), &metadata).await.status, StatusCode::CREATED);
    }
}
