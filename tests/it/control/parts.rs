//! Routes, integrations and authorizers.

use super::*;

#[tokio::test]
async fn routes_are_made_changed_and_deleted() {
    for house in houses().await {
        let api = house.api().await;
        let routes = format!("{api}/routes");
        let target = house.hello(&api).await;
        let made = house
            .done("POST", &routes, json!({"routeKey": "GET /a/{x}", "target": target, "operationName": "op"}))
            .await;
        assert_eq!(
            (&made["authorizationType"], &made["apiKeyRequired"], &made["target"]),
            (&json!("NONE"), &json!(false), &json!(target))
        );
        let route = format!("{routes}/{}", made["routeId"].as_str().unwrap());
        assert_eq!(house.done("GET", &route, Value::Null).await, made);
        let exists = "Route with key GET /a/{y} already exists for this API";
        house.is_conflict("POST", &routes, json!({"routeKey": "GET /a/{y}"}), exists).await;

        let authorizer = house.done("POST", &format!("{api}/authorizers"), jwt()).await;
        let id = &authorizer["authorizerId"];
        let scoped = json!({"authorizationType": "JWT", "authorizerId": id, "authorizationScopes": ["one"]});
        let changed = house.done("PATCH", &route, scoped.clone()).await;
        assert_eq!((&changed["routeKey"], &changed["authorizationScopes"]), (&json!("GET /a/{x}"), &json!(["one"])));
        let path = format!("{api}/authorizers/{}", id.as_str().unwrap());
        house.is_conflict("DELETE", &path, Value::Null, "GET /a/{x}").await;
        house.is_conflict("DELETE", &format!("{api}/{target}"), Value::Null, "GET /a/{x}").await;
        let mut other = lambda();
        other.as_object_mut().unwrap().remove("name");
        house.is_conflict("PATCH", &path, other.clone(), "cannot change").await;

        let no_type = "Unable to update route. Authorizer type is invalid or null.";
        let no_scopes = "Authorization Scopes are only valid for COGNITO_USER_POOLS and JWT authorization types";
        house.is_bad("PATCH", &route, json!({"authorizationType": "NONE", "authorizerId": id}), no_type).await;
        let with_scopes = json!({"authorizationType": "NONE", "authorizationScopes": ["one"]});
        house.is_bad("PATCH", &route, with_scopes, no_scopes).await;
        assert_eq!(house.done("GET", &route, Value::Null).await, changed);
        let empty = json!({"authorizationType": "NONE", "authorizerId": "", "authorizationScopes": []});
        let open = house.done("PATCH", &route, empty).await;
        assert_eq!((open.get("authorizerId"), open.get("authorizationScopes")), (None, None));
        house.is_bad("PATCH", &route, json!({"authorizerId": id}), no_type).await;
        house.is_bad("PATCH", &route, json!({"authorizationScopes": ["one"]}), no_scopes).await;
        assert_eq!(house.done("PATCH", &route, scoped).await, changed);

        let open = house.done("PATCH", &route, json!({"authorizationType": "NONE"})).await;
        assert_eq!((open.get("authorizerId"), open.get("authorizationScopes")), (None, None));
        // Now that no route relies on it, it may become another one, and back.
        let now = house.done("PATCH", &path, other).await;
        assert_eq!((&now["authorizerType"], now.get("jwtConfiguration")), (&json!("REQUEST"), None));
        let back = json!({"authorizerType": "JWT", "jwtConfiguration": jwt()["jwtConfiguration"]});
        assert_eq!(house.done("PATCH", &path, back).await.get("authorizerUri"), None);
        house.done("DELETE", &path, Value::Null).await;
        assert_eq!(house.done("GET", &routes, Value::Null).await["items"].as_array().unwrap().len(), 1);
        house.done("DELETE", &route, Value::Null).await;
        for method in ["GET", "PATCH", "DELETE"] {
            house.is_missing(method, &route, json!({})).await;
        }
        house.is_missing("POST", "/v2/apis/nothing/routes", json!({"routeKey": "GET /a"})).await;
        house.is_missing("GET", "/v2/apis/nothing/routes", Value::Null).await;
    }
}

