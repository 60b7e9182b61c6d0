//! The published facts as data, exactly as far as they are used.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::OnceLock,
};

use regex::Regex;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::pattern;

/// The reference of GetClientToken tells clients to have this flow; the published enum lacks it.
/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetClientToken.html>
const UNPUBLISHED_FLOW: &str = "ALLOW_CLIENT_TOKEN_AUTH";

#[derive(Debug, Deserialize)]
pub struct Model {
    #[serde(borrow)]
    operations: BTreeMap<&'static str, Facts>,
    #[serde(borrow)]
    shapes: HashMap<&'static str, Shape>,
}

/// What is published about one operation.
#[derive(Debug, Deserialize)]
pub struct Facts {
    pub input: &'static str,
    /// Operations without an output shape answer an empty body.
    #[serde(borrow)]
    pub output: Option<&'static str>,
    /// Names of the exceptions that the operation declares.
    pub errors: Vec<&'static str>,
    /// Called without AWS credentials.
    #[serde(default)]
    pub public: bool,
}

#[derive(Debug, Deserialize)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Member name and shape name, in the order of publication.
    #[serde(default, deserialize_with = "pairs")]
    pub members: Vec<(&'static str, &'static str)>,
    #[serde(borrow, default)]
    pub required: Vec<&'static str>,
    /// The shape of a list's elements.
    pub member: Option<&'static str>,
    /// The shape of a map's keys.
    pub key: Option<&'static str>,
    /// The shape of a map's values.
    pub value: Option<&'static str>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub pattern: Option<String>,
    #[serde(default, rename = "enum")]
    pub values: Vec<&'static str>,
    /// Values of this shape, and of everything inside it, are never shown.
    #[serde(default)]
    pub sensitive: bool,
    /// Any JSON at all.
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub exception: bool,
    /// The pattern as this program matches it, compiled when it is first needed.
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Boolean,
    Blob,
    Timestamp,
}

impl Model {
    pub(super) fn parse(text: &'static str) -> serde_json::Result<Self> {
        let mut model: Self = serde_json::from_str(text)?;
        if let Some(flows) = model.shapes.get_mut("ExplicitAuthFlowsType") {
            flows.values.push(UNPUBLISHED_FLOW);
        }
        for (name, shape) in &mut model.shapes {
            if let Some(served) = pattern::served(name) {
                shape.pattern = Some(served.to_owned());
            }
        }
        Ok(model)
    }

    pub fn operation(&self, name: &str) -> Option<&Facts> {
        self.operations.get(name)
    }

    /// In alphabetical order.
    pub fn operations(&self) -> impl Iterator<Item = (&'static str, &Facts)> {
        self.operations.iter().map(|(name, facts)| (*name, facts))
    }

    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// In no particular order.
    pub fn shapes(&self) -> impl Iterator<Item = (&'static str, &Shape)> {
        self.shapes.iter().map(|(name, shape)| (*name, shape))
    }

    /// Whether `operation` publishes that it may answer with `exception`.
    pub fn declares(&self, operation: &str, exception: &str) -> bool {
        self.operation(operation).is_some_and(|facts| facts.errors.contains(&exception))
    }
}

impl Shape {
    pub fn is_required(&self, member: &str) -> bool {
        self.required.contains(&member)
    }

    pub fn is_scalar(&self) -> bool {
        !matches!(self.kind, Kind::Structure | Kind::List | Kind::Map)
    }

    /// Whether the whole of `text` fits the pattern. Without a pattern everything does.
    pub fn fits(&self, text: &str) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        // A test compiles every pattern, so none is ever skipped here.
        self.compiled.get_or_init(|| pattern::compile(pattern).ok()).as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// A JSON object as pairs that keep its order.
fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(&'de str, &'de str)>, D::Error> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(&'de str, &'de str)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of strings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(8));
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    deserializer.deserialize_map(Pairs)
}
