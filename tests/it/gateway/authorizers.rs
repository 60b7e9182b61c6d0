//! Lambda authorizers of HTTP APIs: what they are told, what they may answer, and how long it counts.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use poolhouse::functions::{FunctionError, native::native};

use super::*;

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;
const BROKEN: &str = r#"{"message":"Internal Server Error"}"#;

/// What the authorizer was told, and how often.
#[derive(Clone, Default)]
struct Asked {
    times: Arc<AtomicUsize>,
    last: Arc<Mutex<Value>>,
}

impl Asked {
    fn times(&self) -> usize {
        self.times.load(Ordering::SeqCst)
    }

    fn last(&self) -> Value {
        self.last.lock().unwrap().clone()
    }
}

/// A gateway whose authorizer answers with what `answer` makes of its event, in front of a function that tells its event.
async fn asking<F>(authorizer: &str, answer: F) -> (Town, Asked)
where
    F: Fn(&Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
{
    let asked = Asked::default();
    let mut functions = Functions::default();
    functions
        .insert("echo", native(|call| async move { Ok(json!({"statusCode": 200, "body": call.event.to_string()})) }));
    let (noted, answer) = (asked.clone(), Arc::new(answer));
    functions.insert(
        "judge",
        native(move |call| {
            noted.times.fetch_add(1, Ordering::SeqCst);
            *noted.last.lock().unwrap() = call.event.clone();
            let answer = Arc::clone(&answer);
            async move { answer(&call.event) }
        }),
    );
    let text = format!(
        r#"
[[api]]
name = "x"
id = "abcdefghij"
[api.authorizer.A]
type = "REQUEST"
function = "judge"
{authorizer}
[[api.route]]
key = "GET /a/{{id}}"
authorizer = "A"
integration = {{ function = "echo" }}
[[api.route]]
key = "GET /b"
authorizer = "A"
integration = {{ function = "echo" }}
[[api.route]]
key = "GET /"
authorizer = "A"
integration = {{ respond = {{ body = "root" }} }}
[[api.route]]
key = "GET /old"
authorizer = "A"
integration = {{ function = "echo", payload_format = "1.0" }}
[[api.route]]
key = "$default"
authorizer = "A"
integration = {{ respond = {{ body = "default" }} }}
"#
    );
    (written(&text, functions).await, asked)
}

const SIMPLE: &str =
    "payload_format = '2.0'\nenable_simple_responses = true\nidentity_source = '$request.header.Authorization'\n";
const POLICY: &str = "payload_format = '2.0'\nidentity_source = '$request.header.Authorization'\n";
const FIRST: &str = "payload_format = '1.0'\nidentity_source = '$request.header.Authorization'\n";

fn thrown(message: &str) -> FunctionError {
    FunctionError::Threw { kind: "Error".into(), message: message.into(), trace: Vec::new() }
}

fn policy(effect: &str, resource: &str) -> Value {
    json!({
        "principalId": "me",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}],
        },
        "context": {"tenant": "t1", "level": 3, "on": true},
    })
}

fn event(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{} {}", answer.status, answer.body))
}

