//! What answers behind a route: `AWS::ApiGatewayV2::Integration` and `x-amazon-apigateway-integration`.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-integration.html>

use super::{
    document::{Map, Node, Value},
    made::{Made, text_map},
    properties::Properties,
};
use crate::{
    config::{Place, Placed},
    kit::ids,
};

/// Of a route whose guard is not built here.
pub(super) const FORBIDDEN: u16 = 403;
/// Of a route whose integration is not.
pub(super) const BROKEN: u16 = 500;

/// The name of the function that an ARN, or a URI that the gateway calls, leads to.
pub(super) fn function_of(uri: &str) -> &str {
    let arn = uri.split_once("/functions/").map_or(uri, |(_, rest)| rest.strip_suffix("/invocations").unwrap_or(rest));
    ids::function_name(arn)
}

/// `2` is `2.0`: YAML and JSON write the version as a number.
pub(super) fn with_fraction(version: Placed<String>) -> Placed<String> {
    match version.value.as_str() {
        "1" | "2" => Placed { value: format!("{}.0", version.value), at: version.at },
        _ => version,
    }
}

/// What answers in the place of a route that is not made, so that no wider route does: 403 where nobody may pass, 500 where nothing
/// answers.
pub(super) fn instead(at: &Place, status: u16) -> Made {
    let text = |value: &str| Placed { value: value.to_owned(), at: at.clone() };
    let message =
        if status == FORBIDDEN { r#"{"message":"Forbidden"}"# } else { r#"{"message":"Internal Server Error"}"# };
    let (mut answer, mut headers, mut made) = (Made::default(), Made::default(), Made::default());
    headers.text("content-type", &text("application/json"));
    answer.word("status", at, status);
    answer.table("headers", at, headers);
    answer.text("body", &text(message));
    made.table("respond", at, answer);
    made
}

/// What `ApiGatewayManagedOverrides` says of the integration that quick creation made: with a server, if `is_http`, or a function.
pub(super) fn override_of(change: &mut Properties, is_http: bool, made: &mut Made) {
    let format = change.text("PayloadFormatVersion").map(with_fraction);
    let method = change.text("IntegrationMethod");
    if is_http {
        http_leg(change, method, format, made);
        return;
    }
    told_method(change, "IntegrationMethod", method.as_ref());
    if let Some(format) = format {
        made.text("payload_format", &format);
    }
}

/// The method of a server, and that its events have one format only.
fn http_leg(of: &Properties, method: Option<Placed<String>>, format: Option<Placed<String>>, made: &mut Made) {
    if let Some(method) = method {
        made.text("method", &method);
    }
    if let Some(format) = format.filter(|format| format.value != "1.0") {
        of.refuse(&format.at, "`PayloadFormatVersion` of an HTTP integration must be 1.0");
    }
}

/// Functions are called with POST, whatever a template says.
pub(super) fn told_method(of: &Properties, what: &str, method: Option<&Placed<String>>) {
    if let Some(method) = method.filter(|method| method.value != "POST") {
        let message =
            format!("`{what}` {} of {} means nothing here: functions are called with POST", method.value, of.of);
        of.scope.notes().tell(&method.at, message);
    }
}

/// The table of an integration; `None` when there cannot be one.
pub(super) fn integration(properties: &mut Properties) -> Option<Made> {
    let kind = properties.required("IntegrationType")?;
    let subtype = properties.text("IntegrationSubtype");
    if let Some(subtype) = subtype {
        properties.warn(&subtype.at, format!("the service {} cannot be called from here", subtype.value));
        properties.rest();
        return None;
    }
    let connection = properties.text("ConnectionType").filter(|connection| connection.value != "INTERNET");
    if let Some(connection) = connection {
        properties.warn(&connection.at, format!("`ConnectionType` {} is not supported", connection.value));
        properties.rest();
        return None;
    }
    let mut made = Made::default();
    let format = properties.text("PayloadFormatVersion").map(with_fraction);
    let method = properties.text("IntegrationMethod");
    match kind.value.to_ascii_uppercase().as_str() {
        "AWS_PROXY" => {
            let uri = properties.required("IntegrationUri")?;
            told_method(properties, "IntegrationMethod", method.as_ref());
            made.text("function", &Placed { value: function_of(&uri.value).to_owned(), at: uri.at });
            match format {
                Some(format) => made.text("payload_format", &format),
                None => properties.refuse(&properties.at, format!("{} has no `PayloadFormatVersion`", properties.of)),
            }
        }
        "HTTP_PROXY" => {
            made.text("http", &properties.required("IntegrationUri")?);
            http_leg(properties, method, format, &mut made);
        }
        other => {
            properties.warn(&kind.at, format!("integrations of the type {other} are not supported"));
            properties.rest();
            return None;
        }
    }
    properties.copy_word("TimeoutInMillis", &mut made, "timeout_in_millis");
    if let Some(map) = properties.map("RequestParameters") {
        made.table("request_parameters", &map.at, text_map(properties.scope, "RequestParameters", map.value));
    }
    if let Some(map) = properties.map("ResponseParameters") {
        let mut codes = Made::default();
        for (code, node) in map.value {
            let at = node.at.clone();
            let Value::Map(rules) = node.value else {
                properties.refuse(&at, "`ResponseParameters` must hold a map for each status");
                continue;
            };
            codes.table(&code, &at, text_map(properties.scope, "ResponseParameters", flat(properties, rules)));
        }
        made.table("response_parameters", &map.at, codes);
    }
    properties.pass_over(&["CredentialsArn", "Description"]);
    Some(made)
}

/// Resources write the rules for a status as a list of sources and destinations, OpenAPI as a map.
fn flat(properties: &Properties, rules: Map) -> Map {
    let Some(list) = rules.get("ResponseParameters").and_then(Node::as_list) else { return rules };
    let mut map = Map::new();
    for rule in list {
        let part = |name: &str| rule.get(name).and_then(Node::as_text);
        match (part("Destination"), part("Source")) {
            (Some(to), Some(from)) => drop(map.insert(to.to_owned(), Node::text(&rule.at, from))),
            _ => properties.refuse(&rule.at, "a rule of `ResponseParameters` needs a `Destination` and a `Source`"),
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_functions_address_leads_to_its_name() {
        let path = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/";
        for arn in [
            "arn:aws:lambda:us-east-1:123456789012:function:hello",
            "hello",
            "arn:aws:lambda:us-east-1:123456789012:function:hello:live",
        ] {
            assert_eq!(function_of(arn), "hello");
            assert_eq!(function_of(&format!("{path}{arn}/invocations")), "hello");
        }
    }
}
