//! A template's text as a tree in which every value knows its line. One reader serves YAML and JSON, which YAML contains.
//!
//! Scalars stay text: CloudFormation takes `"true"` for `true` and `5` for `"5"`, so what a value is, its reader decides. Short
//! tags become what they abbreviate: `!Ref Pool` is `{Ref: Pool}`, `!GetAtt Pool.Arn` is `{"Fn::GetAtt": "Pool.Arn"}`.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html>

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::config::{Mistake, Place};

/// Deeper than any template, and shallow enough for the stack.
const DEEPEST: usize = 128;
const TOO_DEEP: &str = "is nested too deeply";
/// Aliases may multiply what a file holds; no template comes near this.
const MOST_NODES: usize = 500_000;

/// A value and the place of its key, or of itself when it stands in a list.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub at: Place,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

pub(super) type Map = BTreeMap<String, Node>;

/// Two values are alike wherever they were written.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    pub fn text(at: &Place, text: impl Into<String>) -> Self {
        Self { at: at.clone(), value: Value::Text(text.into()) }
    }

    pub fn list(at: &Place, items: Vec<Self>) -> Self {
        Self { at: at.clone(), value: Value::List(items) }
    }

    pub fn map<K: Into<String>>(at: &Place, entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries = entries.into_iter().map(|(key, node)| (key.into(), node)).collect();
        Self { at: at.clone(), value: Value::Map(entries) }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The member of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// What it is, in a sentence.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads a whole file, or tells its first mistake.
pub(super) fn parse(source: &Arc<PathBuf>, text: &str) -> Result<Node, Mistake> {
    let mut loader = Loader::new(source);
    // Event by event: the parser's own loading recurses as deep as the text is nested.
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => loader.on_event(event, span),
            Err(error) => {
                let at = Place { source: Arc::clone(source), line: error.marker().line() };
                // Lists and maps in brackets, of which the parser itself takes fewer in each other.
                let is_deep = error.info() == "recursion limit exceeded";
                return Err(Mistake::new(&at, if is_deep { TOO_DEEP } else { error.info() }));
            }
        }
        if let Some(mistake) = loader.mistake {
            return Err(mistake);
        }
    }
    loader.root.ok_or_else(|| Mistake::new(&Place::whole(source.as_path()), "is empty"))
}

/// Builds the tree from the parser's events.
struct Loader {
    source: Arc<PathBuf>,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    mistake: Option<Mistake>,
}

/// A list or map whose end has not come yet.
struct Open {
    at: Place,
    anchor: usize,
    tag: Option<String>,
    items: Vec<Node>,
    /// Of a map: what is in it, and the key whose value comes next.
    map: Option<(Map, Option<(String, Place)>)>,
    /// What maps that were merged into it have for keys that it lacks.
    merged: Map,
}

impl Loader {
    fn new(source: &Arc<PathBuf>) -> Self {
        Self {
            source: Arc::clone(source),
            stack: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            root: None,
            mistake: None,
        }
    }

    fn refuse(&mut self, at: &Place, message: impl Into<String>) {
        if self.mistake.is_none() {
            self.mistake = Some(Mistake::new(at, message));
        }
    }

    fn open(&mut self, at: Place, anchor: usize, tag: Option<String>, is_map: bool) {
        if self.stack.len() >= DEEPEST {
            self.refuse(&at, TOO_DEEP);
            return;
        }
        self.stack.push(Open {
            at,
            anchor,
            tag,
            items: Vec::new(),
            map: is_map.then(|| (Map::new(), None)),
            merged: Map::new(),
        });
    }

    fn close(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        let value = match open.map {
            Some((mut map, _)) => {
                for (key, node) in open.merged {
                    map.entry(key).or_insert(node);
                }
                Value::Map(map)
            }
            None => Value::List(open.items),
        };
        self.put(Node { at: open.at, value }, open.anchor, open.tag);
    }

