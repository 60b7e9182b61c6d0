//! Reads a resource's properties one by one, so that each is either asked for or told of: nothing is passed over in silence.

use super::{
    document::{Map, Node, Value},
    made::Made,
    scope::Scope,
};
use crate::config::{Mistake, Place, Placed, tree};

/// The properties of a resource, or of a part of it. End with [`Properties::finish`].
#[must_use = "call finish, which tells of properties that nobody asked for"]
pub(super) struct Properties<'a> {
    pub scope: Scope<'a>,
    pub at: Place,
    /// What they belong to, in messages.
    pub of: String,
    left: Map,
    known: Vec<String>,
}

impl<'a> Properties<'a> {
    pub fn new(scope: Scope<'a>, at: &Place, of: impl Into<String>, map: Map) -> Self {
        Self { scope, at: at.clone(), of: of.into(), left: map, known: Vec::new() }
    }

    pub fn refuse(&self, at: &Place, message: impl Into<String>) {
        self.scope.notes().refuse(at, message);
    }

    pub fn warn(&self, at: &Place, message: impl Into<String>) {
        self.scope.notes().warn(at, message);
    }

    /// Tells of every property that was not asked for.
    pub fn finish(self) {
        for (name, node) in &self.left {
            let message = format!("`{name}` of {} is not supported", self.of);
            let known = self.known.iter().map(String::as_str);
            self.scope.notes().warn_of(Mistake::new(&node.at, message).nearest(name, known));
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// A property as it was written, which stays to be asked for.
    pub fn raw(&self, name: &str) -> Option<&Node> {
        self.left.get(name)
    }

    pub fn place_of(&self, name: &str) -> Place {
        self.left.get(name).map_or_else(|| self.at.clone(), |node| node.at.clone())
    }

    /// Takes a property as it was written, with its functions.
    pub fn take_raw(&mut self, name: &str) -> Option<Node> {
        self.known.push(name.to_owned());
        self.left.remove(name)
    }

    /// Refuses gaps in properties that guard an API, which are to be taken after this.
    pub fn must_be_whole(&self, names: &[&str]) {
        for name in names {
            if let Some(node) = self.left.get(*name) {
                self.scope.must_be_whole(node, &format!("`{name}` of {}", self.of));
            }
        }
    }

    /// Refuses gaps in whatever is left.
    pub fn must_all_be_whole(&self) {
        for (name, node) in &self.left {
            self.scope.must_be_whole(node, &format!("`{name}` of {}", self.of));
        }
    }

    pub fn take(&mut self, name: &str) -> Option<Node> {
        let node = self.take_raw(name)?;
        self.scope.resolve(&node).filter(|node| node.value != Value::Null)
    }

    /// Properties that mean nothing here.
    pub fn pass_over(&mut self, names: &[&str]) {
        for name in names {
            if let Some(node) = self.take_raw(name) {
                self.scope.notes().tell(&node.at, format!("`{name}` of {} means nothing here", self.of));
            }
        }
    }

    fn expected<T>(&self, name: &str, node: &Node, what: &str) -> Option<T> {
        self.refuse(&node.at, format!("`{name}` of {} must be {what}, found {}", self.of, node.kind()));
        None
    }

    pub fn text(&mut self, name: &str) -> Option<Placed<String>> {
        let node = self.take(name)?;
        match node.value {
            Value::Text(value) => Some(Placed { value, at: node.at }),
            _ => self.expected(name, &node, "a single value"),
        }
    }

    /// A text that must be there.
    pub fn required(&mut self, name: &str) -> Option<Placed<String>> {
        if !self.has(name) {
            self.known.push(name.to_owned());
            self.refuse(&self.at, format!("{} has no `{name}`", self.of));
            return None;
        }
        self.text(name)
    }

    pub fn boolean(&mut self, name: &str) -> Option<Placed<bool>> {
        let text = self.text(name)?;
        match boolean(&text.value) {
            Some(value) => Some(Placed { value, at: text.at }),
            None => {
                self.refuse(&text.at, format!("`{name}` of {} must be true or false, found {:?}", self.of, text.value));
                None
            }
        }
    }

    pub fn list(&mut self, name: &str) -> Option<Placed<Vec<Node>>> {
        let node = self.take(name)?;
        match node.value {
            Value::List(value) => Some(Placed { value, at: node.at }),
            _ => self.expected(name, &node, "a list"),
        }
    }

    /// A list of texts; one text counts as a list of it.
    pub fn texts(&mut self, name: &str) -> Option<Placed<Vec<Placed<String>>>> {
        let node = self.take(name)?;
        let at = node.at.clone();
        let items = match node.value {
            Value::List(items) => items,
            Value::Text(_) => vec![node],
            _ => return self.expected(name, &node, "a list of texts"),
        };
        let mut texts = Vec::new();
        for item in items {
            match item.value {
                Value::Text(value) => texts.push(Placed { value, at: item.at }),
                _ => drop(self.expected::<()>(name, &item, "a list of texts")),
            }
        }
        Some(Placed { value: texts, at })
    }

    pub fn map(&mut self, name: &str) -> Option<Placed<Map>> {
        let node = self.take(name)?;
        match node.value {
            Value::Map(value) => Some(Placed { value, at: node.at }),
            _ => self.expected(name, &node, "a map"),
        }
    }

    /// Properties inside of a property.
    pub fn inner(&mut self, name: &str) -> Option<Self> {
        let map = self.map(name)?;
        Some(Self::new(self.scope, &map.at, format!("{name} of {}", self.of), map.value))
    }

    /// Everything that is left, under names that the user chose.
    pub fn rest(&mut self) -> Map {
        std::mem::take(&mut self.left)
    }

    /// Moves a text into a table of the configuration.
    pub fn copy_text(&mut self, name: &str, made: &mut Made, key: &str) {
        if let Some(text) = self.text(name) {
            made.text(key, &text);
        }
    }

    /// Moves a number or a boolean into a table of the configuration, whose reader judges it.
    pub fn copy_word(&mut self, name: &str, made: &mut Made, key: &str) {
        if let Some(text) = self.text(name) {
            let word = boolean(&text.value).map_or(text.value, |value| value.to_string());
            made.put(key, &text.at, tree::Value::Word(word));
        }
    }

    pub fn copy_texts(&mut self, name: &str, made: &mut Made, key: &str) {
        if let Some(texts) = self.texts(name) {
            made.texts(key, &texts.at, texts.value);
        }
    }
}

/// CloudFormation's booleans, which may be text.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}
