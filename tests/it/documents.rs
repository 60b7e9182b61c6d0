//! What the documents say, held against the code.

use std::{collections::BTreeSet, fs};

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