#[tokio::test]
async fn what_a_route_cannot_be_is_refused() {
    for house in houses().await {
        let api = house.api().await;
        let jwt = house.done("POST", &format!("{api}/authorizers"), jwt()).await["authorizerId"].clone();
        let lambda = house.done("POST", &format!("{api}/authorizers"), lambda()).await["authorizerId"].clone();
        let no_jwt =
            "Invalid authorizer ID specified. Setting the authorization type to JWT requires a valid JWT authorizer.";
        let scopes: Vec<String> = (0..11).map(|n| format!("s{n}")).collect();
        for (more, text) in [
            (json!({"routeKey": "FETCH /a"}), "route key"),
            (json!({"routeKey": "/a"}), "route key"),
            (json!({"routeKey": "GET /a/{x}/{x}"}), "twice"),
            (json!({"routeKey": "GET /a{x}"}), "segment"),
            (json!({"target": "integrations/nothing"}), "target"),
            (json!({"authorizationType": "JWT"}), no_jwt),
            (json!({"authorizationType": "JWT", "authorizerId": lambda}), no_jwt),
            (json!({"authorizationType": "JWT", "authorizerId": "nothing"}), no_jwt),
            (json!({"authorizationType": "CUSTOM", "authorizerId": jwt}), "CUSTOM requires"),
            (json!({"authorizationType": "CUSTOM", "authorizerId": lambda, "authorizationScopes": ["a"]}), "scopes"),
            (json!({"authorizerId": jwt}), "Authorizer type is invalid or null."),
            (json!({"authorizationType": "NONE", "authorizationScopes": ["a"]}), "only valid for"),
            (json!({"authorizationType": "AWS_IAM"}), "AWS_IAM"),
            (json!({"authorizationType": "OTHER"}), "OTHER"),
            (
                json!({"authorizationType": "JWT", "authorizerId": jwt, "authorizationScopes": scopes}),
                "10 authorization scopes",
            ),
            (json!({"authorizationType": "JWT", "authorizerId": jwt, "authorizationScopes": ["a b"]}), "scope"),
            (json!({"apiKeyRequired": true}), "API keys"),
            (json!({"requestModels": {"a": "b"}}), "requestModels"),
            (json!({"requestParameters": {"a": {"required": true}}}), "requestParameters"),
            (json!({"modelSelectionExpression": "x"}), "modelSelectionExpression"),
            (json!({"routeResponseSelectionExpression": "x"}), "routeResponseSelectionExpression"),
        ] {
            let mut given = json!({"routeKey": "GET /a"});
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            house.is_bad("POST", &format!("{api}/routes"), given, text).await;
        }
        assert_eq!(house.done("GET", &format!("{api}/routes"), Value::Null).await["items"], json!([]));
    }
}

/// What guards a route is no text, and an empty one must not open it.
#[tokio::test]
async fn an_empty_text_takes_away_texts_and_nothing_else() {
    for house in houses().await {
        let api = house.api().await;
        let target = house.hello(&api).await;
        let jwt = house.done("POST", &format!("{api}/authorizers"), jwt()).await["authorizerId"].clone();
        let routes = format!("{api}/routes");
        let given = json!({
            "routeKey": "GET /a", "target": target, "operationName": "op",
            "authorizationType": "JWT", "authorizerId": jwt, "authorizationScopes": ["one"]
        });
        let made = house.done("POST", &routes, given).await;
        let route = format!("{routes}/{}", made["routeId"].as_str().unwrap());
        for (member, text) in [
            ("authorizationType", "unknown variant"),
            ("authorizationScopes", "invalid type"),
            ("apiKeyRequired", "invalid type"),
            ("requestModels", "requestModels"),
        ] {
            house.is_bad("PATCH", &route, json!({member: ""}), text).await;
            let mut given = json!({"routeKey": "GET /b", "target": target});
            given[member] = json!("");
            house.is_bad("POST", &routes, given, text).await;
        }
        assert_eq!(house.done("GET", &route, Value::Null).await, made);
        let less = house.done("PATCH", &route, json!({"operationName": "", "target": ""})).await;
        assert_eq!((less.get("operationName"), less.get("target")), (None, None));
        for member in ["disableExecuteApiEndpoint", "corsConfiguration", "disableSchemaValidation"] {
            house.is_bad("PATCH", &api, json!({member: ""}), "").await;
        }

        let integration = format!("{api}/{target}");
        let rules = json!({"responseParameters": {"200": {"append:header.a": "1", "append:header.b": "2"}, "404": {"append:header.a": "1"}}});
        house.done("PATCH", &integration, rules).await;
        for more in [
            json!({"timeoutInMillis": ""}),
            json!({"responseParameters": ""}),
            json!({"responseParameters": {"200": ""}}),
        ] {
            house.is_bad("PATCH", &integration, more, "invalid type").await;
        }
        let less = json!({"requestParameters": {}, "responseParameters": {"200": {"append:header.a": ""}, "404": {}}});
        let less = house.done("PATCH", &integration, less).await;
        assert_eq!(less["responseParameters"], json!({"200": {"append:header.b": "2"}}));
    }
}

