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
}

const WEBSOCKET: &str = "belongs to WebSocket APIs";
const BY_HAND: &str = "is decided by the server";

impl Object for ApiSettings {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] =
        &[("disableSchemaValidation", WEBSOCKET, Some("false"))];
    const WHOLE: &'static [&'static str] = &["corsConfiguration"];
}

impl Object for Route {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[
        ("modelSelectionExpression", WEBSOCKET, None),
        ("requestModels", WEBSOCKET, Some("{}")),
        ("requestParameters", WEBSOCKET, Some("{}")),
        ("routeResponseSelectionExpression", WEBSOCKET, None),
    ];
    const OWN: &'static [&'static str] = &["apiGatewayManaged"];
}

impl Object for Integration {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[
        ("connectionId", "belongs to VPC links, which this gateway does not have", None),
        ("integrationSubtype", "calls a service of AWS, which this gateway does not do", None),
        ("contentHandlingStrategy", WEBSOCKET, None),
        ("passthroughBehavior", WEBSOCKET, Some("\"WHEN_NO_MATCH\"")),
        ("requestTemplates", WEBSOCKET, Some("{}")),
        ("templateSelectionExpression", WEBSOCKET, None),
        ("tlsConfig", "belongs to private integrations, which this gateway does not have", None),
    ];
    const OWN: &'static [&'static str] = &["apiGatewayManaged"];
}

impl Object for Authorizer {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] =
        &[("identityValidationExpression", "is not supported for HTTP APIs", None)];
}

impl Object for Stage {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] =
        &[("clientCertificateId", WEBSOCKET, None)];
    const OWN: &'static [&'static str] = &["apiGatewayManaged", "lastDeploymentStatusMessage", "kept"];
}

impl Object for DomainSettings {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[];
}

impl Object for ApiMapping {
    const REFUSED: &'static [(&'static str, &'static str, Option<&'static str>)] = &[];
}

/// A new object.
pub fn read<T: Object>(mut given: Map<String, Value>) -> Result<T> {
    check::<T>(&mut given)?;
    given.retain(|_, value| !is_empty_text(value));
    from(Value::Object(given))
}

/// The object with the members that are given. An empty text, or in a map an empty value, takes a member away.
pub fn patched<T: Object>(object: &T, mut given: Map<String, Value>) -> Result<T> {
    check::<T>(&mut given)?;
    let mut whole = serde_json::to_value(object).map_err(|error| Fault::bad(error.to_string()))?;
    if let Value::Object(members) = &mut whole {
        for (name, value) in given {
            match (members.get_mut(&name), value) {
                (_, value) if is_empty_text(&value) => drop(members.remove(&name)),
                (Some(Value::Object(old)), Value::Object(new)) if !T::WHOLE.contains(&name.as_str()) => merge(old, new),
                (_, Value::Object(new)) if !T::WHOLE.contains(&name.as_str()) => {
                    let mut fresh = Map::new();
                    merge(&mut fresh, new);
                    members.insert(name, Value::Object(fresh));
                }
                (_, value) => drop(members.insert(name, value)),
            }
        }
    }
    from(whole)
}

fn merge(old: &mut Map<String, Value>, new: Map<String, Value>) {
    for (name, value) in new {
        match (old.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) if !new.is_empty() => merge(old, new),
            (_, value) if is_empty_text(&value) || value.as_object().is_some_and(Map::is_empty) => {
                old.remove(&name);
            }
            (_, value) => drop(old.insert(name, value)),
        }
    }
}

fn is_empty_text(value: &Value) -> bool {
    value.as_str() == Some("")
}

fn check<T: Object>(given: &mut Map<String, Value>) -> Result<()> {
    given.retain(|_, value| !value.is_null());
    for (name, why, nothing) in T::REFUSED {
        if let Some(value) = given.remove(*name)
            && *nothing != Some(value.to_string().as_str())
            && !is_empty_text(&value)
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
                Some(value) if value != nothing && !is_empty_text(&value) => {
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
