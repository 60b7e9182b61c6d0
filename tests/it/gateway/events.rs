//! What functions receive and how their answers come out.

use poolhouse::functions::{FunctionError, native::native};

use super::*;

async fn echoing(key: &str, format: PayloadFormat, protected: bool, scopes: &[&str]) -> Town {
    let mut functions = Functions::default();
    functions
        .insert("echo", native(|call| async move { Ok(json!({"statusCode": 200, "body": call.event.to_string()})) }));
    functions.insert(
        "broken",
        native(|_| async {
            Err(FunctionError::Threw { kind: "Error".into(), message: "no".into(), trace: Vec::new() })
        }),
    );
    let function = |name| Integration::Function { name: placed(name), format };
    let routes =
        vec![route(key, protected, scopes, function("echo")), route("GET /broken", false, &[], function("broken"))];
    town(local(routes), functions).await
}

fn rich() -> Value {
    json!({"scope": "a b", "cognito:groups": ["admin", "regular"], "email_verified": true, "nested": {"roles": ["admin"]}})
}

#[tokio::test]
async fn format_2_has_claims_as_strings_and_leaves_out_what_is_empty() {
    let town = echoing("GET /users/{id}", PayloadFormat::V2, true, &["a"]).await;
    let answer = town.get("/users/J%20D?x=1&x=2&y=%26", &town.token(rich())).await;
    let event: Value = serde_json::from_str(&answer.body).unwrap();
    let jwt = &event["requestContext"]["authorizer"]["jwt"];
    assert_eq!(jwt["claims"]["cognito:groups"], "[admin regular]");
    assert_eq!(jwt["claims"]["exp"], (NOW + 3600).to_string());
    assert_eq!(jwt["claims"]["email_verified"], "true");
    assert_eq!(jwt["claims"]["nested"], "map[roles:[admin]]");
    assert_eq!(jwt["scopes"], json!(["a", "b"]));
    assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/users/J%20D"), &json!("x=1&x=2&y=%26")));
    assert_eq!(event["pathParameters"], json!({"id": "J D"}));
    assert_eq!(event["queryStringParameters"], json!({"x": "1,2", "y": "&"}));
    assert_eq!(event["routeKey"], "GET /users/{id}");
    assert_eq!(event["requestContext"]["requestId"], answer.header("apigw-requestid").unwrap());
    for absent in ["cookies", "body", "stageVariables"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn an_open_route_has_no_authorizer_in_format_2_and_nulls_in_format_1() {
    let town = echoing("GET /", PayloadFormat::V2, false, &[]).await;
    let event: Value = serde_json::from_str(&town.get("/", "").await.body).unwrap();
    assert!(event["requestContext"].get("authorizer").is_none());
    let town = echoing("GET /", PayloadFormat::V1, false, &[]).await;
    let event: Value = serde_json::from_str(&town.get("/", "").await.body).unwrap();
    assert_eq!(event["requestContext"]["authorizer"], json!({"claims": null, "scopes": null}));
    assert!(event.as_object().unwrap().get("body").is_some_and(Value::is_null));
    assert_eq!(event["resource"], "/");
}

#[tokio::test]
async fn format_1_has_the_same_claims() {
    let town = echoing("GET /hello", PayloadFormat::V1, true, &[]).await;
    let event: Value = serde_json::from_str(&town.get("/hello?a=1&a=2", &town.token(rich())).await.body).unwrap();
    let authorizer = &event["requestContext"]["authorizer"];
    assert_eq!(
        (&authorizer["claims"]["cognito:groups"], &authorizer["scopes"]),
        (&json!("[admin regular]"), &Value::Null)
    );
    assert_eq!(
        (&event["queryStringParameters"]["a"], &event["multiValueQueryStringParameters"]["a"]),
        (&json!("2"), &json!(["1", "2"]))
    );
}

/// As the service has them in every event. Whoever trusts an address in there must not be lied to.
#[tokio::test]
async fn events_say_who_asks_and_how_and_no_client_can() {
    let forged = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "6666"),
        ("x-forwarded-host", "evil.example"),
        ("x-amzn-oidc-identity", "6.6.6.6"),
        ("x-amzn-trace-id", "Root=6.6.6.6"),
        ("x-mine", "kept"),
        ("host", "front:9230"),
    ];
    for format in [PayloadFormat::V2, PayloadFormat::V1] {
        let town = echoing("GET /", format, false, &[]).await;
        let answer = town.ask("GET", "/", &forged).await;
        let event: Value = serde_json::from_str(&answer.body).unwrap();
        let headers = &event["headers"];
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-port", "9230"),
            ("x-mine", "kept"),
            ("host", "front:9230"),
        ] {
            assert_eq!(headers[name], value, "{name} in {headers}");
        }
        assert!(headers["x-amzn-trace-id"].as_str().unwrap().starts_with("Root=1-"), "{headers}");
        for lie in ["6.6.6.6", "6666", "evil.example"] {
            assert!(!answer.body.contains(lie), "{lie} in {}", answer.body);
        }
    }
}

