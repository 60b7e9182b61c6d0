//! PreAuthentication and PostAuthentication: before a proof is looked at, and after the last one.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html>

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    event::{ClientMetadata, Trigger},
    sign_up::Nothing,
};
use crate::domain::user::Attributes;

/// Asked when somebody begins to sign in. An error refuses them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreAuthentication {
    /// Empty for somebody who does not exist.
    pub user_attributes: Attributes,
    /// `ClientMetadata` of the call that began.
    pub validation_data: ClientMetadata,
    /// Only clients that hide who exists ask about somebody who does not.
    pub user_not_found: bool,
}

impl Trigger for PreAuthentication {
    const NAME: &'static str = "PreAuthentication";
    type Response = Nothing;

    fn source(&self) -> &'static str {
        "PreAuthentication_Authentication"
    }

    fn empty_response(&self) -> Value {
        json!({})
    }
}

/// Told when everything was proven, before tokens are made. An error refuses the sign-in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostAuthentication {
    pub user_attributes: Attributes,
    /// Whether the sign-in came from a device that the pool does not remember. Means something in pools that track devices.
    pub new_device_used: bool,
    /// Of the last answer, not of the call that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
}

impl Trigger for PostAuthentication {
    const NAME: &'static str = "PostAuthentication";
    type Response = Nothing;

    fn source(&self) -> &'static str {
        "PostAuthentication_Authentication"
    }

    fn empty_response(&self) -> Value {
        json!({})
    }
}
