//! What follows a step of a sign-in: the page of the next challenge, or the way back to the client.

use axum::response::Response;

use super::{
    choose::{self, Asked},
    mfa_setup, new_password,
    second_factor::{self, Ask},
    visit::Visit,
};
use crate::{
    domain::{
        Error,
        challenge::{Challenge, CodePurpose, Prompt},
    },
    flows::sign_in::Outcome,
};

/// `username` is what was typed: that is what stands on the pages that follow, and what browsers remember.
pub async fn go_on(visit: Visit, username: &str, outcome: Outcome) -> Response {
    match outcome {
        Outcome::Done(arrival) => visit.finish(*arrival).await,
        // One question may lead to the next at once.
        Outcome::Challenge(prompt) => Box::pin(ask(visit, username, *prompt)).await,
    }
}

async fn ask(visit: Visit, username: &str, prompt: Prompt) -> Response {
    let Prompt { challenge, session, available, .. } = prompt;
    let session = session.as_deref().unwrap_or_default();
    let name = challenge.name();
    let asked = Asked { username, session };
    let code = |detail: &str, is_first| {
        second_factor::show(&visit, Ask { challenge: name, detail, username, session, is_first }, None)
    };
    match challenge {
        Challenge::NewPasswordRequired { required, .. } => {
            new_password::show(&visit, username, session, &required, None)
        }
        Challenge::Code { delivery, purpose } => code(&delivery.destination, purpose == CodePurpose::First),
        Challenge::Totp { name } => code(name.as_deref().unwrap_or_default(), false),
        Challenge::SelectMfaType(among) => second_factor::show_choice(&visit, (username, session), &among),
        Challenge::MfaSetup(among) => mfa_setup::show(&visit, (username, session), &among).await,
        Challenge::SelectChallenge { .. } => choose::show(visit, asked, &available).await,
        Challenge::Password => choose::show_password(&visit, asked, choose::has_others(&available), None),
        Challenge::Passkey { options } => choose::show_passkey(&visit, asked, &options),
        // The pages name no device, begin no sign-in of the pool's own, and send passwords themselves.
        Challenge::PasswordVerifier { .. }
        | Challenge::Custom(_)
        | Challenge::DeviceSrp { .. }
        | Challenge::DevicePasswordVerifier { .. }
        | Challenge::PasswordSrp => visit.broken(&Error::Internal(format!("{name} has no page"))),
    }
}
