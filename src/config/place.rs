//! Where something was said, so that a mistake can be shown to the one who made it.

use std::{fmt, path::PathBuf, sync::Arc};

/// A line of a file, or another source such as an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the user named it, the name of the environment variable, or the flag.
    pub source: Arc<PathBuf>,
    /// Counted from one; zero where there are no lines.
    pub line: usize,
}

impl Place {
    /// A source without lines: an environment variable, a flag, or a file as a whole.
    pub fn whole(source: impl Into<PathBuf>) -> Self {
        Self { source: Arc::new(source.into()), line: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.source.display()),
            line => write!(f, "{}:{line}", self.source.display()),
        }
    }
}

/// A value with the place that it came from.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub value: T,
    pub at: Place,
}

/// The same value is the same wherever it was said.
impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
