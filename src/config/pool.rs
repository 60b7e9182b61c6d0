//! `[[pool]]` and what it holds: clients, groups, users, resource servers, triggers.

use std::collections::BTreeMap;

use super::place::{Place, Placed};
use crate::kit::secret::Secret;

#[derive(Clone, Debug)]
pub struct Pool {
    pub at: Place,
    pub id: String,
    pub name: String,
    /// CreateUserPool's members by their AWS names.
    pub settings: Settings,
    /// `oidc = "strict"`: OpenID Connect to the letter where Cognito differs.
    pub strict_oidc: bool,
    pub clients: Vec<Client>,
    pub groups: Vec<Group>,
    pub users: Vec<User>,
    pub resource_servers: Vec<ResourceServer>,
    /// Trigger name (`PreTokenGeneration`) → function name.
    pub triggers: BTreeMap<String, Placed<String>>,
}

#[derive(Clone, Debug)]
pub struct Client {
    pub at: Place,
    pub id: String,
    pub name: String,
    pub secret: Option<Secret>,
    /// CreateUserPoolClient's members by their AWS names.
    pub settings: Settings,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub at: Place,
    pub name: String,
    pub description: Option<String>,
    pub precedence: Option<u32>,
    pub role_arn: Option<String>,
}

#[derive(Clone, Debug)]
pub struct User {
    pub at: Place,
    pub username: String,
    /// A permanent password. A user without one is created in `FORCE_CHANGE_PASSWORD` with a generated temporary password.
    pub password: Option<Secret>,
    pub groups: Vec<Placed<String>>,
    pub attributes: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub struct ResourceServer {
    pub at: Place,
    pub identifier: String,
    pub name: String,
    /// Scope name → description.
    pub scopes: BTreeMap<String, String>,
}

/// A table of AWS-named settings, and where each was written.
#[derive(Clone, Debug)]
pub struct Settings {
    pub at: Place,
    pub value: serde_json::Map<String, serde_json::Value>,
    /// Dotted path (`Policies.PasswordPolicy.MinimumLength`; list items by index, `CallbackURLs.0`) → place.
    pub places: BTreeMap<String, Place>,
}

impl Settings {
    /// The place of `path`, or of the nearest table around it.
    pub fn place_of(&self, path: &str) -> &Place {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return place;
            }
            match path.rsplit_once('.') {
                Some((around, _)) => path = around,
                None => return &self.at,
            }
        }
    }
}
