//! Claims as functions see them: every value is a string, in the form that Go's `fmt` gives it. A list of groups arrives as
//! `[admin regular]`, which cannot be told from a text of that form; functions written for API Gateway expect just this.

use serde_json::{Map, Number, Value};

pub(super) fn rendered(claims: &Map<String, Value>) -> Map<String, Value> {
    claims.iter().map(|(name, value)| (name.clone(), Value::String(render(value)))).collect()
}

pub(super) fn render(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("<nil>"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&decimal(number)),
        Value::String(value) => text.push_str(value),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push_str("map[");
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                text.push_str(name);
                text.push(':');
                write(text, value);
            }
            text.push(']');
        }
    }
}

/// Whole numbers have no exponent, as seen in events; others have one where Go would write one.
fn decimal(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            if float != 0.0 && !(1e-4..1e21).contains(&float.abs()) {
                exponential(float)
            } else {
                float.to_string()
            }
        }
        _ => number.to_string(),
    }
}

/// Rust's `1e21` and `1e-5` are Go's `1e+21` and `1e-05`.
fn exponential(float: f64) -> String {
    let text = format!("{float:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_claim_is_a_string_as_go_writes_it() {
        for (claim, text) in [
            (json!("abc"), "abc"),
            (json!(""), ""),
            (json!(1_785_675_600), "1785675600"),
            (json!(1_785_675_600.0), "1785675600"),
            (json!(1.5), "1.5"),
            (json!(-0.25), "-0.25"),
            (json!(1e21), "1e+21"),
            (json!(0.00001), "1e-05"),
            (json!(true), "true"),
            (json!(false), "false"),
            (json!(["admin", "regular"]), "[admin regular]"),
            (json!(["a"]), "[a]"),
            (json!([]), "[]"),
            (json!([1, null, ["x", true]]), "[1 <nil> [x true]]"),
            (json!({"roles": ["admin"]}), "map[roles:[admin]]"),
            (json!({"b": 1, "a": {"c": null}}), "map[a:map[c:<nil>] b:1]"),
            (json!({}), "map[]"),
            (json!(null), "<nil>"),
        ] {
            assert_eq!(render(&claim), text, "{claim}");
        }
    }
}
