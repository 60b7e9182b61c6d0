//! Intrinsic functions: what a value of a template is, once parameters, mappings, conditions and other resources are known.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html>

use std::cell::Cell;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    World,
    document::{Map, Node, Value},
    notes::Notes,
    stack::{Resource, Stack},
};
use crate::config::{Mistake, Place};

/// Values that lead to each other deeper than this lead in a circle.
const DEEPEST: usize = 400;

/// One template among all that are read.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub stack: &'a Stack,
    pub world: &'a World<'a>,
}

impl<'a> Scope<'a> {
    pub fn notes(&self) -> &'a Notes {
        &self.world.notes
    }

    fn refuse<T>(&self, at: &Place, message: impl Into<String>) -> Option<T> {
        self.notes().refuse(at, message);
        None
    }

    /// The value without functions; `None` for `AWS::NoValue`, and for what was refused.
    pub fn resolve(&self, node: &Node) -> Option<Node> {
        if self.stack.literal {
            return Some(node.clone());
        }
        let _deeper = Deeper::begin(&self.world.depth).or_else(|| self.refuse(&node.at, "this leads to itself"))?;
        let value = match &node.value {
            Value::Null | Value::Text(_) => return Some(node.clone()),
            Value::List(items) => Value::List(items.iter().filter_map(|item| self.resolve(item)).collect()),
            Value::Map(map) => {
                // A policy may hold a `Condition` of its own; one of the template's stands in conditions only.
                if let Some((function, argument)) = function_of(map).filter(|(name, _)| *name != "Condition") {
                    return self.call(&node.at, function, argument);
                }
                let entry = |(key, node): (&String, &Node)| Some((key.clone(), self.resolve(node)?));
                Value::Map(map.iter().filter_map(entry).collect())
            }
        };
        Some(Node { at: node.at.clone(), value })
    }

    /// Refuses gaps in what guards an API. A value that nobody knows here is a warning elsewhere, and is left out where warnings
    /// are ignored: here that could let in whom it keeps out.
    pub fn must_be_whole(&self, node: &Node, what: &str) {
        let before = self.notes().warned();
        self.resolve(node);
        if self.notes().warned() > before {
            let message = format!("{what} guards an API, and holds a value that is not known here");
            self.notes().refuse(&node.at, message);
        }
    }

    /// Which of two values an `Fn::If` means, unless something is wrong with it: that is told where it is resolved.
    pub fn chosen<'n>(&self, map: &'n Map) -> Option<&'n Node> {
        if self.stack.literal {
            return None;
        }
        let (_, argument) = function_of(map).filter(|(name, _)| *name == "Fn::If")?;
        let Some([condition, yes, no]) = argument.as_list() else { return None };
        Some(if self.condition(&condition.at, condition.as_text()?)? { yes } else { no })
    }

    fn call(&self, at: &Place, function: &str, argument: &Node) -> Option<Node> {
        let text = |text: String| Some(Node::text(at, text));
        match function {
            "Ref" => match self.resolve(argument)?.as_text() {
                Some(name) => self.reference(at, name),
                None => self.refuse(at, "`Ref` must name a parameter or a resource"),
            },
            "Fn::GetAtt" => text(self.get_attribute(at, argument)?),
            "Fn::Sub" => text(self.substitute(at, argument)?),
            "Fn::Join" => {
                let [separator, items] = self.arguments(at, function, argument)?;
                let (Some(separator), Some(items)) = (separator.as_text(), items.as_list()) else {
                    return self.refuse(at, "`Fn::Join` needs a separator and a list");
                };
                let Some(parts) = items.iter().map(Node::as_text).collect::<Option<Vec<_>>>() else {
                    return self.refuse(at, "`Fn::Join` can join single values only");
                };
                text(parts.join(separator))
            }
            "Fn::Split" => {
                let [separator, whole] = self.arguments(at, function, argument)?;
                let (Some(separator), Some(whole)) = (separator.as_text(), whole.as_text()) else {
                    return self.refuse(at, "`Fn::Split` needs a separator and a text");
                };
                Some(Node::list(at, whole.split(separator).map(|part| Node::text(at, part)).collect()))
            }
            "Fn::Select" => {
                let [index, items] = self.arguments(at, function, argument)?;
                let index = index.as_text().and_then(|index| index.parse::<usize>().ok());
                let (Some(index), Some(items)) = (index, items.as_list()) else {
                    return self.refuse(at, "`Fn::Select` needs an index and a list");
                };
                let found = items.get(index).cloned();
                found.or_else(|| self.refuse(at, format!("`Fn::Select` finds no item {index} among {}", items.len())))
            }
            "Fn::If" => {
                let Some([condition, yes, no]) = argument.as_list() else {
                    return self.refuse(at, "`Fn::If` needs a condition and two values");
                };
                let Some(name) = condition.as_text() else {
                    return self.refuse(at, "`Fn::If` must name a condition");
                };
                self.resolve(if self.condition(&condition.at, name)? { yes } else { no })
            }
            "Fn::FindInMap" => self.find_in_map(at, argument),
            "Fn::ImportValue" => self.import(at, argument),
            "Fn::Base64" => match self.resolve(argument)?.as_text() {
                Some(plain) => text(STANDARD.encode(plain)),
                None => self.refuse(at, "`Fn::Base64` needs a text"),
            },
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                let node = Node::map(at, [(function, argument.clone())]);
                text(self.decide(&node)?.to_string())
            }
            other => self.refuse(at, format!("the function `{other}` is not supported")),
        }
    }

    fn arguments<const N: usize>(&self, at: &Place, function: &str, argument: &Node) -> Option<[Node; N]> {
        let resolved = self.resolve(argument)?;
        let Value::List(items) = resolved.value else {
            return self.refuse(at, format!("`{function}` needs a list of {N}"));
        };
        let count = items.len();
        let items = items.try_into().ok();
        items.or_else(|| self.refuse(at, format!("`{function}` needs a list of {N}, found {count}")))
    }

    fn reference(&self, at: &Place, name: &str) -> Option<Node> {
        if name == "AWS::NoValue" {
            return None;
        }
        if let Some(value) = self.pseudo(name) {
            return Some(Node::text(at, value));
        }
        if let Some(parameter) = self.stack.parameters.get(name) {
            return match &parameter.value {
                Some(value) => Some(Node { at: at.clone(), value: value.clone() }),
                None if parameter.stored => self.refuse(
                    &parameter.at,
                    format!("the parameter {name} stands in the parameter store: say `--parameter {name}=VALUE`"),
                ),
                None => self.refuse(
                    &parameter.at,
                    format!("the parameter {name} has no value: say `--parameter {name}=VALUE`"),
                ),
            };
        }
        let resource = self.resource(at, name)?;
        Some(Node::text(at, self.attribute(at, name, resource, None)?))
    }

    /// A pseudo parameter.
    fn pseudo(&self, name: &str) -> Option<String> {
        let basics = self.world.basics;
        Some(match name {
            "AWS::Region" => basics.region.clone(),
            "AWS::AccountId" => basics.account_id.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => self.stack.name.clone(),
            "AWS::StackId" => {
                let (region, account, name) = (&basics.region, &basics.account_id, &self.stack.name);
                format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/{}", self.derived("", 8, DIGITS))
            }
            _ => return None,
        })
    }

    /// The resource of this name, which must be there and not be switched off.
    pub fn resource(&self, at: &Place, name: &str) -> Option<&'a Resource> {
        let Some(resource) = self.stack.resources.get(name) else {
            let known = self.stack.resources.keys().chain(self.stack.parameters.keys()).map(String::as_str);
            let message = format!("there is no resource or parameter {name}");
            self.notes().note(Mistake::new(at, message).nearest(name, known));
            return None;
        };
        if !self.is_wanted(resource) {
            return self.refuse(at, format!("the resource {name} is switched off by its condition"));
        }
        Some(resource)
    }

    /// Whether the resource's condition, if it has one, is met.
    pub fn is_wanted(&self, resource: &Resource) -> bool {
        resource
            .condition
            .as_ref()
            .is_none_or(|condition| self.condition(&condition.at, &condition.value) == Some(true))
    }

    fn get_attribute(&self, at: &Place, argument: &Node) -> Option<String> {
        let (name, attribute) = match &argument.value {
            Value::Text(dotted) => match dotted.split_once('.') {
                Some((name, attribute)) => (name.to_owned(), attribute.to_owned()),
                None => return self.refuse(at, "`Fn::GetAtt` needs a resource and an attribute"),
            },
            _ => {
                let [name, attribute] = self.arguments(at, "Fn::GetAtt", argument)?;
                let text = |node: Node| node.as_text().map(str::to_owned);
                match (text(name), text(attribute)) {
                    (Some(name), Some(attribute)) => (name, attribute),
                    _ => return self.refuse(at, "`Fn::GetAtt` needs a resource and an attribute"),
                }
            }
        };
        let resource = self.resource(at, &name)?;
        self.attribute(at, &name, resource, Some(&attribute))
    }

    /// `Fn::Sub`: a text, or a text and a map of names of its own.
    fn substitute(&self, at: &Place, argument: &Node) -> Option<String> {
        let none = Map::new();
        let (text, own) = match &argument.value {
            Value::Text(text) => (text.as_str(), &none),
            Value::List(items) => match items.as_slice() {
                [Node { value: Value::Text(text), .. }, Node { value: Value::Map(own), .. }] => (text.as_str(), own),
                _ => return self.refuse(at, "`Fn::Sub` needs a text and a map"),
            },
            _ => return self.refuse(at, "`Fn::Sub` needs a text"),
        };
        let mut whole = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            whole.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                return self.refuse(at, "`Fn::Sub` has a `${` without its `}`");
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                whole.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let name = name.trim();
            let value = match (own.get(name), name.split_once('.')) {
                (Some(node), _) => self.resolve(node)?,
                (None, Some(_)) => Node::text(at, self.get_attribute(at, &Node::text(at, name))?),
                (None, None) => self.reference(at, name)?,
            };
            match value.as_text() {
                Some(text) => whole.push_str(text),
                None => return self.refuse(at, format!("`{name}` in `Fn::Sub` is {}", value.kind())),
            }
        }
        whole.push_str(rest);
        Some(whole)
    }

    fn find_in_map(&self, at: &Place, argument: &Node) -> Option<Node> {
        let [map, top, second] = self.arguments(at, "Fn::FindInMap", argument)?;
        let (Some(map), Some(top), Some(second)) = (map.as_text(), top.as_text(), second.as_text()) else {
            return self.refuse(at, "`Fn::FindInMap` needs the names of a mapping and of two keys");
        };
        let found = self.stack.mappings.get(map).and_then(|map| map.get(top)?.get(second));
        match found {
            Some(node) => self.resolve(node),
            None => self.refuse(at, format!("the mapping {map} has no {top}.{second}")),
        }
    }

    /// An export of another template that is read, or a parameter of the export's name.
    fn import(&self, at: &Place, argument: &Node) -> Option<Node> {
        let name = self.resolve(argument)?;
        let Some(name) = name.as_text() else { return self.refuse(at, "`Fn::ImportValue` must name an export") };
        if let Some(given) = self.world.basics.parameters.get(name) {
            self.world.used.borrow_mut().insert(name.to_owned());
            return Some(Node::text(&given.at, given.value.clone()));
        }
        for stack in &self.world.stacks {
            let scope = Scope { stack, world: self.world };
            for output in stack.outputs.values() {
                let export = output.get("Export").and_then(|export| export.get("Name"));
                let Some(export) = export.and_then(|export| scope.resolve(export)) else { continue };
                if export.as_text() == Some(name) {
                    return scope.resolve(output.get("Value")?);
                }
            }
        }
        self.refuse(at, format!("no template exports {name}: say `--parameter {name}=VALUE`"))
    }

    /// Whether the condition of this name is met.
    pub fn condition(&self, at: &Place, name: &str) -> Option<bool> {
        let _deeper = Deeper::begin(&self.world.depth).or_else(|| self.refuse(at, "this leads to itself"))?;
        match self.stack.conditions.get(name) {
            Some(node) => self.decide(node),
            None => {
                let known = self.stack.conditions.keys().map(String::as_str);
                self.notes().note(Mistake::new(at, format!("there is no condition {name}")).nearest(name, known));
                None
            }
        }
    }

    fn decide(&self, node: &Node) -> Option<bool> {
        let at = &node.at;
        let Some((function, argument)) = node.as_map().and_then(function_of) else {
            return self.refuse(at, "a condition must be Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition");
        };
        let all = || match argument.as_list() {
            Some(items) => Some(items.iter().map(|item| self.decide(item)).collect::<Vec<_>>()),
            None => self.refuse(at, format!("`{function}` needs a list of conditions, found {}", argument.kind())),
        };
        match function {
            "Condition" => match argument.as_text() {
                Some(name) => self.condition(at, name),
                None => self.refuse(at, "`Condition` must name a condition"),
            },
            "Fn::Equals" => {
                let [one, other] = self.arguments(at, function, argument)?;
                Some(one == other)
            }
            "Fn::And" => all()?.into_iter().try_fold(true, |met, one| Some(met && one?)),
            "Fn::Or" => all()?.into_iter().try_fold(false, |met, one| Some(met || one?)),
            "Fn::Not" => match all()?.as_slice() {
                [one] => one.map(|met| !met),
                _ => self.refuse(at, "`Fn::Not` needs one condition"),
            },
            other => self.refuse(at, format!("`{other}` is no function of conditions")),
        }
    }

    /// Characters that are always the same for the same stack and name.
    pub fn derived(&self, name: &str, length: usize, alphabet: &[u8]) -> String {
        super::ids::derived(&format!("{}\0{name}", self.stack.name), length, alphabet)
    }
}

/// The only entry of a map, when it is a function.
fn function_of(map: &Map) -> Option<(&str, &Node)> {
    let (name, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    (name == "Ref" || name == "Condition" || name.starts_with("Fn::")).then_some((name, argument))
}

pub(super) const DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Counts how deep values lead into each other.
struct Deeper<'a>(&'a Cell<usize>);

impl<'a> Deeper<'a> {
    fn begin(depth: &'a Cell<usize>) -> Option<Self> {
        if depth.get() >= DEEPEST {
            return None;
        }
        depth.set(depth.get() + 1);
        Some(Self(depth))
    }
}

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
