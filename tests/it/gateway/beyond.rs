//! What JWT authorizers can do here and not at the service.

use poolhouse::functions::native::native;

use super::{foreign::elsewhere, *};

async fn asking(settings: &str, integration: &str) -> Town {
    let text = format!(
        "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\naudience = ['{CLIENT}']\n{settings}\n\
         [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {integration}\n"
    );
    written(&text, Functions::default()).await
}

const FIXED: &str = "{ respond = { body = 'in' } }";

#[tokio::test]
async fn a_kind_of_token_and_claims_can_be_asked_for() {
    let settings = "require_token_use = 'access'\n\
                    required_claims = { tenant = ['blue', 'red'], level = '3', 'cognito:groups' = 'admin', email = [] }";
    let town = asking(settings, FIXED).await;
    let good =
        json!({"token_use": "access", "tenant": "red", "level": 3, "cognito:groups": ["a", "admin"], "email": "e"});
    let with = |changes: Value| {
        let mut all = good.clone();
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        town.token(all)
    };
    assert_eq!(town.get("/", &with(json!({}))).await.status, 200);
    for changes in [
        json!({"token_use": "id"}),
        json!({"token_use": null}),
        json!({"tenant": "green"}),
        json!({"tenant": null}),
        json!({"tenant": {"blue": true}}),
        json!({"level": 30}),
        json!({"cognito:groups": ["administrators"]}),
        json!({"email": null}),
    ] {
        let answer = town.get("/", &with(changes.clone())).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"message":"Unauthorized"}"#), "{changes}");
    }
    // A token that was found good once is judged by the same demands.
    assert_eq!(town.get("/", &with(json!({}))).await.status, 200);
}

#[tokio::test]
async fn tokens_of_other_issuers_can_be_as_good() {
    let (key, stranger) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let (other, third) = (elsewhere(&key, None).await, elsewhere(&stranger, None).await);
    let town = asking(&format!("additional_issuers = ['{}']", other.issuer), FIXED).await;
    let theirs = |issuer: &str, key: &SigningKey| key.sign(&claims(json!({"iss": issuer}))).unwrap();
    for _ in 0..2 {
        assert_eq!(town.get("/", &town.token(json!({}))).await.status, 200);
        assert_eq!(town.get("/", &theirs(&other.issuer, &key)).await.status, 200);
    }
    // Nobody speaks for another: each key counts for its own issuer.
    for token in [
        theirs(&third.issuer, &stranger),
        theirs(&other.issuer, &stranger),
        theirs(ISSUER, &key),
        town.token(json!({"iss": other.issuer})),
        key.sign(&claims(json!({"iss": other.issuer, "aud": "other"}))).unwrap(),
    ] {
        assert_eq!(town.get("/", &token).await.status, 401, "{token}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_can_be_nobodys_fault() {
    let nowhere = "http://127.0.0.1:1";
    let settings = format!("additional_issuers = ['{nowhere}']\non_jwks_unavailable = 503");
    let town = asking(&settings, FIXED).await;
    let token = town.token(json!({"iss": nowhere}));
    let answer = town.get("/", &token).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(town.get("/", &town.token(json!({}))).await.status, 200);
    assert_eq!(town.get("/", &town.token(json!({"aud": "other"}))).await.status, 401);
    let town = asking(&settings.replace("503", "401"), FIXED).await;
    let answer = town.get("/", &token).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").unwrap().contains("OIDC discovery endpoint communication error"));
}

#[tokio::test]
async fn challenges_can_have_commas() {
    let text = format!(
        "[gateway]\nwww_authenticate = 'rfc'\n[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\n\
         audience = ['{CLIENT}']\n[[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nscopes = ['a', 'b']\nintegration = {FIXED}\n"
    );
    let town = written(&text, Functions::default()).await;
    let challenge = async |token: String| {
        let answer = town.get("/", &token).await;
        answer.header("www-authenticate").map(str::to_owned)
    };
    assert_eq!(challenge(String::new()).await.as_deref(), Some("Bearer"));
    let audience = r#"Bearer error="invalid_token", error_description="the token does not have a valid audience""#;
    assert_eq!(challenge(town.token(json!({"aud": "other"}))).await.as_deref(), Some(audience));
    let scope = challenge(town.token(json!({}))).await.unwrap();
    assert!(
        scope.starts_with(r#"Bearer error="insufficient_scope", "#) && scope.ends_with(r#", scope="a b""#),
        "{scope}"
    );
}

#[tokio::test]
async fn a_backend_gets_claims_that_no_client_can_set() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let backend = tokio::spawn(async move {
        let mut asked = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 8192];
            let read = stream.read(&mut bytes).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
            asked.push(String::from_utf8_lossy(&bytes[..read]).into_owned());
        }
        asked
    });
    let integration = format!(
        "{{ http = 'http://{address}/', forward_claims = {{ sub = 'X-Auth-Sub', \
         'cognito:groups' = {{ header = 'X-Auth-Groups', format = 'csv' }}, \
         tags = {{ header = 'X-Auth-Tags', format = 'json' }}, list = 'X-Auth-List' }} }}"
    );
    let town = asking("", &integration).await;
    let token = town.token(json!({"cognito:groups": ["a", "b c"], "tags": {"k": [1]}, "list": ["x", "y"]}));
    let lines = [("authorization", token.as_str()), ("x-auth-sub", "root"), ("x_auth_groups", "root")];
    assert_eq!(town.ask("GET", "/", &lines).await.status, 200);
    let token = town.token(json!({}));
    let lines = [("authorization", token.as_str()), ("x-auth-groups", "root"), ("X-Auth-Tags", "root")];
    assert_eq!(town.ask("GET", "/", &lines).await.status, 200);
    let asked = backend.await.unwrap();
    for line in ["x-auth-sub: u", "x-auth-groups: a,b c", r#"x-auth-tags: {"k":[1]}"#, "x-auth-list: [x y]"] {
        assert!(asked[0].contains(&format!("\r\n{line}\r\n")), "{line}\n{}", asked[0]);
    }
    assert!(asked.iter().all(|asked| !asked.contains("root")), "{asked:?}");
    assert!(!asked[1].contains("x-auth-groups") && !asked[1].contains("x-auth-tags"), "{}", asked[1]);
}

