//! What the configuration's file defines is shown here and changed there.

use super::*;

#[tokio::test]
async fn apis_of_the_file_are_shown_and_not_changed() {
    for house in houses().await {
        let api = "/v2/apis/written123";
        let shown = house.done("GET", api, Value::Null).await;
        assert_eq!((&shown["name"], &shown["protocolType"]), (&json!("written"), &json!("HTTP")));
        let routes = house.done("GET", &format!("{api}/routes"), Value::Null).await;
        assert_eq!(routes["items"][0]["routeKey"], "GET /written");
        let stages = house.done("GET", &format!("{api}/stages"), Value::Null).await;
        assert_eq!(stages["items"][0]["stageName"], "$default");
        let route = routes["items"][0]["routeId"].as_str().unwrap();
        for (method, path, body) in [
            ("PATCH", api.to_owned(), json!({"name": "x"})),
            ("DELETE", api.to_owned(), Value::Null),
            ("DELETE", format!("{api}/cors"), Value::Null),
            ("POST", format!("{api}/routes"), json!({"routeKey": "GET /x"})),
            ("DELETE", format!("{api}/routes/{route}"), Value::Null),
            ("POST", format!("{api}/authorizers"), jwt()),
            ("POST", format!("{api}/stages"), json!({"stageName": "x"})),
            ("DELETE", format!("{api}/stages/%24default"), Value::Null),
            ("POST", format!("{api}/deployments"), json!({})),
            ("DELETE", format!("{api}/stages/%24default/cache/authorizers"), Value::Null),
            ("PATCH", "/v2/domainnames/written.example.com".to_owned(), json!({})),
            ("DELETE", "/v2/domainnames/written.example.com".to_owned(), Value::Null),
            (
                "POST",
                "/v2/domainnames/written.example.com/apimappings".to_owned(),
                json!({"apiId": "written123", "stage": "$default"}),
            ),
        ] {
            house.is_conflict(method, &path, body, "poolhouse.toml: change it there").await;
        }
        let mappings = house.done("GET", "/v2/domainnames/written.example.com/apimappings", Value::Null).await;
        assert_eq!(mappings["items"][0]["apiId"], "written123");
    }
}
