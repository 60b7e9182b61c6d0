//! The part of a settings document that the pages show: colours, roundings and the colour scheme, as a style sheet for
//! `static/pages.css`. Values are read as colours and numbers and written anew; nothing of the document is copied.

use std::fmt::Write;

use serde_json::Value;

use super::settings::color;

/// Variables of `static/pages.css`, and where the document has them, below a mode.
const COLORS: [(&str, &[&str], &[&str]); 11] = [
    ("--ground", &["components", "pageBackground"], &["color"]),
    ("--card", &["components", "form"], &["backgroundColor"]),
    ("--text", &["components", "pageText"], &["bodyColor"]),
    ("--heading", &["components", "pageText"], &["headingColor"]),
    ("--soft", &["components", "pageText"], &["descriptionColor"]),
    ("--label", &["componentClasses", "inputLabel"], &["textColor"]),
    ("--line", &["componentClasses", "input"], &["defaults", "borderColor"]),
    ("--link", &["componentClasses", "link"], &["defaults", "textColor"]),
    ("--accent", &["components", "primaryButton"], &["defaults", "backgroundColor"]),
    ("--accent-hover", &["components", "primaryButton"], &["hover", "backgroundColor"]),
    ("--on-accent", &["components", "primaryButton"], &["defaults", "textColor"]),
];

const ROUNDINGS: [(&str, &[&str]); 3] = [
    ("--card-rounding", &["components", "form", "borderRadius"]),
    ("--button-rounding", &["componentClasses", "buttons", "borderRadius"]),
    ("--input-rounding", &["componentClasses", "input", "borderRadius"]),
];

/// The style sheet, empty when the settings change nothing that is shown.
pub fn sheet(settings: &Value) -> String {
    let mode = find(settings, &["categories", "global", "colorSchemeMode"]).and_then(Value::as_str);
    let (light, dark) = (variables(settings, "lightMode"), variables(settings, "darkMode"));
    let mut sheet = String::new();
    let mut roundings = String::new();
    for (variable, path) in ROUNDINGS {
        if let Some(radius) =
            find(settings, path).and_then(Value::as_f64).filter(|radius| (0.0..=100.0).contains(radius))
        {
            let _ = writeln!(roundings, "  {variable}: {radius}px;");
        }
    }
    match mode {
        Some("DARK") => rule(&mut sheet, &format!("  color-scheme: dark;\n{roundings}{dark}")),
        Some("LIGHT") => rule(&mut sheet, &format!("  color-scheme: light;\n{}{roundings}{light}", bright())),
        _ => {
            rule(&mut sheet, &format!("{roundings}{light}"));
            if !dark.is_empty() || !light.is_empty() {
                // What is only set for the light mode must not shine through in the dark one.
                let dark = format!("{}{dark}", variables(&super::provided(), "darkMode"));
                sheet.push_str("@media (prefers-color-scheme: dark) {\n");
                rule(&mut sheet, &dark);
                sheet.push_str("}\n");
            }
        }
    }
    sheet
}

/// The provided light colours, for whose browser asks for dark ones.
fn bright() -> String {
    variables(&super::provided(), "lightMode")
}

fn rule(sheet: &mut String, declarations: &str) {
    if !declarations.is_empty() {
        let _ = write!(sheet, ":root {{\n{declarations}}}\n");
    }
}

fn variables(settings: &Value, mode: &str) -> String {
    let mut declarations = String::new();
    for (variable, place, path) in COLORS {
        let whole = [place, &[mode], path].concat();
        if let Some(color) = find(settings, &whole).and_then(color) {
            let _ = writeln!(declarations, "  {variable}: #{color};");
        }
    }
    declarations
}

fn find<'a>(settings: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(settings, |value, name| value.get(name))
}

/// Whether the settings have the image of `category` shown. Those that say nothing do.
pub fn shows(settings: &Value, category: &str) -> bool {
    let path: &[&str] = match category {
        "FORM_LOGO" => &["components", "form", "logo", "enabled"],
        "PAGE_BACKGROUND" => &["components", "pageBackground", "image", "enabled"],
        "FORM_BACKGROUND" => &["components", "form", "backgroundImage", "enabled"],
        _ => return true,
    };
    find(settings, path).and_then(Value::as_bool).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_colours_and_numbers_come_through() {
        let settings = json!({
            "categories": {"global": {"colorSchemeMode": "LIGHT"}},
            "componentClasses": {"buttons": {"borderRadius": 4.5}},
            "components": {
                "primaryButton": {"lightMode": {"defaults": {"backgroundColor": "0972d3ff", "textColor": "} body {"}}},
            },
        });
        let sheet = sheet(&settings);
        assert!(
            sheet.contains("  --accent: #0972d3ff;\n") && sheet.contains("  --button-rounding: 4.5px;\n"),
            "{sheet}"
        );
        assert!(!sheet.contains("body"), "{sheet}");
        assert_eq!(super::sheet(&json!({})), "");
    }

    #[test]
    fn a_dynamic_scheme_has_its_dark_colours_behind_a_query() {
        let dark = json!({"components": {"form": {"darkMode": {"backgroundColor": "000000ff"}}}});
        let sheet = sheet(&dark);
        let (light, dark) = sheet.split_once("@media (prefers-color-scheme: dark)").unwrap();
        assert!(!light.contains("--card") && dark.contains("--card: #000000ff;"), "{sheet}");
    }
}
