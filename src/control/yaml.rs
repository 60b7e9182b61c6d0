//! JSON as YAML in blocks. Texts stand in JSON's quotes, which YAML reads the same way, so that none is taken for something else.

use serde_json::Value;

pub(super) fn written(value: &Value) -> String {
    let mut out = "---\n".to_owned();
    block(value, 0, &mut out);
    out
}

/// Lines of a map or a list, each behind `depth` steps.
fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                *out += &format!("{indent}{}:", key(name));
                under(value, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                *out += &format!("{indent}-");
                under(item, depth, out);
            }
        }
        _ => *out += &format!("{indent}{value}\n"),
    }
}

/// What stands behind a colon or a dash.
fn under(value: &Value, depth: usize, out: &mut String) {
    let is_block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        *out += "\n";
        block(value, depth + 1, out);
    } else {
        *out += &format!(" {value}\n");
    }
}

/// Names that no reader could take for a number, a truth or a mark of YAML's stand as they are.
fn key(name: &str) -> String {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_{}+.$".contains(c);
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.contains(&name.to_ascii_lowercase().as_str());
    if starts && !is_word && name.chars().all(plain) { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_is_written_says_the_same_in_yaml() {
        let value = json!({
            "openapi": "3.0.1", "on": true, "200": {"a": [1, {"b": "x: y"}, [], [[2]]]}, "/a/{b+}": {}, "t": "line\n\"q\" é",
            "x-amazon": null
        });
        let text = "---\n/a/{b+}: {}\n\"200\":\n  a:\n    - 1\n    -\n      b: \"x: y\"\n    - []\n    -\n      -\n        - 2\n\
                    \"on\": true\nopenapi: \"3.0.1\"\nt: \"line\\n\\\"q\\\" é\"\nx-amazon: null\n";
        assert_eq!(super::written(&value), text);
    }
}
