//! APIs that come as documents, and go as documents.

use super::*;

/// With everything that a document of an HTTP API can say.
fn pets() -> String {
    format!(
        r#"
openapi: 3.0.1
info: {{title: pets, version: "7", description: Every pet}}
servers:
  - url: https://example.com/{{basePath}}
    variables: {{basePath: {{default: /stage/v1}}}}
tags:
  - {{name: team, x-amazon-apigateway-tag-value: animals}}
  - {{name: only described}}
x-amazon-apigateway-cors: {{allowOrigins: ["https://app.example"], allowMethods: GET, maxAge: 60, allowCredentials: true}}
x-amazon-apigateway-importexport-version: "1.0"
components:
  schemas: {{Pet: {{type: object}}}}
  securitySchemes:
    jwt:
      type: oauth2
      flows: {{}}
      x-amazon-apigateway-authorizer:
        type: jwt
        identitySource: $request.header.Authorization
        jwtConfiguration:
          audience: [{CLIENT}]
          issuer: https://cognito-idp.${{AWS::Region}}.amazonaws.com/{POOL}
    who:
      type: apiKey
      name: Authorization
      in: header
      x-amazon-apigateway-authorizer:
        type: request
        identitySource: $request.header.Authorization, $context.routeKey
        authorizerUri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}:who/invocations
        authorizerPayloadFormatVersion: 2.0
        authorizerResultTtlInSeconds: 5
        enableSimpleResponses: true
        authorizerCredentials: arn:aws:iam::123456789012:role/x
  x-amazon-apigateway-integrations:
    shared: &shared
      type: aws_proxy
      httpMethod: POST
      uri: {ARN}:hello
      payloadFormatVersion: 2.0
      credentials: arn:aws:iam::123456789012:role/y
paths:
  /pets/{{id}}:
    get:
      operationId: one
      security: [{{jwt: [aws.cognito.signin.user.admin, read]}}]
      x-amazon-apigateway-integration: {{$ref: '#/components/x-amazon-apigateway-integrations/shared'}}
    put:
      security: [{{who: []}}]
      x-amazon-apigateway-integration: *shared
  /open:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration:
        type: http_proxy
        httpMethod: GET
        uri: http://127.0.0.1:9/${{stageVariables.v}}
        timeoutInMillis: 1000
        requestParameters: {{'append:header.a': '1'}}
        responseParameters: {{'200': {{'overwrite:statuscode': '201'}}}}
  /later:
    get: {{responses: {{}}}}
  /$default:
    x-amazon-apigateway-any-method:
      isDefaultRoute: true
      x-amazon-apigateway-integration: *shared
"#
    )
}

/// Everything of an API but its dates.
async fn whole(house: &House, api: &str) -> Value {
    let mut whole = json!({"api": house.done("GET", api, Value::Null).await});
    whole["api"].as_object_mut().unwrap().remove("createdDate");
    for part in ["routes", "integrations", "authorizers"] {
        whole[part] = house.done("GET", &format!("{api}/{part}"), Value::Null).await["items"].take();
    }
    whole
}

