//! Where the state lives: one SQL text on SQLite or PostgreSQL.
//!
//! [`Store`] is the database, [`Tx`] the one way to speak to it. `sql.rs` alone knows that there are two engines; the other
//! files of this room are one table family each, and rows of SQL never leave it. A commit is acknowledged as the configured
//! [`Durability`](crate::config::database::Durability) says (`durability.rs`).
//!
//! Refused: a second process on one SQLite file ([`StoreError::Locked`]), a database that a newer release has migrated
//! ([`StoreError::Newer`]), and every commit after the disk once failed to take one ([`StoreError::Unsynced`]).
//!
//! See <https://www.sqlite.org/wal.html> and <https://www.postgresql.org/docs/current/wal-async-commit.html>.

mod cache;
mod doc;
mod durability;
mod error;
mod lock;
mod migrations;
mod postgres;
mod row;
mod sql;
mod sqlite;

pub mod applied;
pub mod auth_events;
pub mod branding;
pub mod browser_sessions;
pub mod certificates;
pub mod clients;
pub mod codes;
pub mod custom_challenges;
pub mod device_requests;
pub mod devices;
pub mod domains;
pub mod factors;
pub mod grants;
pub mod groups;
pub mod http_apis;
pub mod import_jobs;
pub mod links;
pub mod log_delivery;
pub mod messages;
pub mod outbox;
pub mod passkeys;
pub mod pending_attributes;
pub mod pools;
pub mod providers;
pub mod provisioned_limits;
pub mod pushed_requests;
pub mod replicas;
pub mod resource_servers;
pub mod risk;
pub mod saml_assertions;
pub mod saml_metadata;
pub mod signing_keys;
pub mod sso_sessions;
pub mod terms;
pub mod trips;
pub mod ui_customizations;
pub mod user_search;
pub mod users;

pub use cache::Cache;
pub use doc::Doc;
pub use error::{Result, StoreError};
pub use sql::{Bind, Column, Columns, Query, Row, Store, Tx};
