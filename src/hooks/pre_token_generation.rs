//! PreTokenGeneration, version 1: changes the claims of the ID token and the groups of both tokens.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::Trigger;

/// Which moment asks for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    Authentication,
    NewPasswordChallenge,
    HostedAuth,
    RefreshTokens,
}

impl TokenSource {
    pub fn name(self) -> &'static str {
        match self {
            Self::Authentication => "TokenGeneration_Authentication",
            Self::NewPasswordChallenge => "TokenGeneration_NewPasswordChallenge",
            Self::HostedAuth => "TokenGeneration_HostedAuth",
            Self::RefreshTokens => "TokenGeneration_RefreshTokens",
        }
    }
}

/// What the function is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreTokenGeneration {
    /// All of them, with `sub` and `cognito:user_status`.
    pub user_attributes: BTreeMap<String, String>,
    pub group_configuration: GroupConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupConfiguration {
    pub groups_to_override: Vec<String>,
    pub iam_roles_to_override: Vec<String>,
    pub preferred_role: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreTokenGenerationResponse {
    pub claims_override_details: Option<ClaimsOverride>,
}

/// What changes in the ID token. Protected claims are left alone whatever stands here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimsOverride {
    /// Version 1 knows text only; anything else makes the answer unrecognizable.
    pub claims_to_add_or_override: Option<BTreeMap<String, String>>,
    /// Wins over adding.
    pub claims_to_suppress: Option<Vec<String>>,
    pub group_override_details: Option<GroupOverride>,
}

/// Takes the place of the user's groups and roles where a member is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupOverride {
    pub groups_to_override: Option<Vec<String>>,
    pub iam_roles_to_override: Option<Vec<String>>,
    pub preferred_role: Option<String>,
}

impl Trigger for PreTokenGeneration {
    const NAME: &'static str = "PreTokenGeneration";
    const VERSION: &'static str = "1";
    type Response = PreTokenGenerationResponse;

    fn empty_response() -> Value {
        json!({ "claimsOverrideDetails": null })
    }
}
