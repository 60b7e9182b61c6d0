//! The gateway serves what calls have made: at once, after a restart, and at other instances.

use super::*;

/// An API with an open route, one of the JWT authorizer with a scope that nobody has, one without, and one of the function `who`.
async fn guarded(house: &House) -> String {
    let api = house.api().await;
    let target = house.hello(&api).await;
    let jwt = house.done("POST", &format!("{api}/authorizers"), jwt()).await["authorizerId"].clone();
    let lambda = house.done("POST", &format!("{api}/authorizers"), lambda()).await["authorizerId"].clone();
    for (key, more) in [
        ("GET /open", json!({})),
        ("GET /jwt", json!({"authorizationType": "JWT", "authorizerId": jwt})),
        ("GET /scoped", json!({"authorizationType": "JWT", "authorizerId": jwt, "authorizationScopes": ["nobody"]})),
        ("GET /who", json!({"authorizationType": "CUSTOM", "authorizerId": lambda})),
        ("GET /nothing", json!({"target": ""})),
    ] {
        let mut given = json!({"routeKey": key, "target": target});
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        house.done("POST", &format!("{api}/routes"), given).await;
    }
    house.done("POST", &format!("{api}/stages"), json!({"stageName": "$default", "autoDeploy": true})).await;
    api.rsplit('/').next().unwrap().to_owned()
}

async fn answers(house: &House, id: &str, token: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (path, authorization) in [
        ("open", ""),
        ("jwt", ""),
        ("jwt", token),
        ("scoped", token),
        ("who", "ann"),
        ("who", "bob"),
        ("who", ""),
        ("nothing", ""),
    ] {
        statuses.push(house.get("localhost", &format!("/_apis/{id}/{path}"), authorization).await.status);
    }
    statuses
}

const EXPECTED: [u16; 8] = [200, 401, 200, 403, 200, 403, 401, 500];

#[tokio::test]
async fn what_calls_have_made_is_served_at_once_and_after_a_restart() {
    for house in houses().await {
        let id = guarded(&house).await;
        let token = house.token().await;
        assert_eq!(answers(&house, &id, &token).await, EXPECTED);
        assert_eq!(house.get(&format!("{id}.execute-api.localhost"), "/open", "").await.body, "hello");
        // The file's API stays the one that answers where nothing names an API.
        assert_eq!(house.get("localhost", "/written", "").await.body, "from the file");
        let house = house.again(TOWN).await;
        assert_eq!(answers(&house, &id, &token).await, EXPECTED);
    }
}

#[tokio::test]
async fn a_function_that_is_gone_takes_only_its_routes_down() {
    for house in houses().await {
        let id = guarded(&house).await;
        let token = house.token().await;
        let without = TOWN.replace("[function.who]\nscript = \"who.js\"\n", "");
        let house = house.again(&without).await;
        assert_eq!(answers(&house, &id, &token).await, [200, 401, 200, 403, 500, 500, 500, 500]);
        // And a file that takes the API's id wins.
        let taken = TOWN.replace("id = \"written123\"", &format!("id = \"{id}\""));
        let house = house.again(&taken).await;
        assert_eq!(house.get("localhost", &format!("/_apis/{id}/written"), "").await.body, "from the file");
        assert_eq!(house.get("localhost", &format!("/_apis/{id}/open"), "").await.status, 404);
    }
}

#[tokio::test]
async fn another_instance_sees_a_change_within_a_second() {
    for house in houses().await {
        if !house.is_shared() {
            continue;
        }
        let other = house.beside().await;
        let id = guarded(&house).await;
        tokio::time::sleep(Duration::from_millis(1000)).await;
        assert_eq!(other.get("localhost", &format!("/_apis/{id}/open"), "").await.status, 200);
        other.done("DELETE", &format!("/v2/apis/{id}"), Value::Null).await;
        tokio::time::sleep(Duration::from_millis(1000)).await;
        assert_eq!(house.get("localhost", &format!("/_apis/{id}/open"), "").await.status, 404);
    }
}

#[tokio::test]
async fn answers_of_authorizers_are_kept_until_they_are_reset() {
    for house in houses().await {
        let id = guarded(&house).await;
        let path = format!("/_apis/{id}/who");
        let status = async || house.get("localhost", &path, "dice").await.status;
        let first = status().await;
        for _ in 0..10 {
            assert_eq!(status().await, first, "the answer is remembered");
        }
        // Asked again, the function throws its dice again.
        let mut others = 0;
        for _ in 0..64 {
            house.done("DELETE", &format!("/v2/apis/{id}/stages/%24default/cache/authorizers"), Value::Null).await;
            others += u32::from(status().await != first);
            if others > 0 {
                break;
            }
        }
        assert!(others > 0, "nothing was forgotten");
    }
}

