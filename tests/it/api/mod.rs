//! The API's operations, as a signed call sees them, on every engine at hand.

mod clients;
mod groups;
mod pools;
mod resource_servers;
pub(crate) mod town;
