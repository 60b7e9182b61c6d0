//! APIs, their first route, CORS, tags and pages.

use super::*;

#[tokio::test]
async fn an_api_is_made_shown_changed_and_deleted() {
    for house in houses().await {
        let given =
            json!({"name": "one", "protocolType": "HTTP", "description": "d", "version": "1", "tags": {"a": "b"}});
        let made = house.done("POST", "/v2/apis", given).await;
        let id = made["apiId"].as_str().unwrap();
        assert_eq!(id.len(), 10);
        assert_eq!(made["apiEndpoint"], format!("http://localhost:{}/_apis/{id}", house.gate.port()));
        for (member, value) in [
            ("name", json!("one")),
            ("protocolType", json!("HTTP")),
            ("routeSelectionExpression", json!("${request.method} ${request.path}")),
            ("apiKeySelectionExpression", json!("$request.header.x-api-key")),
            ("disableExecuteApiEndpoint", json!(false)),
            ("ipAddressType", json!("ipv4")),
            ("tags", json!({"a": "b"})),
            ("version", json!("1")),
        ] {
            assert_eq!(made[member], value, "{member}");
        }
        let date = made["createdDate"].as_str().unwrap();
        assert!(date.len() == 20 && date.ends_with('Z'), "{date}");
        let path = format!("/v2/apis/{id}");
        assert_eq!(house.done("GET", &path, Value::Null).await, made);
        // As Terraform writes it.
        let plain = json!({"routeSelectionExpression": "$request.method $request.path"});
        assert_eq!(
            house.done("PATCH", &path, plain.clone()).await["routeSelectionExpression"],
            plain["routeSelectionExpression"]
        );

        let changed = json!({"name": "two", "description": "", "disableExecuteApiEndpoint": true, "corsConfiguration": {"allowOrigins": ["*"], "maxAge": 60}});
        let changed = house.done("PATCH", &path, changed).await;
        assert_eq!((&changed["name"], changed.get("description")), (&json!("two"), None));
        assert_eq!(changed["corsConfiguration"], json!({"allowOrigins": ["*"], "maxAge": 60}));
        let cors = json!({"corsConfiguration": {"allowOrigins": ["*"], "allowMethods": ["GET", "put"]}});
        let changed = house.done("PATCH", &path, cors).await;
        assert_eq!(changed["corsConfiguration"]["allowMethods"], json!(["GET", "PUT"]));
        house.done("DELETE", &format!("{path}/cors"), Value::Null).await;
        assert_eq!(house.done("GET", &path, Value::Null).await.get("corsConfiguration"), None);

        house.done("DELETE", &path, Value::Null).await;
        for (method, path) in [
            ("GET", path.clone()),
            ("PATCH", path.clone()),
            ("DELETE", path.clone()),
            ("DELETE", format!("{path}/cors")),
        ] {
            house.is_missing(method, &path, json!({})).await;
        }
    }
}

#[tokio::test]
async fn what_an_api_cannot_be_is_refused() {
    for house in houses().await {
        let refused = async |more: Value, text: &str| {
            let mut given = json!({"name": "x", "protocolType": "HTTP"});
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            house.is_bad("POST", "/v2/apis", given, text).await;
        };
        refused(json!({"name": ""}), "name").await;
        refused(json!({"name": "x".repeat(129)}), "Name must be 1 to 128").await;
        refused(json!({"protocolType": "WEBSOCKET"}), "WebSocket").await;
        refused(json!({"protocolType": "TCP"}), "Invalid protocol").await;
        refused(json!({"protocolType": null}), "ProtocolType").await;
        refused(json!({"name": 1}), "invalid type").await;
        refused(json!({"unheardOf": true}), "unheardOf").await;
        refused(json!({"disableSchemaValidation": true}), "disableSchemaValidation").await;
        refused(json!({"ipAddressType": "dualstack"}), "dualstack").await;
        refused(json!({"routeSelectionExpression": "$request.body.action"}), "RouteSelectionExpression").await;
        refused(json!({"routeKey": "GET /a"}), "Target").await;
        refused(json!({"target": format!("{ARN}:nobody")}), "nobody").await;
        refused(json!({"target": "http://localhost:1", "routeKey": "nonsense"}), "route key").await;
        refused(json!({"corsConfiguration": {"allowOrigins": ["*"], "allowCredentials": true}}), "wildcard").await;
        refused(json!({"corsConfiguration": {"allowOrigins": ["app.example"]}}), "origin").await;
        refused(json!({"corsConfiguration": {"allowMethods": ["FETCH"]}}), "FETCH").await;
        refused(json!({"corsConfiguration": {"maxAge": 86401}}), "Max age").await;
        let api = house.api().await;
        house.is_bad("PATCH", &api, json!({"tags": {}}), "TagResource").await;
        house.is_bad("PATCH", &api, json!({"target": "http://localhost:1"}), "created with a Target").await;
    }
}

