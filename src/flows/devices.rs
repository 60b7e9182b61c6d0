//! Devices: confirmed by their users, remembered or not, listed and forgotten, by their users and by administrators alike.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html>

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Cx,
    bearer::Bearer,
    cursor::{self, Page},
};
use crate::{
    domain::{
        Error, Pool, Result, User,
        device::{Device, DeviceConfiguration},
        error::{Existing, PoolFault},
        user::SrpVerifier,
    },
    keys::srp,
    store,
};

/// Clients send 16 or 17 bytes.
const LONGEST_SALT: usize = 64;

/// How a client's secret for its device will be checked: base64 of salt and verifier.
pub struct Verifier {
    pub salt: String,
    pub verifier: String,
}

/// What the pool says about devices. Where it says nothing there are none.
fn tracking(pool: &Pool) -> Result<DeviceConfiguration> {
    let text = || "Device tracking is not enabled for this user pool.".to_owned();
    pool.device_tracking().ok_or_else(|| Error::PoolState(PoolFault::Configuration(text())))
}

fn invalid<T>(text: &str) -> Result<T> {
    Err(Error::InvalidParameter(text.to_owned()))
}

/// Confirms the device that the access token was given to. True when its user has yet to say whether it may be remembered.
pub async fn confirm(
    cx: &Cx,
    bearer: &Bearer,
    key: String,
    name: Option<String>,
    verifier: Option<Verifier>,
) -> Result<bool> {
    let Bearer { pool, client, user, claims } = bearer;
    let tracking = tracking(pool)?;
    if claims.device_key.as_ref() != Some(&key) {
        return invalid("Invalid device key given.");
    }
    let now = cx.now();
    let device = Device {
        pool_id: pool.id.clone(),
        key,
        sub: user.sub.clone(),
        name,
        is_remembered: !tracking.device_only_remembered_on_user_prompt,
        srp: read_verifier(verifier)?,
        last_ip: cx.origin.user_address(Some(client)).map(|address| address.to_string()),
        created_at: now,
        modified_at: now,
        authenticated_at: now,
    };
    let mut tx = cx.begin().await?;
    store::users::by_sub_for_update(&mut tx, &pool.id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    if !store::devices::insert(&mut tx, &device).await? {
        return Err(Error::Exists(Existing::DeviceKey));
    }
    tx.commit().await?;
    Ok(!device.is_remembered)
}

/// Without a verifier the device could never prove itself.
fn read_verifier(given: Option<Verifier>) -> Result<SrpVerifier> {
    let Some(given) = given else { return invalid("Missing required parameter DeviceSecretVerifierConfig") };
    let Ok(salt) = BASE64_STANDARD.decode(&given.salt) else { return invalid("Salt must be base64.") };
    if salt.is_empty() || salt.len() > LONGEST_SALT {
        return invalid("Salt must be of 1 to 64 bytes.");
    }
    match BASE64_STANDARD.decode(&given.verifier) {
        Ok(verifier) if srp::is_verifier(&verifier) => Ok(SrpVerifier { salt, verifier }),
        _ => invalid("PasswordVerifier must be the base64 of a number of the SRP group."),
    }
}

pub async fn get(cx: &Cx, pool: &Pool, user: &User, key: &str) -> Result<Device> {
    tracking(pool)?;
    store::devices::find(&mut cx.read().await?, user, key).await?.ok_or(Error::NoSuchDevice)
}

pub async fn list(cx: &Cx, pool: &Pool, user: &User, limit: usize, cursor: Option<&str>) -> Result<Page<Device>> {
    tracking(pool)?;
    let list = format!("devices:{}:{}", user.pool_id, user.sub);
    let after = cursor::open(cx, &list, cursor)?;
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let devices = store::devices::page(&mut cx.read().await?, user, &after, wanted).await?;
    cursor::page(cx, &list, devices, limit, |device| device.key.clone())
}

/// Lets the device stand in for a second factor, or no more. `None` leaves it as it is.
pub async fn remember(cx: &Cx, pool: &Pool, user: &User, key: &str, is_remembered: Option<bool>) -> Result<()> {
    tracking(pool)?;
    let Some(is_remembered) = is_remembered else { return get(cx, pool, user, key).await.map(drop) };
    let mut tx = cx.single().await?;
    let is_known = store::devices::remember(&mut tx, user, key, is_remembered, cx.now()).await?;
    tx.commit().await?;
    if is_known { Ok(()) } else { Err(Error::NoSuchDevice) }
}

pub async fn forget(cx: &Cx, pool: &Pool, user: &User, key: &str) -> Result<()> {
    tracking(pool)?;
    let mut tx = cx.single().await?;
    let is_known = store::devices::delete(&mut tx, user, key).await?;
    tx.commit().await?;
    if is_known { Ok(()) } else { Err(Error::NoSuchDevice) }
}
