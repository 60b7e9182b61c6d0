//! What follows a step of a sign-in: the page of the next challenge, or the way back to the client.

use axum::response::Response;

use super::{
    mfa_setup, new_password,
    second_factor::{self, Ask},
    visit::Visit,
};
use crate::{
    domain::{
        Error,
        challenge::{Challenge, Prompt},
    },
    flows::sign_in::Outcome,
};

/// `username` is what was typed: that is what stands on the pages that follow, and what browsers remember.
pub async fn go_on(visit: Visit, username: &str, outcome: Outcome) -> Response {
    match outcome {
        Outcome::Done(arrival) => visit.finish(&arrival.user).await,
        Outcome::Challenge(prompt) => ask(&visit, username, *prompt).await,
    }
}

async fn ask(visit: &Visit, username: &str, prompt: Prompt) -> Response {
    let Prompt { challenge, session, .. } = prompt;
    let session = session.as_deref().unwrap_or_default();
    let name = challenge.name();
    let code = |detail: &str| second_factor::show(visit, Ask { challenge: name, detail, username, session }, None);
    match challenge {
        Challenge::NewPasswordRequired { required, .. } => {
            new_password::show(visit, username, session, &required, None)
        }
        Challenge::Code { delivery, .. } => code(&delivery.destination),
        Challenge::Totp { name } => code(name.as_deref().unwrap_or_default()),
        Challenge::SelectMfaType(among) => second_factor::show_choice(visit, (username, session), &among),
        Challenge::MfaSetup(among) => mfa_setup::show(visit, (username, session), &among).await,
        // The page of signing in asks for a password, and for nothing that begins with these.
        Challenge::PasswordVerifier { .. }
        | Challenge::Custom(_)
        | Challenge::DeviceSrp { .. }
        | Challenge::DevicePasswordVerifier { .. }
        | Challenge::SelectChallenge { .. }
        | Challenge::Password
        | Challenge::PasswordSrp
        | Challenge::Passkey { .. } => visit.broken(&Error::Internal(format!("{name} has no page"))),
    }
}
