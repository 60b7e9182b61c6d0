//! Parameters of a query or a form: `application/x-www-form-urlencoded`, each name at most once.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-3.1>

use std::{borrow::Cow, collections::BTreeSet};

use url::form_urlencoded;

/// What was sent, and which names came more than once.
#[derive(Debug, Default)]
pub struct Parameters {
    /// In the order of arrival; of a repeated name the first.
    pairs: Vec<(String, String)>,
    repeated: BTreeSet<String>,
}

impl Parameters {
    /// `None` for text that is not UTF-8 once decoded, or holds a NUL, which no database takes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            // The decoder puts this mark where the bytes are no text.
            let is_text = |part: &str| !part.contains(['\0', char::REPLACEMENT_CHARACTER]);
            if !is_text(&name) || !is_text(&value) {
                return None;
            }
            parameters.add(name, value);
        }
        Some(parameters)
    }

    fn add(&mut self, name: Cow<'_, str>, value: Cow<'_, str>) {
        if self.get(&name).is_some() {
            self.repeated.insert(name.into_owned());
        } else {
            self.pairs.push((name.into_owned(), value.into_owned()));
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The value, unless it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The same as a query, a repeated name with its first value twice, so that it stays repeated.
    pub fn to_query(&self) -> String {
        let again = self.repeated.iter().filter_map(|name| Some((name.as_str(), self.get(name)?)));
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(again);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// The parameters whose names begin with `prefix`, by the rest of their names.
    pub fn behind<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    pub fn is_repeated(&self, name: &str) -> bool {
        self.repeated.contains(name)
    }

    pub fn has_repeated(&self) -> bool {
        !self.repeated.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_name_is_noticed_and_its_first_value_stays() {
        let parameters = Parameters::parse(b"a=1&b=%20x+y&a=2").unwrap();
        assert_eq!((parameters.get("a"), parameters.get("b")), (Some("1"), Some(" x y")));
        assert!(parameters.is_repeated("a") && !parameters.is_repeated("b") && parameters.has_repeated());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(Parameters::parse(b"a=%00").is_none());
        assert!(Parameters::parse(b"a=%ff").is_none());
        assert!(Parameters::parse(b"").is_some());
    }
}
