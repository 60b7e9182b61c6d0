//! A sign-in whose client asks for a level (`TARGET_ACR_VALUES`, `acr_values`): what is still missing to reach it.
//!
//! An access token of an earlier sign-in gives credit for the methods of that, so that only the missing ones are asked. It is
//! never enough alone: whoever lacks nothing signs in anew, so that a token of an hour is not turned into one of a month.

use super::{Cx, Door, Start, missing, passkey, second_factor, session::Draft};
use crate::{
    domain::{
        Error, Result, User,
        assurance::{Assurance, Level, Method},
        challenge::{Awaits, Challenge, Progress, Prompt, Subject},
        error::AccessTokenFault,
    },
    flows::{bearer, step_up},
    store,
};

/// What a choice-based sign-in may say of the level that it is to reach, as it was sent.
#[derive(Default)]
pub struct Asked {
    /// `TARGET_ACR_VALUES`
    pub targets: Option<String>,
    /// `ACCESS_TOKEN`
    pub access_token: Option<String>,
    /// `MAX_AGE`
    pub max_age: Option<String>,
}

/// The levels that are asked for, which are noted in `start`, and what an earlier sign-in of `sub` counts for.
pub(super) async fn read(cx: &Cx, door: &Door, start: &mut Start) -> Result<Option<Credit>> {
    let Asked { targets, access_token, max_age } = std::mem::take(&mut start.step_up);
    let refuse = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
    let max_age = match max_age {
        Some(text) => match text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())) {
            None => return refuse("MAX_AGE must be a number of seconds."),
            seconds => seconds,
        },
        None => None,
    };
    let Some(targets) = targets else {
        return if access_token.is_some() { Err(missing("TARGET_ACR_VALUES")) } else { Ok(None) };
    };
    start.levels = door.pool.levels_named(&targets);
    if start.levels.is_empty() {
        return refuse("TARGET_ACR_VALUES has no valid value.");
    }
    let Some(token) = access_token else { return Ok(None) };
    let bearer = bearer::present(cx, &token).await?;
    if bearer.pool.id != door.pool.id || bearer.client.id != door.client.id {
        return Err(Error::AccessToken(AccessTokenFault::Invalid));
    }
    // A token that names no grant tells of no methods.
    let grant = match &bearer.claims.origin_jti {
        Some(id) => store::grants::find(&mut cx.read().await?, id).await?,
        None => None,
    };
    let is_young = |at| max_age.is_none_or(|most| cx.now().since(at).as_secs() <= most);
    let assurance = grant.filter(|grant| is_young(grant.auth_time)).map(|grant| grant.assurance);
    Ok(Some(Credit { sub: bearer.user.sub, assurance: assurance.unwrap_or_default() }))
}

/// What an access token proves of an earlier sign-in.
pub(super) struct Credit {
    sub: String,
    assurance: Assurance,
}

impl Credit {
    /// Nothing, where it is too old. The token must be that of the user who is named.
    pub(super) fn of(self, user: Option<&User>) -> Result<Option<Assurance>> {
        if user.is_none_or(|user| user.sub != self.sub) {
            return Err(Error::AccessToken(AccessTokenFault::Invalid));
        }
        Ok(Some(self.assurance).filter(|assurance| !assurance.is_empty()))
    }
}

/// What is asked next to reach the level. None when it is reached, or cannot be.
pub(super) async fn begin(cx: &Cx, door: &Door, progress: &Progress, user: &User) -> Result<Option<Prompt>> {
    let done = &progress.assurance;
    let target = step_up::target(cx, &door.pool, user, (&progress.levels, done)).await?;
    let Some(target) = target.filter(|target| done.level() < *target) else { return Ok(None) };
    let subject = Subject::of(user);
    match target {
        Level::One => Ok(None),
        // An authenticator that does not recognise its user is not asked twice.
        Level::Four if done.has_passkey() => Ok(None),
        Level::Four => passkey::begin(cx, door, &subject, progress).await.map(Some),
        Level::Three | Level::Two => {
            let mut factors = step_up::factors(cx, &door.pool, user).await?;
            factors.retain(|factor| {
                let method = step_up::method_of(*factor);
                !done.has(method) && (target == Level::Two || method == Method::Totp)
            });
            match factors.as_slice() {
                [] => Ok(None),
                [only] => second_factor::ask_for(cx, door, *only, (user, progress)).await.map(Some),
                _ => {
                    let awaits = Awaits::FactorChoice(factors.clone());
                    let session = Draft { subject: &subject, awaits, progress }.seal(cx, door)?;
                    Ok(Some(Prompt::new(Challenge::SelectMfaType(factors), &subject, session)))
                }
            }
        }
    }
}
