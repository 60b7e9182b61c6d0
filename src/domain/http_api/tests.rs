use serde_json::json;

use super::*;

fn object(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn functions_are_named_by_either_form_of_their_address() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:who";
    assert_eq!(function_of(arn), Some("who"));
    assert_eq!(function_of(&format!("{arn}:live")), Some("who"));
    let path = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations");
    assert_eq!(function_of(&path), Some("who"));
    let variable = "arn:aws:lambda:us-east-1:1:function:${stageVariables.fn}";
    assert_eq!(function_of(variable), Some("${stageVariables.fn}"));
    assert_eq!(function_of(&format!("{variable}:live")), Some("${stageVariables.fn}"));
    for wrong in
        ["who", "arn:aws:s3:::bucket", "arn:aws:lambda:us-east-1:1:layer:x", "arn:aws:lambda:us-east-1:1:function:"]
    {
        assert_eq!(function_of(wrong), None, "{wrong}");
    }
}

#[test]
fn what_means_nothing_here_is_refused_by_name_unless_it_says_nothing() {
    let integration = |more: serde_json::Value| {
        let mut given = object(json!({"integrationType": "HTTP_PROXY", "integrationUri": "http://localhost"}));
        given.extend(object(more));
        read::<Integration>(given).map(drop).map_err(|fault| fault.to_string())
    };
    assert_eq!(integration(json!({"passthroughBehavior": "WHEN_NO_MATCH", "requestTemplates": {}})), Ok(()));
    assert!(integration(json!({"passthroughBehavior": "NEVER"})).unwrap_err().starts_with("passthroughBehavior "));
    assert!(
        integration(json!({"integrationSubtype": "SQS-SendMessage"})).unwrap_err().starts_with("integrationSubtype ")
    );
    assert!(integration(json!({"newMember": 1})).unwrap_err().contains("newMember"));
    assert!(integration(json!({"apiGatewayManaged": true})).unwrap_err().starts_with("apiGatewayManaged "));
}

#[test]
fn a_patch_merges_maps_and_an_empty_value_takes_away() {
    let stage: Stage = read(object(json!({
        "stageName": "x", "description": "d", "stageVariables": {"a": "1", "b": "2"}
    })))
    .unwrap();
    let patch = json!({"description": "", "stageVariables": {"a": "", "c": "3"}, "autoDeploy": true});
    let stage = patched(&stage, object(patch)).unwrap();
    assert_eq!((stage.description, stage.auto_deploy), (None, true));
    let left: Vec<_> = stage.stage_variables.into_iter().collect();
    assert_eq!(left, [("b".to_owned(), "2".to_owned()), ("c".to_owned(), "3".to_owned())]);

    let settings: ApiSettings =
        read(object(json!({"name": "n", "corsConfiguration": {"allowOrigins": ["*"], "maxAge": 5}}))).unwrap();
    let cors = patched(&settings, object(json!({"corsConfiguration": {"maxAge": 6}}))).unwrap().cors_configuration;
    assert_eq!(cors, Some(Cors { max_age: Some(6), ..Cors::default() }), "replaced as a whole");
}

#[test]
fn route_keys_that_match_the_same_requests_are_one() {
    let identity = |key: &str| read::<Route>(object(json!({"routeKey": key}))).unwrap().identity();
    assert_eq!(identity("GET /a/{x}/b/{y+}"), identity("GET /a/{z}/b/{rest+}"));
    assert_ne!(identity("GET /a/{x}"), identity("GET /a/{x+}"));
    assert_ne!(identity("GET /a/{x}"), identity("POST /a/{x}"));
    assert_ne!(identity("GET /a"), identity("GET /a/"));
}