#[tokio::test]
async fn changes_at_once_lose_nothing() {
    for house in houses().await {
        let api = house.api().await;
        house.done("POST", &format!("{api}/stages"), json!({"stageName": "$default", "autoDeploy": true})).await;
        let id = api.rsplit('/').next().unwrap().to_owned();
        let target = house.hello(&api).await;
        let other = if house.is_shared() { Some(house.beside().await) } else { None };
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..24 {
            let at = other.as_ref().filter(|_| number % 2 == 0).map_or(house.main, |other| other.main);
            let (path, given) =
                (format!("{api}/routes"), json!({"routeKey": format!("GET /r{number}"), "target": target}));
            tasks.spawn(async move { call(at, "POST", &path, given).await.status });
        }
        assert_eq!(tasks.join_all().await, [201; 24]);
        tokio::time::sleep(Duration::from_millis(1000)).await;
        for number in 0..24 {
            assert_eq!(house.get("localhost", &format!("/_apis/{id}/r{number}"), "").await.status, 200, "{number}");
        }
        let deployments = house.done("GET", &format!("{api}/deployments"), Value::Null).await;
        assert_eq!(deployments["items"].as_array().unwrap().len(), 1, "old automatic ones are forgotten");
    }
}

/// A change takes the deployment away that another look has just heard of.
#[tokio::test]
async fn an_api_is_served_all_the_time_that_it_changes() {
    for house in houses().await {
        let api = house.api().await;
        let id = api.rsplit('/').next().unwrap().to_owned();
        let target = house.hello(&api).await;
        house.done("POST", &format!("{api}/stages"), json!({"stageName": "$default", "autoDeploy": true})).await;
        house.done("POST", &format!("{api}/routes"), json!({"routeKey": "GET /same", "target": target})).await;
        let other = if house.is_shared() { Some(house.beside().await) } else { None };
        let mains = [house.main, other.as_ref().map_or(house.main, |other| other.main)];
        let mut tasks = tokio::task::JoinSet::new();
        for (caller, main) in mains.into_iter().cycle().take(6).enumerate() {
            let routes = format!("{api}/routes");
            tasks.spawn(async move {
                for number in 0..6 {
                    let given = json!({"routeKey": format!("GET /r{caller}/{number}")});
                    assert_eq!(call(main, "POST", &routes, given).await.status, 201);
                }
            });
        }
        let path = format!("/_apis/{id}/same");
        while !tasks.is_empty() {
            assert_eq!(house.get("localhost", &path, "").await.status, 200);
            while let Some(ended) = tasks.try_join_next() {
                ended.unwrap();
            }
        }
        assert_eq!(house.get("localhost", &path, "").await.status, 200);
    }
}

/// Whoever looks after the server asks its main listener, at these paths and no others; at the gateway they are paths like any.
#[tokio::test]
async fn a_health_check_is_one_path_of_the_main_listener() {
    let guarded = format!(
        "[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\naudience = ['{CLIENT}']\n[[api.route]]\nkey = 'ANY /{{proxy+}}'\n\
         authorizer = 'A'\nintegration = {{ respond = {{ body = 'inside' }} }}\n[[domain]]"
    );
    let text = TOWN.replace("[[domain]]", &guarded);
    let mut databases = vec![None];
    databases.extend(crate::store::fresh_schema().await.map(Some));
    for database in databases {
        let house = House::open(&text, database).await;
        for agent in ["GoogleHC/1.0", "kube-probe/1.33", "ELB-HealthChecker/2.0"] {
            let asked = async |address: SocketAddr, path: &str| {
                let head = format!(
                    "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nuser-agent: {agent}\r\n\r\n"
                );
                ask(address, &head).await
            };
            for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
                let answer = asked(house.main, path).await;
                assert_eq!((answer.status, &*answer.body), (200, body), "{path}");
                let answer = asked(house.gate, path).await;
                assert_eq!((answer.status, &*answer.body), (401, r#"{"message":"Unauthorized"}"#), "{agent} {path}");
            }
            for path in [
                "/healthz/",
                "/healthz/v2/apis",
                "/HEALTHZ",
                "/healthz%2Fv2",
                "/v2/apis?path=/healthz",
                "/healthz/../v2/apis",
            ] {
                let answer = asked(house.main, path).await;
                assert!(answer.status != 200, "{agent} {path} {answer:?}");
                assert_ne!(asked(house.gate, path).await.status, 200, "{agent} {path}");
            }
        }
    }
}
