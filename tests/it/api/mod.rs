//! The API's operations, as a signed call sees them, on every engine at hand.

mod addresses;
mod admin_users;
mod clients;
mod declared_errors;
mod existence;
mod forged_tokens;
mod groups;
mod hooks;
mod list_users;
mod messages;
mod names;
mod passkeys;
mod people;
mod pools;
mod recover;
mod refresh;
mod resource_servers;
mod retired_keys;
mod self_service;
mod sessions_and_lockout;
mod sign_in;
mod sign_up;
mod signatures;
mod srp;
mod strangers;
pub(crate) mod town;
mod user_import;
