//! The rest of the service's own rules about tokens, one case each.

use super::*;

#[tokio::test]
async fn a_token_may_stand_in_the_query() {
    let text = format!(
        "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = '{AWS_ISSUER}'\naudience = ['{CLIENT}']\n\
         identity_source = '$request.querystring.access_token'\n\
         [[api.route]]\nkey = '$default'\nauthorizer = 'A'\nintegration = {{ respond = {{ body = 'in' }} }}\n"
    );
    let town = written(&text, Functions::default()).await;
    let token = town.token(json!({}));
    assert_eq!(town.get(&format!("/?access_token={token}"), "").await.body, "in");
    assert_eq!(town.get(&format!("/x?a=1&access_token={token}"), "").await.status, 200);
    for path in [format!("/?Access_Token={token}"), format!("/?access_token={token}&access_token={token}"), "/".into()]
    {
        assert_eq!(town.get(&path, "").await.status, 401, "{path}");
    }
    // The token of the header is not the one that counts.
    assert_eq!(town.get("/", &token).await.status, 401);
}

#[tokio::test]
async fn an_issuer_in_the_services_form_is_the_local_pool() {
    let text = format!(
        "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = '{AWS_ISSUER}'\naudience = ['{CLIENT}']\n\
         [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {{ respond = {{}} }}\n"
    );
    let town = written(&text, Functions::default()).await;
    for issuer in [ISSUER, AWS_ISSUER] {
        assert_eq!(town.get("/", &town.token(json!({"iss": issuer}))).await.status, 200, "{issuer}");
    }
    for issuer in [
        format!("{AWS_ISSUER}/"),
        AWS_ISSUER.replace("https", "http"),
        AWS_ISSUER.replace("us-east-1.amazonaws", "us-west-2.amazonaws"),
        AWS_ISSUER.replace("Example01", "Example02"),
        format!("{AWS_ISSUER}@evil.example"),
    ] {
        assert_eq!(town.get("/", &town.token(json!({"iss": issuer}))).await.status, 401, "{issuer}");
    }
}

#[tokio::test]
async fn a_skew_is_patience_in_both_directions() {
    let text = format!(
        "[gateway]\nclock_skew_seconds = 30\n[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\n\
         audience = ['{CLIENT}']\n[[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {{ respond = {{}} }}\n"
    );
    let town = written(&text, Functions::default()).await;
    for (changes, status) in [
        (json!({"exp": NOW - 29}), 200),
        (json!({"exp": NOW - 30}), 401),
        (json!({"nbf": NOW + 30}), 200),
        (json!({"nbf": NOW + 31}), 401),
        (json!({"iat": NOW + 30}), 200),
        (json!({"iat": NOW + 31}), 401),
    ] {
        assert_eq!(town.get("/", &town.token(changes.clone())).await.status, status, "{changes}");
    }
}

#[tokio::test]
async fn one_of_ten_scopes_is_enough() {
    let scopes: Vec<String> = (0..10).map(|number| format!("s/{number}")).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let town = town(local(vec![route("GET /", true, &scopes, fixed("in"))]), Functions::default()).await;
    for (changes, status) in [
        (json!({"scope": "a  s/9 b"}), 200),
        (json!({"scope": "S/9"}), 403),
        (json!({"scope": "s/10"}), 403),
        (json!({"scope": "s/9", "scp": "other"}), 403),
        (json!({"scope": "other", "scp": ["s/0"]}), 200),
        (json!({"scope": 7}), 403),
    ] {
        assert_eq!(town.get("/", &town.token(changes.clone())).await.status, status, "{changes}");
    }
}

/// What claims become for whoever reads them, and the same in events of both formats, in logs and in mapped headers.
#[tokio::test]
async fn claims_read_the_same_in_events_logs_and_headers() {
    let claims = [
        ("text", json!("abc"), "abc"),
        ("number", json!(1_785_675_600), "1785675600"),
        ("truth", json!(true), "true"),
        ("cognito:groups", json!(["admin", "regular"]), "[admin regular]"),
        ("single", json!(["a"]), "[a]"),
        ("object", json!({"roles": ["admin"], "a": 1}), "map[a:1 roles:[admin]]"),
        ("nothing", json!(null), "<nil>"),
    ];
    let format: String = claims.iter().map(|(name, ..)| format!("|$context.authorizer.claims.{name}")).collect();
    let rules: String = claims
        .iter()
        .enumerate()
        .map(|(number, (name, ..))| format!("\"append:header.x-{number}\" = \"$context.authorizer.claims.{name}\"\n"))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap();
    let told = |headers: axum::http::HeaderMap| async move {
        (0..7).map(|number| format!("|{}", headers[format!("x-{number}")].to_str().unwrap())).collect::<String>()
    };
    let router = axum::Router::new().route("/", axum::routing::get(told));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::TempDir::new().unwrap();
    let text = format!(
        r#"
[[api]]
name = "x"
[api.stage."$default"]
access_log_settings = {{ format = '$context.requestId{format}', file = "{}" }}
[api.authorizer.A]
type = "JWT"
issuer = "pool:{POOL}"
audience = ["{CLIENT}"]
[[api.route]]
key = "GET /v1"
authorizer = "A"
integration = {{ function = "echo", payload_format = "1.0" }}
[[api.route]]
key = "GET /v2"
authorizer = "A"
integration = {{ function = "echo", payload_format = "2.0" }}
[[api.route]]
key = "GET /header"
authorizer = "A"
[api.route.integration]
http = "http://{backend}/"
[api.route.integration.request_parameters]
{rules}
"#,
        folder.path().join("access.log").display()
    );
    let mut functions = Functions::default();
    let echo = |call: poolhouse::functions::Call| async move {
        Ok(json!({"statusCode": 200, "body": call.event["requestContext"]["authorizer"].to_string()}))
    };
    functions.insert("echo", poolhouse::functions::native::native(echo));
    let town = written(&text, functions).await;
    let mut changes = json!({});
    for (name, value, _) in &claims {
        changes[*name] = value.clone();
    }
    // The helper takes a claim away that is null, and here it is to be one.
    let mut whole = super::claims(changes);
    whole["nothing"] = Value::Null;
    let token = town.key.sign(&whole).unwrap();
    for (path, within) in [("/v1", "/claims"), ("/v2", "/jwt/claims")] {
        let answer = town.get(path, &token).await;
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        for (name, _, text) in &claims {
            assert_eq!(told.pointer(within).unwrap()[*name], **text, "{path} {name}");
        }
    }
    let wanted: String = claims.iter().map(|(.., text)| format!("|{text}")).collect();
    let answer = town.get("/header", &token).await;
    assert_eq!((answer.status, &answer.body), (200, &wanted));
    for line in super::logs::lines(&folder, 3).await {
        assert_eq!(line.split_once('|').map(|(_, rest)| format!("|{rest}")), Some(wanted.clone()));
    }
}

