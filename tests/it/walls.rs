//! The walls of the house: which room may know which.

use std::{collections::BTreeSet, fs, path::Path};

/// A room may use the rooms below it. Rooms that share a line do not know each other.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["server"],
    &["api", "oauth", "pages", "console", "gateway", "control", "import", "export", "controls", "lambda"],
    &["web"],
    &["flows"],
    &["hooks"],
    &["store", "post", "functions"],
    &["outside"],
    &["keys"],
    &["domain"],
    &["model", "config", "telemetry"],
    &["kit"],
];

#[test]
fn every_import_goes_down() {
    let mut broken = BTreeSet::new();
    walk(Path::new("src"), &mut |path, text| {
        let from = room(path);
        for used in text.split("crate::").skip(1) {
            for to in rooms_named(used) {
                if let (Some(above), Some(below)) = (floor(&from), floor(&to))
                    && from != to
                    && above >= below
                {
                    broken.insert(format!("{}: {from} may not know {to}", path.display()));
                }
            }
        }
    });
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_room_has_a_floor() {
    walk(Path::new("src"), &mut |path, _| {
        let room = room(path);
        assert!(room == "lib" || floor(&room).is_some(), "{room} has no floor: {}", path.display());
    });
}

#[test]
fn no_file_is_a_drawer_or_too_large() {
    walk(Path::new("src"), &mut |path, text| {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let drawers = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];
        assert!(!drawers.contains(&stem.as_str()), "{} is a drawer", path.display());
        assert!(text.lines().count() <= 600, "{} has over 600 lines", path.display());
    });
}

/// The rooms that follow `crate::`: one, or several in braces as in `crate::{kit::text, domain::Pool}`.
fn rooms_named(used: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = used.strip_prefix('{') else { return vec![word(used)] };
    let (mut depth, mut rooms, mut current) = (0, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => rooms.push(word(current.trim())),
            _ => {}
        }
        if c == ',' && depth == 0 { current.clear() } else { current.push(c) }
    }
    rooms.push(word(current.trim()));
    rooms
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn room(path: &Path) -> String {
    let first = path.strip_prefix("src").unwrap().iter().next().unwrap();
    Path::new(first).file_stem().unwrap().to_string_lossy().into_owned()
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|e| e == "rs") {
            visit(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
