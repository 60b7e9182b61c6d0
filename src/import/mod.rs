//! Templates in: what a file asks for becomes so, through the same flows that calls take.
//!
//! Applying is idempotent and keeps ids. What the file no longer names is left alone unless `prune = true`. A user's password is
//! set when the user is made and when the file's password changes, not at every start: people may change theirs meanwhile.

mod load;
mod poolhouse_toml;
mod settings;
mod template;
mod triggers;

pub use load::{Loaded, Scratch, load};
pub use poolhouse_toml::apply;
pub use settings::check;
pub use template::read_openapi;
pub use triggers::unanswered_triggers;