/// Whatever a token's header says of keys, only the issuer's own count, and only with an algorithm of RSA.
#[tokio::test]
async fn no_header_of_a_token_leads_to_another_key() {
    let stranger = SigningKey::generate().unwrap();
    let elsewhere = super::foreign::elsewhere(&stranger, None).await;
    let town = town(local(vec![route("GET /", true, &[], fixed("in"))]), Functions::default()).await;
    let keys = format!("{}/keys", elsewhere.issuer);
    let private = rsa::pkcs8::DecodePrivateKey::from_pkcs8_der(&stranger.to_pkcs8().unwrap());
    let private: rsa::RsaPrivateKey = private.unwrap();
    let private = rsa::pkcs1::EncodeRsaPrivateKey::to_pkcs1_der(&private).unwrap();
    let private = jsonwebtoken::EncodingKey::from_rsa_der(private.as_bytes());
    for kid in [town.key.kid(), stranger.kid()] {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = Some(kid.to_owned());
        header.jku = Some(keys.clone());
        header.x5u = Some(keys.clone());
        header.jwk = Some(serde_json::from_value(stranger.public().jwk()).unwrap());
        let token = jsonwebtoken::encode(&header, &claims(json!({})), &private).unwrap();
        assert_eq!(town.get("/", &token).await.status, 401);
    }
    assert_eq!(elsewhere.fetched(), 0);
    for alg in ["ES256", "EdDSA", "HS384", "PS512", "NONE", "rs256"] {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.AAAA", part(json!({"alg": alg, "kid": town.key.kid()})), part(claims(json!({}))));
        let told = town.get("/", &token).await.header("www-authenticate").map(str::to_owned);
        assert!(
            told.as_ref().is_some_and(|told| told.contains(&format!("signing method {alg} is invalid"))),
            "{told:?}"
        );
    }
}

/// The keys of an issuer overlap while they are exchanged: both count, and the new one from the first token on that it signed.
#[tokio::test]
async fn both_keys_of_a_rotation_count() {
    let (old, new) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let jwks = Arc::new(std::sync::Mutex::new(json!({"keys": [old.public().jwk()]})));
    let elsewhere = super::foreign::publishing_shared(Arc::clone(&jwks), None).await;
    let apis = vec![api(Issuer::Url(elsewhere.issuer.clone()), vec![route("GET /", true, &[], fixed("in"))])];
    let town = town(apis, Functions::default()).await;
    let signed = |key: &SigningKey| key.sign(&claims(json!({"iss": elsewhere.issuer}))).unwrap();
    assert_eq!(town.get("/", &signed(&old)).await.status, 200);
    assert_eq!(town.get("/", &signed(&new)).await.status, 401);
    *jwks.lock().unwrap() = json!({"keys": [old.public().jwk(), new.public().jwk()]});
    town.clock.advance(Duration::from_secs(31));
    for key in [&new, &old, &new] {
        assert_eq!(town.get("/", &signed(key)).await.status, 200);
    }
}

/// The default route alone takes every method and path, and nothing else takes what a greedy parameter leaves empty.
#[tokio::test]
async fn a_default_route_alone_takes_everything() {
    let alone = town(local(vec![route("$default", false, &[], fixed("default"))]), Functions::default()).await;
    for (method, path) in [("GET", "/"), ("POST", "/a/b"), ("OPTIONS", "/a"), ("PATCH", "/a/?x=1")] {
        assert_eq!(alone.ask(method, path, &[]).await.body, "default", "{method} {path}");
    }
    let routes = vec![
        route("ANY /a/{rest+}", false, &[], fixed("greedy")),
        route("GET /a", false, &[], fixed("plain")),
        route("$default", false, &[], fixed("default")),
    ];
    let town = town(local(routes), Functions::default()).await;
    for (path, told) in [("/a", "plain"), ("/a/", "default"), ("/a/b", "greedy"), ("/a/b/", "greedy"), ("/", "default")]
    {
        assert_eq!(town.get(path, "").await.body, told, "{path}");
    }
}
