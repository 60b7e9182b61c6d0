//! Secure Remote Password: our public value for theirs, then their proof of the password.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Cx, Door, Outcome, Start, check_state_by_password, custom, meet, missing, proceed,
    session::{self, Draft},
    subject,
};
use crate::{
    domain::{
        Error, Result, User,
        challenge::{Awaits, Challenge, FirstProof, Progress, Prompt, SrpAttempt, Subject},
        user::SrpVerifier,
    },
    flows::passwords,
    keys::{same, seal::Purpose, srp},
    kit::ids::pool_name_of,
    store,
};

/// How far a client's clock may be from ours when it proves a password.
const TIMESTAMP_WINDOW: std::time::Duration = std::time::Duration::from_secs(300);

/// The first half.
pub(super) async fn begin(cx: &Cx, door: &Door, start: Start) -> Result<Outcome> {
    let srp_a = start.srp_a.clone().filter(|a| !a.is_empty()).ok_or_else(|| missing("SRP_A"))?;
    check_a(&srp_a)?;
    let found = meet(cx, door, &start).await?;
    let subject = subject(cx, door, found.as_ref(), &start.username);
    // However a name is written, it is one name: with another look each time, nobody would be told from somebody.
    let name = store::users::key(&door.pool, &start.username);
    let opening = Opening { subject: &subject, progress: &start.progress(), srp_a, with_session: false };
    let verifier = found.and_then(|user| user.credential.srp);
    Outcome::asks(open(cx, door, opening, (verifier, &name)).await?)
}

/// Who opens a handshake, and with what.
pub(super) struct Opening<'a> {
    pub(super) subject: &'a Subject,
    pub(super) progress: &'a Progress,
    pub(super) srp_a: String,
    /// Whether a session goes along with the block, and has to come back with the proof.
    pub(super) with_session: bool,
}

/// Whether a client's public value is one.
pub(super) fn check_a(srp_a: &str) -> Result<()> {
    srp::parse_a(srp_a).map(drop).map_err(|error| Error::InvalidParameter(error.to_string()))
}

/// Our public value for theirs. `name` is what invented values are made from.
pub(super) async fn open(
    cx: &Cx,
    door: &Door,
    opening: Opening<'_>,
    (verifier, name): (Option<SrpVerifier>, &str),
) -> Result<Prompt> {
    let Opening { subject, progress, srp_a, with_session } = opening;
    check_a(&srp_a)?;
    // Somebody without a password, and somebody who does not exist, are shown invented values that stay the same.
    let verifier = verifier.unwrap_or_else(|| {
        let fake = srp::fake_verifier(&cx.app.sealer, &door.pool.id, name);
        SrpVerifier { salt: fake.salt.to_vec(), verifier: fake.v }
    });
    let (exponent, srp_b) = public_value(cx, verifier.verifier).await?;
    let attempt = SrpAttempt {
        id: cx.random().uuid(),
        pool_id: door.pool.id.clone(),
        client_id: door.client.id.clone(),
        subject: subject.clone(),
        progress: progress.clone(),
        with_session,
        srp_a,
        srp_b: exponent,
        expires_at: cx.now().plus(door.client.session_lifetime()),
    };
    let awaits = Awaits::PasswordVerifier(attempt.id.clone());
    let session = Draft { subject, awaits, progress }.seal(cx, door)?;
    Ok(Prompt {
        challenge: Challenge::PasswordVerifier {
            salt: hex::encode(&verifier.salt),
            srp_b,
            secret_block: cx.app.sealer.seal_json(Purpose::SrpBlock, &attempt)?,
        },
        username: attempt.subject.username,
        session: with_session.then_some(session),
        available: Vec::new(),
    })
}

/// A new secret exponent, in base64, and our public value for this verifier.
pub(super) async fn public_value(cx: &Cx, verifier: Vec<u8>) -> Result<(String, String)> {
    let exponent = cx.random().bytes::<32>();
    let srp_b = tokio::task::spawn_blocking(move || srp::challenge(&verifier, &exponent))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok((BASE64_STANDARD.encode(exponent), srp_b))
}

pub(super) struct Proof {
    pub(super) username: String,
    pub(super) session: Option<String>,
    pub(super) secret_block: String,
    pub(super) signature: String,
    pub(super) timestamp: String,
}

