//! UserMigration: knows people whom the pool does not know yet.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::{ClientMetadata, Trigger, or_default};
use crate::{domain::user::Attributes, kit::secret::Secret};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationSource {
    Authentication,
    ForgotPassword,
}

/// Asked about a name that the pool does not have. An empty answer means that nobody else has it either.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserMigration {
    #[serde(skip)]
    pub source: MigrationSource,
    /// The function compares it with the old system's. None where somebody has forgotten it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    pub validation_data: Option<ClientMetadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
}

/// The account to make, if there are attributes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserMigrationResponse {
    /// May hold `username`, for somebody who signed in with an alias.
    #[serde(deserialize_with = "or_default")]
    pub user_attributes: Attributes,
    /// Without one the password has to be reset.
    pub final_user_status: Option<FinalStatus>,
    pub message_action: Option<MessageAction>,
    pub desired_delivery_mediums: Option<Vec<DeliveryMedium>>,
    /// Takes a verified address away from its present owner.
    #[serde(deserialize_with = "or_default")]
    pub force_alias_creation: bool,
    /// Codes by SMS become the user's second factor.
    #[serde(rename = "enableSMSMFA", deserialize_with = "or_default")]
    pub enable_sms_mfa: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FinalStatus {
    /// The password that came with the sign-in is kept.
    Confirmed,
    ResetRequired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MessageAction {
    Suppress,
    Resend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DeliveryMedium {
    Email,
    Sms,
}

impl Trigger for UserMigration {
    const NAME: &'static str = "UserMigration";
    type Response = UserMigrationResponse;

    fn source(&self) -> &'static str {
        match self.source {
            MigrationSource::Authentication => "UserMigration_Authentication",
            MigrationSource::ForgotPassword => "UserMigration_ForgotPassword",
        }
    }

    fn empty_response(&self) -> Value {
        json!({
            "userAttributes": null, "finalUserStatus": null, "messageAction": null, "desiredDeliveryMediums": null,
            "forceAliasCreation": null, "enableSMSMFA": null,
        })
    }
}
