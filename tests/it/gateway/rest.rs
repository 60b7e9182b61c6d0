//! REST APIs: their authorizers, errors, events and order of routes.

use std::sync::atomic::{AtomicUsize, Ordering};

use poolhouse::functions::{FunctionError, native::native};

use super::*;

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const EXPLICIT: &str =
    r#"{"Message":"User is not authorized to access this resource with an explicit deny in an identity-based policy"}"#;
const IMPLICIT: &str = r#"{"Message":"User is not authorized to access this resource because no identity-based policy allows the execute-api:Invoke action"}"#;

async fn resting<F>(authorizer: &str, scopes: &str, answer: F) -> (Town, Arc<AtomicUsize>)
where
    F: Fn(&Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
{
    let mut functions = Functions::default();
    functions
        .insert("echo", native(|call| async move { Ok(json!({"statusCode": 200, "body": call.event.to_string()})) }));
    functions.insert("shapeless", native(|_| async { Ok(json!({"body": "x"})) }));
    functions.insert("slow", native(|_| std::future::pending()));
    let times = Arc::new(AtomicUsize::new(0));
    let (count, answer) = (Arc::clone(&times), Arc::new(answer));
    functions.insert(
        "judge",
        native(move |call| {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            async move { answer(&call.event) }
        }),
    );
    let text = format!(
        r#"
[[api]]
name = "x"
id = "abcdefghij"
protocol_type = "REST"
[api.stage.prod]
[api.authorizer.A]
{authorizer}
[[api.route]]
key = "GET /pets/{{id}}"
authorizer = "A"
scopes = [{scopes}]
integration = {{ function = "echo" }}
[[api.route]]
key = "GET /open"
integration = {{ function = "echo" }}
[[api.route]]
key = "GET /shapeless"
integration = {{ function = "shapeless" }}
[[api.route]]
key = "GET /slow"
integration = {{ function = "slow", timeout_in_millis = 50 }}
[[api.route]]
key = "GET /nobody"
integration = {{ http = "http://127.0.0.1:9" }}
"#
    );
    (written(&text, functions).await, times)
}

fn policy(effect: &str, resource: &str) -> Value {
    json!({
        "principalId": "me",
        "policyDocument": {"Statement": {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}},
        "context": {"tenant": "t1", "level": 3},
    })
}

fn thrown(message: &str) -> FunctionError {
    FunctionError::Threw { kind: "Error".into(), message: message.into(), trace: Vec::new() }
}

const TOKEN: &str = "type = 'TOKEN'\nfunction = 'judge'\nidentity_source = 'method.request.header.Auth'\n";
const REQUEST: &str = "type = 'REQUEST'\nfunction = 'judge'\n\
                       identity_source = 'method.request.header.Auth, method.request.querystring.q'\n";

#[tokio::test]
async fn a_token_authorizer_is_told_the_token_and_the_method() {
    let (town, _) = resting(TOKEN, "", |event| {
        let expected = json!({
            "type": "TOKEN",
            "authorizationToken": "Bearer abc",
            "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/prod/GET/pets/1",
        });
        Ok(policy(if *event == expected { "Allow" } else { "Deny" }, "*"))
    })
    .await;
    let answer = town.ask("GET", "/prod/pets/1", &[("auth", "Bearer abc")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let event: Value = serde_json::from_str(&answer.body).unwrap();
    let context = &event["requestContext"];
    assert_eq!((&context["authorizer"]["principalId"], &context["authorizer"]["level"]), (&json!("me"), &json!("3")));
    assert_eq!((&event["path"], &context["path"]), (&json!("/pets/1"), &json!("/prod/pets/1")));
    assert!(event.get("version").is_none());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-amzn-requestid"), context["requestId"].as_str());
    assert_eq!(answer.header("x-amz-apigw-id"), context["extendedRequestId"].as_str());
    assert!(answer.header("apigw-requestid").is_none());
    let open: Value = serde_json::from_str(&town.get("/prod/open", "").await.body).unwrap();
    assert!(open["requestContext"].get("authorizer").is_none());
}

/// Only the stage is the gateway's own word.
#[tokio::test]
async fn the_path_of_an_event_keeps_the_key_of_a_custom_domain() {
    let text = "[[api]]\nname = 'x'\nprotocol_type = 'REST'\n[api.stage.prod]\n\
                [[api.route]]\nkey = 'GET /pets/{id}'\nintegration = { function = 'echo' }\n\
                [[domain]]\nname = 'api.example.com'\n\
                [[domain.mapping]]\napi = 'x'\nstage = 'prod'\napi_mapping_key = 'shop'\n";
    let mut functions = Functions::default();
    functions
        .insert("echo", native(|call| async move { Ok(json!({"statusCode": 200, "body": call.event.to_string()})) }));
    let town = written(text, functions).await;
    let answer = town.ask("GET", "/shop/pets/1", &[("host", "api.example.com")]).await;
    let event: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&event["path"], &event["requestContext"]["path"]), (&json!("/shop/pets/1"), &json!("/shop/pets/1")));
    assert_eq!((&event["resource"], &event["pathParameters"]), (&json!("/pets/{id}"), &json!({"id": "1"})));
}

#[tokio::test]
async fn events_of_a_rest_api_have_the_clients_own_letters() {
    let (town, _) = resting(TOKEN, "", |_| Ok(policy("Allow", "*"))).await;
    let answer = town
        .raw(
            "GET /prod/open HTTP/1.1\r\nhost: a\r\nX-mixedCase: 1\r\nAUTHORIZATION: x\r\naccept: */*\r\nX-MixedCase: 2\r\n\
             x-forwarded-for: forged\r\nConnection: close\r\n\r\n",
        )
        .await;
    let event: Value = serde_json::from_str(&answer.body).unwrap();
    for kind in ["headers", "multiValueHeaders"] {
        let mut names: Vec<&String> = event[kind].as_object().unwrap().keys().collect();
        names.sort();
        let ours =
            ["Host", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto", "X-mixedCase"];
        let all = [&["AUTHORIZATION", "Connection"][..], &ours, &["accept"]].concat();
        assert_eq!(names, all, "{kind}");
    }
    assert_eq!(
        (&event["headers"]["X-mixedCase"], &event["multiValueHeaders"]["X-mixedCase"]),
        (&json!("2"), &json!(["1", "2"]))
    );
    assert_eq!(event["headers"]["X-Forwarded-For"], "127.0.0.1");
}

#[tokio::test]
async fn a_token_that_does_not_fit_the_expression_asks_nobody() {
    let authorizer = format!("{TOKEN}identity_validation_expression = 'a[0-9]+|b'\n");
    let (town, times) = resting(&authorizer, "", |_| Ok(policy("Allow", "*"))).await;
    for token in ["", "a", "a1x", "xb", "Bearer a1"] {
        let answer = town.ask("GET", "/prod/pets/1", &[("auth", token)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, UNAUTHORIZED), "{token}");
        assert_eq!(answer.header("x-amzn-errortype"), Some("UnauthorizedException"));
    }
    assert_eq!(times.load(Ordering::SeqCst), 0);
    assert_eq!(town.ask("GET", "/prod/pets/1", &[("auth", "a12")]).await.status, 200);
}

#[tokio::test]
async fn a_request_authorizer_needs_every_source() {
    let (town, times) = resting(REQUEST, "", |event| {
        let whole = event["type"] == "REQUEST"
            && event["methodArn"].as_str().is_some_and(|arn| arn.ends_with("/prod/GET/pets/1"))
            && event["multiValueQueryStringParameters"]["q"] == json!(["1", "2"])
            && event["path"] == "/pets/1"
            && event["stageVariables"] == json!({})
            && event.get("version").is_none()
            && event.get("authorizationToken").is_none();
        Ok(policy(if whole { "Allow" } else { "Deny" }, "*"))
    })
    .await;
    for (path, lines) in
        [("/prod/pets/1?q=1", &[][..]), ("/prod/pets/1", &[("auth", "a")]), ("/prod/pets/1?q=", &[("auth", "a")])]
    {
        assert_eq!(town.ask("GET", path, lines).await.status, 401, "{path}");
    }
    assert_eq!(times.load(Ordering::SeqCst), 0);
    assert_eq!(town.ask("GET", "/prod/pets/1?q=1&q=2", &[("auth", "a")]).await.status, 200);
}

#[tokio::test]
async fn refusals_have_the_words_of_rest_apis() {
    for (given, status, body, kind) in [
        (Ok(policy("Deny", "*")), 403, EXPLICIT, "AccessDeniedException"),
        (Ok(policy("Allow", "*/POST/*")), 403, IMPLICIT, "AccessDeniedException"),
        (Err(thrown("Unauthorized")), 401, UNAUTHORIZED, "UnauthorizedException"),
        (Err(thrown("Unauthorized.")), 500, r#"{"message":null}"#, "AuthorizerConfigurationException"),
        (Ok(json!({"isAuthorized": true})), 500, r#"{"message":null}"#, "AuthorizerConfigurationException"),
        (Ok(json!("Allow")), 500, r#"{"message":null}"#, "AuthorizerConfigurationException"),
    ] {
        let shown = format!("{given:?}");
        let (town, _) = resting(TOKEN, "", move |_| given.clone()).await;
        let answer = town.ask("GET", "/prod/pets/1", &[("auth", "a")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{shown}");
        assert_eq!(answer.header("x-amzn-errortype"), Some(kind), "{shown}");
    }
    let (town, _) = resting(TOKEN, "", |_| Ok(policy("Allow", "*"))).await;
    for (method, path, status, body) in [
        ("GET", "/prod/nope", 403, r#"{"message":"Missing Authentication Token"}"#),
        ("POST", "/prod/open", 403, r#"{"message":"Missing Authentication Token"}"#),
        ("GET", "/prod/shapeless", 502, r#"{"message": "Internal server error"}"#),
        ("GET", "/prod/slow", 504, r#"{"message": "Endpoint request timed out"}"#),
        ("GET", "/prod/nobody", 504, r#"{"message": "Network error communicating with endpoint"}"#),
    ] {
        let answer = town.ask(method, path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{method} {path}");
    }
}

#[tokio::test]
async fn a_remembered_policy_is_judged_for_each_method() {
    let (town, times) = resting(TOKEN, "", |_| Ok(policy("Allow", "*/GET/pets/1"))).await;
    for (path, status) in [("/prod/pets/1", 200), ("/prod/pets/2", 403), ("/prod/pets/1", 200)] {
        assert_eq!(town.ask("GET", path, &[("auth", "a")]).await.status, status, "{path}");
    }
    assert_eq!(times.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn arns_and_resources_of_policies_have_a_length() {
    let (town, times) = resting(TOKEN, "", move |event| match event["authorizationToken"].as_str() {
        Some("long") => Ok(policy("Allow", &"*".repeat(513))),
        Some("fits") => Ok(policy("Allow", &"*".repeat(512))),
        _ => Ok(policy("Allow", "*")),
    })
    .await;
    let stem = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/prod/GET/pets/".len();
    for (length, status, body) in [(1600, 200, None), (1601, 414, Some(r#"{"message":"URI Too Long"}"#))] {
        let answer = town.ask("GET", &format!("/prod/pets/{}", "x".repeat(length - stem)), &[("auth", "a")]).await;
        assert_eq!((answer.status, body.is_none_or(|body| answer.body == body)), (status, true), "{length}");
    }
    assert_eq!(times.load(Ordering::SeqCst), 1);
    assert_eq!(town.ask("GET", "/prod/pets/1", &[("auth", "fits")]).await.status, 200);
    assert_eq!(town.ask("GET", "/prod/pets/1", &[("auth", "long")]).await.status, 500);
}

const POOLS: &str =
    "type = 'COGNITO_USER_POOLS'\npools = ['us-east-1_Example01']\nidentity_source = 'method.request.header.Auth'\n";

fn nobody(_: &Value) -> Result<Value, FunctionError> {
    Ok(Value::Null)
}

#[tokio::test]
async fn a_method_without_scopes_takes_id_tokens() {
    let (town, _) = resting(POOLS, "", nobody).await;
    let status = async |token: String| {
        let answer = town.ask("GET", "/prod/pets/1", &[("auth", &token)]).await;
        (answer.status, answer.body)
    };
    let refused = (401, UNAUTHORIZED.to_owned());
    let good = json!({"cognito:groups": ["a", "b"], "exp": NOW + 60});
    let (code, body) = status(format!("Bearer {}", town.token(good))).await;
    assert_eq!(code, 200, "{body}");
    let claims = &serde_json::from_str::<Value>(&body).unwrap()["requestContext"]["authorizer"]["claims"];
    assert_eq!((&claims["cognito:groups"], &claims["exp"]), (&json!("a,b"), &json!("Fri Jan 15 08:01:00 UTC 2027")));
    assert_eq!(status(town.token(json!({"iss": AWS_ISSUER}))).await.0, 200);
    for wrong in [
        json!({"token_use": "access"}),
        json!({"token_use": null}),
        json!({"iss": "http://localhost:9229/us-east-1_Example02"}),
        json!({"iss": null}),
        json!({"nbf": NOW + 60}),
    ] {
        assert_eq!(status(town.token(wrong.clone())).await, refused, "{wrong}");
    }
    assert_eq!(status(String::new()).await, refused);
    assert_eq!(status("garbage".to_owned()).await, refused);
    let forged = SigningKey::generate().unwrap().sign(&claims_of_today()).unwrap();
    assert_eq!(status(forged).await, refused);
    let expired = (401, r#"{"message":"The incoming token has expired"}"#.to_owned());
    assert_eq!(status(town.token(json!({"exp": NOW}))).await, expired);
}

fn claims_of_today() -> Value {
    claims(json!({}))
}

#[tokio::test]
async fn a_method_with_scopes_takes_access_tokens_that_have_one() {
    let (town, _) = resting(POOLS, "'pets/read', 'pets/all'", nobody).await;
    for (changes, status) in [
        (json!({"token_use": "access", "aud": null, "scope": "x pets/read"}), 200),
        (json!({"token_use": "access", "aud": null, "scope": "pets/reader"}), 401),
        (json!({"token_use": "access", "aud": null}), 401),
        (json!({"token_use": "id", "scope": "pets/read"}), 401),
    ] {
        let answer = town.ask("GET", "/prod/pets/1", &[("auth", &town.token(changes.clone()))]).await;
        assert_eq!(answer.status, status, "{changes}");
    }
}

#[tokio::test]
async fn a_validation_expression_looks_at_the_audience() {
    let authorizer = format!("{POOLS}identity_validation_expression = '1example.*'\n");
    let (town, _) = resting(&authorizer, "", nobody).await;
    for (changes, status) in [(json!({}), 200), (json!({"aud": "other"}), 401), (json!({"aud": null}), 401)] {
        let answer = town.ask("GET", "/prod/pets/1", &[("auth", &town.token(changes.clone()))]).await;
        assert_eq!(answer.status, status, "{changes}");
    }
}

#[test]
fn what_belongs_to_the_other_kind_of_api_is_refused() {
    let text = r#"
[[api]]
name = "x"
protocol_type = "REST"
cors_configuration = { allow_origins = ["*"] }
[api.authorizer.A]
type = "JWT"
[api.authorizer.B]
type = "TOKEN"
function = "judge"
identity_source = "$request.header.a"
identity_validation_expression = "("
[[api.route]]
key = "$default"
integration = { respond = {}, request_parameters = { "append:header.a" = "b" } }
"#;
    let mut functions = Functions::default();
    functions.insert("judge", native(|_| async { Ok(json!(null)) }));
    let mistakes = read(text, &functions).unwrap_err().join("\n");
    for expected in [
        "`api.cors_configuration` belongs to HTTP APIs",
        "6: `api.authorizer.A.issuers` must hold an issuer",
        "6: `api.authorizer.A.identity_source` of a JWT authorizer must name one header",
        "11: `api.authorizer.B.identity_source` must be one of method.request.header.NAME",
        "12: `api.authorizer.B.identity_validation_expression` is no regular expression",
        "14: a REST API has no route `$default`",
        "15: `api.route.integration.request_parameters` of a REST API map `integration.request.header.NAME`",
    ] {
        assert!(mistakes.contains(expected), "{expected}\n{mistakes}");
    }
}

#[tokio::test]
async fn parameters_of_a_rest_integration_have_words_of_their_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let text = format!(
        r#"
[[api]]
name = "x"
id = "abcdefghij"
protocol_type = "REST"
[api.stage.prod]
[[api.route]]
key = "GET /pets/{{id}}"
[api.route.integration]
http = "http://{address}/animals/{{animal}}"
[api.route.integration.request_parameters]
"integration.request.path.animal" = "method.request.path.id"
"integration.request.header.x-token" = "method.request.header.Auth"
"integration.request.header.x-fixed" = "'one'"
"integration.request.header.Authorization" = "method.request.header.Authorization"
"integration.request.querystring.path" = "context.resourcePath"
"#
    );
    let town = written(&text, Functions::default()).await;
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4096];
        let read = stream.read(&mut bytes).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    });
    let answer = town.ask("GET", "/prod/pets/7", &[("auth", "abc"), ("authorization", "mine")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("GET /animals/7?path=%2Fpets%2F%7Bid%7D HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("x-token: abc\r\n") && asked.contains("x-fixed: one\r\n"), "{asked}");
    assert!(asked.contains("authorization: mine\r\n"), "{asked}");
}

/// Bodies are text, in events and in answers, unless the API names their type.
#[tokio::test]
async fn bodies_of_a_rest_api_are_text_unless_their_type_is_binary() {
    let mut functions = Functions::default();
    functions.insert(
        "echo",
        native(|call| async move {
            let told = format!("{} {}", call.event["isBase64Encoded"], call.event["body"]);
            Ok(json!({"statusCode": 200, "headers": {"x-told": told}, "body": "aGk=", "isBase64Encoded": true}))
        }),
    );
    let text = |types: &str| {
        format!(
            "[[api]]\nname = 'x'\nprotocol_type = 'REST'\nbinary_media_types = [{types}]\n\
             [[api.route]]\nkey = 'POST /'\nintegration = {{ function = 'echo' }}\n"
        )
    };
    for (types, kind, accept, told, body) in [
        ("", "content-type: application/x-www-form-urlencoded\r\n", "", r#"false "a=1""#, "aGk="),
        ("", "content-type: image/png\r\n", "accept: image/png\r\n", r#"false "a=1""#, "aGk="),
        ("'image/png'", "content-type: image/png\r\n", "accept: image/png, */*\r\n", r#"true "YT0x""#, "hi"),
        ("'image/png'", "content-type: image/gif\r\n", "accept: */*, image/png\r\n", r#"false "a=1""#, "aGk="),
        ("'image/*'", "content-type: image/gif\r\n", "", r#"true "YT0x""#, "aGk="),
        ("'*/*'", "", "", r#"true "YT0x""#, "hi"),
    ] {
        let town = written(&text(types), functions.clone()).await;
        let request =
            format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{kind}{accept}content-length: 3\r\n\r\na=1");
        let answer = town.raw(&request).await;
        assert_eq!((answer.header("x-told"), answer.body.as_str()), (Some(told), body), "{types} {kind} {accept}");
    }
    let of_http = text("'image/png'").replace("protocol_type = 'REST'\n", "");
    let told = read(&of_http, &functions).unwrap_err();
    assert!(told[0].contains("`api.binary_media_types` belongs to REST APIs"), "{told:?}");
    let told = read(&text("'png'"), &functions).unwrap_err();
    assert!(told[0].contains("must hold types such as image/png, found \"png\""), "{told:?}");
}

/// A function that allows what it was asked about must not allow everything because somebody asked about `*`.
#[tokio::test]
async fn a_star_in_a_path_is_no_wildcard_of_the_answer() {
    let (town, times) = resting(TOKEN, "", |event| {
        let arn = event["methodArn"].as_str().unwrap_or_default();
        Ok(policy(if arn.ends_with("/pets/secret") { "Deny" } else { "Allow" }, arn))
    })
    .await;
    for (path, status) in [("/prod/pets/*", 200), ("/prod/pets/%2a", 200), ("/prod/pets/secret", 403)] {
        assert_eq!(town.ask("GET", path, &[("auth", "abc")]).await.status, status, "{path}");
    }
    assert_eq!(times.load(Ordering::SeqCst), 1);
}
