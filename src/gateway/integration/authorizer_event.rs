//! What a Lambda authorizer is told: the event of an integration without a body and without anybody's name.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

use bytes::Bytes;
use serde_json::{Value, json};

use super::{event, rest_event};
use crate::{
    config::api::PayloadFormat,
    gateway::{
        authorizer::{LambdaKind, method_arn},
        exchange::Exchange,
    },
};

pub(in crate::gateway) fn authorizer_event(
    exchange: &Exchange<'_>,
    kind: &LambdaKind,
    identity: Vec<String>,
) -> Option<Value> {
    let arn = method_arn(exchange)?;
    let nobody = Bytes::new();
    match kind {
        LambdaKind::RestToken { .. } => {
            Some(json!({"type": "TOKEN", "authorizationToken": identity.join(","), "methodArn": arn}))
        }
        LambdaKind::Http { format: PayloadFormat::V2, .. } => {
            let mut event = event::version_2(exchange, &nobody)?;
            let members = event.as_object_mut()?;
            members.remove("isBase64Encoded");
            members.insert("type".to_owned(), "REQUEST".into());
            members.insert("routeArn".to_owned(), arn.into());
            members.insert("identitySource".to_owned(), identity.into());
            Some(event)
        }
        LambdaKind::Http { format: PayloadFormat::V1, .. } => {
            let joined = identity.join(",");
            let mut event = bare_version_1(exchange)?;
            for name in ["multiValueHeaders", "multiValueQueryStringParameters"] {
                event.as_object_mut()?.remove(name);
            }
            event["methodArn"] = arn.into();
            event["identitySource"] = joined.as_str().into();
            event["authorizationToken"] = joined.into();
            Some(event)
        }
        LambdaKind::RestRequest => {
            let mut event = bare_version_1(exchange)?;
            event.as_object_mut()?.remove("version");
            event["path"] = rest_event::path(exchange).into();
            event["methodArn"] = arn.into();
            Some(event)
        }
    }
}

fn bare_version_1(exchange: &Exchange<'_>) -> Option<Value> {
    let mut event = event::version_1(exchange, &Bytes::new())?;
    event["requestContext"].as_object_mut()?.remove("authorizer");
    let members = event.as_object_mut()?;
    members.remove("body");
    members.remove("isBase64Encoded");
    members.insert("type".to_owned(), "REQUEST".into());
    // Where an integration is told nothing, an authorizer is told that there is nothing in it.
    let maps = ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"];
    for name in maps {
        if let Some(map) = members.get_mut(name).filter(|value| value.is_null()) {
            *map = json!({});
        }
    }
    Some(event)
}
