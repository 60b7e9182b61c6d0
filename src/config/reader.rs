//! Reads tables key by key, so that a key is either asked for or refused, and every mistake is found in one go.
//!
//! A wrong value is noted and read as absent: the reader goes on, and the configuration is thrown away at the end.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{
    Mistake, Place, Placed,
    tree::{self, Node, Table, Value},
};
use crate::kit::secret::Secret;

/// What all readers of one configuration share.
pub(super) struct Reading {
    mistakes: RefCell<Vec<Mistake>>,
    folder: PathBuf,
    /// Files that hold secrets.
    private: RefCell<Vec<PathBuf>>,
}

impl Reading {
    pub fn new(folder: PathBuf) -> Self {
        Self { mistakes: RefCell::default(), folder, private: RefCell::default() }
    }

    pub fn note(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    pub fn refuse(&self, at: &Place, message: impl Into<String>) {
        self.note(Mistake::new(at, message));
    }

    /// Remembers a file that holds a secret.
    pub fn keep_private(&self, file: PathBuf) {
        self.private.borrow_mut().push(file);
    }

    pub fn private(&self) -> Vec<PathBuf> {
        self.private.borrow().clone()
    }

    /// A relative path starts from the file that says it; one from the environment or a flag from the working directory.
    pub fn resolve(&self, at: &Place, path: &str) -> PathBuf {
        if at.line == 0 { PathBuf::from(path) } else { self.in_folder(path) }
    }

    /// `path` as it is seen from the configuration's folder.
    pub fn in_folder(&self, path: &str) -> PathBuf {
        if self.folder == Path::new(".") { PathBuf::from(path) } else { self.folder.join(path) }
    }

    pub fn finish(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        Mistake::sort(&mut mistakes);
        mistakes
    }
}

/// A table that is being read. End with [`Reader::finish`], which refuses what nobody asked for.
#[must_use = "call finish, which refuses unknown keys"]
pub(super) struct Reader<'a> {
    pub reading: &'a Reading,
    /// Where the table stands.
    pub at: Place,
    /// The table's dotted name in messages; empty at the top.
    name: String,
    left: Table,
    known: Vec<String>,
    taken: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(reading: &'a Reading, at: Place, name: impl Into<String>, table: Table) -> Self {
        Self { reading, at, name: name.into(), left: table, known: Vec::new(), taken: Vec::new() }
    }

    /// The key's name in messages.
    pub fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Refuses every key that was not asked for.
    pub fn finish(self) {
        for (key, node) in &self.left {
            let known = self.known.iter().map(String::as_str);
            let mut mistake = Mistake::new(&node.at, format!("unknown key `{}`", self.path(key))).nearest(key, known);
            mistake.suggestion = mistake.suggestion.map(|key| self.path(&key));
            self.reading.note(mistake);
        }
    }

    /// The rest of a table whose keys are names that the user chose.
    pub fn into_names(mut self) -> Table {
        std::mem::take(&mut self.left)
    }

    /// The place of `key`, or of the table when it is absent.
    pub fn place_of(&self, key: &str) -> Place {
        self.left.get(key).map_or_else(|| self.at.clone(), |node| node.at.clone())
    }

    /// The keys that were not taken yet.
    pub fn keys(&self) -> Vec<String> {
        self.left.keys().cloned().collect()
    }

    pub fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    /// Whether `key` was there before it was taken, right or wrong.
    pub fn said(&self, key: &str) -> bool {
        self.taken.iter().any(|taken| taken.strip_suffix("_file").unwrap_or(taken) == key)
    }

    pub fn is_table(&self, key: &str) -> bool {
        match self.left.get(key).map(|node| &node.value) {
            Some(Value::Table(_)) => true,
            Some(Value::Word(word)) => word.starts_with('{'),
            _ => false,
        }
    }

    /// Names a key that is only asked for when it is there.
    pub fn know(&mut self, key: &str) {
        self.known.push(key.to_owned());
    }

    pub fn take(&mut self, key: &str) -> Option<Node> {
        self.know(key);
        let node = self.left.remove(key)?;
        self.taken.push(key.to_owned());
        Some(node)
    }

    fn expected<T>(&self, key: &str, at: &Place, what: &str, found: &Value) -> Option<T> {
        self.reading.refuse(at, format!("`{}` must be {what}, found {}", self.path(key), found.kind()));
        None
    }

    /// Notes that a key must be there.
    pub fn missing(&self, key: &str) {
        self.reading.refuse(&self.at, format!("missing key `{}`", self.path(key)));
    }

    pub fn string(&mut self, key: &str) -> Option<Placed<String>> {
        let node = self.take(key)?;
        match node.value {
            Value::String(value) | Value::Word(value) => Some(Placed { value, at: node.at }),
            other => self.expected(key, &node.at, "a string", &other),
        }
    }

