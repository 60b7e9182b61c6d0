//! Holding a JSON value against a shape, in the words of the service.
//!
//! The service reads types first (a string where a number belongs is a `SerializationException`) and constraints after, all of them
//! at once. Members that are `null` count as absent, unknown members are ignored.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::facts::{Kind, Model, Shape};

/// Violations beyond this number are not collected: a small request must not make a large answer.
const MOST_VIOLATIONS: usize = 100;

/// Everything that is wrong with a value.
#[derive(Debug, Default)]
pub struct Findings {
    /// Not empty: the request could not even be read.
    pub type_faults: Vec<TypeFault>,
    pub violations: Vec<Violation>,
    /// Paths of members that the shape does not have, and of members that are `null`. Ignored in requests.
    pub strays: Vec<String>,
}

/// A constraint that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The service's path: `policies.passwordPolicy.minimumLength`, `userAttributes.1.member.name`.
    pub at: String,
    /// The same place by member names as they are written, list elements counted from zero:
    /// `Policies.PasswordPolicy.MinimumLength`, `UserAttributes.0.Name`.
    pub path: String,
    /// The whole sentence: `Value … at '…' failed to satisfy constraint: Member must …`.
    pub message: String,
}

/// A value of another JSON type than the shape's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeFault {
    /// As [`Violation::path`].
    pub path: String,
    /// `STRING_VALUE can not be converted to an Integer`
    pub message: String,
}

impl Model {
    /// What is wrong with `value` as a `shape`. A name that the model does not have finds nothing.
    pub fn findings(&self, shape: &str, value: &Value) -> Findings {
        let mut walk = Walk { model: self, at: String::new(), path: String::new(), found: Findings::default() };
        if let Some(shape) = self.shape(shape) {
            walk.visit(shape, value, false);
        }
        walk.found
    }

    /// Every constraint of `shape` that `value` breaks.
    pub fn violations(&self, shape: &str, value: &Value) -> Vec<Violation> {
        self.findings(shape, value).violations
    }

    /// What keeps `value` from being an answer of `operation`; for tests and debug builds. A missing output shape wants `null`.
    pub fn output_faults(&self, operation: &str, value: &Value) -> Vec<String> {
        let Some(facts) = self.operation(operation) else { return vec![format!("{operation} is no operation")] };
        let Some(output) = facts.output else {
            return if value.is_null() { Vec::new() } else { vec![format!("{operation} answers an empty body")] };
        };
        let found = self.findings(output, value);
        let types = found.type_faults.into_iter().map(|fault| format!("{}: {}", fault.path, fault.message));
        // The service describes attributes by names longer than it publishes: `phone_number_verified`, all with a prefix.
        let is_schema_name = |path: &str| path.contains("SchemaAttributes.") && path.ends_with(".Name");
        // It says in sentences why an import ended, and lists no jobs, where its shapes have single words and at least one.
        let is_sentence = |path: &str| path.ends_with("CompletionMessage") || path == "UserImportJobs";
        // A prefix is described with an empty configuration, whose published shape requires a certificate.
        let is_prefix = |path: &str| path == "DomainDescription.CustomDomainConfig.CertificateArn";
        let is_odd = |path: &str| is_schema_name(path) || is_sentence(path) || is_prefix(path);
        let violations = found.violations.into_iter().filter(|violation| !is_odd(&violation.path));
        let violations = violations.map(|violation| violation.message);
        let strays = found.strays.into_iter().map(|path| format!("{path}: null or unknown"));
        types.chain(violations).chain(strays).collect()
    }
}

/// What the service answers: `2 validation errors detected: …; …`.
pub fn summary(violations: &[Violation]) -> String {
    let sentences: Vec<_> = violations.iter().map(|violation| violation.message.as_str()).collect();
    let errors = if sentences.len() == 1 { "error" } else { "errors" };
    format!("{} validation {errors} detected: {}", sentences.len(), sentences.join("; "))
}

struct Walk<'m> {
    model: &'m Model,
    at: String,
    path: String,
    found: Findings,
}

