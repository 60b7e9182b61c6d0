//! PreSignUp and PostConfirmation: before an account is made, and after it was confirmed.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::{ClientMetadata, Trigger, or_default};
use crate::domain::user::Attributes;

/// Who makes the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpSource {
    SignUp,
    AdminCreateUser,
    ExternalProvider,
}

/// Asked before anything of the account is stored. An error refuses it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreSignUp {
    #[serde(skip)]
    pub source: SignUpSource,
    /// As they were given: there is no `sub` and no status yet.
    pub user_attributes: Attributes,
    pub validation_data: Option<ClientMetadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
}

/// What a sign-up does without a code. An administrator's and a provider's users have states of their own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreSignUpResponse {
    #[serde(deserialize_with = "or_default")]
    pub auto_confirm_user: bool,
    /// Counts together with `auto_confirm_user` only.
    #[serde(deserialize_with = "or_default")]
    pub auto_verify_email: bool,
    #[serde(deserialize_with = "or_default")]
    pub auto_verify_phone: bool,
}

impl Trigger for PreSignUp {
    const NAME: &'static str = "PreSignUp";
    type Response = PreSignUpResponse;

    fn source(&self) -> &'static str {
        match self.source {
            SignUpSource::SignUp => "PreSignUp_SignUp",
            SignUpSource::AdminCreateUser => "PreSignUp_AdminCreateUser",
            SignUpSource::ExternalProvider => "PreSignUp_ExternalProvider",
        }
    }

    fn empty_response(&self) -> Value {
        json!({ "autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false })
    }
}

/// What was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmationSource {
    ConfirmSignUp,
    ConfirmForgotPassword,
}

/// Told after the account, or its new password, was confirmed. An error reaches the caller and changes nothing any more.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostConfirmation {
    #[serde(skip)]
    pub source: ConfirmationSource,
    pub user_attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
}

/// Of a trigger whose answer decides nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Nothing {}

impl Trigger for PostConfirmation {
    const NAME: &'static str = "PostConfirmation";
    type Response = Nothing;

    fn source(&self) -> &'static str {
        match self.source {
            ConfirmationSource::ConfirmSignUp => "PostConfirmation_ConfirmSignUp",
            ConfirmationSource::ConfirmForgotPassword => "PostConfirmation_ConfirmForgotPassword",
        }
    }

    fn empty_response(&self) -> Value {
        json!({})
    }
}
