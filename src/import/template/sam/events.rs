//! `Events` of a function: what calls it.

use super::{
    super::{
        document::{Map, Node, Value},
        notes::Notes,
        stack::{Resource, Stack},
    },
    CONDITION, IMPLICIT, IMPLICIT_REST, as_map, leftovers, literal,
};
use crate::config::{Mistake, Place, Placed};

/// A route of an API that a function answers.
pub(super) struct Route {
    pub at: Place,
    pub is_rest: bool,
    /// The logical id of the API.
    pub api: String,
    pub function: String,
    /// The function's. Where it is not met there is no route either.
    pub condition: Option<Placed<String>>,
    pub path: Option<String>,
    pub method: Option<String>,
    pub auth: Map,
    pub payload_format: Option<Node>,
    pub timeout: Option<Node>,
    pub settings: Option<Node>,
}

impl Route {
    /// The function of an operation, with what switches the operation off: the function has no ARN then.
    pub fn calls(&self, members: &mut Map) -> Node {
        let text = |text: &str| Node::text(&self.at, text);
        let list = |items| Node::list(&self.at, items);
        let arn = Node::map(&self.at, [("Fn::GetAtt", list(vec![text(&self.function), text("Arn")]))]);
        let Some(condition) = &self.condition else { return arn };
        let name = Node::text(&condition.at, &condition.value);
        members.insert(CONDITION.to_owned(), name.clone());
        Node::map(&self.at, [("Fn::If", list(vec![name, arn, text("")]))])
    }
}

/// Takes a function's events apart: routes are added to `routes`, triggers to their pools.
pub(super) fn take(name: &str, resource: &mut Resource, stack: &mut Stack, routes: &mut Vec<Route>, notes: &Notes) {
    let Some(events) = resource.properties.remove("Events") else { return };
    let Some((_, events)) = as_map(events, "`Events`", notes) else { return };
    for (event, node) in events {
        let at = node.at.clone();
        let Some((_, mut members)) = as_map(node, &format!("the event {event}"), notes) else { continue };
        let kind = members.remove("Type").and_then(|node| node.as_text().map(str::to_owned)).unwrap_or_default();
        let properties = match members.remove("Properties") {
            Some(node) => as_map(node, &format!("`Properties` of the event {event}"), notes).map(|(_, map)| map),
            None => Some(Map::new()),
        };
        leftovers(members, &format!("the event {event}"), &["Type", "Properties"], notes);
        let Some(properties) = properties else { continue };
        match kind.as_str() {
            "HttpApi" | "Api" => {
                let made = if kind == "Api" { method } else { route };
                let made = made(name, &at, &event, properties, notes);
                routes.extend(made.map(|route| Route { condition: resource.condition.clone(), ..route }));
            }
            "Cognito" => trigger(name, &at, properties, stack, notes),
            other => {
                let message = format!("events of the type {other} are not supported");
                notes.warn_of(Mistake::new(&at, message).nearest(other, ["Api", "HttpApi", "Cognito"]));
            }
        }
    }
}

fn text(properties: &mut Map, name: &str, notes: &Notes) -> Option<String> {
    properties.remove(name).and_then(|node| literal(&node, name, notes)).map(|text| text.value)
}

/// The logical id that a property refers to.
fn referred(node: &Node) -> Option<String> {
    node.as_text().or_else(|| node.get("Ref").and_then(Node::as_text)).map(str::to_owned)
}