async fn exported(house: &House, api: &str, query: &str) -> String {
    let answer = house.call("GET", &format!("{api}/exports/OAS30?{query}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn items<'a>(whole: &'a Value, part: &str, name: &str) -> Vec<&'a str> {
    let mut all: Vec<&str> =
        whole[part].as_array().unwrap().iter().map(|one| one[name].as_str().unwrap_or_default()).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn a_document_becomes_an_api_with_all_its_parts() {
    for house in houses().await {
        let made = house.done("PUT", "/v2/apis", json!({"body": pets()})).await;
        assert_eq!(
            (&made["name"], &made["version"], &made["description"]),
            (&json!("pets"), &json!("7"), &json!("Every pet"))
        );
        assert_eq!(made["tags"], json!({"team": "animals"}));
        let cors = json!({"allowOrigins": ["https://app.example"], "allowMethods": ["GET"], "maxAge": 60, "allowCredentials": true});
        assert_eq!(made["corsConfiguration"], cors);
        let warned = made["warnings"][0].as_str().unwrap();
        assert!(warned.starts_with("GET /later has no `x-amazon-apigateway-integration` (line "), "{made}");
        let api = format!("/v2/apis/{}", made["apiId"].as_str().unwrap());
        let whole = whole(&house, &api).await;
        let keys = ["$default", "ANY /open", "GET /later", "GET /pets/{id}", "PUT /pets/{id}"];
        assert_eq!(items(&whole, "routes", "routeKey"), keys);
        assert_eq!(items(&whole, "authorizers", "name"), ["jwt", "who"]);
        assert_eq!(whole["integrations"].as_array().unwrap().len(), 4);
        let route = |key: &str| whole["routes"].as_array().unwrap().iter().find(|one| one["routeKey"] == key).unwrap();
        let (get, put, later) = (route("GET /pets/{id}"), route("PUT /pets/{id}"), route("GET /later"));
        assert_eq!(
            (&get["authorizationType"], &get["authorizationScopes"], &get["operationName"]),
            (&json!("JWT"), &json!(["aws.cognito.signin.user.admin", "read"]), &json!("one"))
        );
        assert_eq!((&put["authorizationType"], later.get("target")), (&json!("CUSTOM"), None));
        let who = whole["authorizers"].as_array().unwrap().iter().find(|one| one["name"] == "who").unwrap();
        for (member, value) in [
            ("identitySource", json!(["$request.header.Authorization", "$context.routeKey"])),
            ("authorizerPayloadFormatVersion", json!("2.0")),
            ("authorizerResultTtlInSeconds", json!(5)),
            ("enableSimpleResponses", json!(true)),
            ("authorizerCredentialsArn", json!("arn:aws:iam::123456789012:role/x")),
        ] {
            assert_eq!(who[member], value, "{member}");
        }
        let http = whole["integrations"].as_array().unwrap().iter().find(|one| one["integrationType"] == "HTTP_PROXY");
        let http = http.unwrap();
        for (member, value) in [
            ("timeoutInMillis", json!(1000)),
            ("integrationUri", json!("http://127.0.0.1:9/${stageVariables.v}")),
            ("requestParameters", json!({"append:header.a": "1"})),
            ("responseParameters", json!({"200": {"overwrite:statuscode": "201"}})),
        ] {
            assert_eq!(http[member], value, "{member}");
        }

        // No stage comes with it; with one it is served.
        let at = format!("/_apis/{}/pets/1", made["apiId"].as_str().unwrap());
        assert_eq!(house.get("localhost", &at, "").await.status, 404);
        house.done("POST", &format!("{api}/stages"), json!({"stageName": "$default", "autoDeploy": true})).await;
        assert_eq!(house.get("localhost", &at, "").await.status, 401);
        assert_eq!(house.get("localhost", &at, &house.token().await).await.status, 403);
        assert_eq!(house.get("localhost", &at.replace("pets/1", "x"), "").await.body, "hello");
    }
}

#[tokio::test]
async fn an_export_that_comes_back_changes_nothing() {
    for house in houses().await {
        let made = house.done("PUT", "/v2/apis", json!({"body": pets()})).await;
        let api = format!("/v2/apis/{}", made["apiId"].as_str().unwrap());
        house.done("POST", &format!("{api}/stages"), json!({"stageName": "v1", "autoDeploy": true})).await;
        let before = whole(&house, &api).await;
        for kind in ["JSON", "YAML"] {
            let text = exported(&house, &api, &format!("outputType={kind}&exportVersion=1.0")).await;
            house.done("PUT", &api, json!({"body": text})).await;
            assert_eq!(whole(&house, &api).await, before, "{kind}: {text}");
            assert_eq!(exported(&house, &api, &format!("outputType={kind}")).await, text);
            let served = exported(&house, &api, &format!("outputType={kind}&stageName=v1")).await;
            assert!(served.contains("basePath"), "{served}");
        }
        // And in another API all is the same but for ids.
        let text = exported(&house, &api, "outputType=JSON").await;
        let twin = house.done("PUT", "/v2/apis", json!({"body": text})).await;
        let twin = exported(&house, &format!("/v2/apis/{}", twin["apiId"].as_str().unwrap()), "outputType=JSON").await;
        let without = |text: &str| {
            let mut document: Value = serde_json::from_str(text).unwrap();
            document["servers"].take();
            document
        };
        assert_eq!(without(&twin), without(&text));
    }
}

#[tokio::test]
async fn a_document_replaces_what_an_api_had() {
    for house in houses().await {
        let api = house.api().await;
        let target = house.hello(&api).await;
        let routes = format!("{api}/routes");
        let kept = house.done("POST", &routes, json!({"routeKey": "GET /a", "target": target})).await;
        house.done("POST", &routes, json!({"routeKey": "GET /b", "target": target})).await;
        house.done("POST", &format!("{api}/authorizers"), jwt()).await;
        let stage = json!({"stageName": "$default", "autoDeploy": true, "routeSettings": {"GET /b": {"throttlingBurstLimit": 1}}});
        house.done("POST", &format!("{api}/stages"), stage).await;
        let tags =
            format!("/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapis%2F{}", api.rsplit('/').next().unwrap());
        house.done("POST", &tags, json!({"tags": {"k": "v"}})).await;
        house.done("PATCH", &api, json!({"corsConfiguration": {"maxAge": 1}, "description": "d"})).await;
        let spelled = json!({"routeSelectionExpression": "$request.method $request.path"});
        house.done("PATCH", &api, spelled.clone()).await;

        let body = format!(
            "openapi: 3.0.0\ninfo: {{title: new, version: '2'}}\npaths:\n  /a:\n    get:\n      x-amazon-apigateway-integration:\n        \
             {{type: AWS_PROXY, uri: '{ARN}:hello', payloadFormatVersion: '2.0', timeoutInMillis: 999}}\n"
        );
        let made = house.done("PUT", &api, json!({"body": body})).await;
        assert_eq!((&made["name"], &made["version"], &made["tags"]), (&json!("new"), &json!("2"), &json!({"k": "v"})));
        assert_eq!((made.get("corsConfiguration"), made.get("description"), made.get("warnings")), (None, None, None));
        // Terraform would change it again and again.
        assert_eq!(made["routeSelectionExpression"], spelled["routeSelectionExpression"]);
        let whole = whole(&house, &api).await;
        assert_eq!(items(&whole, "routes", "routeId"), [kept["routeId"].as_str().unwrap()]);
        let timeouts: Vec<_> =
            whole["integrations"].as_array().unwrap().iter().map(|one| &one["timeoutInMillis"]).collect();
        assert_eq!(timeouts, [999]);
        assert_eq!(whole["authorizers"], json!([]));
        let id = api.rsplit('/').next().unwrap();
        assert_eq!(house.get("localhost", &format!("/_apis/{id}/a"), "").await.body, "hello");
        assert_eq!(house.get("localhost", &format!("/_apis/{id}/b"), "").await.status, 404);
    }
}

#[tokio::test]
async fn base_paths_are_ignored_prepended_or_split() {
    for house in houses().await {
        for (query, expected) in [
            ("", "/open"),
            ("?basepath=ignore", "/open"),
            ("?basepath=prepend", "/stage/v1/open"),
            ("?basepath=split", "/v1/open"),
        ] {
            let made = house.done("PUT", &format!("/v2/apis{query}"), json!({"body": pets()})).await;
            let whole = whole(&house, &format!("/v2/apis/{}", made["apiId"].as_str().unwrap())).await;
            let keys = items(&whole, "routes", "routeKey");
            assert!(keys.contains(&&*format!("ANY {expected}")) && keys.contains(&"$default"), "{query}: {keys:?}");
        }
        house.is_bad("PUT", "/v2/apis?basepath=append", json!({"body": pets()}), "basepath").await;
    }
}

#[tokio::test]
async fn what_no_document_can_be_is_refused() {
    for house in houses().await {
        let api = house.api().await;
        let with = |more: &str| format!("openapi: 3.0.1\ninfo: {{title: t, version: '1'}}\n{more}");
        let route = |inner: &str| with(&format!("paths:\n  /a:\n    get:\n      {inner}\n"));
        let hello = format!(
            "x-amazon-apigateway-integration: {{type: aws_proxy, uri: '{ARN}:hello', payloadFormatVersion: 2.0}}"
        );
        let pool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Nothing01";
        let scheme = |issuer: &str| {
            format!(
                "components: {{securitySchemes: {{j: {{type: oauth2, x-amazon-apigateway-authorizer: {{type: jwt, identitySource: \
                 $request.header.a, jwtConfiguration: {{audience: [a], issuer: '{issuer}'}}}}}}}}}}"
            )
        };
        for (body, text) in [
            (json!({}), "Body"),
            (json!({"body": 1}), "Body"),
            (json!({"body": "{}", "more": 1}), "more"),
            (json!({"body": ""}), "is empty"),
            (json!({"body": "a: [1"}), "Errors found during import"),
            (json!({"body": "just text"}), "must be a map"),
            (json!({"body": "{}"}), "openapi"),
            (json!({"body": "swagger: '2.0'"}), "not Swagger 2.0"),
            (json!({"body": "openapi: 3.1.0\ninfo: {title: t}"}), "3.1.0"),
            (json!({"body": "openapi: 3.0.1\npaths: {}"}), "name"),
            (json!({"body": route("x-amazon-apigateway-integration: {type: aws_proxy}")}), "IntegrationUri"),
            (json!({"body": route(&hello.replace(":hello", ":nobody"))}), "no function nobody"),
            (json!({"body": route(&format!("security: [{{a: []}}]\n      {hello}"))}), "no security scheme: a"),
            (json!({"body": route(&format!("security: [a]\n      {hello}"))}), "`security` of GET /a must hold maps"),
            (json!({"body": route(&format!("security:\n      {hello}"))}), "`security` of GET /a must be a list"),
            (json!({"body": with(&scheme(pool))}), "no user pool us-east-1_Nothing01"),
            (json!({"body": with(&scheme(""))}), "authorizer j: Issuer"),
            (json!({"body": with("x-amazon-apigateway-cors: {maxAge: 86401}")}), "Max age"),
            (json!({"body": with("x-amazon-apigateway-cors: {maxAge: soon}")}), "soon"),
        ] {
            for path in ["/v2/apis", &api] {
                house.is_bad("PUT", path, body.clone(), text).await;
            }
        }
        // A document has no functions: what looks like one opens no route, and a schema may be called like one.
        let nothing = route(&format!("security: {{Ref: AWS::NoValue}}\n      {hello}"));
        house.is_bad("PUT", "/v2/apis", json!({"body": nothing}), "must be a list").await;
        let schemas = with("components: {schemas: {Pet: {properties: {Ref: {type: string}}}}}\npaths: {}\n");
        let made = house.done("PUT", "/v2/apis", json!({"body": schemas})).await;
        house.done("DELETE", &format!("/v2/apis/{}", made["apiId"].as_str().unwrap()), Value::Null).await;
        // Routes that this server cannot guard are told of, or stop it all.
        let iam = json!({"body": route(&format!("x-amazon-apigateway-auth: {{type: AWS_IAM}}\n      {hello}"))});
        let made = house.done("PUT", "/v2/apis", iam.clone()).await;
        assert!(made["warnings"][0].as_str().unwrap().contains("AWS_IAM"), "{made}");
        house.is_bad("PUT", "/v2/apis?failOnWarnings=true", iam, "Warnings found during import:\n\t").await;
        house.is_bad("PUT", "/v2/apis?failOnWarnings=maybe", json!({"body": pets()}), "failOnWarnings").await;
        house.is_missing("PUT", "/v2/apis/nothing", json!({"body": pets()})).await;
        house.is_conflict("PUT", "/v2/apis/written123", json!({"body": pets()}), "defined in").await;
        // Nothing of what was refused is there.
        assert_eq!(house.done("GET", "/v2/apis", Value::Null).await["items"].as_array().unwrap().len(), 3);
    }
}

/// The open `$default` beside them would answer in the place of each route that is not there.
#[tokio::test]
async fn no_wider_route_answers_for_one_that_cannot_be_served() {
    for house in houses().await {
        let hello = format!("{{type: aws_proxy, uri: '{ARN}:hello', payloadFormatVersion: 2.0}}");
        let body = format!(
            r#"
openapi: 3.0.1
info: {{title: t, version: "1"}}
components:
  securitySchemes:
    token: {{type: apiKey, name: a, in: header, x-amazon-apigateway-authorizer: {{type: token, authorizerUri: '{ARN}:who'}}}}
    basic: {{type: http, scheme: basic}}
    signed: {{type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}}
    who:
      type: apiKey
      name: Authorization
      in: header
      x-amazon-apigateway-authorizer:
        {{type: request, identitySource: $request.header.Authorization, authorizerUri: '{ARN}:who',
          authorizerPayloadFormatVersion: 2.0, enableSimpleResponses: true}}
paths:
  /token: {{get: {{security: [{{token: []}}], x-amazon-apigateway-integration: {hello}}}}}
  /basic: {{get: {{security: [{{basic: []}}], x-amazon-apigateway-integration: {hello}}}}}
  /signed: {{get: {{security: [{{signed: []}}], x-amazon-apigateway-integration: {hello}}}}}
  /iam: {{get: {{x-amazon-apigateway-auth: {{type: AWS_IAM}}, x-amazon-apigateway-integration: {hello}}}}}
  /mock: {{get: {{security: [{{who: []}}], x-amazon-apigateway-integration: {{type: mock}}}}}}
  /$default: {{x-amazon-apigateway-any-method: {{isDefaultRoute: true, x-amazon-apigateway-integration: {hello}}}}}
"#
        );
        let made = house.done("PUT", "/v2/apis", json!({"body": body})).await;
        let told = made["warnings"].to_string();
        for what in ["type TOKEN", "GET /token is closed", "GET /basic is closed", "AWS_IAM is not", "type MOCK"] {
            assert!(told.contains(what), "{what}: {told}");
        }
        let id = made["apiId"].as_str().unwrap();
        let api = format!("/v2/apis/{id}");
        house.done("POST", &format!("{api}/stages"), json!({"stageName": "$default", "autoDeploy": true})).await;
        let closed = async |when: &str| {
            for path in ["token", "basic", "signed", "iam"] {
                for token in ["", "ann"] {
                    let answer = house.get("localhost", &format!("/_apis/{id}/{path}"), token).await;
                    assert_eq!((answer.status, &*answer.body), (403, r#"{"message":"Forbidden"}"#), "{when}: {path}");
                }
            }
            let statuses = [("", 401), ("bob", 403), ("ann", 500)];
            for (token, status) in statuses {
                let answer = house.get("localhost", &format!("/_apis/{id}/mock"), token).await;
                assert_eq!(answer.status, status, "{when}: {token} {answer:?}");
            }
            assert_eq!(house.get("localhost", &format!("/_apis/{id}/other"), "").await.body, "hello", "{when}");
        };
        closed("made").await;
        // It stays so wherever it is written out and read again, in place or by another server.
        for kind in ["JSON", "YAML"] {
            let text = exported(&house, &api, &format!("outputType={kind}")).await;
            house.done("PUT", &api, json!({"body": text})).await;
            closed(kind).await;
        }
        if house.is_shared() {
            let twin = house.beside().await;
            let answer = twin.get("localhost", &format!("/_apis/{id}/basic"), "ann").await;
            assert_eq!(answer.status, 403, "{answer:?}");
        }
        // A change of such a route must say who passes.
        let routes = house.done("GET", &format!("{api}/routes"), Value::Null).await;
        let all = routes["items"].as_array().unwrap();
        let basic = all.iter().find(|one| one["routeKey"] == "GET /basic").unwrap();
        assert_eq!(basic["authorizationType"], "AWS_IAM");
        let route = format!("{api}/routes/{}", basic["routeId"].as_str().unwrap());
        house.is_bad("PATCH", &route, json!({"operationName": "o"}), "AWS_IAM is not supported").await;
        let guards = house.done("GET", &format!("{api}/authorizers"), Value::Null).await;
        let guard = &guards["items"][0]["authorizerId"];
        house.done("PATCH", &route, json!({"authorizationType": "CUSTOM", "authorizerId": guard})).await;
        assert_eq!(house.get("localhost", &format!("/_apis/{id}/basic"), "").await.status, 401);
        assert_eq!(house.get("localhost", &format!("/_apis/{id}/basic"), "ann").await.body, "hello");
    }
}

#[tokio::test]
async fn an_api_is_exported_as_a_stage_serves_it_and_without_extensions() {
    for house in houses().await {
        let made = house.done("PUT", "/v2/apis", json!({"body": pets()})).await;
        let api = format!("/v2/apis/{}", made["apiId"].as_str().unwrap());
        house.done("POST", &format!("{api}/stages"), json!({"stageName": "old"})).await;
        let at = format!("{api}/exports/OAS30");
        house.is_bad("GET", &format!("{at}?outputType=JSON&stageName=old"), Value::Null, "no deployment").await;
        house.done("POST", &format!("{api}/deployments"), json!({"stageName": "old"})).await;
        house.done("POST", &format!("{api}/routes"), json!({"routeKey": "GET /new"})).await;
        let read = async |query: &str| -> Value { serde_json::from_str(&exported(&house, &api, query).await).unwrap() };
        let (now, old) = (read("outputType=JSON").await, read("outputType=JSON&stageName=old").await);
        assert_eq!((now["paths"].get("/new").is_some(), old["paths"].get("/new")), (true, None));
        assert_eq!(old["servers"][0]["variables"]["basePath"]["default"], "old");
        assert_eq!(now["paths"]["/pets/{id}"]["parameters"][0]["name"], "id");
        assert_eq!(now["paths"]["/$default"]["x-amazon-apigateway-any-method"]["isDefaultRoute"], true);

        let plain = exported(&house, &api, "outputType=JSON&includeExtensions=false").await;
        assert!(!plain.contains("x-amazon"), "{plain}");
        // What guarded a route is not there any more, so nobody passes it; and so it stays when it goes and comes again.
        let made = house.done("PUT", "/v2/apis", json!({"body": plain})).await;
        let twin = format!("/v2/apis/{}", made["apiId"].as_str().unwrap());
        for query in ["outputType=JSON&includeExtensions=false", "outputType=YAML"] {
            let routes = house.done("GET", &format!("{twin}/routes"), Value::Null).await;
            let kinds: Vec<_> = routes["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| (one["routeKey"].as_str().unwrap(), one["authorizationType"].as_str().unwrap()))
                .collect();
            for expected in [("GET /later", "NONE"), ("GET /pets/{id}", "AWS_IAM"), ("PUT /pets/{id}", "AWS_IAM")] {
                assert!(kinds.contains(&expected), "{expected:?}: {kinds:?}");
            }
            house.done("PUT", &twin, json!({"body": exported(&house, &twin, query).await})).await;
        }

        assert!(
            exported(&house, "/v2/apis/written123", "outputType=YAML&stageName=$default").await.contains("/written:")
        );
        for (query, text) in [
            ("", "OutputType"),
            ("?outputType=XML", "outputType"),
            ("?outputType=JSON&exportVersion=2", "exportVersion"),
        ] {
            house.is_bad("GET", &format!("{at}{query}"), Value::Null, text).await;
        }
        house.is_bad("GET", &format!("{api}/exports/OAS20?outputType=JSON"), Value::Null, "OAS30").await;
        house.is_missing("GET", &format!("{at}?outputType=JSON&stageName=nothing"), Value::Null).await;
        house.is_missing("GET", "/v2/apis/nothing/exports/OAS30?outputType=JSON", Value::Null).await;
    }
}
