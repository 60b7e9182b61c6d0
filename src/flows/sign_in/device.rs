//! The device that a client named: it proves that it still keeps the secret with which it was confirmed.
//!
//! Secure Remote Password once more, where the group of the pool's devices stands for the pool and the device's key for the
//! user. Remembered devices stand in for a second factor where the pool says so; others prove themselves after it.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html>

use super::{
    Cx, Door, Outcome, check_state, custom, proceed,
    session::{self, Draft, Opened},
    srp::{self, Proof},
};
use crate::{
    domain::{
        Error, Result, User,
        challenge::{Awaits, Challenge, DeviceAttempt, Progress, Prompt, SrpAttempt, Subject, salt_of},
        device::Device,
    },
    keys::{self, seal::Purpose},
    store,
};

/// The device that the client says it runs on. Only after a first factor: nobody else is told what exists.
pub(super) async fn named(cx: &Cx, door: &Door, progress: &Progress, user: &User) -> Result<Option<Device>> {
    let Some(key) = progress.device_key.as_ref().filter(|_| door.pool.device_tracking().is_some()) else {
        return Ok(None);
    };
    store::devices::find(&mut cx.read().await?, user, key).await?.ok_or(Error::NoSuchDevice).map(Some)
}

/// Whether there is a device of that name, told before anything was proven: to clients that come again without it when there is
/// none. Nobody has one.
pub(super) async fn check(cx: &Cx, door: &Door, progress: &Progress, user: Option<&User>) -> Result<()> {
    let (Some(key), Some(_)) = (&progress.device_key, door.pool.device_tracking()) else { return Ok(()) };
    if is_theirs(cx, user, key).await? { Ok(()) } else { Err(Error::NoSuchDevice) }
}

async fn is_theirs(cx: &Cx, user: Option<&User>, key: &str) -> Result<bool> {
    let Some(user) = user else { return Ok(false) };
    Ok(store::devices::exists(&mut cx.read().await?, (&user.pool_id, &user.sub), key).await?)
}

/// An answer may name the device: that to a question of the pool's own at any time, another one only as the first that does, on
/// the way to a first factor. Of clients that answer a question the library comes again without a device that is not there; for
/// all others there is none then, and the user gets a new one.
pub(super) async fn take(cx: &Cx, door: &Door, opened: &mut Opened, given: Option<String>) -> Result<()> {
    let Opened { session, user } = opened;
    let is_question = session.awaits == Awaits::Custom;
    let progress = &mut session.progress;
    let is_settled = progress.first.is_some() || progress.device_key.is_some();
    if door.pool.device_tracking().is_none() || (is_settled && !is_question) {
        return Ok(());
    }
    let is_given = given.is_some();
    let Some(key) = given.or_else(|| progress.device_key.take()) else { return Ok(()) };
    let is_theirs = is_theirs(cx, user.as_ref(), &key).await?;
    if is_question && is_given && !is_theirs {
        return Err(Error::NoSuchDevice);
    }
    progress.device_key = Some(key).filter(|_| is_theirs);
    Ok(())
}

pub(super) fn begin(cx: &Cx, door: &Door, progress: &Progress, user: &User, device: &Device) -> Result<Outcome> {
    let subject = Subject::of(user);
    let session = Draft { subject: &subject, awaits: Awaits::DeviceSrp, progress }.seal(cx, door)?;
    let challenge = Challenge::DeviceSrp { device_key: device.key.clone() };
    Outcome::asks(Prompt::new(challenge, &subject, session))
}

/// Our public value for theirs.
pub(super) async fn challenge(
    cx: &Cx,
    door: &Door,
    opened: Opened,
    srp_a: String,
    device_key: Option<String>,
) -> Result<Outcome> {
    keys::srp::parse_a(&srp_a).map_err(|error| Error::InvalidParameter(error.to_string()))?;
    let Opened { session, user } = opened;
    let user = user.ok_or_else(session::invalid)?;
    let device = the_same(cx, door, &session.progress, &user, device_key).await?;
    let mut tx = cx.begin().await?;
    session::spend(&mut tx, &session).await?;
    tx.commit().await?;
    let (exponent, srp_b) = srp::public_value(cx, device.srp.verifier).await?;
    let attempt = SrpAttempt {
        id: cx.random().uuid(),
        pool_id: door.pool.id.clone(),
        client_id: door.client.id.clone(),
        subject: session.subject,
        progress: session.progress,
        with_session: false,
        srp_a,
        srp_b: exponent,
        expires_at: cx.now().plus(door.client.session_lifetime()),
    };
    let username = attempt.subject.username.clone();
    let attempt = DeviceAttempt { device_key: device.key, attempt };
    let secret_block = cx.app.sealer.seal_json(Purpose::SrpBlock, &attempt)?;
    Outcome::asks(Prompt {
        challenge: Challenge::DevicePasswordVerifier {
            device_key: attempt.device_key,
            salt: hex::encode(&device.srp.salt),
            srp_b,
            secret_block,
        },
        username,
        session: None,
        available: Vec::new(),
    })
}

/// The device's proof of its secret. Whose password was proven must still be who they were.
pub(super) async fn answer(cx: &Cx, door: &Door, proof: Proof, device_key: Option<String>) -> Result<Outcome> {
    let wrong = || Error::WrongCredentials;
    let sealed: Option<DeviceAttempt> = cx.app.sealer.open_json(Purpose::SrpBlock, &proof.secret_block);
    let DeviceAttempt { device_key: own, attempt } = sealed.ok_or_else(wrong)?;
    if attempt.pool_id != door.pool.id || attempt.client_id != door.client.id || cx.now() >= attempt.expires_at {
        return Err(wrong());
    }
    let user = store::users::by_login(&mut cx.read().await?, &door.pool, &proof.username).await?;
    let user = user.filter(|user| attempt.subject.sub.as_ref() == Some(&user.sub)).ok_or_else(wrong)?;
    check_state(&user)?;
    srp::check_timestamp(cx, &proof)?;
    if salt_of(&user) != attempt.subject.salt {
        return Err(wrong());
    }
    let device = the_same(cx, door, &attempt.progress, &user, device_key).await?;
    srp::spend(cx, &attempt).await?;
    let names = (door.pool.device_group_key(), own);
    if !srp::proves(&attempt, names, device.srp.verifier.clone(), &proof).await? {
        return match attempt.progress.is_led() {
            true => custom::failed(cx, door, attempt.progress, attempt.subject).await,
            false => Err(wrong()),
        };
    }
    let address = cx.origin.user_address(Some(&door.client)).map(|address| address.to_string());
    let mut tx = cx.single().await?;
    let is_known = store::devices::authenticated(&mut tx, &device, address, cx.now()).await?;
    tx.commit().await?;
    if !is_known {
        return Err(Error::NoSuchDevice);
    }
    proceed(cx, door, Progress { device: true, ..attempt.progress }, user).await
}

/// The device of the sign-in, as it is now. An answer that names a device must name this one.
async fn the_same(
    cx: &Cx,
    door: &Door,
    progress: &Progress,
    user: &User,
    device_key: Option<String>,
) -> Result<Device> {
    if device_key.is_some() && device_key != progress.device_key {
        return Err(Error::NoSuchDevice);
    }
    named(cx, door, progress, user).await?.ok_or(Error::NoSuchDevice)
}
