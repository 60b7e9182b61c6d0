//! What users say about second factors, and what they have to sign in with.

use super::{Cx, passkeys};
use crate::{
    domain::{
        Error, Pool, Result, User,
        challenge::FirstFactor,
        factor,
        mfa::{self, Factor, Mode, Preference, Wish, Wishes},
    },
    store,
};

/// The user's own settings.
pub async fn preference(cx: &Cx, user: &User) -> Result<Preference> {
    Ok(store::factors::find(&mut cx.read().await?, user).await?.preference)
}

/// Second factors that are in use.
pub async fn active(cx: &Cx, pool: &Pool, user: &User) -> Result<Vec<Factor>> {
    let factors = store::factors::find(&mut cx.read().await?, user).await?;
    let usable = mfa::usable(pool, user, factors.totp.is_some());
    Ok(mfa::active(pool, user, &factors.preference, &usable))
}

/// Changes the factors that are named.
pub async fn prefer(cx: &Cx, pool: &Pool, user: &User, wishes: &Wishes) -> Result<()> {
    let wants_some = wishes.factors.iter().any(|wish| wish.enabled) || wishes.passkey == Some(true);
    if pool.settings.mfa_configuration == Mode::Off && wants_some {
        return Err(Error::InvalidParameter("MFA is not enabled for the user pool.".into()));
    }
    let mut tx = cx.begin().await?;
    let user = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    let factors = store::factors::find(&mut tx, &user).await?;
    let mut preference = factors.preference;
    preference.apply(&wishes.factors, &mfa::usable(pool, &user, factors.totp.is_some()))?;
    if let Some(enabled) = wishes.passkey {
        preference.set_passkey(pool, enabled)?;
    }
    store::factors::set_preference(&mut tx, &user, &preference).await?;
    Ok(tx.commit().await?)
}

/// The older way, which knows text messages only: `MFAOptions` with an entry switches them on, without one off.
pub async fn set_sms(cx: &Cx, pool: &Pool, user: &User, enabled: bool) -> Result<()> {
    let is_preferred = preference(cx, user).await?.preferred == Some(Factor::Sms);
    let wish = Wish { factor: Factor::Sms, enabled, preferred: enabled && is_preferred };
    prefer(cx, pool, user, &Wishes { factors: vec![wish], passkey: None }).await
}

/// What the user has set up to sign in with.
pub async fn configured(cx: &Cx, pool: &Pool, user: &User) -> Result<Vec<FirstFactor>> {
    let has_passkey = !passkeys::usable(cx, pool, &user.sub).await?.is_empty();
    Ok(factor::configured(pool, user, has_passkey))
}