/// Which the service's texts do not tell: `[a b]` may be one group or two.
#[tokio::test]
async fn a_function_gets_claims_with_their_types() {
    let mut functions = Functions::default();
    functions
        .insert("echo", native(|call| async move { Ok(json!({"statusCode": 200, "body": call.event.to_string()})) }));
    for (format, said) in [("2.0", true), ("1.0", true), ("2.0", false)] {
        let text = format!(
            "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\naudience = ['{CLIENT}']\n\
             [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\n\
             integration = {{ function = 'echo', payload_format = '{format}', claims_json = {said} }}\n"
        );
        let town = written(&text, functions.clone()).await;
        let answer = town.get("/", &town.token(json!({"cognito:groups": ["a b"], "level": 3}))).await;
        let event: Value = serde_json::from_str(&answer.body).unwrap();
        let authorizer = &event["requestContext"]["authorizer"];
        let authorizer = if format == "2.0" { &authorizer["jwt"] } else { authorizer };
        assert_eq!(authorizer["claims"]["cognito:groups"], "[a b]");
        let typed = authorizer.get("x_claims_json").map(|text| text.as_str().unwrap());
        let typed = typed.map(|text| serde_json::from_str::<Value>(text).unwrap());
        let expected = said.then(|| claims(json!({"cognito:groups": ["a b"], "level": 3})));
        assert_eq!(typed, expected, "{format}");
    }
}

#[test]
fn mistakes_beyond_the_service_are_named() {
    let text = format!(
        "[gateway]\nwww_authenticate = 'commas'\n[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\n\
         audience = ['{CLIENT}']\nadditional_issuers = ['pool:us-east-1_Nowhere01', 'ftp://x']\non_jwks_unavailable = 402\n\
         require_token_use = 'refresh'\nrequired_claims = {{ a = 1 }}\n\
         [[api.route]]\nkey = 'GET /'\nintegration = {{ respond = {{}}, forward_claims = {{ sub = 'x' }} }}\n\
         [[api.route]]\nkey = 'GET /b'\nintegration = {{ respond = {{}}, claims_json = true }}\n"
    );
    let mistakes = read(&text, &Functions::default()).unwrap_err().join("\n");
    for expected in [
        "2: `gateway.www_authenticate` must be \"service\" or \"rfc\"",
        "9: there is no pool \"us-east-1_Nowhere01\"",
        "9: `api.authorizer.A.additional_issuers`",
        "10: `api.authorizer.A.on_jwks_unavailable` must be 401 or 503, found 402",
        "11: `api.authorizer.A.require_token_use` must be \"access\" or \"id\"",
        "12: `api.authorizer.A.required_claims.a` must be a list of strings",
        "15: `api.route.integration.forward_claims` belongs to `http`",
        "18: `api.route.integration.claims_json` belongs to `function`",
    ] {
        assert!(mistakes.contains(expected), "{expected}\n{mistakes}");
    }
    let forward = text.replace(
        "{ respond = {}, forward_claims = { sub = 'x' } }",
        "{ http = 'http://127.0.0.1:1', forward_claims = { sub = 'authorization' } }",
    );
    let head = forward.split("additional_issuers").next().unwrap().replace("'commas'", "'rfc'");
    let tail = forward.split_once("[[api.route]]").unwrap().1.replace(", claims_json = true", "");
    let config = read(&format!("{head}[[api.route]]{tail}"), &Functions::default()).unwrap();
    let said = poolhouse::gateway::mistakes(&config.apis);
    assert!(said[0].message.contains("the header `authorization` is reserved"), "{said:?}");
}
