//! The settings document: categories, component classes and components, with colours of eight hexadecimal digits.

use serde_json::{Map, Value};

use super::super::{Error, Result};

const SECTIONS: [&str; 3] = ["categories", "componentClasses", "components"];
const DEEPEST: usize = 16;

/// What a style without settings looks like, in the service's form. The colours are those of `static/pages.css`.
const PROVIDED: &str = include_str!("provided.json");

pub fn provided() -> Value {
    serde_json::from_str(PROVIDED).unwrap_or_default()
}

/// Refuses what is no settings document. A member that nobody here knows is kept: the service adds new ones.
pub fn check_settings(settings: &Value) -> Result<()> {
    let Some(sections) = settings.as_object() else { return invalid("it must be an object") };
    for (name, section) in sections {
        if !SECTIONS.contains(&name.as_str()) {
            return invalid(&format!("{name} is not known"));
        }
        if !section.is_object() {
            return invalid(&format!("{name} must be an object"));
        }
        check_members(section, name, 0)?;
    }
    Ok(())
}

fn check_members(value: &Value, path: &str, depth: usize) -> Result<()> {
    if depth > DEEPEST {
        return invalid(&format!("{path} is too deep"));
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    for (name, member) in members {
        let path = format!("{path}.{name}");
        match member {
            Value::Object(_) => check_members(member, &path, depth + 1)?,
            _ if is_color_name(name) && color(member).is_none() => {
                return invalid(&format!("{path} must be a colour of eight hexadecimal digits"));
            }
            _ if name == "borderRadius" && !member.as_f64().is_some_and(|radius| (0.0..=100.0).contains(&radius)) => {
                return invalid(&format!("{path} must be a number from 0 to 100"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_color_name(name: &str) -> bool {
    name == "color" || name.ends_with("Color")
}

/// `rrggbbaa`, nothing else.
pub(super) fn color(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn invalid<T>(what: &str) -> Result<T> {
    Err(Error::InvalidParameter(format!("Invalid Settings: {what}.")))
}

/// `over` laid over `under`: objects member by member, everything else replaced.
pub fn merged(under: Option<Value>, over: &Value) -> Value {
    match (under, over) {
        (Some(Value::Object(under)), Value::Object(over)) => {
            let mut all: Map<String, Value> = under;
            for (name, value) in over {
                let value = merged(all.remove(name), value);
                all.insert(name.clone(), value);
            }
            Value::Object(all)
        }
        (_, over) => over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_provided_is_a_settings_document() {
        assert!(provided()["components"]["primaryButton"].is_object());
        check_settings(&provided()).unwrap();
    }

    #[test]
    fn a_document_of_another_form_is_refused() {
        for settings in [
            json!([]),
            json!({"other": {}}),
            json!({"components": 1}),
            json!({"components": {"form": {"lightMode": {"backgroundColor": "red"}}}}),
            json!({"components": {"form": {"lightMode": {"backgroundColor": "ffffff;x"}}}}),
            json!({"componentClasses": {"buttons": {"borderRadius": "8px"}}}),
        ] {
            assert!(check_settings(&settings).is_err(), "{settings}");
        }
    }

    #[test]
    fn merging_keeps_what_is_not_named() {
        let under = json!({"components": {"form": {"borderRadius": 8.0, "logo": {"enabled": false}}}});
        let over = json!({"components": {"form": {"logo": {"enabled": true}}}, "categories": {}});
        let all = json!({"components": {"form": {"borderRadius": 8.0, "logo": {"enabled": true}}}, "categories": {}});
        assert_eq!(merged(Some(under), &over), all);
    }
}
