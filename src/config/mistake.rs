//! What is wrong with a configuration, in words for the one who wrote it.

use std::fmt;

use super::place::Place;
use crate::kit::text;

/// One thing to correct. Its display form is `file:line: message (did you mean …?)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub at: Place,
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Mistake {
    pub fn new(at: &Place, message: impl Into<String>) -> Self {
        Self { at: at.clone(), message: message.into(), suggestion: None }
    }

    /// Adds the name among `known` that is nearest to `typed`, when one is near enough.
    #[must_use]
    pub fn nearest<'a>(mut self, typed: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.suggestion = text::nearest(typed, known).map(str::to_owned);
        self
    }

    /// Files before variables and flags, and each from its top.
    pub fn sort(mistakes: &mut [Self]) {
        mistakes.sort_by(|a, b| (a.at.line == 0, &a.at, &a.message).cmp(&(b.at.line == 0, &b.at, &b.message)));
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}