#[tokio::test]
async fn format_2_is_told_the_request_without_its_body() {
    let (town, asked) = asking(SIMPLE, |_| Ok(json!({"isAuthorized": true}))).await;
    let answer = town.ask("GET", "/a/J%20D?q=1", &[("authorization", "me"), ("cookie", "a=1; b=2")]).await;
    assert_eq!(answer.status, 200);
    let told = asked.last();
    assert_eq!(told["version"], "2.0");
    assert_eq!(told["type"], "REQUEST");
    assert_eq!(told["routeArn"], "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/$default/GET/a/J%20D");
    assert_eq!(told["identitySource"], json!(["me"]));
    assert_eq!(told["routeKey"], "GET /a/{id}");
    assert_eq!(told["rawQueryString"], "q=1");
    assert_eq!(told["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(told["pathParameters"], json!({"id": "J D"}));
    for absent in ["body", "isBase64Encoded", "authorizationToken", "methodArn"] {
        assert!(told.get(absent).is_none(), "{absent}");
    }
    assert!(told["requestContext"].get("authorizer").is_none());
    assert_eq!(event(&answer)["requestContext"]["authorizer"], json!({"lambda": null}));
}

/// What a client says is for its own connection only is for nobody: the backend does not get it either.
#[tokio::test]
async fn a_header_for_the_connection_alone_is_no_identity() {
    let sources =
        "payload_format = '2.0'\nenable_simple_responses = true\nidentity_source = '$request.header.X-Tenant'\n";
    let (town, asked) = asking(sources, |_| Ok(json!({"isAuthorized": true}))).await;
    let answer = town.ask("GET", "/b", &[("x-tenant", "a"), ("connection", "X-Tenant")]).await;
    assert_eq!((answer.status, answer.body.as_str(), asked.times()), (401, UNAUTHORIZED, 0));
    let answer =
        town.ask("GET", "/b", &[("x-tenant", "a"), ("x-more", "b"), ("connection", "keep-alive, x-more")]).await;
    assert_eq!((answer.status, asked.times()), (200, 1));
    assert_eq!((&asked.last()["headers"]["x-tenant"], &asked.last()["headers"]["x-more"]), (&json!("a"), &Value::Null));
}

#[tokio::test]
async fn format_1_is_told_one_token() {
    let sources = "payload_format = '1.0'\nidentity_source = ['$request.header.A', '$request.querystring.b']\n";
    let (town, asked) = asking(sources, |_| Ok(policy("Allow", "*"))).await;
    assert_eq!(town.ask("GET", "/b?b=2", &[("a", "1")]).await.status, 200);
    let told = asked.last();
    assert_eq!((&told["type"], &told["version"]), (&json!("REQUEST"), &json!("1.0")));
    assert_eq!((&told["identitySource"], &told["authorizationToken"]), (&json!("1,2"), &json!("1,2")));
    assert_eq!(told["methodArn"], "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/$default/GET/b");
    assert_eq!((&told["resource"], &told["httpMethod"]), (&json!("/b"), &json!("GET")));
    assert!(told.get("multiValueHeaders").is_none() && told.get("body").is_none());
    assert_eq!((&told["pathParameters"], &told["stageVariables"]), (&json!({}), &json!({})));
}

#[tokio::test]
async fn arns_name_the_root_and_the_default_route() {
    let (town, asked) = asking(POLICY, |_| Ok(policy("Allow", "*"))).await;
    for (method, path, end) in [("GET", "/", "$default/GET/"), ("POST", "/anything/else", "$default/$default")] {
        // Another identity each time: an answer would be remembered.
        assert_eq!(town.ask(method, path, &[("authorization", path)]).await.status, 200);
        let arn = asked.last()["routeArn"].as_str().unwrap().to_owned();
        assert!(arn.ends_with(&format!(":abcdefghij/{end}")), "{arn}");
    }
}

#[tokio::test]
async fn without_an_identity_the_function_is_not_asked() {
    let sources = "payload_format = '2.0'\nenable_simple_responses = true\n\
                   identity_source = ['$request.header.Authorization', '$request.querystring.key']\n";
    let (town, asked) = asking(sources, |_| Ok(json!({"isAuthorized": true}))).await;
    for (path, lines) in [
        ("/b", &[][..]),
        ("/b?key=1", &[]),
        ("/b", &[("authorization", "me")]),
        ("/b?key=", &[("authorization", "me")]),
        ("/b?key=1", &[("authorization", "")]),
        ("/b?KEY=1", &[("authorization", "me")]),
    ] {
        let answer = town.ask("GET", path, lines).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, UNAUTHORIZED), "{path} {lines:?}");
    }
    assert_eq!(asked.times(), 0);
    assert_eq!(town.ask("GET", "/b?key=1", &[("authorization", "me")]).await.status, 200);
}

