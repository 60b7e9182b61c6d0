//! Threat protection looks on: it refuses sign-ins from blocked addresses, and records what came of each step.
//!
//! A sign-in is one event: in progress once a first factor was proven and more is asked, passed at its end. A try that failed is
//! an event of its own. Where the protection is off nothing is read or written here.

use super::{Cx, Door, Outcome, session};
use crate::{
    domain::{
        Error, Result,
        auth_event::{Factor, Kind, Response},
        challenge::{FirstProof, Progress},
    },
    flows::{
        auth_events::{self, Happened},
        risk,
    },
    store,
};

/// Refuses whoever comes from where nobody may come from, before anything else of them is looked at.
pub(super) async fn admit(cx: &Cx, door: &Door) -> Result<()> {
    if risk::is_blocked(cx, &door.pool, &door.client).await? { Err(Error::Blocked) } else { Ok(()) }
}

/// Who was named, and how far they had come before this step.
pub(super) struct Watch {
    username: String,
    before: Option<Progress>,
}

/// What a step has come to.
struct Verdict {
    response: Response,
    challenges: Vec<(Factor, bool)>,
    event_id: Option<String>,
}

impl Watch {
    /// None where nothing is recorded. `session` is the one that is answered.
    pub(super) fn begin(cx: &Cx, door: &Door, username: &str, session: Option<&str>) -> Option<Self> {
        let before = || session.and_then(|text| session::peek(cx, text));
        auth_events::are_recorded(&door.pool).then(|| Self { username: username.to_owned(), before: before() })
    }

    pub(super) async fn end(self, cx: &Cx, door: &Door, outcome: &Result<Outcome>) {
        let Some(verdict) = self.verdict(cx, outcome) else { return };
        if let Err(error) = self.write(cx, door, outcome, verdict).await {
            tracing::error!(request_id = &*cx.request_id, %error, "a step of a sign-in was not recorded");
        }
    }

    /// None for what happened to nobody: a call out of order, a question before anything was proven.
    fn verdict(&self, cx: &Cx, outcome: &Result<Outcome>) -> Option<Verdict> {
        let going = |response, progress: &Progress| Verdict {
            response,
            challenges: proofs(progress),
            event_id: progress.event_id.clone(),
        };
        match outcome {
            Ok(Outcome::Done(arrival)) => Some(going(Response::Pass, &arrival.progress)),
            Ok(Outcome::Challenge(prompt)) => {
                let progress = prompt.session.as_deref().and_then(|text| session::peek(cx, text))?;
                progress.first.is_some().then(|| going(Response::InProgress, &progress))
            }
            Err(error) => {
                let challenges = self.failure(error)?;
                Some(Verdict { response: Response::Fail, challenges, event_id: None })
            }
        }
    }

    /// The proofs that were tried in a step that failed, if the failure is one of who signs in.
    fn failure(&self, error: &Error) -> Option<Vec<(Factor, bool)>> {
        let mut challenges: Vec<_> = self.before.as_ref().map(proofs).unwrap_or_default();
        match error {
            Error::WrongCredentials | Error::PasswordAttemptsExceeded | Error::TemporaryPasswordExpired => {
                challenges.push((Factor::Password, false));
            }
            Error::SecondFactor(_) | Error::CodeMismatch | Error::CodeExpired if !challenges.is_empty() => {
                challenges.push((Factor::Mfa, false));
            }
            // Another first factor than the password has no name in an event.
            Error::SecondFactor(_) | Error::CodeMismatch | Error::CodeExpired | Error::WebAuthn(_) => {}
            Error::Blocked
            | Error::UserDisabled
            | Error::UserNotConfirmed
            | Error::PasswordResetRequired
            | Error::HookThrew { .. } => {}
            _ => return None,
        }
        Some(challenges)
    }

    async fn write(&self, cx: &Cx, door: &Door, outcome: &Result<Outcome>, verdict: Verdict) -> Result<()> {
        let sub = match outcome {
            Ok(Outcome::Done(arrival)) => Some(arrival.user.sub.clone()),
            _ => {
                let user = store::users::by_login(&mut cx.read().await?, &door.pool, &self.username).await?;
                user.map(|user| user.sub)
            }
        };
        let Some(sub) = sub else {
            return auth_events::spend_as_for_somebody(cx, &door.pool, &self.username).await;
        };
        let Verdict { response, challenges, event_id } = verdict;
        let happened = Happened::new(&door.pool, Some(&door.client), &sub, Kind::SignIn);
        auth_events::record(cx, Happened { response, challenges, id: event_id, ..happened }).await;
        Ok(())
    }
}

/// What has been proven until now, as far as events have names for it.
fn proofs(progress: &Progress) -> Vec<(Factor, bool)> {
    let first = (progress.first == Some(FirstProof::Password)).then_some((Factor::Password, true));
    let second = progress.second.then_some((Factor::Mfa, true));
    first.into_iter().chain(second).collect()
}
