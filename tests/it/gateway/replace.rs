//! Another set of APIs while the gateway serves.

use std::sync::atomic::{AtomicUsize, Ordering};

use poolhouse::{config::api::Deployed, functions::native::native};

use super::*;

const THROTTLED: &str = r#"
[[api]]
name = "x"
[api.stage."$default"]
default_route_settings = { throttling_rate_limit = 1.0, throttling_burst_limit = 2 }
[api.authorizer.L]
type = "REQUEST"
payload_format = "2.0"
enable_simple_responses = true
function = "who"
identity_source = ["$request.header.authorization"]
result_ttl_in_seconds = 300
[[api.route]]
key = "GET /a"
integration = { respond = { body = "old" } }
[[api.route]]
key = "GET /l"
authorizer = "L"
integration = { respond = { body = "in" } }
[[api.route]]
key = "GET /slow"
integration = { function = "slow" }
"#;

fn asked(calls: &Arc<AtomicUsize>) -> Arc<dyn poolhouse::functions::Function> {
    let calls = Arc::clone(calls);
    native(move |_| {
        calls.fetch_add(1, Ordering::SeqCst);
        async { Ok(json!({"isAuthorized": true})) }
    })
}

#[tokio::test]
async fn what_did_not_change_keeps_its_throttle_and_its_answers() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut functions = Functions::default();
    functions.insert("who", asked(&calls));
    functions.insert("slow", native(|_| async { Ok(json!({})) }));
    let config = read(THROTTLED, &functions).unwrap();
    let town = town_with(&config.apis, &[], &config.gateway, functions.clone()).await;
    let status = async |path: &str| town.get(path, "x").await.status;
    assert_eq!((status("/a").await, status("/a").await, status("/l").await), (200, 200, 200));

    let changed = THROTTLED.replace("\"old\"", "\"new\"");
    let next = read(&changed, &functions).unwrap();
    town.gateway.replace(&next.apis, &[], Arc::new(functions.clone())).unwrap();
    assert_eq!((status("/a").await, status("/l").await, status("/l").await), (429, 200, 429));
    assert_eq!(calls.load(Ordering::SeqCst), 1, "the answer is remembered");
    town.clock.advance(Duration::from_secs(1));
    assert_eq!(town.get("/a", "").await.body, "new");

    // Another limit is another bucket, and another function is asked itself.
    functions.insert("who", asked(&calls));
    let next = read(&changed.replace("burst_limit = 2", "burst_limit = 3"), &functions).unwrap();
    town.gateway.replace(&next.apis, &[], Arc::new(functions)).unwrap();
    assert_eq!((status("/a").await, status("/a").await, status("/l").await), (200, 200, 200));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn requests_under_way_end_as_they_began_and_a_wrong_set_changes_nothing() {
    let (began, wait) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let mut functions = Functions::default();
    let (told, held) = (Arc::clone(&began), Arc::clone(&wait));
    functions.insert(
        "slow",
        native(move |_| {
            let (told, held) = (Arc::clone(&told), Arc::clone(&held));
            async move {
                told.notify_one();
                held.notified().await;
                Ok(json!("late"))
            }
        }),
    );
    functions.insert("who", native(|_| async { Ok(json!({"isAuthorized": true})) }));
    let config = read(THROTTLED, &functions).unwrap();
    let town = Arc::new(town_with(&config.apis, &[], &config.gateway, functions.clone()).await);
    let asking = Arc::clone(&town);
    let slow = tokio::spawn(async move { asking.get("/slow", "").await });
    began.notified().await;

    let missing = town.gateway.replace(&config.apis, &[], Arc::default()).unwrap_err().to_string();
    assert!(missing.contains("there is no function `who`"), "{missing}");
    assert_eq!(town.get("/a", "").await.body, "old");

    town.gateway.replace(&[], &[], Arc::default()).unwrap();
    assert_eq!(town.get("/a", "").await.status, 404);
    wait.notify_one();
    let late = slow.await.unwrap();
    assert_eq!((late.status, late.body.as_str()), (200, "late"));
}

#[tokio::test]
async fn a_stage_serves_what_was_deployed_to_it() {
    let mut api = api(Issuer::Pool(POOL.into()), vec![route("GET /a", false, &[], fixed("now"))]);
    let mut stage = api.stages["$default"].clone();
    let routes = vec![route("GET /b", false, &[], fixed("then")), route("GET /a", false, &[], fixed("before"))];
    stage.deployed = Some(Arc::new(Deployed { authorizers: BTreeMap::new(), routes }));
    api.stages.insert("frozen".into(), stage.clone());
    stage.deployed = Some(Arc::default());
    api.stages.insert("empty".into(), stage);
    let town = town(vec![api], Functions::default()).await;
    for (path, status, body) in [("/a", 200, "now"), ("/b", 404, ""), ("/frozen/a", 200, "before")] {
        let answer = town.get(path, "").await;
        assert_eq!(answer.status, status, "{path}");
        assert!(body.is_empty() || answer.body == body, "{path}: {}", answer.body);
    }
    assert_eq!(town.get("/frozen/b", "").await.body, "then");
    assert_eq!(town.get("/empty/a", "").await.status, 404);
    assert_eq!(town.get("/_apis/abcdefghij/a", "").await.body, "now");
}
