//! The words of the trade: pools, clients, users, groups, tokens and the rules that hold between them. No IO, nothing async.

pub mod attribute;
pub mod challenge;
pub mod client;
pub mod code;
pub mod custom_challenge;
pub mod error;
pub mod grant;
pub mod group;
pub mod identity;
pub mod import;
pub mod message;
pub mod passkey;
pub mod password;
pub mod pool;
pub mod pool_domain;
pub mod provider;
pub mod resource_server;
pub mod template;
pub mod token;
pub mod user;

pub use client::{Client, ClientId};
pub use error::{Asker, Error, Result};
pub use grant::Grant;
pub use group::Group;
pub use pool::{Pool, PoolId};
pub use pool_domain::PoolDomain;
pub use provider::Provider;
pub use resource_server::ResourceServer;
pub use user::{Sub, User};
