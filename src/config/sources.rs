//! Where the configuration comes from: a file, then the environment, then flags; the later one wins.
//!
//! `POOLHOUSE_SERVER__LISTEN` is `listen` of `[server]`: every variable that starts with `POOLHOUSE_` is a key or a mistake,
//! except those that other parts of the project read ([`FOREIGN`]). A list is written with commas, or in TOML.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Mistake, Place,
    tree::{self, Node, Table, Value},
};

const FILE: &str = "poolhouse.toml";
const PREFIX: &str = "POOLHOUSE_";

/// How much is logged, in the syntax of tracing's `EnvFilter` (`info`, `poolhouse=debug`).
const LOG: &str = "POOLHOUSE_LOG";

/// Names, or beginnings of names, that are no keys: the log filter, and what the project's own tests are told.
const FOREIGN: &[&str] = &[LOG, "POOLHOUSE_TEST_"];

/// Everything that says something about the configuration.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`. Without it `poolhouse.toml` of the working directory is read when there is one.
    pub file: Option<PathBuf>,
    pub environment: Vec<(OsString, OsString)>,
    pub flags: Flags,
}

/// Flags that say the same as a key, and win.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--data`
    pub data: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--gateway-listen`
    pub gateway_listen: Option<String>,
    /// `--template`
    pub templates: Vec<String>,
    /// `--parameter NAME=VALUE`
    pub parameters: Vec<(String, String)>,
    /// `--id LOGICAL=ID`
    pub ids: Vec<(String, String)>,
    /// `--ignore-warnings`
    pub ignore_warnings: bool,
}

impl Sources {
    /// The sources of this process: the given flags and the real environment.
    pub fn of_process(file: Option<PathBuf>, flags: Flags) -> Self {
        Self { file, environment: std::env::vars_os().collect(), flags }
    }

    /// What `POOLHOUSE_LOG` says.
    pub fn log(&self) -> Option<String> {
        let (_, value) = self.environment.iter().find(|(name, _)| name == LOG)?;
        Some(value.to_string_lossy().into_owned())
    }

    /// The file that is read, if any, and the folder that its relative paths start from.
    pub(super) fn place(&self) -> (Option<PathBuf>, PathBuf) {
        let file = self.file.clone().or_else(|| Path::new(FILE).is_file().then(|| PathBuf::from(FILE)));
        let folder = match file.as_deref().and_then(Path::parent) {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        (file, folder)
    }

    /// The configuration file, if one is read.
    pub fn config_file(&self) -> Option<PathBuf> {
        self.place().0
    }

    /// All sources as one tree.
    pub(super) fn read(&self, file: Option<&Path>) -> Result<Table, Vec<Mistake>> {
        let mut table = match file {
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| vec![unreadable(file, &error)])?;
                tree::parse(file, &text)?
            }
            None => Table::new(),
        };
        let mut mistakes = Vec::new();
        let mut variables: Vec<_> = self.environment.iter().filter_map(|(name, value)| key(name, value)).collect();
        variables.sort();
        for (name, value) in variables {
            let at = Place::whole(&name);
            let Some(value) = value else {
                mistakes.push(Mistake::new(&at, "is not UTF-8"));
                continue;
            };
            let path = name[PREFIX.len()..].to_lowercase();
            let path: Vec<&str> = path.split("__").collect();
            if let Err(message) = insert(&mut table, &path, &at, value) {
                mistakes.push(Mistake::new(&at, message));
            }
        }
        let flags = &self.flags;
        for (flag, path, value) in [
            ("--data", &["data"] as &[&str], &flags.data),
            ("--listen", &["server", "listen"], &flags.listen),
            ("--gateway-listen", &["gateway", "listen"], &flags.gateway_listen),
        ] {
            let Some(value) = value else { continue };
            let at = Place::whole(flag);
            if let Err(message) = insert(&mut table, path, &at, value.clone()) {
                mistakes.push(Mistake::new(&at, message));
            }
        }
        if !flags.templates.is_empty() {
            let at = Place::whole("--template");
            let item = |path: &String| Node { at: at.clone(), value: Value::String(path.clone()) };
            let value = Value::List(flags.templates.iter().map(item).collect());
            table.insert("template".to_owned(), Node { at: at.clone(), value });
        }
        if flags.ignore_warnings {
            let at = Place::whole("--ignore-warnings");
            table.insert("ignore_warnings".to_owned(), Node { at, value: Value::Boolean(true) });
        }
        for (flag, key, given) in
            [("--parameter", "template_parameters", &flags.parameters), ("--id", "template_ids", &flags.ids)]
        {
            let at = Place::whole(flag);
            for (name, value) in given {
                if let Err(message) = insert(&mut table, &[key, name], &at, value.clone()) {
                    mistakes.push(Mistake::new(&at, message));
                }
            }
        }
        if mistakes.is_empty() { Ok(table) } else { Err(mistakes) }
    }
}

fn unreadable(file: &Path, error: &io::Error) -> Mistake {
    Mistake::new(&Place::whole(file), format!("cannot be read: {error}"))
}

/// The variable's name and its text (`None` when that is not UTF-8), if it is one of ours.
fn key(name: &OsString, value: &OsString) -> Option<(String, Option<String>)> {
    let name = name.to_str()?;
    let foreign = FOREIGN.iter().any(|foreign| match foreign.ends_with('_') {
        true => name.starts_with(foreign),
        false => name == *foreign,
    });
    (name.starts_with(PREFIX) && !foreign).then(|| (name.to_owned(), value.to_str().map(str::to_owned)))
}

/// Puts `value` at `path`, over what the file says there. A secret also wins over the file's other way of giving it.
fn insert(table: &mut Table, path: &[&str], at: &Place, value: String) -> Result<(), String> {
    match path {
        [] => Ok(()),
        [key] => {
            let other = key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned);
            if table.get(&other).is_some_and(|said| said.at.line > 0) {
                table.remove(&other);
            }
            table.insert((*key).to_owned(), Node { at: at.clone(), value: Value::Word(value) });
            Ok(())
        }
        [key, rest @ ..] => {
            let fresh = || Node { at: at.clone(), value: Value::Table(Table::new()) };
            let node = table.entry((*key).to_owned()).or_insert_with(fresh);
            match &mut node.value {
                Value::Table(inner) => insert(inner, rest, at, value),
                Value::List(_) => Err(format!("the items of `{key}` are given in the file only")),
                Value::Word(_) => Err(format!("contradicts {}", node.at)),
                _ => {
                    *node = fresh();
                    insert(table, path, at, value)
                }
            }
        }
    }
}