    /// A string that must be there and must not be empty.
    pub fn required(&mut self, key: &str) -> Option<Placed<String>> {
        if !self.has(key) {
            self.know(key);
            self.missing(key);
            return None;
        }
        let text = self.string(key)?;
        if text.value.is_empty() {
            self.reading.refuse(&text.at, format!("`{}` must not be empty", self.path(key)));
            return None;
        }
        Some(text)
    }

    pub fn boolean(&mut self, key: &str) -> Option<Placed<bool>> {
        let node = self.take(key)?;
        let value = match &node.value {
            Value::Boolean(value) => *value,
            Value::Word(word) if word == "true" => true,
            Value::Word(word) if word == "false" => false,
            other => return self.expected(key, &node.at, "true or false", other),
        };
        Some(Placed { value, at: node.at })
    }

    /// A whole number in `range`, which must fit `T`.
    pub fn integer<T: TryFrom<i64>>(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<T> {
        let node = self.take(key)?;
        let value = match &node.value {
            Value::Integer(value) => *value,
            Value::Word(word) => match word.parse() {
                Ok(value) => value,
                Err(_) => return self.expected(key, &node.at, "an integer", &node.value),
            },
            other => return self.expected(key, &node.at, "an integer", other),
        };
        if let Some(value) = Some(value).filter(|value| range.contains(value)).and_then(|value| T::try_from(value).ok())
        {
            return Some(value);
        }
        let (from, to) = (range.start(), range.end());
        self.reading.refuse(&node.at, format!("`{}` must be between {from} and {to}, found {value}", self.path(key)));
        None
    }

    /// A number in `range`, whole or not.
    pub fn number(&mut self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let node = self.take(key)?;
        #[expect(clippy::cast_precision_loss, reason = "numbers past the range are refused whatever their last digits")]
        let value = match &node.value {
            Value::Float(value) => *value,
            Value::Integer(value) => *value as f64,
            Value::Word(word) => match word.parse() {
                Ok(value) => value,
                Err(_) => return self.expected(key, &node.at, "a number", &node.value),
            },
            other => return self.expected(key, &node.at, "a number", other),
        };
        if range.contains(&value) {
            return Some(value);
        }
        let (from, to) = (range.start(), range.end());
        self.reading.refuse(&node.at, format!("`{}` must be between {from} and {to}, found {value}", self.path(key)));
        None
    }

    /// An address and a port.
    pub fn address(&mut self, key: &str, default: SocketAddr) -> Placed<SocketAddr> {
        let absent = Placed { value: default, at: self.at.clone() };
        let Some(text) = self.string(key) else { return absent };
        let Ok(value) = text.value.parse() else {
            let message =
                format!("`{}` must be an address and a port such as {default}, found {:?}", self.path(key), text.value);
            self.reading.refuse(&text.at, message);
            return absent;
        };
        Placed { value, at: text.at }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<Placed<T>> {
        let text = self.string(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Placed { value: *value, at: text.at });
        }
        let list = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
        let message = format!("`{}` must be {list}, found {:?}", self.path(key), text.value);
        self.reading.note(Mistake::new(&text.at, message).nearest(&text.value, words.iter().map(|(word, _)| *word)));
        None
    }

    /// A list of strings; empty when absent.
    pub fn strings(&mut self, key: &str) -> Vec<Placed<String>> {
        let mut strings = Vec::new();
        for item in self.list(key, "a list of strings") {
            match item.value {
                Value::String(value) | Value::Word(value) => strings.push(Placed { value, at: item.at }),
                other => {
                    let message = format!("`{}` must hold strings, found {}", self.path(key), other.kind());
                    self.reading.refuse(&item.at, message);
                }
            }
        }
        strings
    }

    /// A list of ports; empty when absent.
    pub fn ports(&mut self, key: &str) -> Vec<u16> {
        let mut ports = Vec::new();
        for item in self.list(key, "a list of ports") {
            let port = match &item.value {
                Value::Integer(number) => u16::try_from(*number).ok(),
                Value::Word(word) => word.parse().ok(),
                _ => None,
            };
            match port.filter(|port| *port != 0) {
                Some(port) => ports.push(port),
                None => self.reading.refuse(&item.at, format!("`{}` must hold ports, 1 to 65535", self.path(key))),
            }
        }
        ports
    }

    /// One string, or a list of them.
    pub fn string_or_strings(&mut self, key: &str) -> Vec<Placed<String>> {
        match self.left.get(key).map(|node| &node.value) {
            Some(Value::String(_)) => self.string(key).into_iter().collect(),
            _ => self.strings(key),
        }
    }

    fn list(&mut self, key: &str, what: &str) -> Vec<Node> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let value = match node.value {
            Value::Word(word) if word.is_empty() => Value::List(Vec::new()),
            Value::Word(word) if word.starts_with('[') => self.parsed(key, &node.at, &word),
            Value::Word(words) => {
                let word = |word: &str| Node { at: node.at.clone(), value: Value::Word(word.trim().to_owned()) };
                Value::List(words.split(',').map(word).collect())
            }
            other => other,
        };
        match value {
            Value::List(items) => items,
            other => self.expected(key, &node.at, what, &other).unwrap_or_default(),
        }
    }

