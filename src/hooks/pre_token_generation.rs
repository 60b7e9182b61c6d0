//! PreTokenGeneration: changes claims, groups and scopes of tokens that are about to be made.
//!
//! Version 1 reaches the ID token and the groups of both tokens; versions 2 and 3 reach the access token and its scopes as well,
//! and 3 the tokens of machines. The pool's `PreTokenGenerationConfig` says which version its function speaks.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::event::{ClientMetadata, Trigger};

/// Which moment asks for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    Authentication,
    NewPasswordChallenge,
    HostedAuth,
    AuthenticateDevice,
    RefreshTokens,
    ClientCredentials,
}

impl TokenSource {
    pub fn name(self) -> &'static str {
        match self {
            Self::Authentication => "TokenGeneration_Authentication",
            Self::NewPasswordChallenge => "TokenGeneration_NewPasswordChallenge",
            Self::HostedAuth => "TokenGeneration_HostedAuth",
            Self::AuthenticateDevice => "TokenGeneration_AuthenticateDevice",
            Self::RefreshTokens => "TokenGeneration_RefreshTokens",
            Self::ClientCredentials => "TokenGeneration_ClientCredentials",
        }
    }
}

/// What a function of version 1 is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreTokenGeneration {
    #[serde(skip)]
    pub source: TokenSource,
    /// All of them, with `sub` and `cognito:user_status`.
    pub user_attributes: BTreeMap<String, String>,
    pub group_configuration: GroupConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
}

/// What a function of version 2 or 3 is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreTokenGenerationV2 {
    #[serde(flatten)]
    pub common: PreTokenGeneration,
    /// Those that the access token has without the trigger.
    pub scopes: Vec<String>,
    #[serde(skip)]
    pub version: TokenVersion,
}

/// `LambdaVersion` of `PreTokenGenerationConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenVersion {
    V1,
    V2,
    /// Asked about the tokens of machines as well.
    V3,
}

/// Lists are `null` where there is no user.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupConfiguration {
    pub groups_to_override: Option<Vec<String>>,
    pub iam_roles_to_override: Option<Vec<String>>,
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreTokenGenerationV2Response {
    pub claims_and_scope_override_details: Option<ClaimsAndScopeOverride>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimsAndScopeOverride {
    pub id_token_generation: Option<TokenOverride>,
    pub access_token_generation: Option<AccessTokenOverride>,
    pub group_override_details: Option<GroupOverride>,
}

/// What changes in one token. Values may be any JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenOverride {
    pub claims_to_add_or_override: Option<Map<String, Value>>,
    /// Wins over adding.
    pub claims_to_suppress: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessTokenOverride {
    #[serde(flatten)]
    pub claims: TokenOverride,
    /// A scope holds no blanks; one that does is left out.
    pub scopes_to_add: Option<Vec<String>>,
    /// Wins over adding.
    pub scopes_to_suppress: Option<Vec<String>>,
}

/// Takes the place of the user's groups and roles where a member is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupOverride {
    pub groups_to_override: Option<Vec<String>>,
    pub iam_roles_to_override: Option<Vec<String>>,
    pub preferred_role: Option<String>,
}

impl TokenVersion {
    /// Of a pool that names a function; anything but the newer versions is the first one.
    pub fn named(name: &str) -> Self {
        match name {
            "V2_0" => Self::V2,
            "V3_0" => Self::V3,
            _ => Self::V1,
        }
    }
}

impl Trigger for PreTokenGeneration {
    const NAME: &'static str = "PreTokenGeneration";
    type Response = PreTokenGenerationResponse;

    fn source(&self) -> &'static str {
        self.source.name()
    }

    fn empty_response(&self) -> Value {
        json!({ "claimsOverrideDetails": null })
    }
}

impl Trigger for PreTokenGenerationV2 {
    const NAME: &'static str = PreTokenGeneration::NAME;
    type Response = PreTokenGenerationV2Response;

    fn version(&self) -> &'static str {
        match self.version {
            TokenVersion::V1 | TokenVersion::V2 => "2",
            TokenVersion::V3 => "3",
        }
    }

    fn source(&self) -> &'static str {
        self.common.source.name()
    }

    fn empty_response(&self) -> Value {
        json!({ "claimsAndScopeOverrideDetails": null })
    }
}
