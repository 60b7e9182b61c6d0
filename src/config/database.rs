//! `[database]`: where the state lives.

#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`
    pub url: String,
    pub durability: Durability,
}

/// When a commit is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After it is on the disk.
    Full,
    /// After it is in the operating system's hands: a power failure may lose the last moments, never the order.
    Relaxed,
}
