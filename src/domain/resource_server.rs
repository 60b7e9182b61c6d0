//! A resource server: an API outside the pool, and the scopes that it knows.

use std::collections::BTreeMap;

use super::pool::PoolId;

#[derive(Clone, Debug, PartialEq)]
pub struct ResourceServer {
    pub pool_id: PoolId,
    /// Often a URL; it may hold slashes, so a full scope is split at its last one.
    pub identifier: String,
    pub name: String,
    /// Scope name → description.
    pub scopes: BTreeMap<String, String>,
}

/// The scopes that every pool knows. <https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html>
pub const STANDARD_SCOPES: [&str; 5] = ["openid", "email", "phone", "profile", ADMIN_SCOPE];

/// What an access token needs for the self-service operations of the API.
pub const ADMIN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// What a machine's token needs to register other clients. The service keeps it for itself: no resource server makes it.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-dynamic-client-registration.html>
pub const REGISTER_SCOPE: &str = "aws.cognito/dcr/register";

impl ResourceServer {
    pub fn has_scope(&self, full: &str) -> bool {
        full.rsplit_once('/')
            .is_some_and(|(identifier, scope)| identifier == self.identifier && self.scopes.contains_key(scope))
    }

    pub fn full_scopes(&self) -> impl Iterator<Item = String> + '_ {
        self.scopes.keys().map(|scope| format!("{}/{scope}", self.identifier))
    }
}

pub fn is_standard(scope: &str) -> bool {
    STANDARD_SCOPES.contains(&scope)
}