#[tokio::test]
async fn a_target_makes_an_api_that_serves_at_once() {
    for house in houses().await {
        let given =
            json!({"name": "quick", "protocolType": "HTTP", "target": format!("{ARN}:hello"), "routeKey": "GET /hi"});
        let made = house.done("POST", "/v2/apis", given).await;
        let api = format!("/v2/apis/{}", made["apiId"].as_str().unwrap());
        let at = |path: &str| format!("/_apis/{}/{path}", made["apiId"].as_str().unwrap());
        assert_eq!(house.get("localhost", &at("hi"), "").await.body, "hello");
        let routes = house.done("GET", &format!("{api}/routes"), Value::Null).await;
        assert_eq!(
            (&routes["items"][0]["routeKey"], &routes["items"][0]["apiGatewayManaged"]),
            (&json!("GET /hi"), &json!(true))
        );
        let stages = house.done("GET", &format!("{api}/stages"), Value::Null).await;
        assert_eq!(
            (&stages["items"][0]["stageName"], &stages["items"][0]["autoDeploy"]),
            (&json!("$default"), &json!(true))
        );
        house.done("PATCH", &api, json!({"routeKey": "GET /bye"})).await;
        assert_eq!(house.get("localhost", &at("hi"), "").await.status, 404);
        assert_eq!(house.get("localhost", &at("bye"), "").await.status, 200);

        // Another target leaves what else the integration has.
        let integrations = format!("{api}/integrations");
        let listed = house.done("GET", &integrations, Value::Null).await;
        let one = format!("{integrations}/{}", listed["items"][0]["integrationId"].as_str().unwrap());
        let own = json!({"description": "d", "timeoutInMillis": 700, "payloadFormatVersion": "1.0",
            "responseParameters": {"200": {"append:header.x-own": "1"}}});
        house.done("PATCH", &one, own).await;
        house
            .done("PATCH", &api, json!({"target": format!("{ARN}:who"), "credentialsArn": "arn:aws:iam::1:role/x"}))
            .await;
        let now = house.done("GET", &one, Value::Null).await;
        for (member, value) in [
            ("integrationUri", json!(format!("{ARN}:who"))),
            ("payloadFormatVersion", json!("1.0")),
            ("credentialsArn", json!("arn:aws:iam::1:role/x")),
            ("description", json!("d")),
            ("timeoutInMillis", json!(700)),
            ("responseParameters", json!({"200": {"append:header.x-own": "1"}})),
        ] {
            assert_eq!(now[member], value, "{member}");
        }
        house.done("PATCH", &api, json!({"target": "http://127.0.0.1:1/x"})).await;
        let now = house.done("GET", &one, Value::Null).await;
        for (member, value) in [
            ("integrationType", json!("HTTP_PROXY")),
            ("integrationUri", json!("http://127.0.0.1:1/x")),
            ("integrationMethod", json!("ANY")),
            ("payloadFormatVersion", json!("1.0")),
            ("description", json!("d")),
            ("timeoutInMillis", json!(700)),
        ] {
            assert_eq!(now[member], value, "{member}");
        }
        for member in ["target", "routeKey", "credentialsArn"] {
            house.is_bad("PATCH", &api, json!({member: 5}), &format!("{member} must be a string")).await;
        }
    }
}

