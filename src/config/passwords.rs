//! `[passwords]`: what makes a password one that nobody should have.

use std::path::PathBuf;

use super::reader::Reader;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passwords {
    /// The hashes of stolen ones, in the form that Have I Been Pwned publishes.
    pub compromised: Option<PathBuf>,
}

impl Passwords {
    pub(super) fn read(mut section: Reader) -> Self {
        let compromised = section.string("compromised");
        let compromised = compromised.map(|path| section.reading.resolve(&path.at, &path.value));
        section.finish();
        Self { compromised }
    }
}