/// An event of the type `Api`: a method of a REST API.
fn method(function: &str, at: &Place, event: &str, mut properties: Map, notes: &Notes) -> Option<Route> {
    let api = match properties.remove("RestApiId") {
        None => IMPLICIT_REST.to_owned(),
        Some(node) => match referred(&node) {
            Some(name) => name,
            None => {
                notes.refuse(&node.at, "`RestApiId` must refer to a REST API of this template");
                return None;
            }
        },
    };
    let auth = match properties.remove("Auth") {
        Some(node) => as_map(node, "`Auth`", notes)?.1,
        None => Map::new(),
    };
    let (path, method) = (text(&mut properties, "Path", notes), text(&mut properties, "Method", notes));
    if path.is_none() || method.is_none() {
        notes.refuse(at, "an Api event has both a `Path` and a `Method`");
        return None;
    }
    // They describe what is not checked without a validator.
    for described in ["RequestModel", "RequestParameters"] {
        if let Some(node) = properties.remove(described) {
            notes.warn(&node.at, format!("`{described}` of the event {event}: requests are not validated here"));
        }
    }
    let timeout = properties.remove("TimeoutInMillis");
    let known = ["Auth", "Method", "Path", "RequestModel", "RequestParameters", "RestApiId", "TimeoutInMillis"];
    leftovers(properties, &format!("the event {event}"), &known, notes);
    let function = function.to_owned();
    let (payload_format, settings) = (None, None);
    let (at, condition) = (at.clone(), None);
    Some(Route { at, is_rest: true, api, function, condition, path, method, auth, payload_format, timeout, settings })
}

fn route(function: &str, at: &Place, event: &str, mut properties: Map, notes: &Notes) -> Option<Route> {
    let api = match properties.remove("ApiId") {
        None => IMPLICIT.to_owned(),
        Some(node) => match referred(&node) {
            Some(name) => name,
            None => {
                notes.refuse(&node.at, "`ApiId` must refer to an HTTP API of this template");
                return None;
            }
        },
    };
    let auth = match properties.remove("Auth") {
        Some(node) => as_map(node, "`Auth`", notes)?.1,
        None => Map::new(),
    };
    let route = Route {
        at: at.clone(),
        is_rest: false,
        api,
        function: function.to_owned(),
        condition: None,
        path: text(&mut properties, "Path", notes),
        method: text(&mut properties, "Method", notes),
        auth,
        payload_format: properties.remove("PayloadFormatVersion"),
        timeout: properties.remove("TimeoutInMillis"),
        settings: properties.remove("RouteSettings"),
    };
    let known = ["ApiId", "Auth", "Path", "Method", "PayloadFormatVersion", "TimeoutInMillis", "RouteSettings"];
    leftovers(properties, &format!("the event {event}"), &known, notes);
    Some(route)
}

/// Names the function in the pool's `LambdaConfig`.
fn trigger(function: &str, at: &Place, mut properties: Map, stack: &mut Stack, notes: &Notes) {
    let pool = properties.remove("UserPool");
    let named = match properties.remove("Trigger") {
        Some(Node { value: Value::List(items), .. }) => items,
        one => one.into_iter().collect(),
    };
    let triggers: Vec<String> =
        named.iter().filter_map(|node| literal(node, "Trigger", notes)).map(|text| text.value).collect();
    if named.is_empty() {
        notes.refuse(at, "a Cognito event has no `Trigger`");
    }
    leftovers(properties, "a Cognito event", &["UserPool", "Trigger"], notes);
    let name = pool.as_ref().and_then(|node| node.get("Ref")?.as_text());
    let found = name.and_then(|name| stack.resources.get_mut(name));
    let Some(resource) = found.filter(|resource| resource.kind.value == "AWS::Cognito::UserPool") else {
        return notes.refuse(at, "`UserPool` of a Cognito event must refer to a pool of this template");
    };
    let config = resource.properties.entry("LambdaConfig".to_owned());
    let config = config.or_insert_with(|| Node { at: at.clone(), value: Value::Map(Map::new()) });
    let Value::Map(config) = &mut config.value else {
        return notes.refuse(&config.at, "`LambdaConfig` of a pool with Cognito events must be a map");
    };
    for trigger in triggers {
        let arn =
            Node::map(at, [("Fn::GetAtt", Node::list(at, vec![Node::text(at, function), Node::text(at, "Arn")]))]);
        config.insert(trigger, arn);
    }
}
