//! The style sheets that administrators may write for the classic pages: rules for the service's own classes, and in them
//! properties that change how a thing looks. Nothing that loads, moves over something else, or runs.
//!
//! What passes is written anew from what was understood, so that a browser never reads a text that this parser has not.

use std::fmt::Write;

use crate::domain::{Error, Result};

/// Selectors, without the dot and `-customizable`. The second is the state that some have.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/hosted-ui-classic-branding.html>
const CLASSES: [(&str, Option<&str>); 15] = [
    ("background", None),
    ("banner", None),
    ("errorMessage", None),
    ("idpButton", Some("hover")),
    ("idpDescription", None),
    ("inputField", Some("focus")),
    ("label", None),
    ("legalText", None),
    ("logo", None),
    ("passwordCheck-notValid", None),
    ("passwordCheck-valid", None),
    ("redirect", None),
    ("socialButton", None),
    ("submitButton", Some("hover")),
    ("textDescription", None),
];

/// Properties that are allowed alone or with anything after a hyphen: `border`, `border-top-left-radius`.
const FAMILIES: [&str; 16] = [
    "align",
    "background",
    "border",
    "box",
    "color",
    "column",
    "flex",
    "font",
    "height",
    "justify",
    "letter-spacing",
    "line-height",
    "margin",
    "outline",
    "padding",
    "text",
];
const PROPERTIES: [&str; 22] = [
    "clear",
    "cursor",
    "display",
    "float",
    "gap",
    "hyphens",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "opacity",
    "overflow",
    "overflow-wrap",
    "text-transform",
    "vertical-align",
    "visibility",
    "white-space",
    "width",
    "word-break",
    "word-spacing",
    "word-wrap",
    "row-gap",
];

struct Rule<'a> {
    selectors: Vec<&'a str>,
    declarations: Vec<(&'a str, &'a str)>,
}

/// Refuses a style sheet that holds anything else.
pub fn check(css: &str) -> Result<()> {
    let plain = without_comments(css)?;
    rules(&plain).map(|_| ())
}

/// The style sheet as it is served. One that [`check`] refuses comes out empty.
pub fn rewritten(css: &str) -> String {
    let mut sheet = String::new();
    let Ok(plain) = without_comments(css) else { return sheet };
    for rule in rules(&plain).unwrap_or_default() {
        sheet.push_str(&rule.selectors.join(", "));
        sheet.push_str(" {\n");
        for (property, value) in rule.declarations {
            // Writing to a string cannot fail.
            let _ = writeln!(sheet, "  {property}: {value};");
        }
        sheet.push_str("}\n");
    }
    sheet
}

fn without_comments(css: &str) -> Result<String> {
    let (mut plain, mut rest) = (String::new(), css);
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        plain.push(' ');
        let Some((_, after)) = comment.split_once("*/") else { return invalid("a comment does not end") };
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

fn rules(css: &str) -> Result<Vec<Rule<'_>>> {
    let (mut rules, mut rest) = (Vec::new(), css.trim_start());
    while !rest.is_empty() {
        let Some((head, body)) = rest.split_once('{') else { return invalid("a rule has no declarations") };
        let Some((block, after)) = body.split_once('}') else { return invalid("a rule does not end") };
        let selectors = head.split(',').map(str::trim).map(selector).collect::<Result<_>>()?;
        let declarations = block.split(';').map(str::trim).filter(|text| !text.is_empty());
        rules.push(Rule { selectors, declarations: declarations.map(declaration).collect::<Result<_>>()? });
        rest = after.trim_start();
    }
    Ok(rules)
}

fn selector(text: &str) -> Result<&str> {
    let known = |name: &str, state: Option<&str>| {
        CLASSES.iter().any(|(class, own)| *class == name && (state.is_none() || state == *own))
    };
    let class = text.strip_prefix('.').unwrap_or_default();
    let (class, state) = class.split_once(':').map_or((class, None), |(class, state)| (class, Some(state)));
    match class.strip_suffix("-customizable") {
        Some(name) if known(name, state) => Ok(text),
        _ => invalid(&format!("the selector {text} is not allowed")),
    }
}

