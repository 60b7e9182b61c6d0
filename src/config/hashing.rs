//! `[hashing]`: what a password hash costs (argon2id).

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