#[tokio::test]
async fn each_kind_of_answer_has_its_status() {
    for (authorizer, given, status, body) in [
        (SIMPLE, Ok(json!({"isAuthorized": false})), 403, FORBIDDEN),
        (SIMPLE, Ok(json!({"isAuthorized": "true"})), 500, BROKEN),
        (SIMPLE, Ok(json!({"isAuthorized": 1})), 500, BROKEN),
        (SIMPLE, Ok(json!({})), 500, BROKEN),
        (SIMPLE, Ok(json!(true)), 500, BROKEN),
        (SIMPLE, Ok(json!(null)), 500, BROKEN),
        (SIMPLE, Ok(policy("Allow", "*")), 500, BROKEN),
        (SIMPLE, Ok(json!({"isAuthorized": true, "context": "x"})), 500, BROKEN),
        (SIMPLE, Err(thrown("Unauthorized")), 401, UNAUTHORIZED),
        (SIMPLE, Err(thrown("Unauthorized: no")), 500, BROKEN),
        (SIMPLE, Err(thrown("unauthorized")), 500, BROKEN),
        (SIMPLE, Err(FunctionError::TimedOut { after: Duration::from_secs(10) }), 500, BROKEN),
        (SIMPLE, Err(FunctionError::OutOfMemory), 500, BROKEN),
        (POLICY, Ok(policy("Deny", "*")), 403, FORBIDDEN),
        (POLICY, Ok(policy("Allow", "arn:aws:execute-api:*:*:*/other/*")), 403, FORBIDDEN),
        (POLICY, Ok(policy("allow", "*")), 500, BROKEN),
        (POLICY, Ok(json!({"isAuthorized": true})), 500, BROKEN),
        (POLICY, Ok(json!({"principalId": "", "policyDocument": policy("Allow", "*")["policyDocument"]})), 500, BROKEN),
        (POLICY, Ok(json!({"principalId": "me"})), 500, BROKEN),
        (FIRST, Ok(policy("Deny", "*")), 403, FORBIDDEN),
        (
            FIRST,
            Ok(
                json!({"principalId": "me", "policyDocument": policy("Allow", "*")["policyDocument"], "context": {"l": []}}),
            ),
            500,
            BROKEN,
        ),
        (FIRST, Err(thrown("Unauthorized")), 401, UNAUTHORIZED),
    ] {
        let shown = format!("{given:?}");
        let (town, asked) = asking(authorizer, move |_| given.clone()).await;
        let answer = town.ask("GET", "/b", &[("authorization", "me")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{shown}");
        assert_eq!(asked.times(), 1, "{shown}");
    }
}

#[tokio::test]
async fn what_the_function_says_reaches_the_integration() {
    let context = json!({"list": [1, "a"], "map": {"b": null}, "claims": "dropped", "text": "t"});
    let (town, _) = asking(SIMPLE, move |_| Ok(json!({"isAuthorized": true, "context": context}))).await;
    let lines = &[("authorization", "me")];
    let told = event(&town.ask("GET", "/b", lines).await);
    let typed = json!({"list": [1, "a"], "map": {"b": null}, "text": "t"});
    assert_eq!(told["requestContext"]["authorizer"], json!({"lambda": typed}));
    let (town, _) = asking(FIRST, |_| Ok(policy("Allow", "*"))).await;
    let told = event(&town.ask("GET", "/b", lines).await);
    assert_eq!(told["requestContext"]["authorizer"]["lambda"], json!({"tenant": "t1", "level": "3", "on": "true"}));
    let told = event(&town.ask("GET", "/old", lines).await);
    let authorizer = &told["requestContext"]["authorizer"];
    assert_eq!((&authorizer["principalId"], &authorizer["level"]), (&json!("me"), &json!("3")));
    assert!(authorizer["integrationLatency"].is_u64());
}

#[tokio::test]
async fn answers_are_remembered_by_identity_for_every_route() {
    let (town, asked) = asking(POLICY, |_| Ok(policy("Allow", "*/GET/b"))).await;
    let status = async |path: &str, identity: &str| town.ask("GET", path, &[("authorization", identity)]).await.status;
    // One policy, judged for each route.
    assert_eq!((status("/b", "me").await, status("/a/1", "me").await, status("/b", "me").await), (200, 403, 200));
    assert_eq!(asked.times(), 1);
    assert_eq!((status("/b", "you").await, asked.times()), (200, 2));
    town.clock.advance(Duration::from_secs(299));
    assert_eq!((status("/b", "me").await, asked.times()), (200, 2));
    town.clock.advance(Duration::from_secs(1));
    assert_eq!((status("/b", "me").await, asked.times()), (200, 3));
}

#[tokio::test]
async fn denials_are_remembered_and_errors_are_not() {
    let (town, asked) = asking(SIMPLE, |_| Ok(json!({"isAuthorized": false}))).await;
    for path in ["/b", "/a/1"] {
        assert_eq!(town.ask("GET", path, &[("authorization", "me")]).await.status, 403);
    }
    assert_eq!(asked.times(), 1);
    for error in ["Unauthorized", "broken"] {
        let (town, asked) = asking(SIMPLE, move |_| Err(thrown(error))).await;
        for _ in 0..2 {
            town.ask("GET", "/b", &[("authorization", "me")]).await;
        }
        assert_eq!(asked.times(), 2, "{error}");
    }
}

#[tokio::test]
async fn nothing_is_remembered_without_a_time_or_an_identity() {
    for authorizer in [
        "payload_format = '2.0'\nenable_simple_responses = true\n",
        "payload_format = '2.0'\nenable_simple_responses = true\nresult_ttl_in_seconds = 0\nidentity_source = '$request.header.a'\n",
    ] {
        let (town, asked) = asking(authorizer, |_| Ok(json!({"isAuthorized": true}))).await;
        for _ in 0..2 {
            assert_eq!(town.ask("GET", "/b", &[("a", "me")]).await.status, 200);
        }
        assert_eq!(asked.times(), 2, "{authorizer}");
    }
}

/// What a function is told of a caller, and what its answer is remembered by, are one: no client chooses its address.
#[tokio::test]
async fn an_address_as_an_identity_is_the_callers_own() {
    let sources =
        "payload_format = '2.0'\nenable_simple_responses = true\nidentity_source = '$request.header.X-Forwarded-For'\n";
    let (town, asked) = asking(sources, |_| Ok(json!({"isAuthorized": true}))).await;
    for forged in [&[][..], &[("x-forwarded-for", "6.6.6.6")], &[("x-forwarded-for", "7.7.7.7")]] {
        assert_eq!(town.ask("GET", "/b", forged).await.status, 200);
    }
    let told = asked.last();
    assert_eq!(
        (&told["identitySource"], &told["headers"]["x-forwarded-for"]),
        (&json!(["127.0.0.1"]), &json!("127.0.0.1"))
    );
    assert_eq!(asked.times(), 1);
}

#[tokio::test]
async fn an_answer_of_one_stage_is_none_of_another() {
    let asked = Asked::default();
    let mut functions = Functions::default();
    let noted = asked.clone();
    functions.insert(
        "judge",
        native(move |call| {
            noted.times.fetch_add(1, Ordering::SeqCst);
            async move { Ok(json!({"isAuthorized": call.event["requestContext"]["stage"] == "dev"})) }
        }),
    );
    let text = format!(
        "[[api]]\nname = 'x'\n[api.stage.dev]\n[api.stage.prod]\n[api.authorizer.A]\ntype = 'REQUEST'\nfunction = 'judge'\n{SIMPLE}\
         [[api.route]]\nkey = 'GET /b'\nauthorizer = 'A'\nintegration = {{ respond = {{}} }}\n"
    );
    let town = written(&text, functions).await;
    for (path, status) in [("/dev/b", 200), ("/prod/b", 403), ("/dev/b", 200), ("/prod/b", 403)] {
        assert_eq!(town.ask("GET", path, &[("authorization", "me")]).await.status, status, "{path}");
    }
    assert_eq!(asked.times(), 2);
}

#[tokio::test]
async fn an_answer_can_end_with_its_token() {
    for (said, after) in [("", 1), ("result_ttl_ends_with_token = true\n", 2)] {
        let (town, asked) = asking(&format!("{SIMPLE}{said}"), |_| Ok(json!({"isAuthorized": true}))).await;
        let token = format!("Bearer {}", town.token(json!({"exp": NOW + 60})));
        let status = async |identity: &str| town.ask("GET", "/b", &[("authorization", identity)]).await.status;
        assert_eq!((status(&token).await, status(&token).await, asked.times()), (200, 200, 1));
        town.clock.advance(Duration::from_secs(59));
        assert_eq!((status(&token).await, asked.times()), (200, 1));
        town.clock.advance(Duration::from_secs(1));
        assert_eq!((status(&token).await, asked.times()), (200, after), "{said}");
        // What is no token counts for its whole time.
        assert_eq!((status("me").await, status("me").await, asked.times()), (200, 200, after + 1));
    }
}

#[tokio::test]
async fn the_route_key_as_an_identity_keeps_routes_apart() {
    let sources = "payload_format = '2.0'\nenable_simple_responses = true\n\
                   identity_source = ['$request.header.a', '$context.routeKey']\n";
    let (town, asked) = asking(sources, |event| Ok(json!({"isAuthorized": event["routeKey"] == "GET /b"}))).await;
    for (path, status) in [("/b", 200), ("/a/1", 403), ("/b", 200), ("/a/2", 403)] {
        assert_eq!(town.ask("GET", path, &[("a", "me")]).await.status, status, "{path}");
    }
    assert_eq!(asked.times(), 2);
}

#[tokio::test]
async fn identities_do_not_run_into_each_other() {
    let sources = "payload_format = '2.0'\nenable_simple_responses = true\n\
                   identity_source = ['$request.header.a', '$request.header.b']\n";
    let (town, asked) = asking(sources, |event| Ok(json!({"isAuthorized": event["headers"]["a"] == "x,y"}))).await;
    assert_eq!(town.ask("GET", "/b", &[("a", "x,y"), ("b", "z")]).await.status, 200);
    assert_eq!(town.ask("GET", "/b", &[("a", "x"), ("b", "y,z")]).await.status, 403);
    assert_eq!(asked.times(), 2);
}

#[test]
fn mistakes_in_lambda_authorizers_are_named() {
    let text = r#"
[[api]]
name = "x"
[api.authorizer.A]
type = "REQUEST"
function = "nobody"
result_ttl_in_seconds = 5
[api.authorizer.B]
type = "REQUEST"
function = "judge"
payload_format = "1.0"
enable_simple_responses = true
identity_source = ["$request.path.x", "$request.header."]
[api.authorizer.C]
type = "TOKEN"
[[api.route]]
key = "GET /"
authorizer = "B"
scopes = ["a"]
integration = { respond = {} }
"#;
    let mut functions = Functions::default();
    functions.insert("judge", native(|_| async { Ok(json!(null)) }));
    let mistakes = read(text, &functions).unwrap_err();
    for (mistake, expected) in mistakes.iter().zip([
        "4: `api.authorizer.A.payload_format` is required for REQUEST authorizers",
        "6: there is no function \"nobody\"",
        "7: `api.authorizer.A.result_ttl_in_seconds` needs an `identity_source`",
        "12: `api.authorizer.B.enable_simple_responses` goes with payload_format 2.0 only",
        "13: `api.authorizer.B.identity_source` must be one of",
        "13: `api.authorizer.B.identity_source` must be one of",
        "14: missing key",
        "14: missing key",
        "15: `api.authorizer.C.type` must be \"JWT\" or \"REQUEST\", found \"TOKEN\"",
        "16: the route \"GET /\" asks for scopes, which a function does not check",
    ]) {
        assert!(mistake.starts_with(expected), "{mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 10, "{mistakes:#?}");
}
