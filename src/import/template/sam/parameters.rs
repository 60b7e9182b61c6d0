//! What the model fills in before it reads its resources: parameters that have a value, and mappings. The names of routes and guards
//! may stand in them. Conditions and other resources are known later only, so that what they decide stays as it is written.

use std::collections::BTreeMap;

use super::super::{
    document::{Map, Node, Value},
    stack::Parameter,
};
use crate::config::Place;

/// Texts and lists by the names under which a template refers to them.
pub(super) struct Parameters<'a> {
    values: BTreeMap<&'a str, &'a Value>,
    region: Value,
    mappings: &'a Map,
}

impl<'a> Parameters<'a> {
    pub fn new(parameters: &'a BTreeMap<String, Parameter>, mappings: &'a Map, region: &str) -> Self {
        let known = parameters.iter().filter_map(|(name, parameter)| Some((name.as_str(), parameter.value.as_ref()?)));
        Self { values: known.collect(), region: Value::Text(region.to_owned()), mappings }
    }

    /// Fills in every member of `map`.
    pub fn fill(&self, map: &mut Map) {
        map.values_mut().for_each(|node| self.fill_in(node));
    }

    fn fill_in(&self, node: &mut Node) {
        match &mut node.value {
            Value::Null | Value::Text(_) => return,
            Value::List(items) => items.iter_mut().for_each(|item| self.fill_in(item)),
            Value::Map(map) => self.fill(map),
        }
        let Value::Map(map) = &node.value else { return };
        let Some((function, argument)) = map.first_key_value().filter(|_| map.len() == 1) else { return };
        let found = match function.as_str() {
            "Ref" => argument.as_text().and_then(|name| self.value(name)),
            "Fn::Sub" => self.substituted(argument).map(Value::Text),
            "Fn::FindInMap" => self.mapped(argument),
            _ => None,
        };
        if let Some(value) = found {
            node.value = placed(value, &node.at);
        }
    }

    fn value(&self, name: &str) -> Option<Value> {
        match name {
            "AWS::Region" => Some(self.region.clone()),
            "AWS::Partition" => Some(Value::Text("aws".to_owned())),
            _ => self.values.get(name).map(|value| (*value).clone()),
        }
    }

    /// The text, when every name in it is that of a text.
    fn substituted(&self, argument: &Node) -> Option<String> {
        let (text, own) = match &argument.value {
            Value::Text(text) => (text.as_str(), None),
            Value::List(items) => match items.as_slice() {
                [text, own] => (text.as_text()?, own.as_map()),
                _ => return None,
            },
            _ => return None,
        };
        let mut whole = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}')?;
            whole.push_str(before);
            match (name.strip_prefix('!'), own.and_then(|own| own.get(name.trim()))) {
                (Some(literal), _) => whole.push_str(&format!("${{{literal}}}")),
                (None, Some(node)) => whole.push_str(node.as_text()?),
                (None, None) => match self.value(name.trim())? {
                    Value::Text(text) => whole.push_str(&text),
                    _ => return None,
                },
            }
            rest = behind;
        }
        Some(whole + rest)
    }

    /// What a mapping has for two keys, which are filled in already.
    fn mapped(&self, argument: &Node) -> Option<Value> {
        let [map, top, second] = argument.as_list()? else { return None };
        let found = self.mappings.get(map.as_text()?)?.get(top.as_text()?)?.get(second.as_text()?)?;
        Some(found.value.clone())
    }
}

/// The value where the template refers to it: what is said of it is said of that line.
fn placed(value: Value, at: &Place) -> Value {
    match value {
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| Node { at: at.clone(), value: placed(item.value, at) }).collect())
        }
        other => other,
    }
}
