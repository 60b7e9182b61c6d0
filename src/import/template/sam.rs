//! The Serverless Application Model: its resources become those that the service's own transform makes of them.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html>

mod definition;
mod domain;
mod events;
mod guard;
mod http_api;
mod parameters;
mod rest_api;

use self::parameters::Parameters;
use super::{
    document::{Map, Node, Value},
    notes::Notes,
    properties::boolean,
    stack::{Resource, Stack},
};
use crate::config::{Mistake, Place, Placed};

/// Where code lies on this machine, among the members of a function's `Code`. Not a name of the service's.
pub(super) const LOCAL_CODE: &str = "LocalPath";

/// The condition of an operation, in a document that is made here.
pub(super) const CONDITION: &str = "x-poolhouse-condition";

const FUNCTION: &str = "AWS::Serverless::Function";
const HTTP_API: &str = "AWS::Serverless::HttpApi";
const REST_API: &str = "AWS::Serverless::Api";
/// The APIs of events that name none.
const IMPLICIT: &str = "ServerlessHttpApi";
const IMPLICIT_REST: &str = "ServerlessRestApi";

/// Properties of a function that only matter to a deployment.
const MEANINGLESS: [&str; 9] = [
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishCodeSha256",
    "DeploymentPreference",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "RolePath",
    "Tracing",
];

/// Replaces the resources of the model in `stack`.
pub(super) fn transform(stack: &mut Stack, mut globals: Map, region: &str, notes: &Notes) {
    fill_in(stack, &mut globals, region);
    let mut section = |name: &str| {
        let node = globals.remove(name).filter(|node| node.value != Value::Null);
        node.and_then(|node| as_map(node, &format!("`Globals.{name}`"), notes)).map(|(_, map)| map).unwrap_or_default()
    };
    let (of_functions, of_apis, of_rest_apis) = (section("Function"), section("HttpApi"), section("Api"));
    for (name, node) in globals {
        let message = format!("`Globals.{name}` is not supported");
        notes.warn_of(Mistake::new(&node.at, message).nearest(&name, ["Api", "Function", "HttpApi"]));
    }
    let (mut functions, mut apis, mut rest) = (Vec::new(), Vec::new(), std::collections::BTreeMap::new());
    for (name, resource) in std::mem::take(&mut stack.resources) {
        match resource.kind.value.as_str() {
            FUNCTION => functions.push((name, resource)),
            HTTP_API | REST_API => apis.push((name, resource)),
            _ => drop(rest.insert(name, resource)),
        }
    }
    stack.resources = rest;
    let mut routes = Vec::new();
    for (name, mut resource) in functions {
        merge(&mut resource.properties, &of_functions);
        events::take(&name, &mut resource, stack, &mut routes, notes);
        function(&mut resource, notes);
        stack.resources.insert(name, resource);
    }
    for (implicit, kind) in [(IMPLICIT, HTTP_API), (IMPLICIT_REST, REST_API)] {
        let Some(route) = routes.iter().find(|route| route.api == implicit) else { continue };
        if !apis.iter().any(|(name, _)| name == implicit) {
            let at = route.at.clone();
            let kind = Placed { value: kind.to_owned(), at: at.clone() };
            let mut properties = Map::new();
            if implicit == IMPLICIT_REST {
                properties.insert("StageName".to_owned(), Node::text(&at, "Prod"));
            }
            let resource = Resource { at, kind, properties, condition: None, metadata: None };
            apis.push((implicit.to_owned(), resource));
        }
    }
    for (name, mut resource) in apis {
        let is_rest = resource.kind.value == REST_API;
        merge(&mut resource.properties, if is_rest { &of_rest_apis } else { &of_apis });
        let is_own = |route: &events::Route| route.api == name && route.is_rest == is_rest;
        let (own, others) = routes.into_iter().partition(is_own);
        routes = others;
        if is_rest {
            rest_api::make(&name, resource, own, stack, notes);
        } else {
            http_api::make(&name, resource, own, stack, notes);
        }
    }
    for route in routes {
        let kind = if route.is_rest { "REST" } else { "HTTP" };
        notes.refuse(&route.at, format!("no {kind} API of this template is called {}", route.api));
    }
}

/// Parameters and mappings decide over routes and guards too.
fn fill_in(stack: &mut Stack, globals: &mut Map, region: &str) {
    let parameters = Parameters::new(&stack.parameters, &stack.mappings, region);
    parameters.fill(globals);
    let of_the_model = |resource: &&mut Resource| resource.kind.value.starts_with("AWS::Serverless::");
    for resource in stack.resources.values_mut().filter(of_the_model) {
        parameters.fill(&mut resource.properties);
    }
}

