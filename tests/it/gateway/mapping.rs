//! Parameter mapping: what the configuration makes of requests and answers.

use axum::{Router, extract::Request, http::HeaderMap, response::IntoResponse};
use poolhouse::functions::native::native;

use super::*;

async fn echo(request: Request) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let headers: serde_json::Map<String, Value> = head
        .headers
        .keys()
        .map(|name| {
            let all = head.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
            (name.to_string(), all.collect::<Vec<_>>().into())
        })
        .collect();
    let mut answer = HeaderMap::new();
    answer.insert("x-secret", "inner".parse().unwrap());
    let told = json!({"method": head.method.as_str(), "uri": head.uri.to_string(), "headers": headers, "body": String::from_utf8_lossy(&body)});
    (answer, told.to_string())
}

async fn mapped(rules: &str) -> Town {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/{{id}}?fixed=1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    let text = format!(
        r#"
[[api]]
name = "x"
[api.stage."$default".stage_variables]
colour = "blue"
[api.authorizer.A]
type = "JWT"
issuer = "pool:{POOL}"
audience = ["{CLIENT}"]
[[api.route]]
key = "POST /in/{{id}}"
authorizer = "A"
[api.route.integration]
http = "{url}"
{rules}
"#
    );
    let mut functions = Functions::default();
    functions.insert("echo", native(|call| async move { Ok(call.event) }));
    written(&text, functions).await
}

