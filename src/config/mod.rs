//! The configuration: one file per section, plain data. What a value means is decided by the room that receives its section.
//!
//! Only the server's assembly and the command line see the whole; a tool receives its section.

pub mod admin;
pub mod api;
pub mod database;
pub mod function;
pub mod gateway;
pub mod hashing;
pub mod keys;
pub mod place;
pub mod pool;
pub mod server;

use std::path::PathBuf;

pub use place::{Place, Placed};

/// Everything that `poolhouse.toml`, the environment and the flags say together.
#[derive(Clone, Debug)]
pub struct Config {
    pub mode: Mode,
    /// The region of calls that carry no signature.
    pub region: String,
    /// Twelve digits; part of every ARN.
    pub account_id: String,
    /// Development only: allows listeners that other machines can reach.
    pub allow_remote: bool,
    /// Removes pools, clients, groups and users that the file no longer names.
    pub prune: bool,
    /// The folder that relative paths start from: the configuration file's own.
    pub folder: PathBuf,
    /// Where the server keeps what it makes: the SQLite file and the master key.
    pub data: PathBuf,
    pub server: server::Server,
    pub database: database::Database,
    pub gateway: gateway::Gateway,
    pub admin: admin::Admin,
    pub hashing: hashing::Hashing,
    pub keys: keys::Keys,
    pub pools: Vec<pool::Pool>,
    pub functions: Vec<function::Function>,
    pub apis: Vec<api::Api>,
}

/// What the server is used for. Production refuses to start on a weak setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Development,
    Production,
}
