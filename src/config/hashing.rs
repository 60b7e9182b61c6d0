//! `[hashing]`: what a password hash costs (argon2id).

use super::{reader::Reader, standards::Standards};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashing {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
}

impl Hashing {
    /// The first choice of OWASP's password storage cheat sheet for argon2id with 19 MiB.
    pub const OWASP: Self = Self { memory_kib: 19_456, iterations: 2, parallelism: 1 };
    /// Cheap enough for test suites that create users by the hundred. Not for real people's passwords.
    pub const DEVELOPMENT: Self = Self { memory_kib: 1_024, iterations: 1, parallelism: 1 };
}

/// Memory and iterations of the choices that OWASP's cheat sheet calls equally strong.
const STRONG: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

impl Hashing {
    pub(super) fn read(mut section: Reader, standards: &Standards) -> Self {
        let default = if standards.production() { Self::OWASP } else { Self::DEVELOPMENT };
        let memory_at = section.place_of("memory_kib");
        let hashing = Self {
            memory_kib: section.integer("memory_kib", 8..=4_194_304).unwrap_or(default.memory_kib),
            iterations: section.integer("iterations", 1..=1_000).unwrap_or(default.iterations),
            parallelism: section.integer("parallelism", 1..=64).unwrap_or(default.parallelism),
        };
        if hashing.memory_kib < 8 * hashing.parallelism {
            let message =
                format!("`hashing.memory_kib` must be at least 8 per lane, that is {}", 8 * hashing.parallelism);
            section.reading.refuse(&memory_at, message);
        }
        if standards.production() && !hashing.is_strong() {
            let message = format!(
                "`hashing` is weak: production needs at least {} KiB with {} iterations, or an equal of OWASP's list",
                Self::OWASP.memory_kib,
                Self::OWASP.iterations
            );
            section.reading.refuse(&section.at, message);
        }
        section.finish();
        hashing
    }

    /// Whether it is one of OWASP's choices or dearer.
    fn is_strong(self) -> bool {
        STRONG.iter().any(|(memory, iterations)| self.memory_kib >= *memory && self.iterations >= *iterations)
    }
}
