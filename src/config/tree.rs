//! The configuration before it means anything: values with their places, whatever source they came from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::de::{DeTable, DeValue};

use super::{Mistake, Place};

pub type Table = BTreeMap<String, Node>;

/// A value and the place of its key, or of itself when it stands in a list.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date,
    List(Vec<Node>),
    Table(Table),
    /// Text from the environment or a flag, which has no type of its own: it becomes what its reader expects.
    Word(String),
}

impl Value {
    /// What it is, in a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) | Self::Word(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a fraction",
            Self::Boolean(_) => "a boolean",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a whole file. A file that is not TOML answers with its syntax errors only: the rest cannot be judged yet.
pub(super) fn parse(file: &Path, text: &str) -> Result<Table, Vec<Mistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let whole = Place::whole(file);
    let mut planter = Planter::new(file, text);
    if errors.is_empty() {
        let table = planter.table(&whole, table.into_inner());
        if planter.mistakes.is_empty() {
            return Ok(table);
        }
    }
    for error in errors {
        let at = planter.place(&whole, error.span().map_or(0, |span| span.start));
        planter.mistakes.push(Mistake::new(&at, error.message().trim_end().replace('\n', ", ")));
    }
    Err(planter.mistakes)
}

/// Reads one TOML value, such as a list in an environment variable. Everything in it has the place `at`.
pub(super) fn parse_value(at: &Place, text: &str) -> Result<Value, String> {
    let value = DeValue::parse(text).map_err(|error| error.message().trim_end().replace('\n', ", "))?;
    let mut planter = Planter { source: Arc::clone(&at.source), starts: Vec::new(), mistakes: Vec::new() };
    let value = planter.value(at, value.into_inner());
    match planter.mistakes.pop() {
        Some(mistake) => Err(mistake.message),
        None => Ok(value),
    }
}

/// Turns the parser's spans into lines.
struct Planter {
    source: Arc<PathBuf>,
    /// Where each line starts; empty when the text has no lines of its own.
    starts: Vec<usize>,
    mistakes: Vec<Mistake>,
}

impl Planter {
    fn new(file: &Path, text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source: Arc::new(file.to_owned()), starts, mistakes: Vec::new() }
    }

    /// The place of `offset`, which is that of what is around when the text has no lines.
    fn place(&self, around: &Place, offset: usize) -> Place {
        if self.starts.is_empty() {
            return around.clone();
        }
        let line = self.starts.partition_point(|start| *start <= offset);
        Place { source: Arc::clone(&self.source), line }
    }

    fn table(&mut self, around: &Place, table: DeTable<'_>) -> Table {
        let mut planted = Table::new();
        for (key, value) in table {
            let at = self.place(around, key.span().start);
            let value = self.value(&at, value.into_inner());
            planted.insert(key.into_inner().into_owned(), Node { at, value });
        }
        planted
    }

    fn value(&mut self, at: &Place, value: DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(integer) => Value::Integer(integer),
                Err(_) => {
                    self.mistakes.push(Mistake::new(at, format!("the integer {integer} is too large")));
                    Value::Integer(0)
                }
            },
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                Ok(float) if float.is_finite() => Value::Float(float),
                _ => {
                    self.mistakes.push(Mistake::new(at, format!("{} is not a finite number", float.as_str())));
                    Value::Float(0.0)
                }
            },
            DeValue::Boolean(boolean) => Value::Boolean(boolean),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| {
                        let at = self.place(at, item.span().start);
                        let value = self.value(&at, item.into_inner());
                        Node { at, value }
                    })
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(at, table)),
        }
    }
}
