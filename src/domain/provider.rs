//! Identity providers: where somebody can sign in instead of here, and how that place is spoken to.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html>

mod claims;
mod details;
mod metadata;
mod validity;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    error::{Error, Result},
    identity,
    pool::{Pool, PoolId},
};
use crate::kit::{clock::Time, text::fold};

pub use claims::{Claims, text as claim_text};
pub use details::{Details, ENCRYPTION_CERTIFICATE, Rules};
pub use metadata::SamlPlace;

/// The pool's own users, where a provider is named.
pub const OWN: &str = "COGNITO";
pub const MOST_PROVIDERS: usize = 300;

#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    pub pool_id: PoolId,
    pub name: String,
    pub kind: Kind,
    /// Complete: with what follows from what was sent. The store seals them.
    pub details: Details,
    pub settings: ProviderSettings,
    pub created_at: Time,
    pub modified_at: Time,
}

/// What is known of a provider beside how it is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProviderSettings {
    /// Attribute of the pool → claim of the provider.
    pub attribute_mapping: BTreeMap<String, String>,
    pub idp_identifiers: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub acr_mapping: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Saml,
    Facebook,
    Google,
    LoginWithAmazon,
    SignInWithApple,
    Oidc,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Saml, Self::Facebook, Self::Google, Self::LoginWithAmazon, Self::SignInWithApple, Self::Oidc];

    /// The service's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Saml => "SAML",
            Self::Facebook => "Facebook",
            Self::Google => "Google",
            Self::LoginWithAmazon => "LoginWithAmazon",
            Self::SignInWithApple => "SignInWithApple",
            Self::Oidc => "OIDC",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// A provider of which there is one in the world. It is called as its type.
    pub fn is_social(self) -> bool {
        !matches!(self, Self::Saml | Self::Oidc)
    }

    /// The claim that tells users apart; a SAML assertion has its NameID for that.
    fn subject_claim(self) -> Option<&'static str> {
        match self {
            Self::Saml => None,
            Self::Facebook => Some("id"),
            Self::LoginWithAmazon => Some("user_id"),
            Self::Google | Self::SignInWithApple | Self::Oidc => Some("sub"),
        }
    }
}

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

/// Whether a provider of this type may have this name. The published pattern has been kept.
pub fn check_name(kind: Kind, name: &str) -> Result<()> {
    if kind.is_social() {
        let own = kind.name();
        return if name == own { Ok(()) } else { invalid(format!("The name of a {own} provider must be {own}.")) };
    }
    let is_taken = |taken: &str| fold(taken) == fold(name);
    let is_reserved = is_taken(OWN) || Kind::ALL.iter().any(|kind| kind.is_social() && is_taken(kind.name()));
    if is_reserved { invalid(format!("The provider name {name} is reserved.")) } else { Ok(()) }
}

/// The details as they are kept: complete.
pub fn details(kind: Kind, given: Details, rules: Rules) -> Result<Details> {
    details::complete(kind, given, rules)
}

/// The mapping as it is kept: held against the pool's schema, and with the name that users are given.
///
/// An attribute that cannot change may be mapped; as with the service, it is the second sign-in that fails then.
pub fn mapping(pool: &Pool, kind: Kind, mut given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    for (attribute, claim) in &given {
        let is_known = pool.settings.schema.iter().any(|known| known.name == *attribute);
        let is_ours = attribute == "sub" || attribute == identity::ATTRIBUTE;
        if attribute != "username" && (!is_known || is_ours) {
            return invalid(format!("Invalid AttributeMapping: {attribute} is no attribute that can be mapped."));
        }
        if claim.trim().is_empty() {
            return invalid(format!("Invalid AttributeMapping: {attribute} is mapped to nothing."));
        }
    }
    if let Some(claim) = kind.subject_claim() {
        given.entry("username".to_owned()).or_insert_with(|| claim.to_owned());
    }
    Ok(given)
}

/// Refuses a list that names one provider twice in the same way.
pub fn check_identifiers(identifiers: &[String]) -> Result<()> {
    let twice = identifiers.iter().enumerate().find(|(at, one)| identifiers[..*at].contains(one));
    match twice {
        Some((_, identifier)) => invalid(format!("The identifier {identifier} is given twice.")),
        None => Ok(()),
    }
}

/// Where the metadata of a SAML provider with these details are published.
pub fn metadata_url(kind: Kind, details: &Details) -> Option<&str> {
    details.get(details::METADATA_URL).map(String::as_str).filter(|_| kind == Kind::Saml)
}

impl Provider {
    /// The details without what is written only.
    pub fn shown_details(&self) -> Details {
        let is_shown = |key: &str| !(self.kind == Kind::SignInWithApple && key == "private_key");
        self.details.iter().filter(|(key, _)| is_shown(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The metadata of a SAML provider that were given as a file.
    pub fn metadata_file(&self) -> Option<&str> {
        self.details.get(details::METADATA_FILE).map(String::as_str).filter(|_| self.kind == Kind::Saml)
    }

    /// Where the metadata of a SAML provider are published, if they were not given as a file.
    pub fn metadata_url(&self) -> Option<&str> {
        metadata_url(self.kind, &self.details)
    }

    /// Whether a switch of the details is on.
    pub fn is_on(&self, switch: &str) -> bool {
        self.details.get(switch).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Whether users can be told apart by this claim: only claims that are mapped ever reach the pool.
    pub fn maps(&self, claim: &str) -> bool {
        self.settings.attribute_mapping.values().any(|mapped| mapped == claim)
    }
}