impl Walk<'_> {
    fn visit(&mut self, shape: &Shape, value: &Value, is_hidden: bool) {
        let is_hidden = is_hidden || shape.sensitive;
        if shape.document {
            return;
        }
        if let Some(message) = type_fault(shape, value) {
            self.found.type_faults.push(TypeFault { path: self.path.clone(), message });
            return;
        }
        match value {
            Value::Object(fields) if shape.kind == Kind::Map => self.map(shape, fields, is_hidden),
            Value::Object(fields) => self.structure(shape, fields, is_hidden),
            Value::Array(items) => self.list(shape, items, is_hidden),
            _ => {
                for rule in broken_rules(shape, value) {
                    self.violate(&shown(shape, value), is_hidden, &rule);
                }
            }
        }
    }

    fn structure(&mut self, shape: &Shape, fields: &serde_json::Map<String, Value>, is_hidden: bool) {
        for (name, member) in &shape.members {
            match fields.get(*name).filter(|value| !value.is_null()) {
                Some(value) => self.step(&decapitalized(name), name, |walk| {
                    if let Some(member) = walk.model.shape(member) {
                        walk.visit(member, value, is_hidden);
                    }
                }),
                None if shape.is_required(name) => {
                    self.step(&decapitalized(name), name, |walk| {
                        walk.violate("null", false, "Member must not be null")
                    });
                }
                None => {}
            }
        }
        for (name, value) in fields {
            if value.is_null() || !shape.members.iter().any(|(known, _)| known == name) {
                self.step(name, name, |walk| walk.found.strays.push(walk.path.clone()));
            }
        }
    }

    fn list(&mut self, shape: &Shape, items: &[Value], is_hidden: bool) {
        let Some(member) = shape.member.and_then(|name| self.model.shape(name)) else { return };
        let is_hidden_below = is_hidden || member.sensitive;
        let too_long = self.size(shape, items.len(), |_| shown_list(items), is_hidden_below);
        if too_long {
            return;
        }
        if !member.is_scalar() {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                self.step(&format!("{}.member", index + 1), &index.to_string(), |walk| {
                    walk.visit(member, item, is_hidden)
                });
            }
            return;
        }
        // Elements without members of their own are reported together, at the list, with every rule that they have.
        let mut is_broken = false;
        for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
            match type_fault(member, item) {
                Some(message) => {
                    let path = format!("{}.{index}", self.path);
                    self.found.type_faults.push(TypeFault { path, message });
                }
                None => is_broken |= !broken_rules(member, item).is_empty(),
            }
        }
        if is_broken {
            let rule = format!("Member must satisfy constraint: [{}]", rules(member).join(", "));
            self.violate(&shown_list(items), is_hidden_below, &rule);
        }
    }

    fn map(&mut self, shape: &Shape, fields: &serde_json::Map<String, Value>, is_hidden: bool) {
        let part = |name: Option<&'static str>| name.and_then(|name| self.model.shape(name));
        let (Some(key), Some(member)) = (part(shape.key), part(shape.value)) else { return };
        let is_hidden_below = is_hidden || member.sensitive;
        let whole = |_: &Self| shown_map(fields);
        if self.size(shape, fields.len(), whole, is_hidden_below) {
            return;
        }
        if fields.keys().any(|name| !broken_rules(key, &Value::String(name.clone())).is_empty()) {
            let rule = format!("Map keys must satisfy constraint: [{}]", rules(key).join(", "));
            self.violate(&shown_map(fields), is_hidden_below, &rule);
        }
        for (name, item) in fields.iter().filter(|(_, item)| !item.is_null()) {
            self.step(&format!("{name}.member"), name, |walk| walk.visit(member, item, is_hidden));
        }
    }

    /// Checks how many elements there are; true when they are too many to look at.
    fn size(&mut self, shape: &Shape, size: usize, whole: impl Fn(&Self) -> String, is_hidden: bool) -> bool {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        if let Some(min) = shape.min.filter(|min| size < *min) {
            self.violate(&whole(self), is_hidden, &format!("Member must have length greater than or equal to {min}"));
        }
        let Some(max) = shape.max.filter(|max| size > *max) else { return false };
        self.violate(&whole(self), is_hidden, &format!("Member must have length less than or equal to {max}"));
        true
    }

    fn violate(&mut self, value: &str, is_hidden: bool, rule: &str) {
        if self.found.violations.len() >= MOST_VIOLATIONS {
            return;
        }
        let shown = match value {
            _ if is_hidden => "Value".to_owned(),
            "null" => "Value null".to_owned(),
            _ => format!("Value '{value}'"),
        };
        let message = format!("{shown} at '{}' failed to satisfy constraint: {rule}", self.at);
        self.found.violations.push(Violation { at: self.at.clone(), path: self.path.clone(), message });
    }

    /// Goes one step down for as long as `inside` runs.
    fn step(&mut self, at: &str, path: &str, inside: impl FnOnce(&mut Self)) {
        let lengths = (self.at.len(), self.path.len());
        for (whole, part) in [(&mut self.at, at), (&mut self.path, path)] {
            if !whole.is_empty() {
                whole.push('.');
            }
            whole.push_str(part);
        }
        inside(self);
        self.at.truncate(lengths.0);
        self.path.truncate(lengths.1);
    }
}

