//! `[function.NAME]`: code that triggers, authorizers and integrations run.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{Place, reader::Reader};

#[derive(Clone, Debug)]
pub struct Function {
    pub at: Place,
    pub name: String,
    pub runs: Runs,
    /// The exported name, `lambdaHandler`, or `file.lambdaHandler`, of which the last part counts.
    pub handler: String,
    pub timeout: Duration,
    /// The heap that a script may use, in MiB.
    pub memory_mib: u32,
    pub environment: BTreeMap<String, String>,
}

/// What runs the code.
#[derive(Clone, Debug)]
pub enum Runs {
    /// JavaScript in this file, by the embedded engine.
    Script(PathBuf),
}

impl Function {
    pub(super) fn read(name: String, mut section: Reader) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let script_at = section.place_of("script");
        let scripted = section.has("script");
        let script = if scripted { section.file("script") } else { None };
        // Known before anything can be missing, so that the nearest name of a slip is among them.
        section.know("script");
        let mut others = Vec::new();
        for kind in NOT_BUILT {
            if let Some(node) = section.take(kind) {
                reading.refuse(&node.at, format!("`{kind}` functions are not built yet"));
                others.push(kind);
            }
        }
        if let (true, Some(other)) = (scripted, others.first()) {
            reading.refuse(&script_at, format!("a function runs in one way: `script` or `{other}`"));
        }
        if !scripted && others.is_empty() {
            reading.refuse(&at, format!("function {name:?} does not say what runs it: `script = \"FILE\"`"));
        }
        let handler = section.string("handler");
        if let Some(handler) = &handler {
            let fits = |c: char| c.is_alphanumeric() || "._$-/".contains(c);
            let last = handler.value.rsplit('.').next().unwrap_or_default();
            if last.is_empty() || !handler.value.chars().all(fits) {
                let message =
                    format!("`{}` must be NAME or FILE.NAME, found {:?}", section.path("handler"), handler.value);
                reading.refuse(&handler.at, message);
            }
        }
        let timeout = section.integer("timeout_seconds", 1..=900).unwrap_or(5);
        let memory_mib = section.integer("memory_mib", 8..=10_240).unwrap_or(128);
        let environment = section.string_map("environment");
        section.finish();
        Self {
            at,
            name,
            runs: Runs::Script(script.unwrap_or_default()),
            handler: handler.map_or_else(|| "handler".to_owned(), |handler| handler.value),
            timeout: Duration::from_secs(timeout),
            memory_mib,
            environment: environment.into_iter().map(|(name, text)| (name, text.value)).collect(),
        }
    }
}

/// Ways to run a function that have a name already, and nothing else.
const NOT_BUILT: [&str; 4] = ["command", "attach", "invoke", "webhook"];