#[tokio::test]
async fn integrations_have_their_defaults_and_their_rules() {
    for house in houses().await {
        let api = house.api().await;
        let all = format!("{api}/integrations");
        let given = json!({"integrationType": "HTTP_PROXY", "integrationUri": "http://localhost:1/x", "integrationMethod": "ANY",
            "payloadFormatVersion": "1.0", "passthroughBehavior": "WHEN_NO_MATCH",
            "requestParameters": {"append:header.a": "1", "append:header.b": "2"},
            "responseParameters": {"200": {"overwrite:statuscode": "201"}}});
        let made = house.done("POST", &all, given).await;
        assert_eq!((&made["timeoutInMillis"], &made["connectionType"]), (&json!(30000), &json!("INTERNET")));
        let one = format!("{all}/{}", made["integrationId"].as_str().unwrap());
        let change = json!({"requestParameters": {"append:header.a": ""}, "timeoutInMillis": 50, "description": "d"});
        let changed = house.done("PATCH", &one, change).await;
        assert_eq!(changed["requestParameters"], json!({"append:header.b": "2"}));
        assert_eq!(house.done("GET", &one, Value::Null).await, changed);
        assert_eq!(house.done("GET", &all, Value::Null).await["items"], json!([changed]));
        house.done("DELETE", &one, Value::Null).await;
        for method in ["GET", "PATCH", "DELETE"] {
            house.is_missing(method, &one, json!({})).await;
        }
    }
    for house in houses().await {
        let all = format!("{}/integrations", house.api().await);
        for (more, text) in [
            (json!({"integrationType": "MOCK"}), "not supported"),
            (json!({"integrationType": "AWS"}), "not supported"),
            (json!({"integrationUri": "arn:aws:s3:::x"}), "Lambda function ARN"),
            (
                json!({"integrationUri": format!("{ARN}:nobody")}),
                "There is no function nobody on this server; its functions are: hello, who",
            ),
            (json!({"payloadFormatVersion": null}), "PayloadFormatVersion is a required parameter for integration"),
            (json!({"payloadFormatVersion": "3.0"}), "PayloadFormatVersion"),
            (json!({"responseParameters": {"default": {"append:header.a": "1"}}}), "key specified: default."),
            (json!({"responseParameters": {"199": {"append:header.a": "1"}}}), "key specified: 199."),
            (json!({"responseParameters": {"600": {"append:header.a": "1"}}}), "status code from 200 to 599"),
            (json!({"responseParameters": {"0200": {"append:header.a": "1"}}}), "key specified: 0200."),
            (json!({"timeoutInMillis": 49}), "Timeout"),
            (json!({"timeoutInMillis": 30001}), "Timeout"),
            (json!({"integrationMethod": "GET"}), "POST"),
            (json!({"connectionType": "VPC_LINK", "connectionId": "x"}), "VPC link"),
            (json!({"connectionType": "VPC_LINK"}), "VPC links"),
            (json!({"integrationSubtype": "SQS-SendMessage"}), "integrationSubtype"),
            (json!({"tlsConfig": {"serverNameToVerify": "x"}}), "tlsConfig"),
            (json!({"contentHandlingStrategy": "CONVERT_TO_TEXT"}), "contentHandlingStrategy"),
            (json!({"integrationType": "HTTP_PROXY", "integrationUri": "ftp://x"}), "endpoint"),
            (json!({"integrationType": "HTTP_PROXY", "integrationUri": "http://localhost"}), "IntegrationMethod"),
        ] {
            let mut given = hello();
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            house.is_bad("POST", &all, given, text).await;
        }
    }
}