fn declaration(text: &str) -> Result<(&str, &str)> {
    let Some((property, value)) = text.split_once(':') else { return invalid("a declaration has no value") };
    let (property, value) = (property.trim(), value.trim());
    let is_family =
        |family: &&str| property.strip_prefix(*family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let is_plain = property.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if !is_plain || !(PROPERTIES.contains(&property) || FAMILIES.iter().any(is_family)) {
        return invalid(&format!("the property {property} is not allowed"));
    }
    if !is_harmless(value) {
        return invalid(&format!("the value of {property} is not allowed"));
    }
    Ok((property, value))
}

/// Words, numbers, colours, quoted names, and the few functions that compute one of these. An escape could spell any other.
fn is_harmless(value: &str) -> bool {
    const FUNCTIONS: [&str; 8] = ["rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "linear-gradient"];
    let is_known = |c: char| c.is_ascii_alphanumeric() || " \t\n\r#%.,+-*/()!'\"_".contains(c);
    if value.is_empty() || !value.chars().all(is_known) || value.contains("//") {
        return false;
    }
    let is_even = |quote: char| value.matches(quote).count().is_multiple_of(2);
    if !is_even('"') || !is_even('\'') || value.matches('(').count() != value.matches(')').count() {
        return false;
    }
    value.match_indices('(').all(|(at, _)| {
        let name = value[..at].rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap_or_default();
        // Without a name it groups a part of a computation.
        name.is_empty() || FUNCTIONS.contains(&name.to_ascii_lowercase().as_str())
    })
}

fn invalid<T>(what: &str) -> Result<T> {
    Err(Error::InvalidParameter(format!("Invalid CSS: {what}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_sheet_for_the_known_classes_passes_and_is_written_anew() {
        let css = "/* ours */ .submitButton-customizable:hover,.idpButton-customizable{background-color:#1f5fd0;\n\
                   font-family:'Segoe UI', sans-serif}\n.passwordCheck-notValid-customizable { color: rgb(1, 2, 3) !important }";
        check(css).unwrap();
        let expected = ".submitButton-customizable:hover, .idpButton-customizable {\n  background-color: #1f5fd0;\n  \
                        font-family: 'Segoe UI', sans-serif;\n}\n.passwordCheck-notValid-customizable {\n  \
                        color: rgb(1, 2, 3) !important;\n}\n";
        assert_eq!(rewritten(css), expected);
        check("").unwrap();
    }

    #[test]
    fn anything_that_loads_covers_or_runs_is_refused() {
        for css in [
            "body { color: red }",
            ".other-customizable { color: red }",
            ".label-customizable:hover { color: red }",
            ".label-customizable .x { color: red }",
            ".label-customizable[x] { color: red }",
            "@import 'x.css';",
            "@media print { .label-customizable { color: red } }",
            ".logo-customizable { background: url(https://evil.example/) }",
            ".logo-customizable { background: URL('x') }",
            ".logo-customizable { background: image-set('x' 1x) }",
            ".logo-customizable { background: u\\72l(x) }",
            ".logo-customizable { background: u/**/rl(x) }",
            ".logo-customizable { color: expression(alert(1)) }",
            ".logo-customizable { position: fixed }",
            ".logo-customizable { behavior: x }",
            ".logo-customizable { content: 'call this number' }",
            ".logo-customizable { -moz-binding: x }",
            ".logo-customizable { color: red",
            ".logo-customizable { color }",
            ".logo-customizable { color: 'x }",
            ".logo-customizable { color: </style> }",
            ".logo-customizable { color: red; } trailing",
            "/* never ends",
        ] {
            assert!(check(css).is_err(), "{css}");
            assert_eq!(rewritten(css), "", "{css}");
        }
    }
}
