//! Files beside a CommonJS handler that it requires by their paths. They are read when the function is loaded: the engine itself
//! opens none. What is required by a path that only running code knows is not found.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::Path,
    sync::LazyLock,
};

use regex::Regex;

/// More than a handler without packages has.
const MOST: usize = 500;
/// Of all files together, in bytes.
const LARGEST: usize = 8 * 1024 * 1024;
/// What may be left out of a path, in Node's order.
const ENDINGS: [&str; 5] = ["", ".js", ".cjs", ".json", "/index.js"];

static REQUIRE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\brequire\(\s*['"`](\.{1,2}(?:/[^'"`\n]*)?)['"`]\s*\)"#).ok());

/// Texts by their paths from the folder of `file`, whose own text is `text`. Nothing above the folder is read, nor what a link leads to
/// there.
pub(in crate::functions) fn required(file: &Path, text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(folder) = file.parent().and_then(|folder| fs::canonicalize(folder).ok()) else { return found };
    let own = file.file_name().unwrap_or_default().to_string_lossy();
    let mut left = LARGEST;
    let mut waiting = VecDeque::from([(String::new(), text.to_owned())]);
    while let Some((within, text)) = waiting.pop_front() {
        let named = REQUIRE.iter().flat_map(|require| require.captures_iter(&text)).filter_map(|found| found.get(1));
        for name in named {
            let Some(whole) = joined(&within, name.as_str()) else { continue };
            let Some((path, text)) = read(&folder, &whole, left) else { continue };
            if path == own || found.contains_key(&path) || found.len() >= MOST {
                continue;
            }
            left -= text.len();
            let within = path.rsplit_once('/').map_or("", |(within, _)| within);
            if !path.ends_with(".json") {
                waiting.push_back((within.to_owned(), text.clone()));
            }
            found.insert(path, text);
        }
    }
    found
}

/// A path from the handler's folder; `None` above it.
fn joined(within: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = within.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

fn read(folder: &Path, whole: &str, left: usize) -> Option<(String, String)> {
    let path = |ending: &str| format!("{whole}{ending}").trim_start_matches('/').to_owned();
    let is_code = |path: &String| [".js", ".cjs", ".json"].iter().any(|ending| path.ends_with(ending));
    let path = ENDINGS.map(path).into_iter().filter(is_code).find(|path| folder.join(path).is_file())?;
    let real = fs::canonicalize(folder.join(&path)).ok().filter(|real| real.starts_with(folder))?;
    let text = fs::read_to_string(real).ok().filter(|text| text.len() <= left)?;
    Some((path, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_by_a_path_is_found_within_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join("code").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        fs::write(folder.path().join("secret.js"), "").unwrap();
        write("a.js", "require('../secret'); require('./lib/b.js'); require(\"./none\")");
        write("lib/b.js", "require('../data.json'); require( './deep' ); require('../handler'); require('../a')");
        write("lib/deep/index.js", "require('..')");
        write("data.json", "{}");
        write("other.js", "");
        std::os::unix::fs::symlink(folder.path().join("secret.js"), folder.path().join("code/link.js")).unwrap();
        let text = "const a = require('./a'); require('./link'); require('./' + name); require('fs'); require('./lib/../a.js')";
        write("handler.js", text);
        let found = required(&folder.path().join("code/handler.js"), text);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a.js", "data.json", "lib/b.js", "lib/deep/index.js"]);
        assert!(required(&folder.path().join("nowhere/handler.js"), text).is_empty());
    }
}
