//! CustomEmailSender and CustomSMSSender: a function that delivers messages in our place. Nobody waits for it, and what it
//! answers is of no interest.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sender-triggers.html>

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    event::{ClientMetadata, Trigger},
    sign_up::Nothing,
};
use crate::domain::{message::Occasion, user::Attributes};

/// What either function is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToSend {
    #[serde(skip)]
    pub occasion: Occasion,
    /// The code or the temporary password, in base64; absent in messages that carry none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub client_metadata: Option<ClientMetadata>,
    /// All of them, with `sub` and `cognito:user_status`.
    pub user_attributes: Attributes,
}

/// Sends e-mail.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "customEmailSenderRequestV1")]
pub struct CustomEmailSender {
    #[serde(flatten)]
    pub told: ToSend,
}

/// Sends text messages.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "customSMSSenderRequestV1")]
pub struct CustomSmsSender {
    #[serde(flatten)]
    pub told: ToSend,
}

macro_rules! sender {
    ($name:ident, $setting:literal) => {
        impl Trigger for $name {
            const NAME: &'static str = $setting;
            type Response = Nothing;

            fn source(&self) -> &'static str {
                match self.told.occasion {
                    Occasion::SignUp => concat!($setting, "_SignUp"),
                    Occasion::AdminCreateUser => concat!($setting, "_AdminCreateUser"),
                    Occasion::ResendCode => concat!($setting, "_ResendCode"),
                    Occasion::ForgotPassword => concat!($setting, "_ForgotPassword"),
                    Occasion::UpdateUserAttribute => concat!($setting, "_UpdateUserAttribute"),
                    Occasion::VerifyUserAttribute => concat!($setting, "_VerifyUserAttribute"),
                    Occasion::Authentication => concat!($setting, "_Authentication"),
                    Occasion::AccountTakeOverNotification => concat!($setting, "_AccountTakeOverNotification"),
                }
            }

            fn empty_response(&self) -> Value {
                json!({})
            }
        }
    };
}

sender!(CustomEmailSender, "CustomEmailSender");
sender!(CustomSmsSender, "CustomSMSSender");
