//! What `ChallengeResponses` hold for each challenge.

use super::Parameters;
use crate::{
    domain::{Error, Result, error::SessionFault},
    flows::sign_in::{self, Answer},
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
        // Nobody was asked anything else, so no session of ours fits.
        _ => return Err(Error::Session(SessionFault::Invalid)),
    })
}
