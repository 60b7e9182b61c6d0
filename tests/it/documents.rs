//! What the documents say, held against the code.

use std::{collections::BTreeSet, fs, path::Path};

use poolhouse::api::operations::OPERATIONS;

#[test]
fn the_compatibility_page_lists_every_operation_where_it_belongs() {
    let page = fs::read_to_string("docs/compatibility.md").unwrap();
    let section = |title: &str| {
        let from = page.split_once(&format!("## {title}\n")).unwrap().1;
        let text = from.split("\n## ").next().unwrap();
        text.split_whitespace().map(|word| word.trim_matches(',').to_owned()).collect::<BTreeSet<_>>()
    };
    let works = section("Operations that work");
    let missing = section("Operations that are not built yet");
    for operation in OPERATIONS {
        let (right, wrong) = if operation.is_built() { (&works, &missing) } else { (&missing, &works) };
        assert!(right.contains(operation.name), "{} stands in the wrong list, or in none", operation.name);
        assert!(!wrong.contains(operation.name), "{} stands in the wrong list", operation.name);
    }
}

#[test]
fn the_readmes_client_and_users_are_those_of_the_example() {
    let (readme, example) = (fs::read_to_string("README.md").unwrap(), fs::read_to_string("poolhouse.toml").unwrap());
    for fact in [
        "1example23456789abcdefghij",
        "3example23456789abcdefghij",
        "example_machine_secret_0123456789",
        "Regular-1234",
        "Admin-1234",
    ] {
        assert!(readme.contains(fact) && example.contains(fact), "{fact}");
    }
}

/// Names of tests stand in backticks in the last column of the tables.
#[test]
fn every_test_that_a_page_names_exists() {
    let mut functions = BTreeSet::new();
    for folder in ["src", "tests"] {
        collect_functions(Path::new(folder), &mut functions);
    }
    let page = |page: &str| fs::read_to_string(page).unwrap();
    // Of the gateway's page the last table.
    let vectors = page("docs/gateway.md").split_once("## What the tests hold").unwrap().1.to_owned();
    let pages = [page("docs/security.md"), page("docs/conformance.md"), vectors];
    let heads = ["| attack", "| module", "| point", "| vector"];
    let is_head = |line: &str| heads.iter().any(|head| line.starts_with(head)) || line.contains("---");
    let rows = pages.iter().flat_map(|page| page.lines()).filter(|line| line.starts_with("| ") && !is_head(line));
    let mut named = 0;
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for test in tests.split('`').skip(1).step_by(2) {
            assert!(functions.contains(test), "no test is called {test}: {row}");
            named += 1;
        }
        assert!(tests.contains('`'), "a row without a test: {row}");
    }
    assert!(named > 20);
}

/// The names that follow `fn ` and `def `.
fn collect_functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if name != ".work" {
                collect_functions(&path, found);
            }
        } else if ["rs", "py"].iter().any(|kind| path.extension().is_some_and(|extension| extension == *kind)) {
            let text = fs::read_to_string(&path).unwrap();
            for after in ["fn ", "def "].iter().flat_map(|word| text.split(word).skip(1)) {
                found.insert(after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
}
