//! CUSTOM_AUTH: three triggers decide what is asked, ask it, and judge the answer, until one of them is content.
//!
//! They may also ask for a proof that the service judges itself: the password, where the client can prove it, a second factor,
//! the client's device. Its result is a round like any other, and the trigger goes on from there.
//!
//! What they remember lies in the database between question and answer, and is taken away by the first answer, right or wrong:
//! nobody guesses twice at one question. Somebody who does not exist walks the same way where the client hides that, and never
//! arrives.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html>

use super::{
    Cx, Door, Outcome, Start, check_state, device, meet, missing, proceed, second_factor,
    session::{self, Draft, Opened},
    srp, subject, tries,
};
use crate::{
    domain::{
        Error, Result, User,
        challenge::{Awaits, Challenge, FirstProof, Progress, Prompt, Session, Subject},
        custom_challenge::{CUSTOM, Pending, Round},
        error::{FactorFault, SessionFault},
        mfa::{self, Factor},
        user::Attributes,
    },
    flows::{per_address, triggers},
    hooks::{CreateAuthChallenge, DefineAuthChallenge, Trigger, VerifyAuthChallengeResponse},
    store,
};

/// The challenge with which a client says that it can prove a password.
const SRP_A: &str = "SRP_A";
const PASSWORD_VERIFIER: &str = "PASSWORD_VERIFIER";
/// Also the name of the round for the whole proof, of which it is the first half.
const DEVICE_SRP_AUTH: &str = "DEVICE_SRP_AUTH";
/// A trigger that is never content would let the history grow for ever.
const MOST_ROUNDS: usize = 100;

/// Somebody on the way, and what they have been asked.
struct Walk {
    subject: Subject,
    /// None for somebody who does not exist.
    user: Option<User>,
    progress: Progress,
    history: Vec<Round>,
    srp_a: Option<String>,
}

pub(super) async fn begin(cx: &Cx, door: &Door, start: Start) -> Result<Outcome> {
    let hooks = &cx.app.hooks;
    let is_configured = hooks.is_set::<DefineAuthChallenge>(&door.pool)
        && hooks.is_set::<CreateAuthChallenge>(&door.pool)
        && hooks.is_set::<VerifyAuthChallengeResponse>(&door.pool);
    if !is_configured {
        let text = "Custom auth lambda trigger is not configured for the user pool.";
        return Err(Error::InvalidParameter(text.to_owned()));
    }
    let with_srp = start.challenge.as_deref() == Some(SRP_A);
    let srp_a = start.srp_a.clone().filter(|_| with_srp);
    match &srp_a {
        Some(srp_a) => srp::check_a(srp_a)?,
        None if with_srp => return Err(missing(SRP_A)),
        None => {}
    }
    let user = meet(cx, door, &start).await?;
    if let Some(user) = &user {
        check_state(user)?;
    }
    let progress = start.progress();
    // With the password first, the device is named once more beside its proof.
    if srp_a.is_none() {
        device::check(cx, door, &progress, user.as_ref()).await?;
    }
    let walk = Walk {
        subject: subject(cx, door, user.as_ref(), &start.username),
        user,
        progress,
        history: srp_a.iter().map(|_| Round::new(SRP_A, true)).collect(),
        srp_a,
    };
    walk.go_on(cx, door).await
}

/// CUSTOM_CHALLENGE.
pub(super) async fn answer(cx: &Cx, door: &Door, opened: Opened, given: String) -> Result<Outcome> {
    let Opened { session, user } = opened;
    let (mut walk, pending) = Walk::resumed(cx, session.progress, (session.subject, user)).await?;
    if pending.asked != CUSTOM {
        return Err(session::invalid());
    }
    let request = VerifyAuthChallengeResponse {
        user_attributes: walk.attributes(cx, door).await?,
        private_challenge_parameters: pending.private,
        challenge_answer: given,
        client_metadata: door.metadata.clone(),
        user_not_found: walk.user.is_none(),
    };
    let verdict = walk.ask(cx, door, request).await?;
    let round = Round::new(CUSTOM, verdict.answer_correct);
    walk.history.push(Round { challenge_metadata: pending.metadata, ..round });
    walk.go_on(cx, door).await
}

