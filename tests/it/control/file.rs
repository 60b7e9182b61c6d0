//! What the configuration's file defines is shown here and changed there.

use super::*;

/// Whoever makes an API of the document must not get one that lets more pass.
#[tokio::test]
async fn an_api_of_the_file_that_no_document_can_say_is_not_exported() {
    let strict = format!(
        "[api.authorizer.staff]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\naudience = ['{CLIENT}']\n\
         require_token_use = 'access'\nrequired_claims = {{ tenant = 'blue' }}\n\
         [api.authorizer.judged]\ntype = 'REQUEST'\nfunction = 'who'\npayload_format = '2.0'\n\
         identity_source = '$request.header.a'\nresult_ttl_ends_with_token = true\n\
         [[api.route]]\nkey = 'GET /strict'\nauthorizer = 'staff'\n\
         integration = {{ http = 'http://127.0.0.1:1', forward_claims = {{ sub = 'x-sub' }} }}\n\
         [[api.route]]\nkey = 'GET /judged'\nauthorizer = 'judged'\nintegration = {{ function = 'hello' }}\n[[domain]]"
    );
    let mut databases = vec![None];
    databases.extend(crate::store::fresh_schema().await.map(Some));
    for database in databases {
        let house = House::open(&TOWN.replace("[[domain]]", &strict), database).await;
        for query in ["outputType=JSON", "outputType=YAML&includeExtensions=false&stageName=$default"] {
            let path = format!("/v2/apis/written123/exports/OAS30?{query}");
            for setting in [
                "`require_token_use` of the authorizer staff of the API written",
                "`required_claims` of the authorizer staff",
                "`result_ttl_ends_with_token` of the authorizer judged",
                "`forward_claims` of the route \"GET /strict\"",
            ] {
                house.is_bad("GET", &path, Value::Null, setting).await;
            }
        }
        house.done("GET", "/v2/apis/written123/routes", Value::Null).await;
    }
}

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
