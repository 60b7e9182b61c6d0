//! A user pool and its settings.
//!
//! Settings keep the service's own names in their serialised form, because that is how people write them, in a call and in
//! `poolhouse.toml` alike. What this server decides on is typed; what it only keeps is carried along as it came.

mod dcr;
mod mfa_config;
mod request;
mod triggers;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    attribute::SchemaAttribute,
    device::DeviceConfiguration,
    error::{Error, PoolFault, Result},
    mfa,
    password::PasswordPolicy,
    session::PoolSessions,
    user::Attributes,
};
use crate::kit::clock::Time;

pub use dcr::DcrConfiguration;
pub use mfa_config::MfaConfig;
pub use request::{Members, check_tags, named_attributes, not_built, read};
pub use triggers::Triggers;

pub type PoolId = String;

#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    pub id: PoolId,
    pub name: String,
    /// OpenID Connect to the letter where the service differs.
    pub strict_oidc: bool,
    pub settings: PoolSettings,
    pub created_at: Time,
    pub modified_at: Time,
}

/// The refusal of what the smallest tier lacks.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-sign-in-feature-plans.html>
pub fn beyond_lite<T>(feature: &str) -> Result<T> {
    Err(Error::PoolState(PoolFault::Tier(format!("{feature} is not available in the LITE tier."))))
}

impl Pool {
    pub fn arn(&self, account_id: &str) -> String {
        let region = crate::kit::ids::region_of(&self.id);
        format!("arn:aws:cognito-idp:{region}:{account_id}:userpool/{}", self.id)
    }

    /// Whether the service's own address of this issuer is the newer one of its two.
    pub fn has_updated_issuer(&self) -> bool {
        let kind = self.settings.kept.get("IssuerConfiguration").and_then(|issuer| issuer.get("Type")?.as_str());
        kind == Some("UPDATED")
    }

    pub fn is_lite(&self) -> bool {
        self.settings.is_lite()
    }

    /// Whether a user name is an e-mail address or a telephone number that the user may change.
    pub fn has_username_attributes(&self) -> bool {
        !self.settings.username_attributes.is_empty()
    }

    pub fn auto_verifies(&self, attribute: &str) -> bool {
        self.settings.auto_verified_attributes.iter().any(|name| name == attribute)
    }

    /// Whether a new value of this attribute counts only once it is proven.
    pub fn proves_before_update(&self, attribute: &str) -> bool {
        let settings = &self.settings.user_attribute_update_settings;
        settings.attributes_require_verification_before_update.iter().any(|name| name == attribute)
    }

    /// Whether users can choose a new password in place of a forgotten one themselves.
    pub fn lets_users_recover(&self) -> bool {
        let setting = self.settings.account_recovery_setting.iter();
        setting.flat_map(|own| &own.recovery_mechanisms).all(|mechanism| mechanism.name != RecoveryName::AdminOnly)
    }

    /// Whether somebody with these attributes can sign in with a code that is sent to them, and so needs no password. Where
    /// everybody needs two factors, a code alone lets nobody in.
    pub fn needs_no_password(&self, attributes: &Attributes) -> bool {
        if self.settings.mfa_configuration == mfa::Mode::On {
            return false;
        }
        let factors = &self.settings.policies.sign_in_policy.allowed_first_auth_factors;
        let has = |name: &str| attributes.get(name).is_some_and(|value| !value.is_empty());
        [("EMAIL_OTP", "email"), ("SMS_OTP", "phone_number")]
            .into_iter()
            .any(|(factor, attribute)| has(attribute) && factors.iter().any(|allowed| allowed == factor))
    }

    pub fn is_alias(&self, attribute: &str) -> bool {
        self.settings.alias_attributes.iter().chain(&self.settings.username_attributes).any(|name| name == attribute)
    }

    /// Pools made through the API compare user names by case unless told otherwise.
    pub fn is_case_sensitive(&self) -> bool {
        self.settings.username_configuration.as_ref().is_none_or(|configuration| configuration.case_sensitive)
    }
}

/// What CreateUserPool and UpdateUserPool set. `Default` is what the service writes for an omitted member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PoolSettings {
    pub policies: Policies,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<DeletionProtection>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auto_verified_attributes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alias_attributes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub username_attributes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_configuration: Option<UsernameConfiguration>,
    /// The whole schema in the order it is described: the standard attributes, then custom ones.
    pub schema: Vec<SchemaAttribute>,
    pub lambda_config: Triggers,
    pub admin_create_user_config: AdminCreateUserConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_recovery_setting: Option<AccountRecovery>,
    pub user_attribute_update_settings: UserAttributeUpdateSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_configuration: Option<DeviceConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dcr_configuration: Option<DcrConfiguration>,
    /// Not a member of the calls above; it has operations of its own.
    #[serde(rename = "SessionConfiguration", skip_serializing_if = "Option::is_none")]
    pub sessions: Option<PoolSessions>,
    pub user_pool_tags: BTreeMap<String, String>,
    pub mfa_configuration: mfa::Mode,
    /// SetUserPoolMfaConfig's alone, as is `EmailMfaConfiguration` among what is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_token_mfa_configuration: Option<SoftwareTokens>,
    /// Every other member of the service's model, kept and returned as it came.
    #[serde(flatten)]
    pub kept: BTreeMap<String, Value>,
}

/// Whether the pool takes the codes of authenticator apps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SoftwareTokens {
    pub enabled: bool,
}

impl PoolSettings {
    /// Whether the pool is of the tier that lacks most of what is newer.
    pub fn is_lite(&self) -> bool {
        self.kept.get("UserPoolTier").and_then(Value::as_str) == Some("LITE")
    }

    /// Whether the pool takes the codes of authenticator apps, where it asks for second factors.
    pub fn takes_apps(&self) -> bool {
        self.software_token_mfa_configuration.is_some_and(|tokens| tokens.enabled)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Policies {
    pub password_policy: PasswordPolicy,
    pub sign_in_policy: SignInPolicy,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SignInPolicy {
    pub allowed_first_auth_factors: Vec<String>,
}

impl Default for SignInPolicy {
    fn default() -> Self {
        Self { allowed_first_auth_factors: vec!["PASSWORD".to_owned()] }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DeletionProtection {
    Active,
    Inactive,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UsernameConfiguration {
    pub case_sensitive: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AdminCreateUserConfig {
    pub allow_admin_create_user_only: bool,
    /// Days; the older name of the policy's `TemporaryPasswordValidityDays`.
    pub unused_account_validity_days: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_message_template: Option<Value>,
}

impl Default for AdminCreateUserConfig {
    fn default() -> Self {
        Self { allow_admin_create_user_only: false, unused_account_validity_days: 7, invite_message_template: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AccountRecovery {
    pub recovery_mechanisms: Vec<RecoveryMechanism>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecoveryMechanism {
    pub name: RecoveryName,
    pub priority: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryName {
    VerifiedEmail,
    VerifiedPhoneNumber,
    AdminOnly,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UserAttributeUpdateSettings {
    pub attributes_require_verification_before_update: Vec<String>,
}
