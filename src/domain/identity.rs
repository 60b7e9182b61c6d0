//! Who a user is elsewhere: the attribute `identities`, a list in JSON.
//!
//! The attribute and the claim hold the same members, but the claim has text where the attribute has a boolean and a number.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation-consolidate-users.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    error::{Error, Result},
    user::User,
};

pub const ATTRIBUTE: &str = "identities";
/// Links that one user can have.
pub const MOST_LINKS: usize = 5;
/// Where a user is named by what a provider itself calls them.
pub const SUBJECT: &str = "Cognito_Subject";

/// The members in the service's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    pub user_id: String,
    pub provider_name: String,
    pub provider_type: String,
    /// The entity id of a SAML provider.
    pub issuer: Option<String>,
    /// Whether the account was made for this identity, rather than linked to it.
    pub primary: bool,
    /// Milliseconds.
    pub date_created: i64,
}

/// The identities of a user; none for a value that is no such list.
pub fn of(user: &User) -> Vec<Identity> {
    user.attribute(ATTRIBUTE).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Writes the attribute, or removes it with the last identity.
pub fn set(user: &mut User, identities: &[Identity]) -> Result<()> {
    if identities.is_empty() {
        user.attributes.remove(ATTRIBUTE);
        return Ok(());
    }
    // Not by way of a JSON value, which would sort the members.
    let text = serde_json::to_string(identities).map_err(|error| Error::Internal(error.to_string()))?;
    user.attributes.insert(ATTRIBUTE.to_owned(), text);
    Ok(())
}

/// The attribute as the claim of an ID token.
pub fn claim(text: &str) -> Value {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Claim {
        user_id: String,
        provider_name: String,
        provider_type: String,
        issuer: Option<String>,
        primary: String,
        date_created: String,
    }
    let Ok(identities) = serde_json::from_str::<Vec<Identity>>(text) else { return json!(text) };
    let claims = identities.into_iter().map(|identity| Claim {
        user_id: identity.user_id,
        provider_name: identity.provider_name,
        provider_type: identity.provider_type,
        issuer: identity.issuer,
        primary: identity.primary.to_string(),
        date_created: identity.date_created.to_string(),
    });
    json!(claims.collect::<Vec<_>>())
}