/// A factor that the trigger asked for was proven, and was not the last word.
pub(super) async fn proven(cx: &Cx, door: &Door, progress: Progress, user: User) -> Result<Outcome> {
    let who = (Subject::of(&user), Some(user));
    let (mut walk, pending) = Walk::resumed(cx, progress, who).await?;
    walk.history.push(Round::new(&pending.asked, true));
    walk.go_on(cx, door).await
}

/// The code of a second factor was refused. A wrong one is a round where triggers lead; what else was in its way, and every
/// refusal elsewhere, the client is told.
pub(super) async fn refused(cx: &Cx, door: &Door, session: Session, refusal: Error) -> Result<Outcome> {
    let is_wrong = matches!(refusal, Error::SecondFactor(FactorFault::Code | FactorFault::Totp));
    if !is_wrong || !session.progress.is_led() {
        return Err(refusal);
    }
    session::spend_now(cx, &session).await?;
    failed(cx, door, session.progress, session.subject).await
}

/// A password, a code or a device's proof was wrong. What follows from that, the trigger decides.
pub(super) async fn failed(cx: &Cx, door: &Door, progress: Progress, subject: Subject) -> Result<Outcome> {
    let user = match &subject.sub {
        Some(sub) => store::users::by_sub(&mut cx.read().await?, &door.pool.id, sub).await?,
        None => None,
    };
    let (mut walk, pending) = Walk::resumed(cx, progress, (subject, user)).await?;
    walk.history.push(Round::new(&pending.asked, false));
    let outcome = walk.go_on(cx, door).await?;
    per_address::count_failure(cx, &door.client).await?;
    Ok(outcome)
}

impl Walk {
    /// Goes on where a question was asked. It is answered by this.
    async fn resumed(cx: &Cx, progress: Progress, (subject, user): (Subject, Option<User>)) -> Result<(Self, Pending)> {
        let id = progress.custom.as_deref().ok_or_else(session::invalid)?;
        let mut tx = cx.single().await?;
        let pending = store::custom_challenges::take(&mut tx, id).await?;
        tx.commit().await?;
        let mut pending = pending.ok_or(Error::Session(SessionFault::Used))?;
        let (history, srp_a) = (std::mem::take(&mut pending.history), pending.srp_a.take());
        Ok((Self { subject, user, progress, history, srp_a }, pending))
    }

    /// DefineAuthChallenge says what comes next.
    async fn go_on(self, cx: &Cx, door: &Door) -> Result<Outcome> {
        if self.history.len() > MOST_ROUNDS || self.guesses_at_factors() >= tries::MOST_IN_A_SESSION {
            return Err(Error::WrongCredentials);
        }
        let request = DefineAuthChallenge {
            user_attributes: self.attributes(cx, door).await?,
            session: self.history.clone(),
            client_metadata: door.metadata.clone(),
            user_not_found: self.user.is_none(),
        };
        let next = self.ask(cx, door, request).await?;
        if next.fail_authentication {
            return Err(Error::WrongCredentials);
        }
        if next.issue_tokens {
            // Whatever the trigger says of somebody who does not exist.
            let user = self.user.ok_or(Error::WrongCredentials)?;
            return proceed(cx, door, self.progress.proven(FirstProof::Custom), user).await;
        }
        match next.challenge_name.as_deref() {
            Some(CUSTOM) => self.create(cx, door).await,
            Some(PASSWORD_VERIFIER) if self.srp_a.is_some() => self.verify_password(cx, door).await,
            Some(DEVICE_SRP_AUTH) => self.verify_device(cx, door).await,
            other => match other.and_then(Factor::from_name) {
                Some(factor) => self.ask_for(cx, door, factor).await,
                None => Err(Error::HookAnswer(DefineAuthChallenge::NAME)),
            },
        }
    }

    /// Wrong codes until now. Each had a session of its own, so they are counted here.
    fn guesses_at_factors(&self) -> i64 {
        let is_guess = |round: &&Round| !round.challenge_result && Factor::from_name(&round.challenge_name).is_some();
        i64::try_from(self.history.iter().filter(is_guess).count()).unwrap_or(i64::MAX)
    }

