//! What is said about templates besides what they become.

use std::cell::RefCell;

use crate::config::{Mistake, Place};

/// Collected while templates are read.
#[derive(Default)]
pub(super) struct Notes {
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Mistake>>,
    notices: RefCell<Vec<Mistake>>,
}

impl Notes {
    /// Something that cannot be understood. It stops the start.
    pub fn refuse(&self, at: &Place, message: impl Into<String>) {
        self.note(Mistake::new(at, message));
    }

    pub fn note(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Something that is understood and cannot be done here. It stops the start unless warnings are ignored.
    pub fn warn(&self, at: &Place, message: impl Into<String>) {
        self.warn_of(Mistake::new(at, message));
    }

    pub fn warn_of(&self, mistake: Mistake) {
        self.warnings.borrow_mut().push(mistake);
    }

    /// How many warnings there are.
    pub fn warned(&self) -> usize {
        self.warnings.borrow().len()
    }

    /// Something that means nothing here.
    pub fn tell(&self, at: &Place, message: impl Into<String>) {
        self.notices.borrow_mut().push(Mistake::new(at, message));
    }

    /// Mistakes, warnings and notices, each from the top of its file and without repetition.
    pub fn finish(self) -> [Vec<Mistake>; 3] {
        [self.mistakes, self.warnings, self.notices].map(|notes| {
            let mut notes = notes.into_inner();
            Mistake::sort(&mut notes);
            notes.dedup();
            notes
        })
    }
}
