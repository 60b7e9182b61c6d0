//! The second factor: which one is asked for, and the code of an authenticator app. Codes that are sent are `code`'s.

use super::{
    Cx, Door, Outcome, code, custom, proceed,
    session::{self, Draft, Opened},
    tries,
};
use crate::{
    domain::{
        Error, Result, User,
        assurance::Method,
        challenge::{Awaits, Challenge, CodePurpose, FirstProof, Progress, Prompt, Subject},
        error::FactorFault,
        mfa::{self, Demand, Factor, Mode},
        risk::judgement::Action,
    },
    flows::software_tokens,
    keys::totp,
    store::{self, factors::Factors},
};

/// None when nothing more is asked.
pub(super) async fn begin(cx: &Cx, door: &Door, progress: &Progress, user: &User) -> Result<Option<Prompt>> {
    let must = progress.risk.filter(|risk| risk.action == Action::MfaRequired);
    if door.pool.settings.mfa_configuration == Mode::Off && must.is_none() {
        return Ok(None);
    }
    let factors = store::factors::find(&mut cx.read().await?, user).await?;
    let mut usable = mfa::usable(&door.pool, user, factors.totp.is_some());
    if let (Some(_), Some(FirstProof::Code(medium))) = (must, progress.first) {
        // What was proven first proves nothing more.
        usable.retain(|factor| factor.medium() != Some(medium));
    }
    let ask = |challenge: Challenge, awaits: Awaits| {
        let subject = Subject::of(user);
        let session = Draft { subject: &subject, awaits, progress }.seal(cx, door)?;
        Ok(Some(Prompt::new(challenge, &subject, session)))
    };
    let demand = if must.is_some() { mfa::demand_at_risk } else { mfa::demand };
    match (demand(&door.pool, user, &factors.preference, &usable), must) {
        (Demand::Nothing, _) => Ok(None),
        (Demand::Ask(factor), _) => ask_for(cx, door, factor, (user, progress)).await.map(Some),
        (Demand::Choose(among), _) => ask(Challenge::SelectMfaType(among.clone()), Awaits::FactorChoice(among)),
        (Demand::SetUp(among), _) => ask(Challenge::MfaSetup(among.clone()), Awaits::FactorSetup(among)),
        (Demand::Impossible, Some(risk)) => Err(Error::Blocked(risk.level)),
        (Demand::Impossible, None) => Err(Error::SecondFactor(FactorFault::Missing)),
    }
}

pub(super) async fn ask_for(cx: &Cx, door: &Door, factor: Factor, on_the_way: (&User, &Progress)) -> Result<Prompt> {
    if let Some(medium) = factor.medium() {
        let route = code::Route { medium, purpose: CodePurpose::Second };
        return code::begin(cx, door, route, on_the_way).await;
    }
    let (user, progress) = on_the_way;
    let name = store::factors::find(&mut cx.read().await?, user).await?.totp.and_then(|totp| totp.name);
    // Whoever has proven nothing yet is told nothing by which somebody differs from nobody.
    let name = name.filter(|_| progress.first.is_some() || !door.client.hides_users());
    let subject = Subject::of(user);
    let session = Draft { subject: &subject, awaits: Awaits::Totp, progress }.seal(cx, door)?;
    Ok(Prompt::new(Challenge::Totp { name }, &subject, session))
}

/// The same of somebody who does not have the factor, or does not exist: no code is right.
pub(super) async fn ask_in_vain(
    cx: &Cx,
    door: &Door,
    factor: Factor,
    (subject, progress): (&Subject, &Progress),
) -> Result<Prompt> {
    if let Some(medium) = factor.medium() {
        let route = code::Route { medium, purpose: CodePurpose::Second };
        return code::begin_for_nobody(cx, door, route, (subject, progress)).await;
    }
    let session = Draft { subject, awaits: Awaits::Totp, progress }.seal(cx, door)?;
    Ok(Prompt::new(Challenge::Totp { name: None }, subject, session))
}

/// SELECT_MFA_TYPE.
pub(super) async fn choose(cx: &Cx, door: &Door, opened: Opened, chosen: &str) -> Result<Outcome> {
    let Opened { session, user } = opened;
    let Awaits::FactorChoice(among) = &session.awaits else { return Err(session::invalid()) };
    let factor = Factor::from_name(chosen).filter(|factor| among.contains(factor));
    let factor = factor.ok_or_else(|| Error::InvalidParameter(format!("{chosen} is not among the MFA types.")))?;
    let user = user.ok_or_else(session::invalid)?;
    session::spend_now(cx, &session).await?;
    Outcome::asks(ask_for(cx, door, factor, (&user, &session.progress)).await?)
}

/// SOFTWARE_TOKEN_MFA.
pub(super) async fn answer_totp(cx: &Cx, door: &Door, opened: Opened, given: &str) -> Result<Outcome> {
    let Opened { session, user } = opened;
    software_tokens::check_offered(&door.pool)?;
    if let Err(refusal) = tries::under_lock(cx, &session, take_totp(cx, user.as_ref(), given)).await {
        return custom::refused(cx, door, session, refusal).await;
    }
    let user = user.ok_or_else(session::invalid)?;
    session::spend_now(cx, &session).await?;
    proceed(cx, door, session.proven_second(Method::Totp), user).await
}

/// Takes the code of the user's app, once ever. Nobody has one.
async fn take_totp(cx: &Cx, user: Option<&User>, given: &str) -> Result<()> {
    let fault = |fault| Err(Error::SecondFactor(fault));
    let Some(user) = user else { return fault(FactorFault::Totp) };
    let Factors { totp: Some(app), .. } = store::factors::find(&mut cx.read().await?, user).await? else {
        return fault(FactorFault::Totp);
    };
    let Some(step) = totp::step_of(&app.secret.bytes, given, cx.now()) else { return fault(FactorFault::Totp) };
    let mut tx = cx.begin().await?;
    if !store::factors::take_step(&mut tx, user, &app.secret, step).await? {
        return fault(FactorFault::TotpUsed);
    }
    Ok(tx.commit().await?)
}