/// A function behind `POST /pets/{id}` of a stage with a variable, in an API of this kind.
async fn telling(protocol: &str, format: &str) -> Town {
    let mut functions = Functions::default();
    functions
        .insert("echo", native(|call| async move { Ok(json!({"statusCode": 200, "body": call.event.to_string()})) }));
    let text = format!(
        "[[api]]\nname = 'x'\nid = 'abcdefghij'\nprotocol_type = '{protocol}'\n[api.stage.prod.stage_variables]\nsite = 'shop'\n\
         [[api.route]]\nkey = 'POST /pets/{{id}}'\nintegration = {{ function = 'echo' {format} }}\n"
    );
    written(&text, functions).await
}

/// The event, with the ids that its answer has.
async fn told(town: &Town, body: &str) -> (Value, Answer) {
    let head = "POST /prod/pets/a%20b?q=1&q=2&e= HTTP/1.1\r\nhost: api.example.com:9230\r\nconnection: close\r\n\
                user-agent: me/1\r\nx-a: 1\r\nX-A: 2\r\ncookie: c=1; d=2\r\n";
    let answer = town.raw(&format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    (serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{} {}", answer.status, answer.body)), answer)
}

fn trace(event: &Value) -> Value {
    let headers = &event["headers"];
    headers.get("x-amzn-trace-id").unwrap_or(&headers["X-Amzn-Trace-Id"]).clone()
}

#[tokio::test]
async fn format_2_is_this_event() {
    let town = telling("HTTP", "").await;
    let (event, answer) = told(&town, "hi").await;
    let expected = json!({
        "version": "2.0",
        "routeKey": "POST /pets/{id}",
        "rawPath": "/prod/pets/a%20b",
        "rawQueryString": "q=1&q=2&e=",
        "cookies": ["c=1", "d=2"],
        "headers": {
            "host": "api.example.com:9230", "connection": "close", "user-agent": "me/1", "x-a": "1,2", "content-length": "2",
            "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": "9230",
            "x-amzn-trace-id": trace(&event),
        },
        "queryStringParameters": {"q": "1,2", "e": ""},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "authentication": null,
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": "POST", "path": "/prod/pets/a%20b", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "me/1",
            },
            "requestId": answer.header("apigw-requestid"),
            "routeKey": "POST /pets/{id}",
            "stage": "prod",
            "time": "15/Jan/2027:08:00:00 +0000",
            "timeEpoch": NOW * 1000,
        },
        // Nothing says that it is text.
        "body": "aGk=",
        "pathParameters": {"id": "a b"},
        "isBase64Encoded": true,
        "stageVariables": {"site": "shop"},
    });
    assert_eq!(event, expected);
    let id = answer.header("apigw-requestid").unwrap();
    assert!(id.len() == 16 && id.ends_with('='), "{id}");
}