    /// CreateAuthChallenge makes a question.
    async fn create(mut self, cx: &Cx, door: &Door) -> Result<Outcome> {
        let request = CreateAuthChallenge {
            user_attributes: self.attributes(cx, door).await?,
            challenge_name: CUSTOM.to_owned(),
            session: self.history.clone(),
            client_metadata: door.metadata.clone(),
            user_not_found: self.user.is_none(),
        };
        let made = self.ask(cx, door, request).await?;
        let pending = Pending {
            asked: CUSTOM.to_owned(),
            metadata: made.challenge_metadata,
            private: made.private_challenge_parameters,
            history: std::mem::take(&mut self.history),
            srp_a: self.srp_a.take(),
        };
        self.remember(cx, door, &pending).await?;
        let session =
            Draft { subject: &self.subject, awaits: Awaits::Custom, progress: &self.progress }.seal(cx, door)?;
        Outcome::asks(Prompt::new(Challenge::Custom(made.public_challenge_parameters), &self.subject, session))
    }

    async fn verify_password(mut self, cx: &Cx, door: &Door) -> Result<Outcome> {
        self.remember_asking(cx, door, PASSWORD_VERIFIER).await?;
        let srp_a = self.srp_a.take().ok_or(Error::HookAnswer(DefineAuthChallenge::NAME))?;
        let opening = srp::Opening { subject: &self.subject, progress: &self.progress, srp_a, with_session: true };
        let verifier = self.user.and_then(|user| user.credential.srp);
        Outcome::asks(srp::open(cx, door, opening, (verifier, &self.subject.login)).await?)
    }

    /// A second factor, whether it is the user's choice or not: the trigger's word counts. Whoever has none that could be asked
    /// for is told so, unless that would tell a stranger who exists.
    async fn ask_for(mut self, cx: &Cx, door: &Door, factor: Factor) -> Result<Outcome> {
        let is_usable = match &self.user {
            Some(user) => {
                let has_totp = store::factors::find(&mut cx.read().await?, user).await?.totp.is_some();
                mfa::usable(&door.pool, user, has_totp).contains(&factor)
            }
            None => false,
        };
        let is_hidden = door.client.hides_users() && self.progress.first.is_none();
        if !door.pool.offers(factor) || !(is_usable || is_hidden) {
            return Err(Error::SecondFactor(FactorFault::Missing));
        }
        self.remember_asking(cx, door, factor.name()).await?;
        Outcome::asks(match self.user.as_ref().filter(|_| is_usable) {
            Some(user) => second_factor::ask_for(cx, door, factor, (user, &self.progress)).await?,
            None => second_factor::ask_in_vain(cx, door, factor, (&self.subject, &self.progress)).await?,
        })
    }

    /// The device that the client has named. Nobody has one.
    async fn verify_device(mut self, cx: &Cx, door: &Door) -> Result<Outcome> {
        let device = match &self.user {
            Some(user) => device::named(cx, door, &self.progress, user).await?,
            None => None,
        };
        let device = device.ok_or(Error::NoSuchDevice)?;
        self.remember_asking(cx, door, DEVICE_SRP_AUTH).await?;
        let user = self.user.as_ref().ok_or(Error::NoSuchDevice)?;
        device::begin(cx, door, &self.progress, user, &device)
    }

    async fn remember_asking(&mut self, cx: &Cx, door: &Door, asked: &str) -> Result<()> {
        let pending = Pending {
            asked: asked.to_owned(),
            metadata: None,
            private: [].into(),
            history: self.history.clone(),
            srp_a: self.srp_a.clone(),
        };
        self.remember(cx, door, &pending).await
    }

    async fn remember(&mut self, cx: &Cx, door: &Door, pending: &Pending) -> Result<()> {
        let id = cx.random().uuid();
        let expires_at = cx.now().plus(door.client.session_lifetime());
        let mut tx = cx.single().await?;
        store::custom_challenges::insert(&mut tx, &id, pending, expires_at).await?;
        tx.commit().await?;
        self.progress.custom = Some(id);
        Ok(())
    }

    async fn attributes(&self, cx: &Cx, door: &Door) -> Result<Attributes> {
        match &self.user {
            Some(user) => triggers::user_attributes(cx, &door.pool, user).await,
            None => Ok(Attributes::new()),
        }
    }

    async fn ask<T: Trigger>(&self, cx: &Cx, door: &Door, request: T) -> Result<T::Response> {
        cx.ask(&door.pool, Some(&door.client.id), &self.subject.username, request).await
    }
}
