//! What REST APIs say in the place of the gateway's own words, and their own policies.

use poolhouse::functions::{FunctionError, native::native};

use super::*;

const API: &str = r#"
[[api]]
name = "x"
id = "abcdefghij"
protocol_type = "REST"
[api.stage.prod]
stage_variables = { site = "shop" }
[api.authorizer.A]
type = "TOKEN"
function = "judge"
identity_source = "method.request.header.Auth"
[api.authorizer.P]
type = "COGNITO_USER_POOLS"
pools = ["us-east-1_Example01"]
[[api.route]]
key = "GET /judged"
authorizer = "A"
integration = { respond = { body = "judged" } }
[[api.route]]
key = "GET /pool"
authorizer = "P"
integration = { respond = { body = "pool" } }
[[api.route]]
key = "GET /open"
integration = { respond = { body = "open" } }
[[api.route]]
key = "GET /broken"
integration = { function = "broken" }
[[api.route]]
key = "GET /slow"
integration = { function = "slow", timeout_in_millis = 50 }
[[api.route]]
key = "GET /nobody"
integration = { http = "http://127.0.0.1:9" }
"#;

/// What comes after belongs to the API itself, so it stands before its stages and routes.
async fn resting(settings: &str) -> Town {
    let mut functions = Functions::default();
    functions.insert("slow", native(|_| std::future::pending()));
    functions.insert("broken", native(|_| async { Ok(json!("shapeless")) }));
    functions.insert(
        "judge",
        native(|call| async move {
            let effect = match call.event["authorizationToken"].as_str() {
                Some("allow") => "Allow",
                Some("deny") => "Deny",
                // Speaks of another method only.
                Some("silent") => {
                    return Ok(json!({"principalId": "me", "policyDocument": {"Statement":
                        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*/POST/*"}}}));
                }
                Some("wrong") => return Ok(json!({})),
                _ => {
                    let (kind, message) = ("Error".into(), "Unauthorized".into());
                    return Err(FunctionError::Threw { kind, message, trace: Vec::new() });
                }
            };
            Ok(json!({"principalId": "me", "policyDocument": {"Statement":
                {"Effect": effect, "Action": "execute-api:Invoke", "Resource": "*"}}}))
        }),
    );
    let (head, rest) = API.split_once("[api.stage.prod]").unwrap();
    written(&format!("{head}{settings}\n[api.stage.prod]{rest}"), functions).await
}

const RESPONSES: &str = r#"
[api.gateway_response.UNAUTHORIZED]
status_code = 403
response_parameters = { "gatewayresponse.header.Access-Control-Allow-Origin" = "'*'", "gatewayresponse.header.x-site" = "stageVariables.site" }
response_templates = { "application/json" = '{"error":$context.error.messageString,"type":"$context.error.responseType"}', "text/plain" = "$context.error.message on $context.httpMethod ${x}" }
[api.gateway_response.DEFAULT_4XX]
response_parameters = { "gatewayresponse.header.Access-Control-Allow-Origin" = "method.request.header.origin" }
[api.gateway_response.INTEGRATION_TIMEOUT]
response_parameters = { "gatewayresponse.header.Access-Control-Allow-Origin" = "method.request.header.origin" }
response_templates = { "application/json" = '{"type":"$context.error.responseType"}' }
[api.gateway_response.DEFAULT_5XX]
status_code = 599
response_parameters = { "gatewayresponse.header.Access-Control-Allow-Origin" = "method.request.header.Origin" }
"#;

#[tokio::test]
async fn a_page_of_another_origin_can_read_a_refusal() {
    let town = resting(RESPONSES).await;
    let origin = ("origin", "https://app.example");
    let allowed = "access-control-allow-origin";
    let answer = town.ask("GET", "/prod/pool", &[origin]).await;
    assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"error":"Unauthorized","type":"UNAUTHORIZED"}"#));
    assert_eq!((answer.header(allowed), answer.header("x-site")), (Some("*"), Some("shop")));
    assert_eq!(answer.header("x-amzn-errortype"), Some("UnauthorizedException"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = town.ask("GET", "/prod/pool", &[("accept", "text/html, text/plain;q=0.5")]).await;
    assert_eq!((answer.body.as_str(), answer.header("content-type")), ("Unauthorized on GET ${x}", Some("text/plain")));
    // Without a response of its own the default of its class counts, and the usual body.
    let answer = town.ask("GET", "/prod/judged", &[("auth", "deny"), origin]).await;
    let usual = "User is not authorized to access this resource with an explicit deny in an identity-based policy";
    assert_eq!((answer.status, answer.body.as_str()), (403, format!(r#"{{"message":"{usual}"}}"#).as_str()));
    assert_eq!(answer.header(allowed), Some("https://app.example"));
    let answer = town.ask("GET", "/prod/nowhere", &[]).await;
    assert_eq!((answer.status, answer.header(allowed)), (403, None));
}

#[tokio::test]
async fn a_default_status_counts_for_every_type_of_its_class() {
    let town = resting(RESPONSES).await;
    for (path, token, body) in [
        ("/prod/broken", "", r#"{"message":"Internal server error"}"#),
        // The backend has the headers of the request already when it fails.
        ("/prod/nobody", "", r#"{"message":"Network error communicating with endpoint"}"#),
        // It has a response of its own, which says nothing of a status.
        ("/prod/slow", "", r#"{"type":"INTEGRATION_TIMEOUT"}"#),
        ("/prod/judged", "wrong", r#"{"message":null}"#),
    ] {
        let answer = town.ask("GET", path, &[("auth", token), ("origin", "https://app.example")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (599, body), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"), "{path}");
    }
    assert_eq!(town.ask("GET", "/prod/open", &[]).await.status, 200);
}

#[test]
fn a_gateway_response_that_cannot_be_is_named_with_its_line() {
    let text = r#"
[[api]]
name = "x"
protocol_type = "REST"
[api.gateway_response.UNAUTHORISED]
[api.gateway_response.REQUEST_TOO_LARGE]
[api.gateway_response.THROTTLED]
status_code = 600
response_parameters = { "header.x" = "'a'" }
[[api]]
name = "y"
[api.gateway_response.THROTTLED]
"#;
    let mistakes = read(text, &Functions::default()).unwrap_err().join("\n");
    for expected in [
        "5: `api.gateway_response` has no type \"UNAUTHORISED\" (did you mean `UNAUTHORIZED`?)",
        "6: `api.gateway_response` cannot change REQUEST_TOO_LARGE",
        "8: `api.gateway_response.THROTTLED.status_code` must be between 200 and 599",
        "9: `api.gateway_response.THROTTLED.response_parameters` must hold gatewayresponse.header.NAME",
        "12: `api.gateway_response` belongs to REST APIs",
    ] {
        assert!(mistakes.contains(expected), "{expected}\n{mistakes}");
    }
    for (value, expected) in [
        ("*", "`*` is neither a text in single quotes nor a part of the request"),
        ("context.nope", "`$context.nope` names no $context variable"),
        ("method.request.body.a", "`method.request.body.a` is neither"),
    ] {
        let text = format!(
            "[[api]]\nname = 'x'\nprotocol_type = 'REST'\n[api.gateway_response.THROTTLED]\n\
             response_parameters = {{ \"gatewayresponse.header.a\" = \"{value}\" }}\n"
        );
        let config = read(&text, &Functions::default()).unwrap();
        let said = poolhouse::gateway::mistakes(&config.apis);
        assert!(said[0].message.contains(expected), "{said:?}");
        assert_eq!(said[0].at.line, 5);
    }
}

const BLOCKS: &str = r#"
policy = '''{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/prod/GET/*"},
  {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
   "Condition": {"IpAddress": {"aws:SourceIp": ["127.0.0.0/8"]}, "StringLike": {"aws:UserAgent": "robot*"}}}
]}'''
"#;

#[tokio::test]
async fn a_policy_of_the_api_denies_before_anybody_is_asked() {
    let town = resting(BLOCKS).await;
    let robot = ("user-agent", "robot/1");
    for path in ["/prod/open", "/prod/pool", "/prod/judged"] {
        let answer = town.ask("GET", path, &[robot]).await;
        let arn = format!("arn:aws:execute-api:us-east-1:********9012:abcdefghij/prod/GET{}", &path[5..]);
        let message = format!(
            "User: anonymous is not authorized to perform: execute-api:Invoke on resource: {arn} \
             with an explicit deny in a resource-based policy"
        );
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (403, json!({"Message": message}).to_string().as_str()),
            "{path}"
        );
        assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"));
    }
    assert_eq!(town.ask("GET", "/prod/open", &[]).await.status, 200);
    assert_eq!(town.ask("GET", "/prod/pool", &[]).await.status, 401);
    assert_eq!(town.ask("GET", "/prod/nowhere", &[robot]).await.body, r#"{"message":"Missing Authentication Token"}"#);
}

/// Both decide: any denial denies, and what one of them allows is allowed. Only a function's answer is combined so.
#[tokio::test]
async fn policies_of_api_and_function_are_combined() {
    let allow = r#"
[[api.policy.Statement]]
Effect = "Allow"
Principal = { AWS = "*" }
Action = "execute-api:Invoke"
Resource = ["execute-api:/*"]
"#;
    let silent = allow.replace("execute-api:/*", "execute-api:/test/*");
    let (allowing, silent) = (resting(allow).await, resting(&silent).await);
    for (town, token, status) in [
        (&allowing, "allow", 200),
        (&allowing, "silent", 200),
        (&allowing, "deny", 403),
        (&allowing, "", 401),
        (&silent, "allow", 200),
        (&silent, "silent", 403),
        (&silent, "deny", 403),
    ] {
        assert_eq!(town.ask("GET", "/prod/judged", &[("auth", token)]).await.status, status, "{token}");
    }
    let token = allowing.token(json!({}));
    assert_eq!(allowing.get("/prod/pool", &token).await.status, 200);
    // Beside a pool, or nobody, the policy must allow the method itself; an unknown caller is refused first.
    let token = silent.token(json!({}));
    let answer = silent.get("/prod/pool", &token).await;
    assert!(
        answer.body.contains("because no resource-based policy allows the execute-api:Invoke action"),
        "{}",
        answer.body
    );
    assert_eq!((silent.get("/prod/open", "").await.status, silent.get("/prod/pool", "").await.status), (403, 401));
}

#[test]
fn a_policy_that_cannot_be_read_stops_the_start() {
    for (policy, expected) in [("'{'", "`api.policy` is not JSON"), ("7", "`api.policy` must be a string")] {
        let text = format!("[[api]]\nname = 'x'\nprotocol_type = 'REST'\npolicy = {policy}\n");
        let mistakes = read(&text, &Functions::default()).unwrap_err();
        assert!(mistakes[0].contains(expected), "{mistakes:?}");
    }
    let text = "[[api]]\nname = 'x'\nprotocol_type = 'REST'\npolicy = '{\"Statement\": [{\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\"}]}'\n";
    let config = read(text, &Functions::default()).unwrap();
    let said = poolhouse::gateway::mistakes(&config.apis);
    assert_eq!((said[0].at.line, said[0].message.as_str()), (4, "the policy has no Principal"));
    let text = "[[api]]\nname = 'x'\npolicy = '{}'\n";
    assert!(read(text, &Functions::default()).unwrap_err()[0].contains("`api.policy` belongs to REST APIs"));
}

#[tokio::test]
async fn a_fixed_answer_names_the_origins_that_it_is_for() {
    let text = r#"
[[api]]
name = "x"
protocol_type = "REST"
[[api.route]]
key = "OPTIONS /"
[api.route.integration.respond]
status = 204
headers = { access-control-allow-origin = "https://a.example" }
allow_origins = ["http://localhost:3000", "https://*.b.example"]
"#;
    let town = written(text, Functions::default()).await;
    for (asked, told) in [
        ("", "https://a.example"),
        ("https://a.example", "https://a.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://x.b.example", "https://x.b.example"),
        ("https://.b.example", "https://a.example"),
        ("https://xxbxexample", "https://a.example"),
        ("http://localhost:30001", "https://a.example"),
        ("HTTP://localhost:3000", "https://a.example"),
    ] {
        let lines: &[_] = if asked.is_empty() { &[] } else { &[("origin", asked)] };
        let answer = town.ask("OPTIONS", "/", lines).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some(told)), "{asked}");
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let told = read(&text.replace("http://localhost:3000", ""), &Functions::default()).unwrap_err();
    assert!(told[0].contains("`api.route.integration.respond.allow_origins` must hold origins"), "{told:?}");
}

/// Who passes the authorizer must bring what the method asks for.
#[tokio::test]
async fn parameters_that_a_method_requires_must_be_there() {
    let town = resting(
        "[[api.route]]\nkey = 'GET /asked/{id}'\nauthorizer = 'A'\nintegration = { respond = { body = 'in' } }\n\
         required_parameters = ['querystring.q', 'header.X-A', 'path.id']\n",
    )
    .await;
    let missing = |names: &str| format!(r#"{{"message":"Missing required request parameters: [{names}]"}}"#);
    for (path, auth, header, status, body) in [
        ("/prod/asked/1?q=1", "allow", "a", 200, "in".to_owned()),
        ("/prod/asked/1?q=", "allow", "a", 400, missing("q")),
        ("/prod/asked/1", "allow", "%20", 400, missing("q")),
        ("/prod/asked/1?Q=1", "allow", "", 400, missing("q, X-A")),
        ("/prod/asked/1", "nobody", "a", 401, r#"{"message":"Unauthorized"}"#.to_owned()),
    ] {
        let answer = town.ask("GET", path, &[("auth", auth), ("x-a", header)]).await;
        assert_eq!((answer.status, &answer.body), (status, &body), "{path}");
        if status == 400 {
            assert_eq!(answer.header("x-amzn-errortype"), Some("BadRequestException"));
        }
    }
    let wrong = "[[api]]\nname = 'x'\nprotocol_type = 'REST'\n[[api.route]]\nkey = 'GET /'\nrequired_parameters = ['body.x']\n\
                 integration = { respond = {} }\n";
    let told = read(wrong, &Functions::default()).unwrap_err();
    assert!(told[0].contains("must hold header.NAME, querystring.NAME or path.NAME, found \"body.x\""), "{told:?}");
    let told = read(&wrong.replace("protocol_type = 'REST'\n", ""), &Functions::default()).unwrap_err();
    assert!(told[0].contains("`api.route.required_parameters` belongs to REST APIs"), "{told:?}");
}

/// Routes see no difference between a letter and its encoding, and what a policy forbids must not either.
#[tokio::test]
async fn a_policy_sees_through_the_encoding_of_a_letter() {
    let town = resting(
        r#"
policy = '''{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
  {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/prod/GET/open"}
]}'''
"#,
    )
    .await;
    for path in ["/prod/open", "/prod/%6fpen", "/prod/op%65n", "/%70rod/%6Fpen"] {
        assert_eq!(town.ask("GET", path, &[]).await.status, 403, "{path}");
    }
    assert_eq!(town.ask("GET", "/prod/pool", &[]).await.status, 401);
}