#[tokio::test]
async fn authorizers_have_their_defaults_and_their_rules() {
    for house in houses().await {
        let all = format!("{}/authorizers", house.api().await);
        let made = house.done("POST", &all, jwt()).await;
        assert_eq!(made["jwtConfiguration"]["audience"], json!([CLIENT]));
        let one = format!("{all}/{}", made["authorizerId"].as_str().unwrap());
        let change = json!({"jwtConfiguration": {"audience": ["other"]}});
        let changed = house.done("PATCH", &one, change).await;
        assert_eq!(changed["jwtConfiguration"]["audience"], json!(["other"]));
        assert_eq!(changed["jwtConfiguration"]["issuer"], made["jwtConfiguration"]["issuer"]);
        house.is_conflict("POST", &all, jwt(), "unique").await;
        let second = house.done("POST", &all, lambda()).await;
        assert_eq!(second["authorizerResultTtlInSeconds"], 300);
        assert_eq!(house.done("GET", &all, Value::Null).await["items"].as_array().unwrap().len(), 2);
        house.done("DELETE", &one, Value::Null).await;
        for method in ["GET", "PATCH", "DELETE"] {
            house.is_missing(method, &one, json!({})).await;
        }
    }
    for house in houses().await {
        let all = format!("{}/authorizers", house.api().await);
        let many: Vec<String> = (0..51).map(|n| format!("a{n}")).collect();
        let issuer = "https://issuer.example";
        for (base, more, text) in [
            (jwt(), json!({"jwtConfiguration": null}), "JwtConfiguration"),
            (jwt(), json!({"jwtConfiguration": {"audience": ["a"]}}), "Issuer"),
            (jwt(), json!({"jwtConfiguration": {"issuer": issuer, "audience": []}}), "Audience"),
            (jwt(), json!({"jwtConfiguration": {"issuer": issuer, "audience": [""]}}), "empty"),
            (jwt(), json!({"jwtConfiguration": {"issuer": issuer, "audience": many}}), "50 audiences"),
            (jwt(), json!({"jwtConfiguration": {"issuer": "http://issuer.example", "audience": ["a"]}}), "issuer"),
            (
                jwt(),
                json!({"jwtConfiguration": {"issuer": "pool:us-east-1_Nobody", "audience": ["a"]}}),
                "us-east-1_Nobody",
            ),
            (jwt(), json!({"identitySource": []}), "Identity source"),
            (jwt(), json!({"identitySource": ["$request.header.a", "$request.header.b"]}), "Identity source"),
            (jwt(), json!({"identitySource": ["$context.x"]}), "Identity source"),
            (jwt(), json!({"authorizerUri": format!("{ARN}:who")}), "AuthorizerUri"),
            (jwt(), json!({"authorizerResultTtlInSeconds": 300}), "AuthorizerResultTtlInSeconds"),
            (jwt(), json!({"enableSimpleResponses": true}), "EnableSimpleResponses"),
            (
                lambda(),
                json!({"authorizerPayloadFormatVersion": null}),
                "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer",
            ),
            (lambda(), json!({"authorizerPayloadFormatVersion": "1.0"}), "2.0"),
            (lambda(), json!({"authorizerUri": format!("{ARN}:nobody")}), "nobody"),
            (lambda(), json!({"authorizerUri": null}), "Authorizer Uri"),
            (lambda(), json!({"authorizerResultTtlInSeconds": 3601}), "3600"),
            (
                lambda(),
                json!({"identitySource": [], "authorizerResultTtlInSeconds": 1}),
                "Identity source must be set if authorizer caching is enabled (TTL is greater than 0)",
            ),
            (lambda(), json!({"identitySource": ["header"]}), "identity source"),
            (lambda(), json!({"jwtConfiguration": {"issuer": issuer, "audience": ["a"]}}), "JwtConfiguration"),
            (lambda(), json!({"identityValidationExpression": "x"}), "identityValidationExpression"),
        ] {
            let mut given = base;
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            house.is_bad("POST", &all, given, text).await;
        }
    }
}

#[tokio::test]
async fn quotas_are_kept_also_by_many_at_once() {
    for house in houses().await {
        let api = house.api().await;
        let all = format!("{api}/authorizers");
        let calls = (0..14).map(|n| {
            let mut given = jwt();
            given["name"] = json!(format!("jwt{n}"));
            (all.clone(), given)
        });
        let statuses = house.at_once(calls).await;
        assert_eq!(statuses, [&[201; 10][..], &[429; 4][..]].concat());
        assert_eq!(house.done("GET", &all, Value::Null).await["items"].as_array().unwrap().len(), 10);

        let calls = (0..20).map(|n| (format!("{api}/routes"), json!({"routeKey": format!("GET /r{}", n / 2)})));
        let statuses = house.at_once(calls).await;
        assert_eq!(statuses, [&[201; 10][..], &[409; 10][..]].concat(), "of two routes of one key one is made");
    }
}