/// A form is base64 to an HTTP API, and text to a REST API, which knows no binary types unless it is told some.
#[tokio::test]
async fn bodies_are_text_to_rest_apis() {
    for (protocol, body, encoded) in [("HTTP", "YT0xJmI9Mg==", true), ("REST", "a=1&b=2", false)] {
        let town = telling(protocol, "").await;
        let head = "POST /prod/pets/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                    content-type: application/x-www-form-urlencoded\r\ncontent-length: 7\r\n\r\n";
        let answer = town.raw(&format!("{head}a=1&b=2")).await;
        let event: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(body), &json!(encoded)), "{protocol}");
        let mut stream = TcpStream::connect(town.address).await.unwrap();
        stream.write_all(&[head.as_bytes(), &[0xff; 7]].concat()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let event: Value = serde_json::from_str(&Answer::parse(&bytes).body).unwrap();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/////////w=="), &json!(true)), "{protocol}");
    }
}

/// What format 1.0 and the events of REST APIs share.
fn format_1(event: &Value, request_id: Option<&str>, extended_id: Option<&str>) -> Value {
    json!({
        "resource": "/pets/{id}",
        "httpMethod": "POST",
        "headers": {
            "host": "api.example.com:9230", "connection": "close", "user-agent": "me/1", "x-a": "2", "cookie": "c=1; d=2",
            "content-length": "0", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": "9230",
            "x-amzn-trace-id": trace(event),
        },
        "multiValueHeaders": {
            "host": ["api.example.com:9230"], "connection": ["close"], "user-agent": ["me/1"], "x-a": ["1", "2"],
            "cookie": ["c=1; d=2"], "content-length": ["0"], "x-forwarded-for": ["127.0.0.1"], "x-forwarded-proto": ["http"],
            "x-forwarded-port": ["9230"], "x-amzn-trace-id": [trace(event)],
        },
        "queryStringParameters": {"q": "2", "e": ""},
        "multiValueQueryStringParameters": {"q": ["1", "2"], "e": [""]},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "extendedRequestId": extended_id,
            "httpMethod": "POST",
            "identity": {
                "accessKey": null, "accountId": null, "caller": null, "clientCert": null, "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null,
                "sourceIp": "127.0.0.1", "user": null, "userAgent": "me/1", "userArn": null,
            },
            "path": "/prod/pets/a%20b",
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTime": "15/Jan/2027:08:00:00 +0000",
            "requestTimeEpoch": NOW * 1000,
            "resourceId": "POST /pets/{id}",
            "resourcePath": "/pets/{id}",
            "stage": "prod",
        },
        "pathParameters": {"id": "a b"},
        "stageVariables": {"site": "shop"},
        "body": null,
        "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn format_1_is_this_event() {
    let town = telling("HTTP", ", payload_format = '1.0'").await;
    let (event, answer) = told(&town, "").await;
    let id = answer.header("apigw-requestid");
    let mut expected = format_1(&event, id, id);
    expected["version"] = "1.0".into();
    expected["path"] = "/prod/pets/a%20b".into();
    expected["requestContext"]["authorizer"] = json!({"claims": null, "scopes": null});
    assert_eq!(event, expected);
}

#[tokio::test]
async fn the_event_of_a_rest_api_is_this() {
    let town = telling("REST", "").await;
    let (event, answer) = told(&town, "").await;
    let (id, extended) = (answer.header("x-amzn-requestid"), answer.header("x-amz-apigw-id"));
    let mut expected = format_1(&event, id, extended);
    // The service's own letters, and otherwise the client's.
    for kind in ["headers", "multiValueHeaders"] {
        let headers = expected[kind].as_object_mut().unwrap();
        for name in ["Host", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"] {
            let value = headers.remove(&name.to_ascii_lowercase()).unwrap();
            headers.insert(name.to_owned(), value);
        }
    }
    expected["path"] = "/pets/a%20b".into();
    assert_eq!(event, expected);
    assert_eq!((id.unwrap().len(), extended.unwrap().len()), (36, 16));
}

#[tokio::test]
async fn a_function_that_throws_is_an_internal_error() {
    let town = echoing("GET /", PayloadFormat::V2, false, &[]).await;
    let answer = town.get("/broken", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
}
