//! What answers behind a method of a REST API: `Integration` of `AWS::ApiGateway::Method` and `x-amazon-apigateway-integration`.
//!
//! A mock becomes a fixed answer. Mapping templates are a language of the service's own, which is not spoken here: what needs
//! them is left out with a warning, but for the one that tools write to tell an origin that it may ask.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-method-integration.html>

use std::collections::BTreeMap;

use super::{
    document::{Map, Node, Value},
    http_api::capitalised,
    integration::{function_of, told_method},
    made::{Made, text_map},
    properties::Properties,
};
use crate::config::{Place, Placed};

const JSON: &str = "application/json";

/// The table of an integration; `None` when there cannot be one.
pub(super) fn integration(properties: &mut Properties) -> Option<Made> {
    let kind = properties.required("Type")?;
    let connection = properties.text("ConnectionType").filter(|connection| connection.value != "INTERNET");
    if let Some(connection) = connection {
        properties.warn(&connection.at, format!("`ConnectionType` {} is not supported", connection.value));
        properties.rest();
        return None;
    }
    properties.pass_over(&["CacheKeyParameters", "CacheNamespace", "Credentials", "PassthroughBehavior"]);
    let uri = properties.text("Uri");
    let method = properties.text("IntegrationHttpMethod");
    let transfer = properties.text("ResponseTransferMode");
    if let Some(transfer) = transfer.filter(|transfer| transfer.value != "BUFFERED") {
        properties.warn(&transfer.at, format!("`ResponseTransferMode` {} is not supported", transfer.value));
        properties.rest();
        return None;
    }
    let mut made = Made::default();
    let no_uri = |properties: &Properties| {
        properties.refuse(&properties.at, format!("{} has no `Uri`", properties.of));
        None
    };
    match kind.value.to_ascii_uppercase().as_str() {
        "AWS_PROXY" => {
            let Some(uri) = uri else { return no_uri(properties) };
            told_method(properties, "IntegrationHttpMethod", method.as_ref());
            made.text("function", &Placed { value: function_of(&uri.value).to_owned(), at: uri.at });
            properties.pass_over(&["ContentHandling", "IntegrationResponses", "RequestParameters", "RequestTemplates"]);
        }
        "HTTP_PROXY" => {
            let Some(uri) = uri else { return no_uri(properties) };
            made.text("http", &uri);
            if let Some(method) = method {
                made.text("method", &method);
            }
            if let Some(map) = properties.map("RequestParameters") {
                made.table("request_parameters", &map.at, text_map(properties.scope, "RequestParameters", map.value));
            }
            properties.pass_over(&["ContentHandling", "IntegrationResponses", "RequestTemplates"]);
        }
        "MOCK" => {
            let answer = mock(properties)?;
            made.table("respond", &kind.at, answer);
            properties.pass_over(&["ContentHandling", "RequestParameters"]);
        }
        other => {
            properties.warn(&kind.at, format!("integrations of the type {other} are not supported"));
            properties.rest();
            return None;
        }
    }
    properties.copy_word("TimeoutInMillis", &mut made, "timeout_in_millis");
    Some(made)
}

/// OpenAPI has the answers by the statuses that they are for; resources have a list of them.
pub(super) fn from_openapi(map: &Map) -> Map {
    let renamed = [("httpMethod", "IntegrationHttpMethod"), ("responses", "IntegrationResponses")];
    let mut members = capitalised(map, &renamed);
    if let Some(Node { at, value: Value::Map(responses) }) = members.remove("IntegrationResponses") {
        let one = |(pattern, node): (String, Node)| {
            let Value::Map(map) = &node.value else { return node };
            let mut map = capitalised(map, &[]);
            if pattern != "default" {
                map.insert("SelectionPattern".to_owned(), Node::text(&node.at, pattern));
            }
            Node { at: node.at, value: Value::Map(map) }
        };
        let list = Node::list(&at, responses.into_iter().map(one).collect());
        members.insert("IntegrationResponses".to_owned(), list);
    }
    members
}

