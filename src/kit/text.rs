//! Words: comparing without case, and guessing what somebody meant.

/// The form in which names are compared when case does not matter. Both engines store it, so that neither folds itself.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_forgives_a_slip_and_nothing_else() {
        assert_eq!(nearest("lsiten", ["listen", "public_url"]), Some("listen"));
        assert_eq!(nearest("regoin", ["region", "mode"]), Some("region"));
        assert_eq!(nearest("colour", ["listen", "mode"]), None);
    }
}
