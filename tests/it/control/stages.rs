//! Stages and deployments.

use super::*;

#[tokio::test]
async fn a_stage_serves_its_deployment_and_nothing_that_came_later() {
    for house in houses().await {
        let api = house.api().await;
        let id = api.rsplit('/').next().unwrap().to_owned();
        let at = |path: &str| format!("/_apis/{id}{path}");
        let target = house.hello(&api).await;
        house.is_bad("POST", &format!("{api}/deployments"), json!({}), "At least one route").await;
        house.done("POST", &format!("{api}/routes"), json!({"routeKey": "GET /a", "target": target})).await;

        // Neither a deployment nor automatic ones: nothing is served.
        let made = house.done("POST", &format!("{api}/stages"), json!({"stageName": "test"})).await;
        assert_eq!((&made["autoDeploy"], made.get("deploymentId")), (&json!(false), None));
        assert_eq!(house.get("localhost", &at("/test/a"), "").await.status, 404);

        let first = house
            .done("POST", &format!("{api}/deployments"), json!({"stageName": "test", "description": "first"}))
            .await;
        assert_eq!((&first["autoDeployed"], &first["deploymentStatus"]), (&json!(false), &json!("DEPLOYED")));
        let first = first["deploymentId"].as_str().unwrap().to_owned();
        assert_eq!(house.get("localhost", &at("/test/a"), "").await.body, "hello");
        house.done("POST", &format!("{api}/routes"), json!({"routeKey": "GET /b", "target": target})).await;
        assert_eq!(house.get("localhost", &at("/test/b"), "").await.status, 404, "not deployed");
        let second = house.done("POST", &format!("{api}/deployments"), json!({})).await["deploymentId"].clone();
        let stage = format!("{api}/stages/test");
        let moved = house.done("PATCH", &stage, json!({"deploymentId": second})).await;
        assert_eq!(moved["deploymentId"], second);
        assert!(moved["lastDeploymentStatusMessage"].as_str().unwrap().starts_with("Successfully deployed"));
        assert_eq!(house.get("localhost", &at("/test/b"), "").await.status, 200);
        // And back.
        house.done("PATCH", &stage, json!({"deploymentId": first})).await;
        assert_eq!(house.get("localhost", &at("/test/b"), "").await.status, 404);

        let path = format!("{api}/deployments/{first}");
        house.is_bad("DELETE", &path, Value::Null, "Active stages").await;
        let described = house.done("PATCH", &path, json!({"description": "changed"})).await;
        assert_eq!(house.done("GET", &path, Value::Null).await, described);
        assert_eq!(described["description"], "changed");
        let all = house.done("GET", &format!("{api}/deployments"), Value::Null).await;
        assert_eq!(all["items"].as_array().unwrap().len(), 2);
        house.done("DELETE", &format!("{api}/deployments/{}", second.as_str().unwrap()), Value::Null).await;
        for method in ["GET", "PATCH", "DELETE"] {
            house.is_missing(method, &format!("{api}/deployments/nothing"), json!({})).await;
        }
        house.is_missing("POST", &format!("{api}/deployments"), json!({"stageName": "nothing"})).await;
        house.is_bad("PATCH", &stage, json!({"deploymentId": "nothing"}), "nothing").await;

        let auto = house.done("PATCH", &stage, json!({"autoDeploy": true})).await;
        assert_eq!(auto["autoDeploy"], true);
        assert_eq!(house.get("localhost", &at("/test/b"), "").await.status, 200, "what there is now");
        house.is_bad("PATCH", &stage, json!({"deploymentId": first}), "autoDeploy").await;
        house.is_bad("POST", &format!("{api}/deployments"), json!({"stageName": "test"}), "autoDeploy").await;
    }
}

