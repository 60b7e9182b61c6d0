//! How often a route may be called, and how long its integration may take.

use std::sync::atomic::{AtomicUsize, Ordering};

use poolhouse::functions::native::native;

use super::*;

#[tokio::test]
async fn a_route_has_a_bucket_of_its_own_that_refills() {
    let text = r#"
[[api]]
name = "x"
[api.stage."$default"]
default_route_settings = { throttling_rate_limit = 1.0, throttling_burst_limit = 2 }
route_settings."GET /often" = { throttling_rate_limit = 100, throttling_burst_limit = 100 }
route_settings."GET /never" = { throttling_rate_limit = 0, throttling_burst_limit = 0 }
[api.authorizer.A]
type = "JWT"
issuer = "pool:us-east-1_Example01"
audience = ["1example23456789abcdefghij"]
[[api.route]]
key = "GET /a"
integration = { respond = {} }
[[api.route]]
key = "GET /b"
authorizer = "A"
integration = { respond = {} }
[[api.route]]
key = "GET /often"
integration = { respond = {} }
[[api.route]]
key = "GET /never"
integration = { respond = {} }
"#;
    let town = written(text, Functions::default()).await;
    let status = async |path: &str| town.get(path, "").await.status;
    assert_eq!((status("/a").await, status("/a").await), (200, 200));
    let answer = town.get("/a", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (429, r#"{"message":"Too Many Requests"}"#));
    // Refused tokens count as well, and one route does not count for another.
    assert_eq!((status("/b").await, status("/b").await, status("/b").await), (401, 401, 429));
    for _ in 0..5 {
        assert_eq!((status("/often").await, status("/never").await), (200, 429));
    }
    town.clock.advance(Duration::from_secs(1));
    assert_eq!((status("/a").await, status("/a").await), (200, 429));
}

/// A browser's question takes nothing from the bucket, and what finds no route is not found before anybody counts.
#[tokio::test]
async fn a_preflight_is_answered_before_the_bucket_is_asked() {
    let text = "[[api]]\nname = 'x'\ncors_configuration = { allow_origins = ['*'] }\n[api.stage.'$default']\n\
                default_route_settings = { throttling_rate_limit = 0, throttling_burst_limit = 0 }\n\
                [[api.route]]\nkey = 'GET /a'\nintegration = { respond = {} }\n";
    let town = written(text, Functions::default()).await;
    let lines = [("origin", "https://a.example"), ("access-control-request-method", "GET")];
    for (method, path, status) in [("OPTIONS", "/a", 204), ("GET", "/a", 429), ("GET", "/nowhere", 404)] {
        let answer = town.ask(method, path, &lines).await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (status, Some("*")),
            "{method} {path}"
        );
    }
}

#[test]
fn times_have_the_services_bounds() {
    let text = |protocol: &str, millis: u32, ttl: u32| {
        format!(
            "[[api]]\nname = 'x'\nprotocol_type = '{protocol}'\n[api.authorizer.A]\ntype = 'REQUEST'\nfunction = 'judge'\n\
             identity_source = '{}'\nresult_ttl_in_seconds = {ttl}\n{}[[api.route]]\nkey = 'GET /a'\n\
             integration = {{ respond = {{}}, timeout_in_millis = {millis} }}\n",
            if protocol == "HTTP" { "$request.header.a" } else { "method.request.header.a" },
            if protocol == "HTTP" { "payload_format = '2.0'\n" } else { "" },
        )
    };
    let mut functions = Functions::default();
    functions.insert("judge", native(|_| async { Ok(json!(null)) }));
    for (protocol, longest) in [("HTTP", 30_000), ("REST", 29_000)] {
        for (millis, ttl, mistakes) in [(50, 0, 0), (longest, 3600, 0), (49, 3601, 2), (longest + 1, 3600, 1)] {
            let found = read(&text(protocol, millis, ttl), &functions).err().unwrap_or_default();
            assert_eq!(found.len(), mistakes, "{protocol} {millis} {ttl} {found:?}");
        }
        let config =
            read(&text(protocol, longest, 0).replace(&format!(", timeout_in_millis = {longest}"), ""), &functions);
        assert_eq!(config.unwrap().apis[0].routes[0].timeout_in_millis, longest, "{protocol}");
    }
}

#[tokio::test]
async fn an_account_has_a_bucket_for_all_routes_together() {
    let text = r#"
[gateway]
account_throttle = { throttling_rate_limit = 1.0, throttling_burst_limit = 3 }
[[api]]
name = "x"
[api.stage."$default"]
route_settings."GET /never" = { throttling_rate_limit = 0, throttling_burst_limit = 0 }
[[api.route]]
key = "GET /a"
integration = { respond = {} }
[[api.route]]
key = "GET /never"
integration = { respond = {} }
[[api]]
name = "y"
[[api.route]]
key = "GET /b"
integration = { respond = {} }
"#;
    let town = written(text, Functions::default()).await;
    let status = async |path: &str| town.get(path, "").await.status;
    // What finds no route takes nothing, and what its route's own bucket refuses has taken one.
    assert_eq!((status("/nothing").await, status("/a").await, status("/never").await), (404, 200, 429));
    assert_eq!((status("/_apis/y/b").await, status("/_apis/y/b").await), (200, 429));
    let answer = town.get("/a", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (429, r#"{"message":"Too Many Requests"}"#));
    town.clock.advance(Duration::from_secs(1));
    assert_eq!((status("/a").await, status("/a").await), (200, 429));
}

#[tokio::test]
async fn an_integration_that_takes_too_long_is_unavailable() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut functions = Functions::default();
    let count = Arc::clone(&calls);
    functions.insert(
        "slow",
        native(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        }),
    );
    // A backend that takes the connection and never says anything.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!(
        "[[api]]\nname = 'x'\n[[api.route]]\nkey = 'GET /f'\nintegration = {{ function = 'slow', timeout_in_millis = 100 }}\n\
         [[api.route]]\nkey = 'GET /h'\nintegration = {{ http = 'http://{}', timeout_in_millis = 100 }}\n",
        listener.local_addr().unwrap()
    );
    let town = written(&text, functions).await;
    for path in ["/f", "/h"] {
        let answer = town.get(path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"message":"Service Unavailable"}"#), "{path}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn settings_of_a_route_that_limit_nothing_leave_the_stages_limit() {
    let text = "[[api]]\nname = 'x'\n[api.stage.'$default']\n\
                default_route_settings = { throttling_rate_limit = 1, throttling_burst_limit = 1 }\n\
                route_settings.'GET /a' = {}\n\
                [[api.route]]\nkey = 'GET /a'\nintegration = { respond = {} }\n";
    let town = written(text, Functions::default()).await;
    let statuses = (town.get("/a", "").await.status, town.get("/a", "").await.status);
    assert_eq!(statuses, (200, 429));
}
