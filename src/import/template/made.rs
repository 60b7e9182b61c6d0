//! Tables of the configuration, made from templates.

use crate::{
    config::{
        Place, Placed,
        tree::{self, Table},
    },
    model::{Kind, MODEL},
};

use super::{
    document::{Map, Node, Value},
    properties::boolean,
    scope::Scope,
};

const POOL: &str = "CreateUserPoolRequest";
/// Properties of a pool that the API has other members for.
const RENAMED: [&str; 7] = [
    "EmailAuthenticationMessage",
    "EmailAuthenticationSubject",
    "EnabledMfas",
    "UserPoolName",
    "WebAuthnFactorConfiguration",
    "WebAuthnRelyingPartyID",
    "WebAuthnUserVerification",
];

/// A table that is being made.
#[derive(Clone, Debug, Default)]
pub(super) struct Made(pub Table);

impl Made {
    pub fn put(&mut self, key: &str, at: &Place, value: tree::Value) {
        self.0.insert(key.to_owned(), tree::Node { at: at.clone(), value });
    }

    pub fn text(&mut self, key: &str, text: &Placed<String>) {
        self.put(key, &text.at, tree::Value::String(text.value.clone()));
    }

    pub fn word(&mut self, key: &str, at: &Place, word: impl ToString) {
        self.put(key, at, tree::Value::Word(word.to_string()));
    }

    pub fn texts(&mut self, key: &str, at: &Place, texts: Vec<Placed<String>>) {
        let item = |text: Placed<String>| tree::Node { at: text.at, value: tree::Value::String(text.value) };
        self.put(key, at, tree::Value::List(texts.into_iter().map(item).collect()));
    }

    pub fn table(&mut self, key: &str, at: &Place, table: Self) {
        self.put(key, at, tree::Value::Table(table.0));
    }

    /// Adds to `[[key]]`.
    pub fn push(&mut self, key: &str, at: &Place, table: Self) {
        let item = tree::Node { at: at.clone(), value: tree::Value::Table(table.0) };
        match self.0.get_mut(key).map(|node| &mut node.value) {
            Some(tree::Value::List(items)) => items.push(item),
            _ => self.put(key, at, tree::Value::List(vec![item])),
        }
    }

    /// Adds `[key.name]`; false when it is there already.
    pub fn insert(&mut self, key: &str, name: &str, at: &Place, table: Self) -> bool {
        if !self.0.contains_key(key) {
            self.put(key, at, tree::Value::Table(Table::new()));
        }
        let Some(tree::Value::Table(tables)) = self.0.get_mut(key).map(|node| &mut node.value) else { return false };
        let node = tree::Node { at: at.clone(), value: tree::Value::Table(table.0) };
        tables.insert(name.to_owned(), node).is_none()
    }
}

/// A map of texts, such as variables of an environment.
pub(super) fn text_map(scope: Scope, what: &str, map: Map) -> Made {
    let mut made = Made::default();
    for (name, node) in map {
        match node.value {
            Value::Text(value) => made.text(&name, &Placed { value, at: node.at }),
            Value::Null => {}
            _ => scope
                .notes()
                .refuse(&node.at, format!("`{name}` of {what} must be a single value, found {}", node.kind())),
        }
    }
    made
}

/// A value in the types that the user-pools API publishes for `shape`. Members that the shape lacks are told of and left out.
pub(super) fn typed(scope: Scope, shape: &str, of: &str, node: Node) -> tree::Node {
    let Node { at, value } = node;
    let facts = MODEL.shape(shape);
    let value = match (value, facts.map(|facts| facts.kind)) {
        (Value::Map(map), Some(Kind::Structure)) => {
            let members = facts.map(|facts| facts.members.as_slice()).unwrap_or_default();
            let mut table = Table::new();
            for (name, node) in map {
                match members.iter().find(|(known, _)| *known == name) {
                    Some((_, inner)) => drop(table.insert(name, typed(scope, inner, of, node))),
                    None => {
                        let own = if shape == POOL { RENAMED.as_slice() } else { &[] };
                        let known = members.iter().map(|(known, _)| *known).chain(own.iter().copied());
                        let message = format!("`{name}` of {of} is not supported");
                        let mistake = crate::config::Mistake::new(&node.at, message).nearest(&name, known);
                        scope.notes().warn_of(mistake);
                    }
                }
            }
            tree::Value::Table(table)
        }
        (Value::Map(map), kind) => {
            let inner = if kind == Some(Kind::Map) { facts.and_then(|facts| facts.value) } else { None };
            let entry = |(name, node)| (name, typed(scope, inner.unwrap_or_default(), of, node));
            tree::Value::Table(map.into_iter().map(entry).collect())
        }
        (Value::List(items), _) => {
            let inner = facts.and_then(|facts| facts.member).unwrap_or_default();
            tree::Value::List(items.into_iter().map(|item| typed(scope, inner, of, item)).collect())
        }
        (Value::Text(text), Some(Kind::Boolean)) => match boolean(&text) {
            Some(value) => tree::Value::Boolean(value),
            None => tree::Value::String(text),
        },
        (Value::Text(text), Some(Kind::Integer | Kind::Long)) => match text.parse() {
            Ok(value) => tree::Value::Integer(value),
            Err(_) => tree::Value::String(text),
        },
        (Value::Text(text), _) => tree::Value::String(text),
        (Value::Null, _) => tree::Value::String(String::new()),
    };
    tree::Node { at, value }
}

/// The settings of a pool, a client or the like: members of the request `shape` by their names.
pub(super) fn settings(scope: Scope, shape: &str, of: &str, at: &Place, map: Map) -> Made {
    let node = typed(scope, shape, of, Node { at: at.clone(), value: Value::Map(map) });
    match node.value {
        tree::Value::Table(table) => Made(table),
        _ => Made::default(),
    }
}