/// Why `value` cannot be read as `shape`, in the words of the service's parser.
fn type_fault(shape: &Shape, value: &Value) -> Option<String> {
    let token = match value {
        Value::String(_) => "STRING_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Null | Value::Array(_) | Value::Object(_) => "",
    };
    let refused = |wanted: &str| Some(format!("{token} can not be converted to {wanted}"));
    match (shape.kind, value) {
        (Kind::List, Value::Array(_)) | (Kind::Structure | Kind::Map, Value::Object(_)) => None,
        (_, Value::Array(_)) => Some("Start of list found where not expected".into()),
        (_, Value::Object(_)) => Some("Start of structure or map found where not expected.".into()),
        (Kind::List, _) => Some("Expected list or null".into()),
        (Kind::Map, _) => Some("Expected map or null".into()),
        (Kind::Structure, _) => Some("Expected null".into()),
        (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) | (Kind::Timestamp, Value::Number(_)) => {
            None
        }
        (Kind::Integer, Value::Number(number)) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => None,
        (Kind::Long, Value::Number(number)) if number.is_i64() => None,
        (Kind::Blob, Value::String(text)) => {
            BASE64_STANDARD.decode(text).is_err().then(|| "Invalid base64 data in a blob".into())
        }
        (Kind::String, _) => refused("a String"),
        (Kind::Integer, _) => refused("an Integer"),
        (Kind::Long, _) => refused("a Long"),
        (Kind::Boolean, _) => refused("a Boolean"),
        (Kind::Blob, _) => refused("a Blob"),
        (Kind::Timestamp, _) => refused("a Timestamp"),
    }
}

/// The rules of a scalar that `value` breaks. Lengths are counted in characters, a blob's in bytes.
fn broken_rules(shape: &Shape, value: &Value) -> Vec<String> {
    let (size, what) = match value {
        Value::String(text) if shape.kind == Kind::Blob => (blob_length(text), "length"),
        Value::String(text) => (i64::try_from(text.chars().count()).unwrap_or(i64::MAX), "length"),
        Value::Number(number) => (number.as_i64().unwrap_or_default(), "value"),
        _ => return Vec::new(),
    };
    let mut broken = Vec::new();
    if let Some(min) = shape.min.filter(|min| size < *min) {
        broken.push(format!("Member must have {what} greater than or equal to {min}"));
    }
    if let Some(max) = shape.max.filter(|max| size > *max) {
        broken.push(format!("Member must have {what} less than or equal to {max}"));
    }
    if let Value::String(text) = value {
        if !shape.values.is_empty() && !shape.values.contains(&text.as_str()) {
            broken.push(enum_rule(shape));
        }
        if let Some(pattern) = &shape.pattern
            && !shape.fits(text)
        {
            broken.push(pattern_rule(pattern));
        }
    }
    broken
}

/// Every rule of a scalar, in the order in which the service lists them for the elements of lists and maps.
fn rules(shape: &Shape) -> Vec<String> {
    let what = if matches!(shape.kind, Kind::Integer | Kind::Long) { "value" } else { "length" };
    let max = shape.max.map(|max| format!("Member must have {what} less than or equal to {max}"));
    let min = shape.min.map(|min| format!("Member must have {what} greater than or equal to {min}"));
    let pattern = shape.pattern.as_deref().map(pattern_rule);
    let values = (!shape.values.is_empty()).then(|| enum_rule(shape));
    max.into_iter().chain(min).chain(pattern).chain(values).collect()
}

fn pattern_rule(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn enum_rule(shape: &Shape) -> String {
    format!("Member must satisfy enum value set: [{}]", shape.values.join(", "))
}

fn blob_length(text: &str) -> i64 {
    BASE64_STANDARD.decode(text).map_or(0, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

fn shown(shape: &Shape, value: &Value) -> String {
    match value {
        Value::String(text) if shape.kind == Kind::Blob => {
            let length = blob_length(text);
            format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// As Java prints a list: `[a, b]`.
fn shown_list(items: &[Value]) -> String {
    let items: Vec<_> = items.iter().map(plain).collect();
    format!("[{}]", items.join(", "))
}

/// As Java prints a map: `{a=1, b=2}`.
fn shown_map(fields: &serde_json::Map<String, Value>) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    format!("{{{}}}", fields.join(", "))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn decapitalized(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}
