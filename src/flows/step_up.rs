//! Stepping up: which of the levels that a client asks for somebody can reach, and whether they have.
//!
//! The service tries the levels in their order and takes the first that the user can satisfy. A level is a wish: where none can
//! be reached the sign-in is what it would have been, and its tokens say what it was.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-step-up-authentication.html>

use super::{Cx, authorize::SignedIn, passkeys, providers};
use crate::{
    domain::{
        Pool, Result, User,
        assurance::{Assurance, Level, Method},
        mfa::{self, Factor},
    },
    store,
};

/// Second factors that somebody can be asked for to reach a level.
pub async fn factors(cx: &Cx, pool: &Pool, user: &User) -> Result<Vec<Factor>> {
    let factors = store::factors::find(&mut cx.read().await?, user).await?;
    let usable = mfa::usable(pool, user, factors.totp.is_some());
    Ok(mfa::active(pool, user, &factors.preference, &usable))
}

/// The level to reach for somebody who has come as far as `assurance`.
pub async fn target(
    cx: &Cx,
    pool: &Pool,
    user: &User,
    (levels, assurance): (&[Level], &Assurance),
) -> Result<Option<Level>> {
    if levels.is_empty() {
        return Ok(None);
    }
    let factors = factors(cx, pool, user).await?;
    let adds = |factor: &Factor| !assurance.has(method_of(*factor));
    let mut reachable = vec![assurance.level(), Level::One];
    if factors.iter().any(adds) {
        reachable.push(Level::Two);
    }
    if factors.contains(&Factor::Totp) {
        reachable.push(Level::Three);
    }
    if levels.contains(&Level::Four) && !passkeys::usable(cx, pool, &user.sub).await?.is_empty() {
        reachable.push(Level::Four);
    }
    Ok(levels.iter().copied().find(|level| reachable.contains(level)))
}

/// Whether a sign-in of earlier is strong enough for a client that asks for one of `levels`.
pub async fn is_reached(cx: &Cx, pool: &Pool, (user, signed_in): (&User, &SignedIn), levels: &[Level]) -> Result<bool> {
    if levels.is_empty() {
        return Ok(true);
    }
    let target = match &signed_in.provider {
        Some(name) => {
            let provider = providers::find(cx, &pool.id, name).await?;
            let mapping = provider.map(|provider| provider.settings.acr_mapping).unwrap_or_default();
            levels.iter().copied().find(|level| *level == Level::One || mapping.contains_key(level.key()))
        }
        None => target(cx, pool, user, (levels, &signed_in.assurance)).await?,
    };
    Ok(target.is_none_or(|target| signed_in.assurance.level() >= target))
}

pub fn method_of(factor: Factor) -> Method {
    factor.medium().map_or(Method::Totp, Method::from)
}