#[tokio::test]
async fn tags_are_added_and_taken_away_by_arn() {
    for house in houses().await {
        let api = house.api().await;
        house.done("POST", &format!("{api}/stages"), json!({"stageName": "s", "tags": {"own": "1"}})).await;
        let id = api.rsplit('/').next().unwrap();
        for (arn, before) in [
            (format!("arn:aws:apigateway:us-east-1::/apis/{id}"), json!({})),
            (format!("arn:aws:apigateway:us-east-1::/apis/{id}/stages/s"), json!({"own": "1"})),
        ] {
            let path = format!("/v2/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"));
            assert_eq!(house.done("GET", &path, Value::Null).await["tags"], before);
            house.done("POST", &path, json!({"tags": {"k": "v", "l": "w"}})).await;
            house.done("DELETE", &format!("{path}?tagKeys=k&tagKeys=own"), Value::Null).await;
            assert_eq!(house.done("GET", &path, Value::Null).await["tags"], json!({"l": "w"}));
        }
        house.is_bad("GET", "/v2/tags/arn%3Aaws%3As3%3A%3A%3Abucket", Value::Null, "ARN").await;
        house
            .is_missing("GET", "/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapis%2Fnothing", Value::Null)
            .await;
        let path = format!("/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapis%2F{id}");
        house.is_bad("POST", &path, json!({"tags": {"aws:x": "y"}}), "tag").await;
        house.is_bad("POST", &path, json!({}), "Tags").await;
    }
}

#[tokio::test]
async fn a_list_goes_on_where_the_last_of_a_page_is_gone() {
    for house in houses().await {
        let api = house.api().await;
        house.done("POST", &format!("{api}/routes"), json!({"routeKey": "GET /a"})).await;
        let deployments = format!("{api}/deployments");
        for (path, given, member) in [
            ("/v2/apis", json!({"name": "n", "protocolType": "HTTP"}), "apiId"),
            (&*deployments, json!({}), "deploymentId"),
        ] {
            let mut made = Vec::new();
            for _ in 0..8 {
                made.push(house.done("POST", path, given.clone()).await[member].as_str().unwrap().to_owned());
            }
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let page = house.done("GET", &format!("{path}?maxResults=1{token}"), Value::Null).await;
                let id = page["items"][0][member].as_str().unwrap().to_owned();
                if made.contains(&id) {
                    house.done("DELETE", &format!("{path}/{id}"), Value::Null).await;
                    seen.push(id);
                }
                let Some(next) = page["nextToken"].as_str() else { break };
                token = format!("&nextToken={next}");
            }
            made.sort();
            seen.sort();
            assert_eq!(seen, made, "{path}");
        }
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    for house in houses().await {
        let mut made = vec!["written123".to_owned()];
        for _ in 0..4 {
            made.push(house.api().await.rsplit('/').next().unwrap().to_owned());
        }
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = house.done("GET", &format!("/v2/apis?maxResults=2{token}"), Value::Null).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            seen.extend(items.iter().map(|api| api["apiId"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextToken"].as_str() else { break };
            token = format!("&nextToken={next}");
        }
        made[1..].sort();
        seen[1..].sort();
        assert_eq!(seen, made);
        house.is_bad("GET", "/v2/apis?maxResults=0", Value::Null, "maxResults").await;
        house.is_bad("GET", "/v2/apis?nextToken=made-up", Value::Null, "nextToken").await;
        let api = house.api().await;
        house.is_bad("GET", &format!("{api}/routes?maxResults=1{token}"), Value::Null, "nextToken").await;
    }
}