/// The one answer that a mock gives to every request.
fn mock(properties: &mut Properties) -> Option<Made> {
    let asked = properties.map("RequestTemplates").map(|map| map.value).unwrap_or_default();
    let responses = properties.list("IntegrationResponses").map(|list| list.value).unwrap_or_default();
    let status = match asked.get(JSON).or_else(|| asked.values().next()) {
        Some(node) => match node.as_text().and_then(asked_status) {
            Some(status) => status,
            None => return left_out(properties, &node.at, "its request template names more than a status"),
        },
        None => "200".to_owned(),
    };
    let pattern = |node: &Node| node.get("SelectionPattern").and_then(Node::as_text).map(str::to_owned);
    let is_for = |node: &&Node| {
        let pattern = pattern(node).and_then(|pattern| regex::Regex::new(&format!("^(?:{pattern})$")).ok());
        pattern.is_some_and(|pattern| pattern.is_match(&status))
    };
    let found = responses.iter().find(is_for);
    let found = found.or_else(|| responses.iter().find(|node| pattern(node).is_none_or(|pattern| pattern.is_empty())));
    let Some(Node { at, value: Value::Map(map) }) = found else {
        let at = properties.at.clone();
        return left_out(properties, &at, &format!("it has no integration response for the status {status}"));
    };
    let mut response = Properties::new(properties.scope, at, "an integration response", map.clone());
    let answer = answer(&mut response);
    if answer.is_none() {
        response.rest();
        properties.rest();
    }
    response.finish();
    answer
}

fn left_out(properties: &mut Properties, at: &Place, why: &str) -> Option<Made> {
    properties.warn(at, format!("the mock of {} is left out: {why}", properties.of));
    properties.rest();
    None
}

/// `{"statusCode": 200}`, with or without quotes, which is all that is needed to choose an answer.
fn asked_status(template: &str) -> Option<String> {
    let bare: String = template.chars().filter(|c| !c.is_whitespace() && !"{}\"'".contains(*c)).collect();
    let digits = bare.strip_prefix("statusCode:")?;
    (digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.to_owned())
}

fn answer(response: &mut Properties) -> Option<Made> {
    let mut made = Made::default();
    let at = response.at.clone();
    response.take("SelectionPattern");
    response.pass_over(&["ContentHandling"]);
    response.copy_word("StatusCode", &mut made, "status");
    let mut headers: BTreeMap<String, Placed<String>> = BTreeMap::new();
    for (name, node) in response.map("ResponseParameters").map(|map| map.value).unwrap_or_default() {
        let header = name.strip_prefix("method.response.header.");
        let fixed = node.as_text().and_then(|text| text.strip_prefix('\'')?.strip_suffix('\''));
        let (Some(header), Some(fixed)) = (header, fixed) else {
            response.warn(&node.at, format!("`{name}` of a mock's answer is no header with a fixed value"));
            return None;
        };
        headers.insert(header.to_ascii_lowercase(), Placed { value: fixed.to_owned(), at: node.at.clone() });
    }
    let templates = response.map("ResponseTemplates").map(|map| map.value).unwrap_or_default();
    let kind = if templates.contains_key(JSON) { JSON } else { templates.keys().next().map_or(JSON, String::as_str) };
    if let Some(node) = templates.get(kind) {
        let text = node.as_text().unwrap_or_default();
        if let Some(origins) = origins_of(text) {
            let origin = |value: String| Placed { value, at: node.at.clone() };
            made.texts("allow_origins", &node.at, origins.into_iter().map(origin).collect());
        } else if text.contains(['$', '#']) {
            response.warn(&node.at, "mapping templates are not followed: a mock's answer must be a fixed text");
            return None;
        } else {
            made.text("body", &Placed { value: text.to_owned(), at: node.at.clone() });
        }
    }
    let told = || Placed { value: kind.to_owned(), at: at.clone() };
    headers.entry("content-type".to_owned()).or_insert_with(told);
    let mut table = Made::default();
    for (name, value) in &headers {
        table.text(name, value);
    }
    made.table("headers", &at, table);
    Some(made)
}

