//! InboundFederation: changes what an identity provider says of somebody before it is mapped to attributes.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-inbound-federation.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::event::{Trigger, or_default};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundFederation {
    pub provider_name: String,
    pub provider_type: String,
    pub attributes: ExternalAttributes,
}

/// What came from the provider; OIDC providers and SAML providers fill different members.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalAttributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_response: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_info: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saml_response: Option<Map<String, Value>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InboundFederationResponse {
    /// Takes the place of the provider's attributes, unless it is empty.
    #[serde(deserialize_with = "or_default")]
    pub user_attributes_to_map: BTreeMap<String, Value>,
}

impl Trigger for InboundFederation {
    const NAME: &'static str = "InboundFederation";
    type Response = InboundFederationResponse;

    fn source(&self) -> &'static str {
        "InboundFederation_ExternalProvider"
    }

    fn empty_response(&self) -> Value {
        json!({ "userAttributesToMap": {} })
    }
}
