//! A handler's file: CommonJS or an ES module, checked before anything runs.
//!
//! Like Node (<https://nodejs.org/api/packages.html#determining-module-system>) the ending `.mjs` or `.cjs` decides; any other
//! text is CommonJS unless it only parses as a module.

use std::{fs, path::Path};

use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Function, Module, Object, Result, Runtime, context::EvalOptions,
    module::Declared,
};

use super::{files, host};
use crate::{config::function as config, functions::LoadError};

/// What Node puts around a CommonJS module. It stays on the first line, so that the lines of errors are the file's own.
const WRAPPER: (&str, &str) = ("(function (exports, require, module, __filename, __dirname) {", "\n})");

#[derive(Debug)]
pub(super) struct Source {
    /// The file's name without its folder, as error traces show it.
    pub(super) name: String,
    text: String,
    pub(super) kind: Kind,
    /// Of a CommonJS module: what it requires by a path.
    pub(super) files: Vec<Source>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Common,
    Module,
}

impl Source {
    pub(super) fn load(section: &config::Function, file: &Path) -> std::result::Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable {
            function: section.name.clone(),
            at: section.at.clone(),
            file: file.to_owned(),
            source,
        };
        let text = fs::read_to_string(file).map_err(unreadable)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = file.parent().unwrap_or(Path::new(""));
        let syntax = |name: &str, mistake: Mistake| LoadError::Syntax {
            function: section.name.clone(),
            file: folder.join(name),
            line: mistake.line,
            column: mistake.column,
            message: mistake.message,
        };
        let mut source = Self::parse(name.clone(), &text).map_err(|mistake| syntax(&name, mistake))?;
        if source.kind == Kind::Common {
            for (name, text) in files::required(file, &text) {
                let beside = Self::beside(&name, &text).map_err(|mistake| syntax(&name, mistake))?;
                source.files.push(beside);
            }
        }
        Ok(source)
    }

    /// A file that a CommonJS module requires: another one, or JSON, which nobody runs.
    fn beside(name: &str, text: &str) -> std::result::Result<Self, Mistake> {
        let source = Self { kind: Kind::Common, ..Self::plain(name.to_owned(), text) };
        if !source.is_json() {
            source.check()?;
        }
        Ok(source)
    }

    pub(super) fn is_json(&self) -> bool {
        self.name.ends_with(".json")
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn plain(name: String, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // A line that names an interpreter is no JavaScript inside of the wrapper; two slashes keep its place.
        let text = text.strip_prefix("#!").map_or_else(|| text.to_owned(), |rest| format!("//{rest}"));
        Self { name, text, kind: Kind::Common, files: Vec::new() }
    }

    fn parse(name: String, text: &str) -> std::result::Result<Self, Mistake> {
        let mut source = Self::plain(name, text);
        let ending = Path::new(&source.name).extension().unwrap_or_default().to_string_lossy().into_owned();
        let kinds: &[Kind] = match ending.as_str() {
            "mjs" => &[Kind::Module],
            "cjs" => &[Kind::Common],
            _ => &[Kind::Common, Kind::Module],
        };
        let mut mistakes = Vec::new();
        for kind in kinds {
            source.kind = *kind;
            match source.check() {
                Ok(()) => return Ok(source),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        // The text that got further before it failed was probably read in the right way.
        Err(mistakes.into_iter().max_by_key(|mistake| (mistake.line, mistake.column)).unwrap_or_default())
    }

    fn check(&self) -> std::result::Result<(), Mistake> {
        let unknown = |error: rquickjs::Error| Mistake { message: error.to_string(), ..Mistake::default() };
        let runtime = Runtime::new().map_err(unknown)?;
        let context = Context::full(&runtime).map_err(unknown)?;
        context.with(|cx| {
            let parsed = match self.kind {
                Kind::Common => self.wrapped(&cx).map(drop),
                Kind::Module => host::declare_empty_modules(&cx).and_then(|()| self.declare(&cx).map(drop)),
            };
            parsed.catch(&cx).map_err(|error| self.mistake(&error))
        })
    }

    /// The CommonJS module as a function that has not run.
    pub(super) fn wrapped<'js>(&self, cx: &Ctx<'js>) -> Result<Function<'js>> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(self.name.clone());
        cx.eval_with_options(format!("{}{}{}", WRAPPER.0, self.text, WRAPPER.1), options)
    }

    /// The ES module, linked but not run.
    pub(super) fn declare<'js>(&self, cx: &Ctx<'js>) -> Result<Module<'js, Declared>> {
        Module::declare(cx.clone(), self.name.as_str(), self.text.as_str())
    }

    fn mistake(&self, error: &CaughtError<'_>) -> Mistake {
        let CaughtError::Exception(exception) = error else {
            return Mistake { message: error.to_string(), ..Mistake::default() };
        };
        let message = exception.message().unwrap_or_default();
        let message = match message.strip_prefix("could not load module '") {
            Some(name) => format!("Cannot find module '{}'", name.trim_end_matches('\'')),
            None => format!("{}: {message}", kind_of(exception.as_object())),
        };
        let (line, column) = place_of(&exception.stack().unwrap_or_default(), &self.name).unwrap_or_default();
        let shift = if self.kind == Kind::Common && line == 1 { WRAPPER.0.len() } else { 0 };
        Mistake { line, column: column.saturating_sub(shift), message }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Mistake {
    line: usize,
    column: usize,
    message: String,
}

fn kind_of(error: &Object<'_>) -> String {
    error.get("name").unwrap_or_else(|_| "Error".to_owned())
}

/// Line and column of the first frame `at name:line:column` of a trace.
fn place_of(stack: &str, name: &str) -> Option<(usize, usize)> {
    let after = stack.split_once(&format!("{name}:"))?.1;
    let mut numbers = after.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next().and_then(std::result::Result::ok).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &str) -> std::result::Result<Kind, Mistake> {
        Source::parse(name.to_owned(), text).map(|source| source.kind)
    }

    #[test]
    fn the_text_tells_the_kind() {
        assert_eq!(parse("a.js", "exports.handler = async () => 1"), Ok(Kind::Common));
        assert_eq!(parse("a.js", "export const handler = async () => 1"), Ok(Kind::Module));
        assert_eq!(parse("a.mjs", "const answer = await Promise.resolve(1)"), Ok(Kind::Module));
        assert_eq!(
            parse("a.js", "import { randomUUID } from 'node:crypto'; export const handler = 1"),
            Ok(Kind::Module)
        );
        assert_eq!(parse("a.js", "#!/usr/bin/env node\nexports.handler = 1"), Ok(Kind::Common));
        assert_eq!(parse("a.js", "with (exports) { handler = 1 }"), Ok(Kind::Common));
    }

    #[test]
    fn a_syntax_error_says_where() {
        let mistake = parse("a.js", "const a = 1;\nconst b = ;\n").unwrap_err();
        assert_eq!((mistake.line, mistake.column), (2, 11), "{mistake:?}");
        assert!(mistake.message.starts_with("SyntaxError: "), "{mistake:?}");
        let first = parse("a.cjs", "const b = ;\n").unwrap_err();
        assert_eq!((first.line, first.column), (1, 11), "{first:?}");
        assert_eq!(parse("a.mjs", "const b = ;\n").unwrap_err().column, 11);
        assert_eq!(parse("a.js", "export const a = 1;\n\nexport const b = );\n").unwrap_err().line, 3);
    }

    #[test]
    fn an_unknown_import_is_named() {
        let mistake = parse("a.mjs", "import fs from 'fs'; export const handler = 1").unwrap_err();
        assert_eq!(mistake.message, "Cannot find module 'fs'");
    }

    #[test]
    fn checking_runs_nothing() {
        assert_eq!(parse("a.js", "for (;;) {}"), Ok(Kind::Common));
        assert_eq!(parse("a.mjs", "for (;;) {}"), Ok(Kind::Module));
    }
}