async fn post(town: &Town, path: &str, lines: &str, body: &str) -> (Answer, Value) {
    let token = town.token(json!({"cognito:groups": ["a", "b"]}));
    let answer = town
        .raw(&format!(
            "POST {path} HTTP/1.1\r\nhost: front\r\nconnection: close\r\nauthorization: {token}\r\n{lines}content-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let told = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer, told)
}

#[tokio::test]
async fn requests_are_mapped_before_they_are_sent() {
    let town = mapped(
        r#"
[api.route.integration.request_parameters]
"append:header.x-id" = "$request.path.id"
"overwrite:header.x-sub" = "$context.authorizer.claims.sub"
"overwrite:header.x-groups" = "$context.authorizer.claims.cognito:groups"
"append:header.x-both" = "${request.header.X-One}-${stageVariables.colour}-${context.stage}"
"overwrite:header.x-body" = "$request.body.user.names[1]"
"remove:header.x-gone" = "''"
"append:querystring.q" = "$request.querystring.q"
"remove:querystring.drop" = "''"
"overwrite:querystring.who" = "$context.authorizer.claims.sub"
"#,
    )
    .await;
    let lines = "x-one: 1\r\nx-sub: forged\r\nx_sub: forged\r\nX-SUB: forged\r\nx-gone: 1\r\nx-id: 0\r\n";
    let body = r#"{"user":{"names":["a","b"]}}"#;
    let (answer, told) = post(&town, "/in/J%20D?q=1&drop=2&keep=%2F&who=me", lines, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(told["uri"], "/base/J%20D?fixed=1&q=1&keep=%2F&q=1&who=u");
    assert_eq!(told["body"], body);
    let headers = &told["headers"];
    assert_eq!(headers["x-id"], json!(["0", "J D"]));
    assert_eq!(headers["x-sub"], json!(["u"]));
    assert_eq!(headers["x-groups"], json!(["[a b]"]));
    assert_eq!(headers["x-both"], json!(["1-blue-$default"]));
    assert_eq!(headers["x-body"], json!(["b"]));
    assert!(headers.get("x-gone").is_none() && headers.get("x_sub").is_none(), "{headers}");
}

#[tokio::test]
async fn what_is_overwritten_with_nothing_is_taken_away() {
    let town = mapped("[api.route.integration.request_parameters]\n\"overwrite:header.x-tenant\" = \"$context.authorizer.claims.tenant\"\n").await;
    let (_, told) = post(&town, "/in/1", "x-tenant: forged\r\n", "").await;
    assert!(told["headers"].get("x-tenant").is_none(), "{told}");
}

#[tokio::test]
async fn a_mapped_path_goes_to_the_same_host_and_is_judged() {
    let town =
        mapped("[api.route.integration.request_parameters]\n\"overwrite:path\" = \"/moved/${request.header.x-to}\"\n")
            .await;
    let (_, told) = post(&town, "/in/1?a=1", "x-to: a b\r\n", "").await;
    assert_eq!(told["uri"], "/moved/a%20b?fixed=1&a=1");
    for to in ["../admin", "a/../b", "a?b", "a#b", "/x", "%2e%2e"] {
        let (answer, _) = post(&town, "/in/1", &format!("x-to: {to}\r\n"), "").await;
        assert_eq!(answer.status, 400, "{to}");
    }
    for to in ["@evil.example", ":80@evil.example", "http:evil"] {
        let (answer, told) = post(&town, "/in/1", &format!("x-to: {to}\r\n"), "").await;
        assert_eq!(answer.status, 200, "{to}");
        assert!(told["uri"].as_str().unwrap().starts_with("/moved/"), "{told}");
    }
}

/// It was judged and routed as it is, and decoded it would be another path.
#[tokio::test]
async fn a_parameter_in_a_mapped_path_stays_as_the_client_wrote_it() {
    let rules = "[api.route.integration.request_parameters]\n\"overwrite:path\" = \"/moved/${request.path.id}\"\n";
    let town = mapped(rules).await;
    for (segment, uri) in [("100%25", "/moved/100%25?fixed=1"), ("J%20D", "/moved/J%20D?fixed=1")] {
        let (answer, told) = post(&town, &format!("/in/{segment}"), "", "").await;
        assert_eq!((answer.status, &told["uri"]), (200, &json!(uri)));
    }
}

#[tokio::test]
async fn answers_are_mapped_by_their_status() {
    let town = mapped(
        r#"
[api.route.integration.response_parameters.200]
"overwrite:statuscode" = "203"
"remove:header.x-secret" = "''"
"append:header.x-was" = "$response.header.x-secret"
"overwrite:header.x-method" = "$response.body.method"
"append:header.x-request" = "$context.requestId"
[api.route.integration.response_parameters.500]
"append:header.x-never" = "1"
"#,
    )
    .await;
    let (answer, told) = post(&town, "/in/1", "", "").await;
    assert_eq!((answer.status, told["method"].as_str()), (203, Some("POST")));
    assert_eq!((answer.header("x-was"), answer.header("x-method")), (Some("inner"), Some("POST")));
    assert_eq!(answer.header("x-request"), answer.header("apigw-requestid"));
    assert!(answer.header("x-secret").is_none() && answer.header("x-never").is_none());
}

#[tokio::test]
async fn another_method_can_be_sent() {
    let town = mapped("method = \"PUT\"\n").await;
    assert_eq!(post(&town, "/in/1", "", "x").await.1["method"], "PUT");
}

#[test]
fn a_check_tells_every_rule_that_cannot_work() {
    let text = r#"
[[api]]
name = "x"
[api.stage.dev]
access_log_settings = { format = "$context.requestId $context.nope" }
[api.authorizer.A]
type = "REQUEST"
function = "judge"
payload_format = "2.0"
identity_source = "$context.nope"
[[api.route]]
key = "GET /"
[api.route.integration]
function = "${stageVariables.name}"
[api.route.integration.request_parameters]
"overwrite:header.authorization" = "x"
[api.route.integration.response_parameters.200]
"overwrite:statuscode" = "700"
"#;
    let mut functions = Functions::default();
    functions.insert("judge", native(|call| async move { Ok(call.event) }));
    let mut mistakes = poolhouse::gateway::mistakes(&read(text, &functions).unwrap().apis);
    config::Mistake::sort(&mut mistakes);
    let told: Vec<(usize, &str)> = mistakes.iter().map(|mistake| (mistake.at.line, mistake.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (5, "`$context.nope` names no $context variable"),
            (10, "`$context.nope` names no $context variable"),
            (14, "the stage `dev` has no variable `name`"),
            (16, "the header `authorization` is reserved: no mapping may change it"),
            (18, "`700` is not a status code from 200 to 599"),
        ]
    );
}

#[test]
fn rules_that_cannot_work_are_refused_at_the_start() {
    for (rules, message) in [
        ("request_parameters = { 'overwrite:header.authorization' = 'x' }", "is reserved"),
        ("request_parameters = { 'overwrite:header.x' = '$context.authoriser.sub' }", "names no $context variable"),
        ("request_parameters = { 'append:path' = '/x' }", "is no parameter to map"),
        ("request_parameters = { 'append:header.x' = '$response.header.x' }", "only an answer's parameters"),
        ("response_parameters.200 = { 'overwrite:statuscode' = '700' }", "is not a status code"),
    ] {
        let text = format!(
            "[[api]]\nname = 'x'\n[[api.route]]\nkey = 'GET /'\n[api.route.integration]\nrespond = {{}}\n{rules}\n"
        );
        let config = read(&text, &Functions::default()).unwrap();
        let key = SigningKey::generate().unwrap();
        let error = load(&config.apis, Functions::default(), &key, Clock::system()).err().unwrap().to_string();
        assert!(error.contains(message) && error.contains(":7: "), "{error}");
    }
}