    /// A word that must be TOML.
    fn parsed(&self, key: &str, at: &Place, word: &str) -> Value {
        tree::parse_value(at, word).unwrap_or_else(|message| {
            self.reading.refuse(at, format!("`{}` is not valid TOML: {message}", self.path(key)));
            Value::List(Vec::new())
        })
    }

    /// A table inside this one; when absent, an empty one at the place of this one.
    pub fn table(&mut self, key: &str) -> Reader<'a> {
        let (reading, path, outer) = (self.reading, self.path(key), self.at.clone());
        let Some(node) = self.take(key) else { return Reader::new(reading, outer, path, Table::new()) };
        let table = match node.value {
            Value::Table(table) => table,
            Value::Word(word) if word.starts_with('{') => match self.parsed(key, &node.at, &word) {
                Value::Table(table) => table,
                _ => Table::new(),
            },
            other => self.expected(key, &node.at, "a table", &other).unwrap_or_default(),
        };
        Reader::new(reading, node.at, path, table)
    }

    /// `[[key]]`: a list of tables; empty when absent.
    pub fn tables(&mut self, key: &str) -> Vec<Reader<'a>> {
        let (reading, path) = (self.reading, self.path(key));
        let mut readers = Vec::new();
        for item in self.list(key, &format!("a list of tables, written [[{path}]]")) {
            match item.value {
                Value::Table(table) => readers.push(Reader::new(reading, item.at, path.clone(), table)),
                other => reading.refuse(&item.at, format!("`{path}` must hold tables, found {}", other.kind())),
            }
        }
        readers
    }

    /// A table of tables under names that the user chose, such as `[function.NAME]`.
    pub fn named_tables(&mut self, key: &str) -> Vec<(String, Reader<'a>)> {
        let (reading, table) = (self.reading, self.table(key));
        let path = table.name.clone();
        let mut readers = Vec::new();
        for (name, node) in table.into_names() {
            match node.value {
                Value::Table(table) => {
                    readers.push((name.clone(), Reader::new(reading, node.at, format!("{path}.{name}"), table)));
                }
                other => reading.refuse(&node.at, format!("`{path}.{name}` must be a table, found {}", other.kind())),
            }
        }
        readers
    }

    /// A table of strings under names that the user chose.
    pub fn string_map(&mut self, key: &str) -> BTreeMap<String, Placed<String>> {
        self.table(key).all_strings()
    }

    /// The rest of this table, as strings under names that the user chose.
    pub fn all_strings(&mut self) -> BTreeMap<String, Placed<String>> {
        let mut strings = BTreeMap::new();
        for (name, node) in std::mem::take(&mut self.left) {
            match node.value {
                Value::String(value) | Value::Word(value) => {
                    strings.insert(name, Placed { value, at: node.at });
                }
                other => {
                    let message = format!("`{}` must be a string, found {}", self.path(&name), other.kind());
                    self.reading.refuse(&node.at, message);
                }
            }
        }
        strings
    }

    /// A secret: `key`, or the content of the file that `key_file` names. A line break at the file's end does not count.
    pub fn secret(&mut self, key: &str) -> Option<Placed<Secret>> {
        let file_key = format!("{key}_file");
        let both = self.has(key).then(|| self.place_of(&file_key)).filter(|_| self.has(&file_key));
        let given = self.string(key);
        let file = self.string(&file_key);
        if let Some(at) = both {
            let message = format!("`{}` and `{}` are given both; keep one", self.path(key), self.path(&file_key));
            self.reading.refuse(&at, message);
            return None;
        }
        let (text, at) = match (given, file) {
            (Some(text), _) => (text.value, text.at),
            (None, Some(file)) => match fs::read_to_string(self.reading.resolve(&file.at, &file.value)) {
                Ok(mut text) => {
                    self.reading.keep_private(self.reading.resolve(&file.at, &file.value));
                    text.truncate(text.trim_end_matches(['\r', '\n']).len());
                    (text, file.at)
                }
                Err(error) => {
                    let message = format!("`{}`: cannot read {}: {error}", self.path(&file_key), file.value);
                    self.reading.refuse(&file.at, message);
                    return None;
                }
            },
            (None, None) => return None,
        };
        if text.is_empty() {
            self.reading.refuse(&at, format!("`{}` must not be empty", self.path(key)));
            return None;
        }
        Some(Placed { value: Secret::new(text), at })
    }

    /// A file that must be there.
    pub fn file(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.required(key)?;
        let file = self.reading.resolve(&path.at, &path.value);
        if !file.is_file() {
            self.reading.refuse(&path.at, format!("`{}`: there is no file {}", self.path(key), path.value));
            return None;
        }
        Some(file)
    }
}
