//! The configuration with its templates.

use std::{fs, io, path::PathBuf};

use super::template::{self, Basics};
use crate::config::{Config, Draft, Mistake, Place, Sources, tree::Table};

/// A configuration, and what was said about its templates.
pub struct Loaded {
    pub config: Config,
    /// What the templates ask for and this server does not do. It was ignored as the user had wished.
    pub warnings: Vec<Mistake>,
    /// What means nothing here.
    pub notices: Vec<Mistake>,
    /// The templates' outputs: stack, name and value.
    pub outputs: Vec<(String, String, String)>,
    /// The files of the templates.
    pub files: Vec<PathBuf>,
}

/// Reads the configuration and the templates that it names, or reports every mistake in them.
///
/// Inline code of functions is written into `code`, or into the data folder without one; nothing else is touched.
pub fn load(sources: &Sources, code: Option<PathBuf>) -> Result<Loaded, Vec<Mistake>> {
    let draft = Draft::read(sources)?;
    let preview = draft.preview()?;
    if preview.templates.files.is_empty() {
        let config = draft.finish(Table::new())?;
        return Ok(Loaded {
            config,
            warnings: Vec::new(),
            notices: Vec::new(),
            outputs: Vec::new(),
            files: Vec::new(),
        });
    }
    let templates = preview.templates;
    let basics = Basics {
        region: preview.region,
        account_id: preview.account_id,
        gateway_port: preview.gateway.listen.port(),
        code: code.unwrap_or_else(|| preview.data.join("code")),
        files: templates.files,
        parameters: templates.parameters,
        ids: templates.ids,
    };
    let outcome = template::read(&basics);
    let mut mistakes = outcome.mistakes;
    if !templates.ignore_warnings {
        mistakes.extend(outcome.warnings.iter().cloned());
    }
    if mistakes.is_empty() {
        let config = draft.finish(outcome.table)?;
        let outputs = outcome.outputs.into_iter().map(|output| (output.stack, output.name, output.value)).collect();
        let files = outcome.read;
        return Ok(Loaded { config, warnings: outcome.warnings, notices: outcome.notices, outputs, files });
    }
    if !outcome.warnings.is_empty() && !templates.ignore_warnings {
        let hint = "what is not supported can be left out with --ignore-warnings";
        mistakes.push(Mistake::new(&Place::whole("templates"), hint));
    }
    Mistake::sort(&mut mistakes);
    Err(mistakes)
}

/// A folder for inline code that is gone when this is: for whoever only wants to know if all is well.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("poolhouse-check-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub fn folder(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the operating system's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}
