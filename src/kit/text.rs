//! Words: comparing without case, guessing what somebody meant, and telling an error whole.

/// The form in which names are compared when case does not matter. Both engines store it, so that neither folds itself.
///
/// Letter by letter, so that what a name begins with folds to what its form begins with, and there and back again, so that letters
/// with more than two forms (`ſ`, `ς`, `ẞ`) come out as one. Nothing else is normalised: composed and decomposed letters differ.
pub fn fold(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The name among `known` that is closest to `typed`, if any is close enough to be a slip of the finger.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&fold(typed), &fold(name)), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(typed.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether a reader of logs could take this for the end of a line, or a terminal for a command.
pub fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// An error with what brought it about: "connection refused" stands at the end of a chain of less interesting words.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        source = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_never_tells_two_names_apart() {
        for c in '\0'..=char::MAX {
            let folded = fold(&c.to_string());
            for same in [c.to_uppercase().to_string(), c.to_lowercase().to_string(), folded.clone()] {
                assert_eq!(fold(&same), folded, "U+{:04X}", u32::from(c));
            }
        }
        assert_eq!(fold("ΑΣ"), fold("ας"), "whatever place a letter has");
        assert_eq!(fold("STRASSE"), fold("straße"));
        assert!(fold("ΑΣΑ").starts_with(&fold("ΑΣ")));
        assert_ne!(fold("\u{e9}"), fold("e\u{301}"), "a composed letter is another one");
    }

    #[test]
    fn the_nearest_name_forgives_a_slip_and_nothing_else() {
        assert_eq!(nearest("lsiten", ["listen", "public_url"]), Some("listen"));
        assert_eq!(nearest("regoin", ["region", "mode"]), Some("region"));
        assert_eq!(nearest("colour", ["listen", "mode"]), None);
    }
}
