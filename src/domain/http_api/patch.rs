//! From the JSON of a call to an object, and a change of one. Members that this server does not act on are refused by name.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{ApiMapping, ApiSettings, Authorizer, DomainSettings, Fault, Integration, Result, Route, Stage};

/// An object that calls make and change.
pub trait Object: Serialize + DeserializeOwned {
    /// Members of the service's shape that mean nothing here, with what is said to that. A value in the third place is the one
    /// that says nothing, and passes.
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)];
    /// Members that callers may read and not write.
    const OWN: &'static [&'static str] = &[];
    /// Members that are replaced as a whole, though they are objects.
    const WHOLE: &'static [&'static str] = &[];
    /// Members that are texts, which an empty text takes away; `*` is every member of a map. Under any other one an empty text
    /// is a mistake, lest it take away what guards something.
    const TEXTS: &'static [&'static str];
}

const WEBSOCKET: &str = "belongs to WebSocket APIs";
const BY_HAND: &str = "is decided by the server";
const NO_TEXT: Option<&str> = Some("\"\"");

impl Object for ApiSettings {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] =
        &[("disableSchemaValidation", WEBSOCKET, Some("false"))];
    const WHOLE: &'static [&'static str] = &["corsConfiguration"];
    const TEXTS: &'static [&'static str] =
        &["name", "description", "version", "routeSelectionExpression", "apiKeySelectionExpression", "tags.*"];
}

impl Object for Route {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[
        ("modelSelectionExpression", WEBSOCKET, NO_TEXT),
        ("requestModels", WEBSOCKET, Some("{}")),
        ("requestParameters", WEBSOCKET, Some("{}")),
        ("routeResponseSelectionExpression", WEBSOCKET, NO_TEXT),
    ];
    const OWN: &'static [&'static str] = &["apiGatewayManaged"];
    const TEXTS: &'static [&'static str] = &["routeKey", "target", "authorizerId", "operationName"];
}

impl Object for Integration {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[
        ("connectionId", "belongs to VPC links, which this gateway does not have", NO_TEXT),
        ("integrationSubtype", "calls a service of AWS, which this gateway does not do", NO_TEXT),
        ("contentHandlingStrategy", WEBSOCKET, None),
        ("passthroughBehavior", WEBSOCKET, Some("\"WHEN_NO_MATCH\"")),
        ("requestTemplates", WEBSOCKET, Some("{}")),
        ("templateSelectionExpression", WEBSOCKET, NO_TEXT),
        ("tlsConfig", "belongs to private integrations, which this gateway does not have", None),
    ];
    const OWN: &'static [&'static str] = &["apiGatewayManaged"];
    const TEXTS: &'static [&'static str] = &[
        "integrationUri",
        "integrationMethod",
        "payloadFormatVersion",
        "description",
        "credentialsArn",
        "requestParameters.*",
        "responseParameters.*.*",
    ];
}

impl Object for Authorizer {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] =
        &[("identityValidationExpression", "is not supported for HTTP APIs", NO_TEXT)];
    const TEXTS: &'static [&'static str] = &[
        "name",
        "jwtConfiguration.issuer",
        "authorizerUri",
        "authorizerPayloadFormatVersion",
        "authorizerCredentialsArn",
    ];
}

impl Object for Stage {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] =
        &[("clientCertificateId", WEBSOCKET, NO_TEXT)];
    const OWN: &'static [&'static str] = &["apiGatewayManaged", "lastDeploymentStatusMessage", "kept"];
    const TEXTS: &'static [&'static str] = &[
        "stageName",
        "deploymentId",
        "description",
        "stageVariables.*",
        "accessLogSettings.destinationArn",
        "accessLogSettings.format",
        "tags.*",
    ];
}

impl Object for DomainSettings {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[];
    const TEXTS: &'static [&'static str] =
        &["domainName", "mutualTlsAuthentication.truststoreUri", "mutualTlsAuthentication.truststoreVersion", "tags.*"];
}

impl Object for ApiMapping {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[];
    const TEXTS: &'static [&'static str] = &["apiId", "stage", "apiMappingKey"];
}

