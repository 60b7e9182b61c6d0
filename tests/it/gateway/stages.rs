//! Where an API begins: stages, stage variables, custom domains and the closed default endpoint.

use poolhouse::functions::native::native;

use super::*;

fn echo() -> Functions {
    let mut functions = Functions::default();
    functions.insert("echo", native(|call| async move { Ok(call.event) }));
    functions.insert("echo-dev", native(|_| async { Ok(json!("dev")) }));
    functions
}

const STAGED: &str = r#"
[[api]]
name = "staged"
id = "abcdefghij"
[api.stage.api.stage_variables]
suffix = ""
colour = "blue"
[api.stage.dev.stage_variables]
suffix = "-dev"
[[api.route]]
key = "GET /hello"
integration = { function = "echo${stageVariables.suffix}" }
"#;

#[tokio::test]
async fn a_named_stage_is_the_first_segment_and_stays_in_the_raw_path() {
    let town = written(STAGED, echo()).await;
    let event: Value = serde_json::from_str(&town.get("/api/hello?a=1", "").await.body).unwrap();
    assert_eq!(event["rawPath"], "/api/hello");
    assert_eq!(event["requestContext"]["http"]["path"], "/api/hello");
    assert_eq!(event["requestContext"]["stage"], "api");
    assert_eq!(event["stageVariables"], json!({"suffix": "", "colour": "blue"}));
    // Without `$default` there is nothing at the root, and no other method or path in the stage.
    for (method, path) in [
        ("GET", "/hello"),
        ("GET", "/api/nope"),
        ("GET", "/api"),
        ("POST", "/api/hello"),
        ("GET", "/API/hello"),
        ("GET", "/$default/hello"),
    ] {
        let answer = town.ask(method, path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"message":"Not Found"}"#), "{method} {path}");
    }
    let named = town.get("/_apis/staged/api/hello", "").await;
    assert_eq!(serde_json::from_str::<Value>(&named.body).unwrap()["rawPath"], "/api/hello");
    let hosted = town.ask("GET", "/api/hello", &[("host", "abcdefghij.execute-api.localhost")]).await;
    assert_eq!(hosted.status, 200);
}

#[tokio::test]
async fn stage_variables_choose_what_answers() {
    let town = written(STAGED, echo()).await;
    assert_eq!(town.get("/dev/hello", "").await.body, "dev");
    let absent = STAGED.replace("suffix = \"-dev\"", "colour = \"red\"");
    let config = read(&absent, &echo()).unwrap();
    let error =
        load(&config.apis, echo(), &SigningKey::generate().unwrap(), Clock::system()).err().unwrap().to_string();
    assert!(error.ends_with("the stage `dev` has no variable `suffix`"), "{error}");
}

#[tokio::test]
async fn a_stage_named_like_a_first_segment_goes_before_the_routes_of_the_default_stage() {
    let text = r#"
[[api]]
name = "x"
[api.stage."$default"]
[api.stage.pets]
[[api.route]]
key = "GET /pets/dog"
integration = { respond = { body = "full" } }
[[api.route]]
key = "GET /dog"
integration = { respond = { body = "short" } }
"#;
    let town = written(text, Functions::default()).await;
    assert_eq!(town.get("/pets/dog", "").await.body, "short");
    assert_eq!(town.get("/dog", "").await.body, "short");
    assert_eq!(town.get("/pets/pets/dog", "").await.body, "full");
}

const DOMAINS: &str = r#"
[[api]]
name = "one"
disable_execute_api_endpoint = true
[[api.route]]
key = "GET /a"
integration = { function = "echo" }
[[api]]
name = "two"
[api.stage.v2]
[[api.route]]
key = "GET /a"
integration = { respond = { body = "two" } }
[[domain]]
name = "api.example.com"
[[domain.mapping]]
api = "one"
[[domain.mapping]]
api = "two"
stage = "v2"
api_mapping_key = "second/one"
"#;

#[tokio::test]
async fn a_custom_domain_leads_to_the_api_of_its_longest_key() {
    let town = written(DOMAINS, echo()).await;
    for host in ["api.example.com", "API.Example.com:9230", "api.example.com."] {
        let event: Value = serde_json::from_str(&town.ask("GET", "/a", &[("host", host)]).await.body).unwrap();
        assert_eq!((&event["rawPath"], &event["requestContext"]["stage"]), (&json!("/a"), &json!("$default")));
        assert_eq!(town.ask("GET", "/second/one/a", &[("host", host)]).await.body, "two");
        for path in ["/second/onea", "/second/one", "/v2/a"] {
            assert_eq!(town.ask("GET", path, &[("host", host)]).await.status, 404, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn a_disabled_endpoint_answers_at_its_domains_only() {
    let town = written(DOMAINS, echo()).await;
    for path in ["/a", "/_apis/one/a", "/nope"] {
        let answer = town.get(path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"message":"Forbidden"}"#), "{path}");
    }
    assert_eq!(town.get("/_apis/two/v2/a", "").await.body, "two");
    // Neither an address nor what is like the domain is the domain.
    for host in [
        "127.0.0.1",
        "127.0.0.1:9230",
        "[::1]",
        "[::1]:9230",
        "0x7f000001",
        "2130706433",
        "api.example.com..",
        "api.example.com.evil.example",
        "xapi.example.com",
        "api.example.com:9230.evil.example",
        "evil.example:api.example.com",
    ] {
        let answer = town.ask("GET", "/a", &[("host", host)]).await;
        assert!([400, 403].contains(&answer.status), "{host} {}", answer.head);
    }
    for host in
        ["api.example.com@evil.example", "evil.example@api.example.com", "api.example.com/", "api.example.com evil"]
    {
        let answer = town.ask("GET", "/a", &[("host", host)]).await;
        assert!([400, 403, 404].contains(&answer.status), "{host} {}", answer.head);
    }
}

#[test]
fn mistakes_in_stages_and_domains_are_named() {
    let text = r#"
[[api]]
name = "x"
[api.stage."a b"]
stage_variables = { "a-b" = "1", c = "ä" }
[api.stage.dev]
default_route_settings = { throttling_rate_limit = 1 }
route_settings."GET /b" = { throttling_rate_limit = 1, throttling_burst_limit = 1 }
access_log_settings = { format = "$context.status" }
[[api.route]]
key = "GET /a"
integration = { respond = {} }
[[domain]]
name = "a_b"
[[domain.mapping]]
api = "y"
api_mapping_key = "/v1"
[[domain.mapping]]
api = "x"
stage = "prod"
"#;
    assert_eq!(
        read(text, &Functions::default()).unwrap_err(),
        [
            "4: `api.stage` must be $default or up to 128 letters, digits, hyphens and underscores, found \"a b\"",
            "5: `api.stage.a b.stage_variables.a-b` must have a name of letters, digits and underscores",
            "5: `api.stage.a b.stage_variables.c` must hold only letters, digits and -._~:/?#&=,",
            "7: `api.stage.dev.default_route_settings.throttling_rate_limit` goes with both a rate and a burst",
            "8: `api.stage.route_settings` names no route: \"GET /b\" (did you mean `GET /a`?)",
            "9: `api.stage.dev.access_log_settings.format` must contain $context.requestId",
            "14: `domain.name` must be a host such as api.example.com, found \"a_b\"",
            "16: there is no API \"y\" (did you mean `x`?)",
            "17: `domain.mapping.api_mapping_key` must be path segments of letters, digits and $-_.+!*'(), found \"/v1\"",
            "20: there is no stage \"prod\" of the API x",
        ]
    );
}
