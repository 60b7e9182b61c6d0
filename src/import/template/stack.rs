//! A template's sections, before its resources mean anything.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::{
    Basics,
    document::{Map, Node, Value},
    notes::Notes,
};
use crate::config::{Mistake, Place, Placed};

/// One template under the name that its ids are derived from.
pub(super) struct Stack {
    pub name: String,
    pub at: Place,
    /// Where relative paths of code start.
    pub folder: PathBuf,
    /// A cloud assembly's assets by their object keys.
    pub assets: BTreeMap<String, PathBuf>,
    pub parameters: BTreeMap<String, Parameter>,
    pub mappings: Map,
    pub conditions: Map,
    pub resources: BTreeMap<String, Resource>,
    pub outputs: Map,
    /// Of an OpenAPI document by itself: it has no functions, and what looks like one is just that.
    pub literal: bool,
    /// `Metadata.Poolhouse.Ids`: what our own export says of ids. `--id` wins over it.
    pub ids: BTreeMap<String, String>,
    /// Files besides the template that were read for it.
    pub read: Vec<PathBuf>,
}

pub(super) struct Parameter {
    pub at: Place,
    /// Without a value it can be declared, but not used.
    pub value: Option<Value>,
    /// A parameter of the parameter store has a name there as its default, and no value here.
    pub stored: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub at: Place,
    pub kind: Placed<String>,
    pub properties: Map,
    pub condition: Option<Placed<String>>,
    pub metadata: Option<Node>,
}

const SERVERLESS: &str = "AWS::Serverless-2016-10-31";
/// Where the Serverless Framework leaves what it would deploy, in the folder of the service.
const PACKAGED: &str = ".serverless";
/// Files that a handler may stand in.
const OF_A_HANDLER: [&str; 4] = ["js", "mjs", "cjs", "py"];

/// Attributes of resources that only matter to a deployment.
const DEPLOYMENT: [&str; 5] = ["CreationPolicy", "DeletionPolicy", "DependsOn", "UpdatePolicy", "UpdateReplacePolicy"];

impl Stack {
    /// Takes a template apart. Values for parameters that a parameter has taken are added to `used`.
    pub fn read(
        root: Node,
        origin: Origin,
        basics: &Basics,
        used: &mut BTreeSet<String>,
        notes: &Notes,
    ) -> Option<Self> {
        let at = root.at.clone();
        let Value::Map(mut sections) = root.value else {
            notes.refuse(&at, "a template must be a map");
            return None;
        };
        let mut section = |name: &str| match sections.remove(name) {
            None | Some(Node { value: Value::Null, .. }) => Map::new(),
            Some(Node { value: Value::Map(map), .. }) => map,
            Some(other) => {
                notes.refuse(&other.at, format!("`{name}` must be a map, found {}", other.kind()));
                Map::new()
            }
        };
        let declared = section("Parameters");
        let (mappings, conditions, resources) = (section("Mappings"), section("Conditions"), section("Resources"));
        let (outputs, globals, rules) = (section("Outputs"), section("Globals"), section("Rules"));
        for (name, node) in rules {
            notes.tell(&node.at, format!("rule {name}: rules are not checked"));
        }
        let is_serverless = transforms(sections.remove("Transform"), notes);
        let metadata = sections.remove("Metadata");
        let ids = metadata.as_ref().and_then(|node| node.get("Poolhouse")?.get("Ids")?.as_map());
        let id = |(name, node): (&String, &Node)| Some((name.clone(), node.as_text()?.to_owned()));
        let ids = ids.into_iter().flatten().filter_map(id).collect();
        for known in ["AWSTemplateFormatVersion", "Description"] {
            sections.remove(known);
        }
        for (name, node) in sections {
            let known = ["Parameters", "Mappings", "Conditions", "Resources", "Outputs", "Globals", "Rules"];
            notes.note(Mistake::new(&node.at, format!("unknown section `{name}`")).nearest(&name, known));
        }
        let parameters = declared.into_iter().map(|(name, node)| {
            let given = basics.parameters.get(&name);
            if given.is_some() {
                used.insert(name.clone());
            }
            let parameter = Parameter::read(&name, node, given, notes);
            (name, parameter)
        });
        let parameters = parameters.collect();
        let mut found = BTreeMap::new();
        for (name, node) in resources {
            if let Some(resource) = Resource::read(&name, node, notes) {
                found.insert(name, resource);
            }
        }
        let Origin { name, folder, assets } = origin;
        let mut stack = Self {
            name,
            at,
            folder,
            assets,
            parameters,
            mappings,
            conditions,
            resources: found,
            outputs,
            literal: false,
            ids,
            read: Vec::new(),
        };
        if is_serverless {
            super::sam::transform(&mut stack, globals, &basics.region, notes);
        } else if let Some(node) = globals.values().next() {
            notes.refuse(&node.at, format!("`Globals` needs `Transform: {SERVERLESS}`"));
        }
        Some(stack)
    }
}

impl Stack {
    /// The folder of a packaged service whose `handler` stands there as it was written. What a build made of it lies in an archive.
    pub fn beside(&self, handler: Option<&str>) -> Option<PathBuf> {
        let service = Some(&self.folder).filter(|folder| folder.ends_with(PACKAGED))?.join("..");
        let (module, _) = handler?.rsplit_once('.')?;
        let is_there = |extension| service.join(format!("{module}.{extension}")).is_file();
        OF_A_HANDLER.into_iter().any(is_there).then_some(service)
    }

