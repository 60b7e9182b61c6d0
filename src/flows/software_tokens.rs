//! Authenticator apps: a secret that is shown once, and the code that proves that an app has it.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-totp.html>

use super::Cx;
use crate::{
    domain::{Error, Pool, Result, User, error::FactorFault, mfa::Factor},
    keys::totp,
    store::{self, Tx},
};

fn fault<T>(fault: FactorFault) -> Result<T> {
    Err(Error::SecondFactor(fault))
}

/// Refuses what needs an app in a pool that knows none.
pub fn check_offered(pool: &Pool) -> Result<()> {
    if pool.offers(Factor::Totp) { Ok(()) } else { fault(FactorFault::TotpOff) }
}

/// Makes a secret, in base32. It counts once a code has proven it; until then an app that the user has stays as it is.
pub async fn associate(cx: &Cx, pool: &Pool, user: &User) -> Result<String> {
    check_offered(pool)?;
    let secret = totp::secret(cx.random());
    let mut tx = cx.single().await?;
    store::factors::set_pending(&mut tx, user, &secret).await?;
    tx.commit().await?;
    Ok(totp::text(&secret))
}

/// Lets the secret count that waits for this code, in a transaction that the caller commits. The code is used up by it.
pub async fn verify(cx: &Cx, pool: &Pool, user: &User, (code, name): (&str, Option<&str>)) -> Result<Tx> {
    check_offered(pool)?;
    let pending = store::factors::find(&mut cx.read().await?, user).await?.pending;
    // A secret that was verified waits no more: its code proves nothing a second time.
    let Some(pending) = pending else { return fault(FactorFault::TotpSetup) };
    let Some(step) = totp::step_of(&pending.bytes, code, cx.now()) else { return fault(FactorFault::TotpSetup) };
    let mut tx = cx.begin().await?;
    if !store::factors::verify_pending(&mut tx, user, &pending, (step, name)).await? {
        return fault(FactorFault::TotpSetup);
    }
    Ok(tx)
}

/// Asks for the app at the user's next sign-in.
pub async fn enable(tx: &mut Tx, user: &User) -> Result<()> {
    let mut preference = store::factors::find(tx, user).await?.preference;
    preference.enable(Factor::Totp);
    Ok(store::factors::set_preference(tx, user, &preference).await?)
}

/// Forgets the app on an administrator's word.
pub async fn delete(cx: &Cx, user: &User) -> Result<()> {
    let mut tx = cx.begin().await?;
    store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    let mut preference = store::factors::find(&mut tx, user).await?.preference;
    preference.disable(Factor::Totp);
    store::factors::set_preference(&mut tx, user, &preference).await?;
    store::factors::forget_totp(&mut tx, user).await?;
    Ok(tx.commit().await?)
}
