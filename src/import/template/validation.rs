//! Validators of requests: which parameters a method of a REST API must be given. Bodies are not held against their models.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html>

use std::collections::BTreeMap;

use super::{
    document::{Map, Node},
    http_api::{Api, capitalised},
    properties::{Properties, boolean},
    scope::Scope,
};
use crate::config::{Mistake, Placed};

const VALIDATOR: &str = "x-amazon-apigateway-request-validator";
const VALIDATORS: &str = "x-amazon-apigateway-request-validators";

/// What a validator looks at.
#[derive(Clone, Copy)]
pub(super) struct Validator {
    body: bool,
    parameters: bool,
}

/// What an API says of validation, before its methods are read.
#[derive(Default)]
pub(super) struct Validation {
    /// By logical id, or by the name in a document.
    pub validators: BTreeMap<String, Validator>,
    /// Of a document: for operations that name none.
    usual: Option<Placed<String>>,
    /// Of a document: parameters to refer to.
    pub shared: Map,
    /// Of a document: what all operations of the path at hand have.
    pub of_path: Vec<Node>,
}

impl Validator {
    pub fn read(properties: &mut Properties) -> Self {
        let mut says = |name: &str| properties.boolean(name).is_some_and(|said| said.value);
        Self { body: says("ValidateRequestBody"), parameters: says("ValidateRequestParameters") }
    }
}

/// Takes what a document says of all operations.
pub(super) fn of_document(scope: Scope, document: &mut Properties, api: &mut Api) {
    for (name, node) in document.map(VALIDATORS).map(|map| map.value).unwrap_or_default() {
        let Some(members) = node.as_map().map(|map| capitalised(map, &[])) else {
            scope.notes().refuse(&node.at, format!("the validator {name} must be a map, found {}", node.kind()));
            continue;
        };
        let mut properties = Properties::new(scope, &node.at, format!("the validator {name}"), members);
        api.validation.validators.insert(name, Validator::read(&mut properties));
        properties.finish();
    }
    api.validation.usual = document.text(VALIDATOR);
}

/// The required parameters of an operation, in the words of the configuration.
pub(super) fn of_operation(operation: &mut Properties, api: &Api) -> Vec<Placed<String>> {
    let own = operation.text(VALIDATOR).filter(|_| api.is_rest);
    let parameters = operation.list("parameters").map(|list| list.value).unwrap_or_default();
    let has_body = operation.has("requestBody");
    let Some(validator) = own.as_ref().or(api.validation.usual.as_ref()) else { return Vec::new() };
    let notes = operation.scope.notes();
    let shared = |node: &Node| {
        let Some(reference) = node.get("$ref").and_then(Node::as_text) else { return Some(node.clone()) };
        let found = reference.rsplit('/').next().and_then(|name| api.validation.shared.get(name)).cloned();
        if found.is_none() {
            notes.refuse(&node.at, format!("there is no {reference}"));
        }
        found
    };
    let all: Vec<Node> = api.validation.of_path.iter().chain(&parameters).filter_map(shared).collect();
    let says = |node: &Node, member: &str| node.get(member).and_then(Node::as_text).map(str::to_owned);
    let has_body = has_body || all.iter().any(|node| says(node, "in").as_deref() == Some("body"));
    let named = |node: &Node| {
        let place = match says(node, "in")?.as_str() {
            "query" => "querystring",
            "header" => "header",
            "path" => "path",
            _ => return None,
        };
        let is_required = boolean(&says(node, "required")?) == Some(true);
        is_required.then_some(Placed { value: format!("{place}.{}", says(node, "name")?), at: node.at.clone() })
    };
    chosen(operation, validator, has_body, all.iter().filter_map(named).collect(), api)
}

/// The required parameters of a method, in the words of the configuration.
pub(super) fn of_method(method: &mut Properties, api: &Api) -> Vec<Placed<String>> {
    let has_body = method.map("RequestModels").is_some_and(|models| !models.value.is_empty());
    let parameters = method.map("RequestParameters").map(|map| map.value).unwrap_or_default();
    let Some(validator) = method.text("RequestValidatorId") else { return Vec::new() };
    let of = &*method;
    let named = |(name, node): (&String, &Node)| {
        let is_required = node.as_text().and_then(boolean);
        let Some((is_required, value)) = is_required.zip(name.strip_prefix("method.request.")) else {
            of.refuse(
                &node.at,
                format!("`RequestParameters` of {}: {name:?} is no `method.request.…: true` or false", of.of),
            );
            return None;
        };
        is_required.then(|| Placed { value: value.to_owned(), at: node.at.clone() })
    };
    chosen(method, &validator, has_body, parameters.iter().filter_map(named).collect(), api)
}

/// `required`, if the validator looks at parameters.
fn chosen(
    of: &Properties,
    named: &Placed<String>,
    has_body: bool,
    required: Vec<Placed<String>>,
    api: &Api,
) -> Vec<Placed<String>> {
    let Some(validator) = api.validation.validators.get(&named.value) else {
        let known = api.validation.validators.keys().map(String::as_str);
        let message = format!("{}: there is no validator {}", of.of, named.value);
        of.scope.notes().note(Mistake::new(&named.at, message).nearest(&named.value, known));
        return Vec::new();
    };
    if validator.body && has_body {
        of.warn(&named.at, format!("{}: bodies are not held against models here", of.of));
    }
    if validator.parameters { required } else { Vec::new() }
}