/// A new object.
pub fn read<T: Object>(mut given: Map<String, Value>) -> Result<T> {
    check::<T>(&mut given)?;
    given.retain(|name, value| !takes_away(value, &below(T::TEXTS, name)));
    from(Value::Object(given))
}

/// The object with the members that are given. An empty text, also as a value of a map, takes a text away.
pub fn patched<T: Object>(object: &T, mut given: Map<String, Value>) -> Result<T> {
    check::<T>(&mut given)?;
    let mut whole = serde_json::to_value(object).map_err(|error| Fault::bad(error.to_string()))?;
    if let Value::Object(members) = &mut whole {
        for name in T::WHOLE {
            if let Some(value) = given.remove(*name) {
                members.insert((*name).to_owned(), value);
            }
        }
        given.retain(|name, value| !takes_map_away(value, &below(T::TEXTS, name)));
        merge(members, given, T::TEXTS);
    }
    from(whole)
}

fn merge(old: &mut Map<String, Value>, new: Map<String, Value>, texts: &[&str]) {
    for (name, value) in new {
        let texts = below(texts, &name);
        match (old.get_mut(&name), value) {
            (_, value) if takes_away(&value, &texts) || takes_map_away(&value, &texts) => drop(old.remove(&name)),
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new, &texts),
            (_, Value::Object(new)) => {
                let mut fresh = Map::new();
                merge(&mut fresh, new, &texts);
                old.insert(name, Value::Object(fresh));
            }
            (_, value) => drop(old.insert(name, value)),
        }
    }
}

/// What of `texts` is said of the member `name` and of what it holds. The empty text says that it is a text itself.
fn below<'a>(texts: &[&'a str], name: &str) -> Vec<&'a str> {
    let split = |text: &&'a str| text.split_once('.').unwrap_or((*text, ""));
    texts.iter().map(split).filter(|(own, _)| *own == name || *own == "*").map(|(_, rest)| rest).collect()
}

fn takes_away(value: &Value, texts: &[&str]) -> bool {
    is_empty_text(value) && texts.contains(&"")
}

/// Within a map, an empty map of texts. Settings of a route without a word leave everything as it is.
fn takes_map_away(value: &Value, texts: &[&str]) -> bool {
    value.as_object().is_some_and(Map::is_empty) && texts.contains(&"*")
}

fn is_empty_text(value: &Value) -> bool {
    value.as_str() == Some("")
}

fn check<T: Object>(given: &mut Map<String, Value>) -> Result<()> {
    given.retain(|_, value| !value.is_null());
    for (name, why, nothing) in T::REFUSED {
        if let Some(value) = given.remove(*name)
            && *nothing != Some(value.to_string().as_str())
        {
            return Err(Fault::bad(format!("{name} {why}.")));
        }
    }
    match T::OWN.iter().find(|name| given.contains_key(**name)) {
        Some(name) => Err(Fault::bad(format!("{name} {BY_HAND}."))),
        None => drop_websocket_logging(given),
    }
}

/// Settings of a route carry two members of WebSocket APIs, which tools send with the value that says nothing.
fn drop_websocket_logging(given: &mut Map<String, Value>) -> Result<()> {
    let all = |settings: &mut Value| {
        let Some(settings) = settings.as_object_mut() else { return Ok(()) };
        for (name, nothing) in [("dataTraceEnabled", Value::Bool(false)), ("loggingLevel", "OFF".into())] {
            match settings.remove(name) {
                Some(value) if value != nothing => {
                    return Err(Fault::bad(format!("{name} {WEBSOCKET}.")));
                }
                _ => {}
            }
        }
        Ok(())
    };
    if let Some(settings) = given.get_mut("defaultRouteSettings") {
        all(settings)?;
    }
    if let Some(Value::Object(routes)) = given.get_mut("routeSettings") {
        routes.values_mut().try_for_each(all)?;
    }
    Ok(())
}

fn from<T: Object>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Fault::bad(format!("Invalid request body: {error}")))
}
