//! What follows a step of a sign-in: the page of the next challenge, or the way back to the client.

use axum::response::Response;

use super::{error, new_password, visit::Visit};
use crate::{
    domain::{
        Error,
        challenge::{Challenge, Prompt},
    },
    flows::sign_in::Outcome,
};

pub async fn go_on(visit: Visit, outcome: Outcome) -> Response {
    match outcome {
        Outcome::Done(arrival) => visit.finish(&arrival.user).await,
        Outcome::Challenge(prompt) => ask(&visit, *prompt),
    }
}

fn ask(visit: &Visit, prompt: Prompt) -> Response {
    let Prompt { challenge, username, session, .. } = prompt;
    let session = session.unwrap_or_default();
    match challenge {
        Challenge::NewPasswordRequired { required, .. } => {
            new_password::show(visit, &username, &session, &required, None)
        }
        other @ (Challenge::PasswordVerifier { .. }
        | Challenge::Custom(_)
        | Challenge::DeviceSrp { .. }
        | Challenge::DevicePasswordVerifier { .. }) => {
            error::broken(&visit.cx, &Error::Internal(format!("{} has no page", other.name())))
        }
    }
}
