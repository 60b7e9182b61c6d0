//! What `ChallengeResponses` hold for each challenge.

use super::Parameters;
use crate::{
    domain::{Error, Result, error::SessionFault},
    flows::sign_in::{self, Answer, Bundle},
};

pub(super) fn read(challenge: &str, mut responses: Parameters) -> Result<Answer> {
    let mut need = |name: &str| responses.remove(name).ok_or_else(|| sign_in::missing(name));
    Ok(match challenge {
        "PASSWORD_VERIFIER" => Answer::PasswordVerifier {
            secret_block: need("PASSWORD_CLAIM_SECRET_BLOCK")?,
            signature: need("PASSWORD_CLAIM_SIGNATURE")?,
            timestamp: need("TIMESTAMP")?,
        },
        "DEVICE_SRP_AUTH" => Answer::DeviceSrp { srp_a: need("SRP_A")? },
        "DEVICE_PASSWORD_VERIFIER" => Answer::DevicePasswordVerifier {
            secret_block: need("PASSWORD_CLAIM_SECRET_BLOCK")?,
            signature: need("PASSWORD_CLAIM_SIGNATURE")?,
            timestamp: need("TIMESTAMP")?,
        },
        "NEW_PASSWORD_REQUIRED" => Answer::NewPassword {
            password: need("NEW_PASSWORD")?.into(),
            attributes: responses
                .into_iter()
                .filter_map(|(name, value)| Some((name.strip_prefix("userAttributes.")?.to_owned(), value)))
                .collect(),
        },
        "CUSTOM_CHALLENGE" => Answer::Custom(need("ANSWER")?),
        "SMS_MFA" => Answer::Code { challenge: "SMS_MFA", code: need("SMS_MFA_CODE")? },
        "SMS_OTP" => Answer::Code { challenge: "SMS_OTP", code: need("SMS_OTP_CODE")? },
        "EMAIL_OTP" => Answer::Code { challenge: "EMAIL_OTP", code: need("EMAIL_OTP_CODE")? },
        "SOFTWARE_TOKEN_MFA" => Answer::Totp(need("SOFTWARE_TOKEN_MFA_CODE")?),
        "SELECT_MFA_TYPE" => Answer::MfaType(need("ANSWER")?),
        "MFA_SETUP" => Answer::MfaSetup { email: responses.remove("EMAIL") },
        "SELECT_CHALLENGE" => {
            let mut filled = |name: &str| responses.remove(name).filter(|value| !value.is_empty());
            Answer::Choice {
                chosen: filled("ANSWER").ok_or_else(|| sign_in::missing("ANSWER"))?,
                bundle: Bundle {
                    password: filled("PASSWORD").map(Into::into),
                    srp_a: filled("SRP_A"),
                    credential: filled("CREDENTIAL"),
                },
            }
        }
        "PASSWORD" => Answer::Password(need("PASSWORD")?.into()),
        "WEB_AUTHN" => Answer::Passkey { credential: need("CREDENTIAL")? },
        "PASSWORD_SRP" => Answer::PasswordSrp { srp_a: need("SRP_A")? },
        // Nobody was asked anything else, so no session of ours fits.
        _ => return Err(Error::Session(SessionFault::Invalid)),
    })
}
