//! Threat protection looks on: it refuses sign-ins from blocked addresses, judges the others once their first factor was proven,
//! records what came of each step, and tells the user of what was found.
//!
//! A sign-in is one event: in progress once a first factor was proven and more is asked, passed at its end. A try that failed is
//! an event of its own. Where the protection is off nothing is read or written here.

use super::{Cx, Door, Outcome, session};
use crate::{
    domain::{
        Error, Result, User,
        auth_event::{Factor, Kind, Response},
        challenge::{FirstProof, Progress},
        risk::{
            Protection,
            judgement::{Action, Level},
            notice,
        },
    },
    flows::{
        auth_events::{self, Happened},
        risk,
        takeover::{self, Found},
    },
    store,
};

/// Refuses whoever comes from where nobody may come from, before anything else of them is looked at.
pub(super) async fn admit(cx: &Cx, door: &Door) -> Result<()> {
    if risk::is_blocked(cx, &door.pool, &door.client).await? { Err(Error::Blocked(None)) } else { Ok(()) }
}

/// Judges a sign-in whose first factor was proven, once. Custom sign-ins have a setting of their own.
pub(super) async fn judge(cx: &Cx, door: &Door, progress: Progress, user: &User) -> Result<Progress> {
    let protection = match progress.first {
        Some(FirstProof::Custom) => Protection::of_custom_flow(&door.pool),
        _ => Protection::of(&door.pool),
    };
    if protection == Protection::Off || progress.risk.is_some() {
        return Ok(progress);
    }
    let device = progress.device_key.as_ref().filter(|_| door.pool.device_tracking().is_some());
    let has_device = match device {
        Some(key) => store::devices::exists(&mut cx.read().await?, (&user.pool_id, &user.sub), key).await?,
        None => false,
    };
    let verdict = risk::judge(cx, protection, &door.client, (user, has_device)).await?;
    if verdict.action == Action::Block {
        return Err(Error::Blocked(verdict.level));
    }
    Ok(Progress { risk: Some(verdict), ..progress })
}

/// Who was named, and how far they had come before this step.
pub(super) struct Watch {
    username: String,
    before: Option<Progress>,
}

/// What a step has come to.
struct Step {
    response: Response,
    challenges: Vec<(Factor, bool)>,
    event_id: Option<String>,
    risk: Option<Level>,
    is_compromised: bool,
    /// What the user is told, if it was this step that found a risk.
    notice: Option<notice::Outcome>,
}

impl Watch {
    /// None where nothing is recorded. `session` is the one that is answered.
    pub(super) fn begin(cx: &Cx, door: &Door, username: &str, session: Option<&str>) -> Option<Self> {
        let before = || session.and_then(|text| session::peek(cx, text));
        auth_events::are_recorded(&door.pool).then(|| Self { username: username.to_owned(), before: before() })
    }

    pub(super) async fn end(self, cx: &Cx, door: &Door, outcome: &Result<Outcome>) {
        let Some(step) = self.step(cx, outcome) else { return };
        if let Err(error) = self.write(cx, door, outcome, step).await {
            tracing::error!(request_id = &*cx.request_id, %error, "a step of a sign-in was not recorded");
        }
    }

    /// None for what happened to nobody: a call out of order, a question before anything was proven.
    fn step(&self, cx: &Cx, outcome: &Result<Outcome>) -> Option<Step> {
        let going = |response, progress: &Progress, notice| Step {
            response,
            challenges: proofs(progress),
            event_id: progress.event_id.clone(),
            risk: progress.risk.and_then(|risk| risk.level),
            is_compromised: progress.is_compromised,
            notice: self.is_found_now(progress).then_some(notice),
        };
        match outcome {
            Ok(Outcome::Done(arrival)) => Some(going(Response::Pass, &arrival.progress, notice::Outcome::Allowed)),
            Ok(Outcome::Challenge(prompt)) => {
                let progress = prompt.session.as_deref().and_then(|text| session::peek(cx, text))?;
                let notice = if progress.is_risky() { notice::Outcome::Challenged } else { notice::Outcome::Allowed };
                progress.first.is_some().then(|| going(Response::InProgress, &progress, notice))
            }
            Err(error) => {
                let challenges = self.failure(error)?;
                let blocked = if let Error::Blocked(risk) = error { *risk } else { None };
                let risk = blocked.or_else(|| self.before.as_ref()?.risk?.level);
                let notice = blocked.is_some().then_some(notice::Outcome::Blocked);
                let is_compromised = matches!(error, Error::CompromisedSignIn)
                    || self.before.as_ref().is_some_and(|before| before.is_compromised);
                Some(Step { response: Response::Fail, challenges, event_id: None, risk, is_compromised, notice })
            }
        }
    }

    /// Whether it was this step that found a risk which the user is told of. Pools that only watch tell nobody.
    fn is_found_now(&self, progress: &Progress) -> bool {
        let is_new = self.before.as_ref().is_none_or(|before| before.risk.is_none());
        is_new && progress.risk.is_some_and(|risk| risk.notifies)
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
            Error::CompromisedSignIn => challenges.push((Factor::Password, true)),
            Error::Blocked(_)
            | Error::UserDisabled
            | Error::UserNotConfirmed
            | Error::PasswordResetRequired
            | Error::HookThrew { .. } => {}
            _ => return None,
        }
        Some(challenges)
    }

    async fn write(&self, cx: &Cx, door: &Door, outcome: &Result<Outcome>, step: Step) -> Result<()> {
        let user = match outcome {
            Ok(Outcome::Done(arrival)) => Some(arrival.user.clone()),
            _ => store::users::by_login(&mut cx.read().await?, &door.pool, &self.username).await?,
        };
        let Some(user) = user else {
            return auth_events::spend_as_for_somebody(cx, &door.pool, &self.username).await;
        };
        let Step { response, challenges, event_id: id, risk, is_compromised, notice } = step;
        let is_blocked = matches!(outcome, Err(Error::Blocked(_) | Error::CompromisedSignIn));
        let happened = Happened::new(&door.pool, Some(&door.client), &user.sub, Kind::SignIn);
        let happened = Happened { response, challenges, id, risk, is_blocked, is_compromised, ..happened };
        let event = auth_events::write(cx, happened).await?;
        let Some(outcome) = notice else { return Ok(()) };
        let found = Found { pool: &door.pool, client: &door.client, user: &user, event: &event, outcome };
        takeover::tell(cx, &found).await
    }
}

/// What has been proven until now, as far as events have names for it.
fn proofs(progress: &Progress) -> Vec<(Factor, bool)> {
    let first = (progress.first == Some(FirstProof::Password)).then_some((Factor::Password, true));
    let second = progress.second.then_some((Factor::Mfa, true));
    first.into_iter().chain(second).collect()
}
