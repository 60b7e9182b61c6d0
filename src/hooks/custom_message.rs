//! CustomMessage: words for one message in place of the pool's template.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::Trigger;
use crate::domain::message::Occasion;

/// What the function is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomMessage {
    #[serde(skip)]
    pub occasion: Occasion,
    /// All of them, with `sub` and `cognito:user_status`; at a change of an address, the new one.
    pub user_attributes: BTreeMap<String, String>,
    /// What the text must hold where a link confirms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_parameter: Option<&'static str>,
    /// What the text must hold in place of the code.
    pub code_parameter: &'static str,
    /// What an invitation must hold in place of the user name; null elsewhere.
    pub username_parameter: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<BTreeMap<String, String>>,
}

/// The function's words; what is absent stays as the template says it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomMessageResponse {
    pub sms_message: Option<String>,
    pub email_message: Option<String>,
    pub email_subject: Option<String>,
}

impl Trigger for CustomMessage {
    const NAME: &'static str = "CustomMessage";
    type Response = CustomMessageResponse;

    fn source(&self) -> &'static str {
        match self.occasion {
            Occasion::SignUp => "CustomMessage_SignUp",
            Occasion::AdminCreateUser => "CustomMessage_AdminCreateUser",
            Occasion::ResendCode => "CustomMessage_ResendCode",
            Occasion::ForgotPassword => "CustomMessage_ForgotPassword",
            Occasion::UpdateUserAttribute => "CustomMessage_UpdateUserAttribute",
            Occasion::VerifyUserAttribute => "CustomMessage_VerifyUserAttribute",
            Occasion::Authentication => "CustomMessage_Authentication",
            // The service has no such source, and nobody is asked: the words are those of the risk configuration.
            Occasion::AccountTakeOverNotification => "CustomMessage_AccountTakeOverNotification",
        }
    }

    fn empty_response(&self) -> Value {
        json!({ "smsMessage": null, "emailMessage": null, "emailSubject": null })
    }
}