    /// Gives a finished value to what is around it.
    fn put(&mut self, node: Node, anchor: usize, tag: Option<String>) {
        let node = match tag {
            Some(tag) => spelled_out(node, &tag),
            None => node,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.nodes += 1;
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        let Some((map, key)) = &mut open.map else {
            open.items.push(node);
            return;
        };
        let Some((name, at)) = key.take() else {
            match node.value {
                Value::Text(name) => *key = Some((name, node.at)),
                Value::Null => *key = Some(("null".to_owned(), node.at)),
                _ => self.refuse(&node.at, "a key must be text"),
            }
            return;
        };
        if name == "<<" {
            merge(&mut open.merged, node);
            return;
        }
        if let Some(first) = map.get(&name) {
            let message = format!("`{name}` is there already, in line {}", first.at.line);
            return self.refuse(&at, message);
        }
        map.insert(name, Node { at, value: node.value });
    }
}

/// `<<: *defaults`: what the map itself says wins.
fn merge(map: &mut Map, node: Node) {
    match node.value {
        Value::Map(more) => {
            for (key, node) in more {
                map.entry(key).or_insert(node);
            }
        }
        Value::List(items) => items.into_iter().for_each(|item| merge(map, item)),
        _ => {}
    }
}

impl Loader {
    fn on_event(&mut self, event: Event<'_>, span: Span) {
        let at = Place { source: Arc::clone(&self.source), line: span.start.line() };
        if self.nodes > MOST_NODES {
            return self.refuse(&at, "holds too many values");
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let tag = short_tag(tag.as_deref());
                let value = if is_null && tag.is_none() { Value::Null } else { Value::Text(text.into_owned()) };
                self.put(Node { at, value }, anchor, tag);
            }
            Event::SequenceStart(anchor, tag) => self.open(at, anchor, short_tag(tag.as_deref()), false),
            Event::MappingStart(anchor, tag) => self.open(at, anchor, short_tag(tag.as_deref()), true),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.nodes += size(&node);
                    self.put(node, 0, None);
                }
                None => self.refuse(&at, "an alias stands inside of what it names"),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Text(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(map) => 1 + map.values().map(size).sum::<usize>(),
    }
}

/// The name of a tag of CloudFormation's; YAML's own tags change nothing.
fn short_tag(tag: Option<&Tag>) -> Option<String> {
    tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()).map(|tag| tag.suffix.clone())
}

/// The long form of a short tag. A name that no function has is found when the value is used.
fn spelled_out(node: Node, tag: &str) -> Node {
    let function = match tag {
        "Ref" | "Condition" => tag.to_owned(),
        _ => format!("Fn::{tag}"),
    };
    Node { at: node.at.clone(), value: Value::Map(Map::from([(function, node)])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Mistake> {
        parse(&Arc::new(PathBuf::from("t.yaml")), text)
    }

    #[test]
    fn every_value_has_its_line_and_short_tags_their_long_form() {
        let root = read("A:\n  - one\n  - !Ref Two\nB: !GetAtt Pool.Arn\nC: !Sub\n  - '${x}'\n  - {x: 2.0}\n").unwrap();
        let list = root.get("A").unwrap().as_list().unwrap();
        assert_eq!((list[0].at.line, list[1].at.line), (2, 3));
        assert_eq!(list[1].get("Ref").unwrap().as_text(), Some("Two"));
        assert_eq!(root.get("B").unwrap().get("Fn::GetAtt").unwrap().as_text(), Some("Pool.Arn"));
        let map = &root.get("C").unwrap().get("Fn::Sub").unwrap().as_list().unwrap()[1];
        assert_eq!((map.get("x").unwrap().as_text(), map.get("x").unwrap().at.line), (Some("2.0"), 7));
    }

    #[test]
    fn json_is_read_with_its_lines() {
        let root = read("{\n \"a\": {\n  \"b\": [\n   true, \"x\\n\"\n  ]\n }\n}").unwrap();
        let list = root.get("a").unwrap().get("b").unwrap();
        assert_eq!((list.at.line, list.as_list().unwrap()[1].as_text()), (3, Some("x\n")));
    }

    #[test]
    fn what_is_no_tree_is_told_with_its_line() {
        assert_eq!(read("a: 1\nb: 2\na: 3").unwrap_err().to_string(), "t.yaml:3: `a` is there already, in line 1");
        assert!(read("a:\n  b: [1\n").unwrap_err().at.line >= 2);
        assert_eq!(read("").unwrap_err().to_string(), "t.yaml: is empty");
        let bomb = (1..9).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let before = format!("*a{},", n - 1).repeat(20);
            format!("{text}a{n}: &a{n} [{before}]\n")
        });
        assert_eq!(read(&bomb).unwrap_err().message, "holds too many values");
        assert_eq!(read(&"[".repeat(500)).unwrap_err().message, "is nested too deeply");
    }

    #[test]
    fn anchors_and_merges_are_followed() {
        let root = read("d: &d {a: 1, b: 2}\ne:\n  <<: *d\n  b: 3\n").unwrap();
        let e = root.get("e").unwrap();
        assert_eq!((e.get("a").unwrap().as_text(), e.get("b").unwrap().as_text()), (Some("1"), Some("3")));
    }
}