    /// The stack of an OpenAPI document, which has nothing but its name.
    pub fn of_document(origin: Origin, at: &Place) -> Self {
        let Origin { name, folder, assets } = origin;
        Self {
            name,
            at: at.clone(),
            folder,
            assets,
            parameters: BTreeMap::new(),
            mappings: Map::new(),
            conditions: Map::new(),
            resources: BTreeMap::new(),
            outputs: Map::new(),
            literal: true,
            ids: BTreeMap::new(),
            read: Vec::new(),
        }
    }
}

/// Where a template comes from.
pub(super) struct Origin {
    pub name: String,
    pub folder: PathBuf,
    pub assets: BTreeMap<String, PathBuf>,
}

/// Whether the template is one of the Serverless Application Model. Other macros run nowhere but in the service.
fn transforms(node: Option<Node>, notes: &Notes) -> bool {
    let Some(node) = node else { return false };
    let names = match &node.value {
        Value::List(items) => items.clone(),
        _ => vec![node],
    };
    let mut serverless = false;
    for name in names {
        match name.as_text() {
            Some(SERVERLESS) => serverless = true,
            Some(other) => notes.warn(&name.at, format!("the transform {other} is not supported")),
            None => notes.refuse(&name.at, "`Transform` must name transforms"),
        }
    }
    serverless
}

impl Parameter {
    fn read(name: &str, node: Node, given: Option<&Placed<String>>, notes: &Notes) -> Self {
        let at = node.at.clone();
        let text = |key: &str| node.get(key).and_then(Node::as_text);
        let kind = text("Type").unwrap_or_else(|| {
            notes.refuse(&at, format!("the parameter {name} has no `Type`"));
            "String"
        });
        let stored = kind.starts_with("AWS::SSM::Parameter::");
        let value = match given {
            Some(given) => Some((given.value.clone(), &given.at)),
            None => text("Default").filter(|_| !stored).map(|text| (text.to_owned(), &at)),
        };
        let Some((value, said)) = value else { return Self { at, value: None, stored } };
        let refuse = |what: String| notes.refuse(said, format!("the parameter {name} {what}, found {value:?}"));
        if let Some(allowed) = node.get("AllowedValues").and_then(Node::as_list) {
            let allowed: Vec<&str> = allowed.iter().filter_map(Node::as_text).collect();
            let parts: Vec<&str> =
                if kind == "CommaDelimitedList" { value.split(',').map(str::trim).collect() } else { vec![&value] };
            if !parts.iter().all(|part| allowed.contains(part)) {
                refuse(format!("must be one of {}", allowed.join(", ")));
            }
        }
        if let Some(pattern) = text("AllowedPattern") {
            match regex::Regex::new(&format!("^(?:{pattern})$")) {
                Ok(pattern) if pattern.is_match(&value) => {}
                Ok(_) => refuse(format!("must match {pattern}")),
                Err(_) => notes.tell(&at, format!("the parameter {name}: its AllowedPattern is not checked")),
            }
        }
        let number = value.parse::<f64>().ok();
        if kind == "Number" && number.is_none() {
            refuse("must be a number".to_owned());
        }
        let limit = |key: &str| text(key).and_then(|limit| limit.parse::<f64>().ok());
        #[expect(clippy::cast_precision_loss, reason = "no value is that long")]
        let length = value.chars().count() as f64;
        let below = |key: &str, size: Option<f64>| limit(key).zip(size).is_some_and(|(limit, size)| size < limit);
        let above = |key: &str, size: Option<f64>| limit(key).zip(size).is_some_and(|(limit, size)| size > limit);
        if below("MinLength", Some(length)) || above("MaxLength", Some(length)) {
            refuse("has too few or too many characters".to_owned());
        }
        if below("MinValue", number) || above("MaxValue", number) {
            refuse("is too small or too large".to_owned());
        }
        let value = if kind == "CommaDelimitedList" || kind.starts_with("List<") {
            Value::List(value.split(',').map(|part| Node::text(said, part.trim())).collect())
        } else {
            Value::Text(value)
        };
        Self { at, value: Some(value), stored }
    }
}

impl Resource {
    fn read(name: &str, node: Node, notes: &Notes) -> Option<Self> {
        let at = node.at.clone();
        let Value::Map(mut members) = node.value else {
            notes.refuse(&at, format!("the resource {name} must be a map, found {}", node.kind()));
            return None;
        };
        let Some(kind) = members.remove("Type") else {
            notes.refuse(&at, format!("the resource {name} has no `Type`"));
            return None;
        };
        let Some(kind_name) = kind.as_text() else {
            notes.refuse(&kind.at, format!("`Type` of {name} must be text, found {}", kind.kind()));
            return None;
        };
        let kind = Placed { value: kind_name.to_owned(), at: kind.at.clone() };
        let properties = match members.remove("Properties") {
            None | Some(Node { value: Value::Null, .. }) => Map::new(),
            Some(Node { value: Value::Map(map), .. }) => map,
            Some(other) => {
                notes.refuse(&other.at, format!("`Properties` of {name} must be a map, found {}", other.kind()));
                Map::new()
            }
        };
        let condition = members.remove("Condition").and_then(|node| {
            let Some(condition) = node.as_text() else {
                notes.refuse(&node.at, format!("`Condition` of {name} must name a condition, found {}", node.kind()));
                return None;
            };
            Some(Placed { value: condition.to_owned(), at: node.at.clone() })
        });
        let metadata = members.remove("Metadata");
        for (key, node) in members {
            if !DEPLOYMENT.contains(&key.as_str()) {
                let known = ["Type", "Properties", "Condition", "Metadata"].into_iter().chain(DEPLOYMENT);
                notes.note(
                    Mistake::new(&node.at, format!("`{key}` is no attribute of a resource")).nearest(&key, known),
                );
            }
        }
        Some(Self { at, kind, properties, condition, metadata })
    }
}
