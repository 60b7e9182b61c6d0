//! A step of a sign-in as JSON.

use serde::Serialize;
use serde_json::json;

use super::Parameters;
use crate::domain::{
    challenge::{Challenge, FirstFactor, Prompt, Step},
    mfa::Factor,
    token::{NewDevice, Tokens},
};

/// What every step of a sign-in answers.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuthOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// Empty beside tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge_parameters: Option<Parameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_result: Option<AuthenticationResult>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    available_challenges: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AuthenticationResult {
    access_token: String,
    /// Seconds of the access token.
    expires_in: u64,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_device_metadata: Option<NewDeviceMetadata>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NewDeviceMetadata {
    device_key: String,
    device_group_key: String,
}

impl From<NewDevice> for NewDeviceMetadata {
    fn from(device: NewDevice) -> Self {
        Self { device_key: device.key, device_group_key: device.group_key }
    }
}

impl AuthOutput {
    pub(super) fn of_step(step: Step) -> Self {
        match step {
            Step::Challenge(prompt) => Self::of_prompt(*prompt),
            Step::Tokens(tokens) => Self::of_tokens(*tokens),
        }
    }

    pub(super) fn of_tokens(tokens: Tokens) -> Self {
        Self {
            challenge_parameters: Some(Parameters::new()),
            authentication_result: Some(AuthenticationResult {
                access_token: tokens.access_token,
                expires_in: tokens.expires_in.as_secs(),
                token_type: "Bearer",
                refresh_token: tokens.refresh_token,
                id_token: tokens.id_token,
                new_device_metadata: tokens.new_device.map(Into::into),
            }),
            ..Self::default()
        }
    }

    /// GetTokensFromRefreshToken knows no challenges.
    pub(super) fn of_refresh(tokens: Tokens) -> Self {
        Self { challenge_parameters: None, ..Self::of_tokens(tokens) }
    }

    fn of_prompt(prompt: Prompt) -> Self {
        let challenge_name = Some(prompt.challenge.name());
        let available_challenges = prompt.available.into_iter().map(FirstFactor::name).collect();
        Self {
            challenge_name,
            session: prompt.session,
            challenge_parameters: Some(parameters(prompt.challenge, prompt.username)),
            available_challenges,
            authentication_result: None,
        }
    }
}

fn parameters(challenge: Challenge, username: String) -> Parameters {
    let named = match challenge {
        // What the trigger shows may have any name.
        Challenge::Custom(mut shown) => {
            shown.insert("USERNAME".to_owned(), username);
            return shown;
        }
        Challenge::PasswordVerifier { salt, srp_b, secret_block } => vec![
            ("SALT", salt),
            ("SRP_B", srp_b),
            ("SECRET_BLOCK", secret_block),
            ("USERNAME", username.clone()),
            ("USER_ID_FOR_SRP", username),
        ],
        Challenge::DeviceSrp { device_key } => vec![("USERNAME", username), ("DEVICE_KEY", device_key)],
        Challenge::DevicePasswordVerifier { device_key, salt, srp_b, secret_block } => vec![
            ("SALT", salt),
            ("SRP_B", srp_b),
            ("SECRET_BLOCK", secret_block),
            ("DEVICE_KEY", device_key),
            ("USERNAME", username),
        ],
        Challenge::NewPasswordRequired { required, attributes } => {
            let required: Vec<_> = required.into_iter().map(|name| format!("userAttributes.{name}")).collect();
            vec![
                ("USER_ID_FOR_SRP", username),
                ("requiredAttributes", json!(required).to_string()),
                ("userAttributes", json!(attributes).to_string()),
            ]
        }
        Challenge::Code { delivery, .. } => vec![
            ("CODE_DELIVERY_DELIVERY_MEDIUM", delivery.medium.name().to_owned()),
            ("CODE_DELIVERY_DESTINATION", delivery.destination),
            ("USER_ID_FOR_SRP", username),
        ],
        Challenge::Totp { name } => {
            let name = name.map(|name| ("FRIENDLY_DEVICE_NAME", name));
            name.into_iter().chain([("USER_ID_FOR_SRP", username)]).collect()
        }
        Challenge::SelectMfaType(among) => {
            vec![("MFAS_CAN_CHOOSE", names(&among)), ("USER_ID_FOR_SRP", username)]
        }
        Challenge::MfaSetup(among) => vec![("MFAS_CAN_SETUP", names(&among)), ("USER_ID_FOR_SRP", username)],
        Challenge::Passkey { options } => {
            vec![("CREDENTIAL_REQUEST_OPTIONS", options.to_string()), ("USERNAME", username)]
        }
        Challenge::SelectChallenge { options } => {
            let options = options.map(|options| ("CREDENTIAL_REQUEST_OPTIONS", options.to_string()));
            options.into_iter().chain([("USERNAME", username)]).collect()
        }
        Challenge::Password | Challenge::PasswordSrp => vec![("USERNAME", username)],
    };
    named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A list in a text.
fn names(factors: &[Factor]) -> String {
    json!(factors.iter().map(|factor| factor.name()).collect::<Vec<_>>()).to_string()
}