/// The second half. Here a client names its device, whatever it has said at the first.
pub(super) async fn answer(cx: &Cx, door: &Door, proof: Proof, device_key: Option<String>) -> Result<Outcome> {
    let wrong = || Error::WrongCredentials;
    let attempt: SrpAttempt = cx.app.sealer.open_json(Purpose::SrpBlock, &proof.secret_block).ok_or_else(wrong)?;
    let is_ours = attempt.pool_id == door.pool.id && attempt.client_id == door.client.id;
    if !is_ours || cx.now() >= attempt.expires_at || proof.username != attempt.subject.username {
        return Err(wrong());
    }
    if attempt.with_session {
        let opened = session::open(cx, door, proof.session.as_deref(), &proof.username).await?;
        if opened.session.awaits != Awaits::PasswordVerifier(attempt.id.clone()) {
            return Err(session::invalid());
        }
    }
    check_timestamp(cx, &proof)?;
    let is_stray = is_stray(cx, door, &attempt, device_key.as_deref()).await?;
    if !is_stray {
        spend(cx, &attempt).await?;
    }
    // The state is told at this step, and the password's proof decides nothing before it.
    let proven = prove(cx, door, &attempt, &proof).await;
    if is_stray {
        if proven.is_ok() {
            return Err(Error::NoSuchDevice);
        }
        spend(cx, &attempt).await?;
    }
    let user = match proven {
        // What follows from a wrong password, a trigger decides there.
        Err(Error::WrongCredentials) if attempt.progress.is_led() => {
            return custom::failed(cx, door, attempt.progress, attempt.subject).await;
        }
        proven => proven?,
    };
    let mut progress = attempt.progress.proven(FirstProof::Password);
    progress.device_key = device_key;
    proceed(cx, door, progress, user).await
}

/// Whether the client names a device that the user does not have. It is told so once it has proven the password, and comes
/// again with the same proof and without the device: only then is the attempt used up.
async fn is_stray(cx: &Cx, door: &Door, attempt: &SrpAttempt, device_key: Option<&str>) -> Result<bool> {
    let (Some(key), Some(sub), Some(_)) = (device_key, &attempt.subject.sub, door.pool.device_tracking()) else {
        return Ok(false);
    };
    let mut tx = cx.read().await?;
    if store::grants::is_spent(&mut tx, &attempt.id).await? {
        return Err(Error::WrongCredentials);
    }
    Ok(!store::devices::exists(&mut tx, (&attempt.pool_id, sub), key).await?)
}

pub(super) fn check_timestamp(cx: &Cx, proof: &Proof) -> Result<()> {
    srp::check_timestamp(&proof.timestamp, cx.now(), TIMESTAMP_WINDOW).map_err(|_| Error::WrongCredentials)
}

/// Whose password was proven.
async fn prove(cx: &Cx, door: &Door, attempt: &SrpAttempt, proof: &Proof) -> Result<User> {
    let user = match &attempt.subject.sub {
        Some(sub) => store::users::by_sub(&mut cx.read().await?, &attempt.pool_id, sub).await?,
        None => None,
    };
    let Some(user) = user else {
        let work = async { is_right(cx, attempt, None, proof).await.map(drop) };
        passwords::nobody_under_lock(cx, &door.pool, &attempt.subject.login, work).await?;
        return Err(Error::WrongCredentials);
    };
    check_state_by_password(door, &user)?;
    let verifier = user.credential.srp.clone();
    passwords::under_lock(cx, &user, is_right(cx, attempt, verifier, proof)).await?;
    Ok(user)
}

/// Right or wrong, a proof uses its attempt up.
pub(super) async fn spend(cx: &Cx, attempt: &SrpAttempt) -> Result<()> {
    let mut tx = cx.begin().await?;
    let is_first = store::grants::spend(&mut tx, &attempt.id, attempt.expires_at).await?;
    tx.commit().await?;
    if is_first { Ok(()) } else { Err(Error::WrongCredentials) }
}

/// Computes the expected proof, also for somebody who does not exist: it takes the same time, and is never right.
async fn is_right(cx: &Cx, attempt: &SrpAttempt, verifier: Option<SrpVerifier>, proof: &Proof) -> Result<bool> {
    let exists = verifier.is_some();
    let v = verifier.map_or_else(
        || srp::fake_verifier(&cx.app.sealer, &attempt.pool_id, &attempt.subject.username).v,
        |srp| srp.verifier,
    );
    let names = (pool_name_of(&attempt.pool_id).to_owned(), attempt.subject.username.clone());
    // In this order: what is not looked at costs nothing.
    Ok(proves(attempt, names, v, proof).await? && exists)
}

/// Whether the proof is the one that whoever knows the secret behind `v` gives. `names` are what the arithmetic calls pool and
/// user.
pub(super) async fn proves(attempt: &SrpAttempt, names: (String, String), v: Vec<u8>, proof: &Proof) -> Result<bool> {
    let exponent: Option<[u8; 32]> =
        BASE64_STANDARD.decode(&attempt.srp_b).ok().and_then(|bytes| bytes.try_into().ok());
    let (Some(exponent), Ok(block)) = (exponent, BASE64_STANDARD.decode(&proof.secret_block)) else {
        return Ok(false);
    };
    let signature = BASE64_STANDARD.decode(&proof.signature).unwrap_or_default();
    let (srp_a, timestamp) = (attempt.srp_a.clone(), proof.timestamp.clone());
    let expected = tokio::task::spawn_blocking(move || {
        srp::expected_proof(&names.0, &names.1, &v, &exponent, &srp_a, &block, &timestamp)
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(expected.is_ok_and(|expected| same(&expected, &signature)))
}