/// What the resource says wins; maps are merged, and lists follow each other.
fn merge(own: &mut Map, globals: &Map) {
    for (key, global) in globals {
        let Some(node) = own.get_mut(key) else {
            own.insert(key.clone(), global.clone());
            continue;
        };
        match (&mut node.value, &global.value) {
            (Value::Map(own), Value::Map(global)) => merge(own, global),
            (Value::List(own), Value::List(global)) => drop(own.splice(0..0, global.iter().cloned())),
            _ => {}
        }
    }
}

/// Makes a function of the service's out of one of the model's.
fn function(resource: &mut Resource, notes: &Notes) {
    let properties = &mut resource.properties;
    for name in MEANINGLESS {
        if let Some(node) = properties.remove(name) {
            notes.tell(&node.at, format!("`{name}` of a function means nothing here"));
        }
    }
    let mut code = Map::new();
    let mut at = resource.at.clone();
    if let Some(node) = properties.remove("InlineCode") {
        at = node.at.clone();
        code.insert("ZipFile".to_owned(), node);
    }
    if let Some(node) = properties.remove("ImageUri") {
        at = node.at.clone();
        code.insert("ImageUri".to_owned(), node);
    }
    if let Some(node) = properties.remove("CodeUri").filter(|_| code.is_empty()) {
        at = node.at.clone();
        match node.value {
            Value::Map(map) => {
                for (from, to) in [("Bucket", "S3Bucket"), ("Key", "S3Key"), ("Version", "S3ObjectVersion")] {
                    if let Some(node) = map.get(from) {
                        code.insert(to.to_owned(), node.clone());
                    }
                }
            }
            Value::Text(text) => match text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
                Some((bucket, key)) => {
                    code.insert("S3Bucket".to_owned(), Node::text(&at, bucket));
                    code.insert("S3Key".to_owned(), Node::text(&at, key));
                }
                None => drop(code.insert(LOCAL_CODE.to_owned(), Node::text(&at, text))),
            },
            _ => notes.refuse(&at, "`CodeUri` must be a folder"),
        }
    }
    if code.is_empty() {
        // The model takes the template's own folder then.
        code.insert(LOCAL_CODE.to_owned(), Node::text(&at, "."));
    }
    properties.insert("Code".to_owned(), Node { at, value: Value::Map(code) });
    "AWS::Lambda::Function".clone_into(&mut resource.kind.value);
}

/// Takes what stands under `name`, whatever the case of its first letter.
fn take_any_case(map: &mut Map, name: &str) -> Option<Node> {
    let key = map.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()?;
    map.remove(&key)
}

/// Tells of members that nobody has taken.
fn leftovers(map: Map, of: &str, known: &[&str], notes: &Notes) {
    for (name, node) in map {
        let message = format!("`{name}` of {of} is not supported");
        notes.warn_of(Mistake::new(&node.at, message).nearest(&name, known.iter().copied()));
    }
}

/// The same of what guards routes: whoever goes on without it may open one.
fn leftover_guards(mut map: Map, of: &str, known: &[&str], notes: &Notes) {
    // It counts who calls, and keeps nobody out.
    let harmless = map.remove_entry("UsagePlan").into_iter().collect();
    leftovers(harmless, of, known, notes);
    for (name, node) in map {
        let message = format!("`{name}` of {of} is not supported, and without it a route could be open");
        notes.note(Mistake::new(&node.at, message).nearest(&name, known.iter().copied()));
    }
}

/// A text that decides what is made. Parameters and mappings are filled in already; what another function of the template would make
/// of it nobody knows yet, and to go on without it could leave a route without its guard.
fn literal(node: &Node, what: &str, notes: &Notes) -> Option<Placed<String>> {
    if node.as_text().is_none() {
        let found = match node.as_map().and_then(|map| map.keys().next()) {
            Some(function) => format!("`{function}`, which gives none before the stack is there"),
            None => node.kind().to_owned(),
        };
        notes.refuse(&node.at, format!("`{what}` must be a text, of parameters and mappings at most, found {found}"));
    }
    Some(Placed { value: node.as_text()?.to_owned(), at: node.at.clone() })
}

/// The same for what is true or false.
fn switch(node: Option<&Node>, what: &str, notes: &Notes) -> Option<bool> {
    let said = literal(node?, what, notes)?;
    let value = boolean(&said.value);
    if value.is_none() {
        notes.refuse(&said.at, format!("`{what}` must be true or false, found {:?}", said.value));
    }
    value
}

fn as_map(node: Node, what: &str, notes: &Notes) -> Option<(Place, Map)> {
    let kind = node.kind();
    match node.value {
        Value::Map(map) => Some((node.at, map)),
        _ => {
            notes.refuse(&node.at, format!("{what} must be a map, found {kind}"));
            None
        }
    }
}
