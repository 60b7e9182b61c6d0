//! A device without a browser is let in from another one: it shows a code, its user types that into a page, and meanwhile the
//! device asks whether it may come in.
//!
//! Both codes are kept as hashes. The device's works for its client, until somebody has answered and for ten minutes, and once.
//! The other one is short; whoever guesses at it is stopped after a few.
//! <https://www.rfc-editor.org/rfc/rfc8628>

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};

use super::{
    Cx,
    authorize::{self, Issuance, SignedIn},
    directory, per_address,
};
use crate::{
    domain::{Client, Error, Pool, Result, device_request::UserCode, token::Tokens},
    keys::seal::Purpose,
    store::{
        self,
        device_requests::{New, Status},
    },
};

const LIFETIME: Duration = Duration::from_secs(600);
/// For so long a device is told that its code has expired, rather than that there was none.
const MEMORY: Duration = Duration::from_secs(3_600);
const PAUSE: Duration = Duration::from_secs(5);

/// What a device is told at the beginning.
pub struct Started {
    pub device_code: String,
    pub user_code: UserCode,
    pub expires_in: Duration,
    /// Between two questions.
    pub interval: Duration,
}

/// Why a device does not come in, or not yet.
#[derive(Debug)]
pub enum Refusal {
    Pending,
    SlowDown,
    Denied,
    Expired,
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A device asks to be let in. Its client has proven itself.
pub async fn begin(cx: &Cx, pool: &Pool, client: &Client, scope: Option<&str>) -> Result<Started> {
    let scopes = authorize::scopes(cx, pool, client, scope).await?;
    let device_code = cx.random().alphanumeric(43);
    let device_hash = hash(&device_code);
    let now = cx.now();
    let ends_at = now.plus(LIFETIME);
    loop {
        let user_code = UserCode::new(cx.random());
        let new = New {
            device_hash: &device_hash,
            user_hash: &user_hash(cx, &user_code),
            pool_id: &pool.id,
            client_id: &client.id,
            scopes: &scopes,
            pause_millis: i64::try_from(PAUSE.as_millis()).unwrap_or(i64::MAX),
            ends_at,
            expires_at: ends_at.plus(MEMORY),
        };
        let mut tx = cx.begin().await?;
        let is_new = store::device_requests::insert(&mut tx, &new).await?;
        tx.commit().await?;
        if is_new {
            return Ok(Started { device_code, user_code, expires_in: LIFETIME, interval: PAUSE });
        }
    }
}

/// A device asks whether it may come in.
/// `key` is the thumbprint of the key that its client has shown.
pub async fn redeem(
    cx: &Cx,
    (pool, client): (Arc<Pool>, Arc<Client>),
    device_code: &str,
    key: Option<String>,
) -> Result<Tokens, Refusal> {
    let (hash, now) = (hash(device_code), cx.now());
    let mut tx = cx.begin().await?;
    let state = store::device_requests::find(&mut tx, &hash, &client.id).await?.ok_or(Error::CodeExpired)?;
    if now >= state.ends_at {
        return Err(Refusal::Expired);
    }
    let more = i64::try_from(PAUSE.as_millis()).unwrap_or(i64::MAX);
    if !store::device_requests::poll(&mut tx, &hash, now, more).await? {
        tx.commit().await?;
        return Err(Refusal::SlowDown);
    }
    let redeemed = match state.status {
        Status::Pending => Err(Refusal::Pending),
        Status::Denied => Err(Refusal::Denied),
        Status::Approved => Ok(store::device_requests::redeem::<SignedIn>(&mut tx, &hash, &client.id).await?),
    };
    tx.commit().await?;
    let (scopes, signed_in) = redeemed?.ok_or(Error::CodeExpired)?;
    let issuance = Issuance {
        pool,
        client,
        signed_in: &signed_in,
        scopes,
        nonce: None,
        audience: None,
        key,
        tells_level: false,
        grant_id: None,
    };
    Ok(issuance.start(cx).await?)
}

/// The client of the device that shows this code. A guess counts before it is looked at, and a right one does not.
pub async fn waiting(cx: &Cx, code: &UserCode) -> Result<Option<(Arc<Pool>, Arc<Client>)>> {
    per_address::guess_device(cx, async {
        let mut tx = cx.read().await?;
        let client_id = store::device_requests::waiting(&mut tx, &user_hash(cx, code), cx.now()).await?;
        drop(tx);
        let Some(client_id) = client_id else { return Ok(None) };
        let found = directory::client(cx, &client_id).await.map(Some);
        found.or_else(|error| if matches!(error, Error::NoSuchClient(_)) { Ok(None) } else { Err(error) })
    })
    .await
}

/// Lets the device in, as whoever is signed in here. False when it does not wait any more.
pub async fn approve(cx: &Cx, code: &UserCode, signed_in: &SignedIn) -> Result<bool> {
    let mut tx = cx.begin().await?;
    let hash = user_hash(cx, code);
    let is_done = store::device_requests::approve(&mut tx, &hash, signed_in.clone(), cx.now()).await?;
    tx.commit().await?;
    Ok(is_done)
}

/// Refuses it.
pub async fn deny(cx: &Cx, code: &UserCode) -> Result<bool> {
    let mut tx = cx.begin().await?;
    let is_done = store::device_requests::deny(&mut tx, &user_hash(cx, code), cx.now()).await?;
    tx.commit().await?;
    Ok(is_done)
}

fn hash(device_code: &str) -> Vec<u8> {
    digest(&SHA256, device_code.as_bytes()).as_ref().to_vec()
}

/// With a key: so few letters could be tried out from their plain hash.
fn user_hash(cx: &Cx, code: &UserCode) -> Vec<u8> {
    cx.app.sealer.mac(Purpose::Cookie, format!("user code\0{}", code.letters()).as_bytes()).to_vec()
}