#[tokio::test]
async fn settings_of_a_stage_act_and_are_taken_away() {
    for house in houses().await {
        let api = house.api().await;
        let id = api.rsplit('/').next().unwrap().to_owned();
        let target = house.hello(&api).await;
        for key in ["GET /a", "GET /b"] {
            house.done("POST", &format!("{api}/routes"), json!({"routeKey": key, "target": target})).await;
        }
        let variable = json!({"integrationType": "AWS_PROXY", "integrationUri": format!("{ARN}:${{stageVariables.fn}}"), "payloadFormatVersion": "2.0"});
        let variable = house.done("POST", &format!("{api}/integrations"), variable).await;
        let target = format!("integrations/{}", variable["integrationId"].as_str().unwrap());
        house.done("POST", &format!("{api}/routes"), json!({"routeKey": "GET /v", "target": target})).await;
        let plenty = json!({"throttlingBurstLimit": 100, "throttlingRateLimit": 100.0});
        let given = json!({"stageName": "s", "autoDeploy": true, "stageVariables": {"x": "1"},
            "accessLogSettings": {"destinationArn": "arn:aws:logs:us-east-1:1:log-group:x", "format": "$context.requestId"},
            "defaultRouteSettings": {"throttlingBurstLimit": 1, "throttlingRateLimit": 0.001, "dataTraceEnabled": false},
            "routeSettings": {"GET /b": plenty, "GET /v": plenty}});
        let made = house.done("POST", &format!("{api}/stages"), given).await;
        assert_eq!(made["defaultRouteSettings"]["detailedMetricsEnabled"], false);
        let status = async |path: &str| house.get("localhost", &format!("/_apis/{id}/s{path}"), "").await.status;
        assert_eq!((status("/a").await, status("/a").await), (200, 429));
        assert_eq!((status("/b").await, status("/b").await), (200, 200));
        assert_eq!(status("/v").await, 500, "no such variable");
        let stage = format!("{api}/stages/s");
        let changed = house.done("PATCH", &stage, json!({"stageVariables": {"fn": "hello", "x": ""}})).await;
        assert_eq!(changed["stageVariables"], json!({"fn": "hello"}));
        assert_eq!((status("/v").await, status("/v").await), (200, 200));
        assert_eq!(status("/a").await, 429, "the bucket is still empty");

        let settings = format!("{stage}/routesettings/GET%20%2Fb");
        house.done("DELETE", &settings, Value::Null).await;
        house.is_missing("DELETE", &settings, Value::Null).await;
        assert_eq!((status("/b").await, status("/b").await), (200, 429), "as the stage has it");
        house.done("DELETE", &format!("{stage}/accesslogsettings"), Value::Null).await;
        let shown = house.done("GET", &stage, Value::Null).await;
        let left: Vec<_> = shown["routeSettings"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((shown.get("accessLogSettings"), left), (None, vec!["GET /v"]));
        house.is_conflict("POST", &format!("{api}/stages"), json!({"stageName": "s"}), "exists").await;
        assert_eq!(house.done("GET", &format!("{api}/stages"), Value::Null).await["items"], json!([shown]));
        house.done("DELETE", &stage, Value::Null).await;
        for (method, path) in [
            ("GET", stage.clone()),
            ("PATCH", stage.clone()),
            ("DELETE", stage.clone()),
            ("DELETE", format!("{stage}/accesslogsettings")),
            ("DELETE", format!("{stage}/cache/authorizers")),
        ] {
            house.is_missing(method, &path, json!({})).await;
        }
    }
}

#[tokio::test]
async fn an_alias_of_a_function_is_passed_over_also_beside_a_variable() {
    for house in houses().await {
        let api = house.api().await;
        let id = api.rsplit('/').next().unwrap();
        for (route, function) in
            [("a", "${stageVariables.plain}:live"), ("b", "${stageVariables.aliased}"), ("c", "hello:7")]
        {
            let given = json!({"integrationType": "AWS_PROXY", "integrationUri": format!("{ARN}:{function}"), "payloadFormatVersion": "2.0"});
            let made = house.done("POST", &format!("{api}/integrations"), given).await;
            let target = format!("integrations/{}", made["integrationId"].as_str().unwrap());
            let given = json!({"routeKey": format!("GET /{route}"), "target": target});
            house.done("POST", &format!("{api}/routes"), given).await;
        }
        let variables = json!({"plain": "hello", "aliased": "hello:live"});
        let given = json!({"stageName": "$default", "autoDeploy": true, "stageVariables": variables});
        house.done("POST", &format!("{api}/stages"), given).await;
        for route in ["a", "b", "c"] {
            let answer = house.get("localhost", &format!("/_apis/{id}/{route}"), "").await;
            assert_eq!((answer.status, &*answer.body), (200, "hello"), "{route}");
        }
    }
}

#[tokio::test]
async fn settings_of_a_route_stay_where_a_change_says_nothing_of_them() {
    for house in houses().await {
        let api = house.api().await;
        let target = house.hello(&api).await;
        house.done("POST", &format!("{api}/routes"), json!({"routeKey": "GET /a", "target": target})).await;
        let few = json!({"throttlingBurstLimit": 1, "throttlingRateLimit": 2.5});
        let given = json!({"stageName": "s", "routeSettings": {"GET /a": few}, "defaultRouteSettings": few});
        let made = house.done("POST", &format!("{api}/stages"), given).await;
        let stage = format!("{api}/stages/s");
        for nothing in [json!({}), json!({"dataTraceEnabled": false}), json!({"loggingLevel": "OFF"})] {
            let change = json!({"routeSettings": {"GET /a": nothing}, "defaultRouteSettings": nothing});
            let changed = house.done("PATCH", &stage, change).await;
            assert_eq!(
                (&changed["routeSettings"], &changed["defaultRouteSettings"]),
                (&made["routeSettings"], &made["defaultRouteSettings"]),
                "{nothing}"
            );
        }
        for wrong in [json!(""), json!({"throttlingRateLimit": ""}), json!({"loggingLevel": ""})] {
            house.is_bad("PATCH", &stage, json!({"routeSettings": {"GET /a": wrong}}), "").await;
        }
        house.is_bad("PATCH", &stage, json!({"routeSettings": ""}), "invalid type").await;
        assert_eq!(house.done("GET", &stage, Value::Null).await["routeSettings"], made["routeSettings"]);
    }
}

#[tokio::test]
async fn what_a_stage_cannot_be_is_refused() {
    for house in houses().await {
        let api = house.api().await;
        let log = |format: &str| json!({"accessLogSettings": {"destinationArn": "arn:aws:logs:x", "format": format}});
        for (more, text) in [
            (json!({"stageName": "a/b"}), "Stage name"),
            (json!({"stageName": "x".repeat(129)}), "Stage name"),
            (json!({"stageVariables": {"a-b": "1"}}), "variable name"),
            (json!({"stageVariables": {"a": "<"}}), "variable value"),
            (json!({"defaultRouteSettings": {"throttlingRateLimit": 10001.0}}), "Throttling"),
            (json!({"defaultRouteSettings": {"loggingLevel": "INFO"}}), "loggingLevel"),
            (json!({"defaultRouteSettings": {"dataTraceEnabled": true}}), "dataTraceEnabled"),
            (json!({"clientCertificateId": "x"}), "clientCertificateId"),
            (json!({"deploymentId": "nothing"}), "nothing"),
            (log("$context.status"), "$context.requestId"),
            (log("$context.requestId\n"), "single line"),
            (log(&format!("$context.requestId{}", "x".repeat(1024))), "1024"),
            (json!({"accessLogSettings": {"format": "$context.requestId"}}), "destination"),
        ] {
            let mut given = json!({"stageName": "s"});
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            house.is_bad("POST", &format!("{api}/stages"), given, text).await;
        }
        house
            .is_missing("POST", &format!("{api}/stages"), json!({"stageName": "s", "routeSettings": {"GET /x": {}}}))
            .await;
        for number in 0..10 {
            house.done("POST", &format!("{api}/stages"), json!({"stageName": format!("s{number}")})).await;
        }
        let (name, _) = house.refused("POST", &format!("{api}/stages"), json!({"stageName": "s10"})).await;
        assert_eq!(name, "TooManyRequestsException");
    }
}