/// The origins of the one mapping template that is followed, which tools write for preflight requests: the answer names the origin
/// that asks where it is one of these. They are compared, or matched with an expression that has `[.]` for a dot and `.+` for `*`.
fn origins_of(template: &str) -> Option<Vec<String>> {
    const SET: &str = "#set($context.responseOverride.header.Access-Control-Allow-Origin=$origin)#end";
    let bare: String = template.chars().filter(|c| !c.is_whitespace()).collect();
    let read = ["$input.params().header.get", "$input.params"].into_iter().find_map(|way| {
        let asked = format!("#set($origin={way}(\"Origin\"))#if($origin==\"\")#set($origin={way}(\"origin\"))#end#if(");
        bare.strip_prefix(&asked)
    })?;
    let condition = read.strip_suffix(SET)?.strip_suffix(')')?;
    // A bare dot would stand for any character, and is taken for itself: less is let in.
    let is_plain = |one: &str| one.chars().all(|c| c.is_ascii_alphanumeric() || ":/.-_*".contains(c));
    let origin = |test: &str| {
        let inside = |start: &str, end: &str| test.strip_prefix(start)?.strip_suffix(end).map(str::to_owned);
        let compared = inside("$origin==\"", "\"").filter(|one| !one.contains('*'));
        let matched = || Some(inside("$origin.matches(\"", "\")")?.replace("[.]", ".").replace(".+", "*"));
        compared.or_else(matched).filter(|one| !one.is_empty() && is_plain(one))
    };
    condition.split("||").map(origin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_is_asked_for_a_status_in_many_hands() {
        for template in ["{\"statusCode\": 200}", "{ statusCode: 200 }", "{\n  \"statusCode\" : 200\n}\n"] {
            assert_eq!(asked_status(template).as_deref(), Some("200"), "{template}");
        }
        for template in ["", "{}", "#if($x){\"statusCode\": 200}#end", "{\"statusCode\": $s}", "{\"statusCode\": 2000}"]
        {
            assert_eq!(asked_status(template), None, "{template}");
        }
    }

    #[test]
    fn origins_are_read_of_what_tools_write() {
        let compared = "#set($origin = $input.params().header.get(\"Origin\"))\n#if($origin == \"\")\n  \
                        #set($origin = $input.params().header.get(\"origin\"))\n#end\n\
                        #if($origin == \"https://a.example\" || $origin == \"http://localhost:3000\")\n  \
                        #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)\n#end";
        assert_eq!(origins_of(compared).unwrap(), ["https://a.example", "http://localhost:3000"]);
        let matched = "#set($origin = $input.params(\"Origin\"))\n\
                       #if($origin == \"\") #set($origin = $input.params(\"origin\")) #end\n\
                       #if($origin.matches(\"https://a[.]example\") || $origin.matches(\"https://.+[.]b[.]example\")) \
                       #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin) #end";
        assert_eq!(origins_of(matched).unwrap(), ["https://a.example", "https://*.b.example"]);
        for (from, to) in [
            ("https://a.example", "https://*"),
            ("|| $origin == ", "&& $origin == "),
            (" = $origin)\n#end", " = $other)\n#end"),
            ("\n#end", "\n#end{}"),
            ("\"Origin\"", "\"X-Origin\""),
            ("Allow-Origin", "Allow-Headers"),
        ] {
            let other = compared.replace(from, to);
            assert!(other != compared && origins_of(&other).is_none(), "{to}");
        }
        assert!(origins_of(&matched.replace("a[.]example", "(a|b)[.]example")).is_none());
        assert!(origins_of("").is_none());
    }
}
