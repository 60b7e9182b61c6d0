//! Signing in: one machine whose every step is a challenge or tokens.
//!
//! The order of refusals is the service's: client, secret hash, flow, parameters, user, state, proof. Whether an unknown user
//! is told apart from a wrong password is the client's `PreventUserExistenceErrors`, applied here once.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow.html>

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Cx, client_proof, issue, issue::Issue, passwords};
use crate::{
    domain::{
        Asker, Client, Error, Pool, Result, User, attribute,
        attribute::Write,
        challenge::{Awaits, Challenge, Session, SrpAttempt, Step},
        client::Flow,
        error::SessionFault,
        grant::GrantSource,
        resource_server::ADMIN_SCOPE,
        token,
        user::{Attributes, SrpVerifier, Status},
    },
    hooks::TokenSource,
    keys::seal::Purpose,
    keys::{same, srp},
    kit::{ids::pool_name_of, secret::Secret},
    store,
};

/// How far a client's clock may be from ours when it proves a password.
const TIMESTAMP_WINDOW: std::time::Duration = std::time::Duration::from_secs(300);

/// Who signs in, where, and what for.
#[derive(Clone)]
pub struct Door {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub goal: Goal,
    /// `ClientMetadata` of this very call.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// What stands at the end of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Tokens for a caller of the API.
    Tokens,
    /// The hosted pages: the user is known, and a code is given out later.
    Identity,
}

/// How somebody begins.
pub enum Start {
    Password {
        username: String,
        password: Secret,
        secret_hash: Option<String>,
        flow: Flow,
    },
    Srp {
        username: String,
        srp_a: String,
        secret_hash: Option<String>,
    },
    /// Flows that are not built; refused in the order of those that are.
    Other {
        username: String,
        secret_hash: Option<String>,
        flow: Flow,
    },
}

/// How somebody goes on. The client has proven itself before.
pub enum Answer {
    PasswordVerifier {
        username: String,
        secret_block: String,
        signature: String,
        timestamp: String,
    },
    NewPassword {
        session: String,
        username: String,
        password: Secret,
        /// Attributes by their plain names.
        attributes: Attributes,
    },
}

/// A step of the pages: they end in a user, not in tokens.
#[derive(Debug)]
pub enum Outcome {
    Challenge(Challenge),
    User(Box<User>),
}

/// The first call of a sign-in that ends in tokens.
pub async fn begin(cx: &Cx, door: &Door, start: Start) -> Result<Step> {
    let outcome = identify(cx, door, start).await?;
    finish(cx, door, outcome, TokenSource::Authentication).await
}

/// The answer to a challenge, on the way to tokens.
pub async fn answer(cx: &Cx, door: &Door, answer: Answer) -> Result<Step> {
    let source = match &answer {
        Answer::PasswordVerifier { .. } => TokenSource::Authentication,
        Answer::NewPassword { .. } => TokenSource::NewPasswordChallenge,
    };
    let outcome = identify_by(cx, door, answer).await?;
    finish(cx, door, outcome, source).await
}

async fn finish(cx: &Cx, door: &Door, outcome: Outcome, trigger: TokenSource) -> Result<Step> {
    let user = match outcome {
        Outcome::Challenge(challenge) => return Ok(Step::Challenge(challenge)),
        Outcome::User(user) => *user,
    };
    let issue = Issue {
        pool: Arc::clone(&door.pool),
        client: Arc::clone(&door.client),
        user,
        scopes: vec![ADMIN_SCOPE.to_owned()],
        source: GrantSource::Api,
        trigger,
        nonce: None,
        client_metadata: door.metadata.clone(),
    };
    Ok(Step::Tokens(Box::new(issue::start(cx, issue, cx.now()).await?)))
}

/// The first step, up to knowing who it is.
pub async fn identify(cx: &Cx, door: &Door, start: Start) -> Result<Outcome> {
    match start {
        Start::Password { username, password, secret_hash, flow } => {
            check_door(door, flow, &username, secret_hash.as_deref())?;
            check_given(&[("USERNAME", &username), ("PASSWORD", password.expose())])?;
            by_password(cx, door, &username, &password).await
        }
        Start::Srp { username, srp_a, secret_hash } => {
            check_door(door, Flow::Srp, &username, secret_hash.as_deref())?;
            check_given(&[("USERNAME", &username), ("SRP_A", &srp_a)])?;
            begin_srp(cx, door, &username, srp_a).await
        }
        Start::Other { username, secret_hash, flow } => {
            check_door(door, flow, &username, secret_hash.as_deref())?;
            check_given(&[("USERNAME", &username)])?;
            Err(match flow {
                Flow::Custom => Error::InvalidParameter(
                    "Custom auth lambda trigger is not configured for the user pool.".to_owned(),
                ),
                _ => Error::NotBuilt("USER_AUTH".to_owned()),
            })
        }
    }
}

/// An answer, up to knowing who it is.
pub async fn identify_by(cx: &Cx, door: &Door, answer: Answer) -> Result<Outcome> {
    match answer {
        Answer::PasswordVerifier { username, secret_block, signature, timestamp } => {
            let proof = Proof { username, secret_block, signature, timestamp };
            verify_srp(cx, door, proof).await
        }
        Answer::NewPassword { session, username, password, attributes } => {
            let user = set_new_password(cx, door, &session, &username, &password, attributes).await?;
            Ok(Outcome::User(Box::new(user)))
        }
    }
}

/// The pages prove their client otherwise and sign in with a password whatever flows the API allows.
fn check_door(door: &Door, flow: Flow, username: &str, secret_hash: Option<&str>) -> Result<()> {
    if door.goal == Goal::Identity {
        return Ok(());
    }
    client_proof::check_secret_hash(&door.client, username, secret_hash)?;
    if door.client.allows(flow) {
        return Ok(());
    }
    Err(Error::InvalidParameter(match flow {
        Flow::Password => "USER_PASSWORD_AUTH flow not enabled for this client".to_owned(),
        Flow::Srp => "USER_SRP_AUTH is not enabled for the client.".to_owned(),
        _ => "Auth flow not enabled for this client".to_owned(),
    }))
}

fn check_given(parameters: &[(&str, &str)]) -> Result<()> {
    match parameters.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(missing(name)),
        None => Ok(()),
    }
}

/// The refusal of a call that lacks a parameter of its flow.
pub fn missing(name: &str) -> Error {
    Error::InvalidParameter(format!("Missing required parameter {name}"))
}

async fn by_password(cx: &Cx, door: &Door, username: &str, password: &Secret) -> Result<Outcome> {
    let found = store::users::by_login(&mut cx.read().await?, &door.pool, username).await?;
    let Some(user) = found else {
        if !door.client.hides_users() && door.goal == Goal::Tokens {
            return Err(Error::NoSuchUser);
        }
        passwords::verify_nobody(cx, &door.pool, username, password).await?;
        return Err(Error::WrongCredentials);
    };
    check_state(&user)?;
    passwords::verify(cx, &user, password).await?;
    after_first_factor(cx, door, user).await
}

/// Refusals that come before the password is looked at.
fn check_state(user: &User) -> Result<()> {
    if !user.enabled {
        return Err(Error::UserDisabled);
    }
    match user.status {
        Status::Unconfirmed => Err(Error::UserNotConfirmed),
        Status::ResetRequired => Err(Error::PasswordResetRequired),
        Status::Confirmed | Status::ForceChangePassword | Status::ExternalProvider => Ok(()),
    }
}

async fn after_first_factor(cx: &Cx, door: &Door, user: User) -> Result<Outcome> {
    if user.status != Status::ForceChangePassword {
        return Ok(Outcome::User(Box::new(user)));
    }
    passwords::check_temporary(cx, &door.pool, &user)?;
    let required = attribute::missing_required(&door.pool, &user.attributes).map(str::to_owned).collect();
    let readable = user.attributes.iter().filter(|(name, _)| token::is_readable(&door.client, name));
    Ok(Outcome::Challenge(Challenge::NewPasswordRequired {
        required,
        attributes: readable.map(|(name, value)| (name.clone(), value.clone())).collect(),
        session: seal_session(cx, door, &user, Awaits::NewPassword)?,
        username: user.username,
    }))
}

fn seal_session(cx: &Cx, door: &Door, user: &User, awaits: Awaits) -> Result<String> {
    let session = Session {
        id: cx.random().uuid(),
        pool_id: door.pool.id.clone(),
        client_id: door.client.id.clone(),
        sub: user.sub.clone(),
        awaits,
        expires_at: cx.now().plus(door.client.session_lifetime()),
    };
    Ok(cx.app.sealer.seal_json(Purpose::Session, &session)?)
}

/// A session that this client was given for this challenge, and that has neither ended nor been used.
async fn open_session(cx: &Cx, door: &Door, text: &str, awaits: Awaits) -> Result<Session> {
    let invalid = || Error::Session(SessionFault::Invalid);
    let session: Session = cx.app.sealer.open_json(Purpose::Session, text).ok_or_else(invalid)?;
    if session.pool_id != door.pool.id || session.client_id != door.client.id || session.awaits != awaits {
        return Err(invalid());
    }
    if cx.now() >= session.expires_at {
        return Err(Error::Session(SessionFault::Expired));
    }
    if store::grants::is_spent(&mut cx.read().await?, &session.id).await? {
        return Err(Error::Session(SessionFault::Used));
    }
    Ok(session)
}

async fn set_new_password(
    cx: &Cx,
    door: &Door,
    session: &str,
    username: &str,
    password: &Secret,
    attributes: Attributes,
) -> Result<User> {
    let session = open_session(cx, door, session, Awaits::NewPassword).await?;
    let invalid = || Error::Session(SessionFault::Invalid);
    let user =
        store::users::by_sub(&mut cx.read().await?, &session.pool_id, &session.sub).await?.ok_or_else(invalid)?;
    // Whoever answers must mean the session's user; clients send the stored name, or what was typed.
    let meant = store::users::by_login(&mut cx.read().await?, &door.pool, username).await?;
    if meant.is_none_or(|meant| meant.sub != user.sub) {
        return Err(invalid());
    }
    if !user.enabled {
        return Err(Error::UserDisabled);
    }
    if user.status != Status::ForceChangePassword {
        return Err(invalid());
    }
    let attributes = new_attributes(door, &user, attributes)?;
    let credential = passwords::credential(cx, &door.pool, &user, password, false, Asker::User).await?;

    let now = cx.now();
    let mut tx = cx.begin().await?;
    if !store::grants::spend(&mut tx, &session.id, session.expires_at).await? {
        return Err(Error::Session(SessionFault::Used));
    }
    let mut user = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?.ok_or_else(invalid)?;
    if !user.enabled || user.status != Status::ForceChangePassword {
        return Err(invalid());
    }
    user.attributes.extend(attributes);
    user.credential = credential;
    user.status = Status::Confirmed;
    user.modified_at = now;
    store::users::update(&mut tx, &door.pool, &user).await?;
    store::users::set_credential(&mut tx, &user).await?;
    tx.commit().await?;
    Ok(user)
}

/// What came with a new password: everything that is required and missing, and nothing that is there already.
fn new_attributes(door: &Door, user: &User, given: Attributes) -> Result<Attributes> {
    let is_set = |name: &&String| user.attribute(name).is_some_and(|value| !value.is_empty());
    if let Some(name) = given.keys().find(is_set) {
        return Err(Error::AttributeProvided(name.clone()));
    }
    attribute::check_writable(&door.pool, &door.client, given.keys().map(String::as_str))?;
    let given = attribute::check_values(&door.pool, &given, Write::Creation)?;
    let mut all = user.attributes.clone();
    all.extend(given.clone());
    let missing = attribute::missing_required(&door.pool, &all).next().map(str::to_owned);
    match missing {
        Some(name) => Err(Error::InvalidParameter(format!("Invalid attributes given, {name} is missing"))),
        None => Ok(given),
    }
}

/// Secure Remote Password, the first half: our public value for theirs.
async fn begin_srp(cx: &Cx, door: &Door, username: &str, srp_a: String) -> Result<Outcome> {
    srp::parse_a(&srp_a).map_err(|error| Error::InvalidParameter(error.to_string()))?;
    let found = store::users::by_login(&mut cx.read().await?, &door.pool, username).await?;
    if found.is_none() && !door.client.hides_users() {
        return Err(Error::NoSuchUser);
    }
    // However a name is written, it is one name: with another look each time, nobody would be told from somebody.
    let name = store::users::key(&door.pool, username);
    // Somebody without a password, and somebody who does not exist, are shown invented values that stay the same.
    let verifier = found.as_ref().and_then(|user| user.credential.srp.clone()).unwrap_or_else(|| {
        let fake = srp::fake_verifier(&cx.app.sealer, &door.pool.id, &name);
        SrpVerifier { salt: fake.salt.to_vec(), verifier: fake.v }
    });
    let shown = found.as_ref().map_or_else(|| fake_username(cx, door, &name), |user| user.username.clone());
    let exponent = cx.random().bytes::<32>();
    let v = verifier.verifier;
    let srp_b = tokio::task::spawn_blocking(move || srp::challenge(&v, &exponent))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
        .map_err(|error| Error::Internal(error.to_string()))?;
    let attempt = SrpAttempt {
        id: cx.random().uuid(),
        pool_id: door.pool.id.clone(),
        client_id: door.client.id.clone(),
        username: shown.clone(),
        login: name,
        sub: found.map(|user| user.sub),
        srp_a,
        srp_b: BASE64_STANDARD.encode(exponent),
        expires_at: cx.now().plus(door.client.session_lifetime()),
    };
    Ok(Outcome::Challenge(Challenge::PasswordVerifier {
        username: shown,
        salt: hex::encode(&verifier.salt),
        srp_b,
        secret_block: cx.app.sealer.seal_json(Purpose::SrpBlock, &attempt)?,
    }))
}

/// The name that an unknown user is shown under: a UUID in pools that hide names behind one, else what was typed.
fn fake_username(cx: &Cx, door: &Door, username: &str) -> String {
    if !door.pool.has_username_attributes() {
        return username.to_owned();
    }
    let mac = cx.app.sealer.mac(Purpose::FakeUser, format!("username\0{}\0{username}", door.pool.id).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&mac[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

struct Proof {
    username: String,
    secret_block: String,
    signature: String,
    timestamp: String,
}

/// Secure Remote Password, the second half: their proof of the password.
async fn verify_srp(cx: &Cx, door: &Door, proof: Proof) -> Result<Outcome> {
    let wrong = || Error::WrongCredentials;
    let attempt: SrpAttempt = cx.app.sealer.open_json(Purpose::SrpBlock, &proof.secret_block).ok_or_else(wrong)?;
    let is_ours = attempt.pool_id == door.pool.id && attempt.client_id == door.client.id;
    if !is_ours || cx.now() >= attempt.expires_at || proof.username != attempt.username {
        return Err(wrong());
    }
    srp::check_timestamp(&proof.timestamp, cx.now(), TIMESTAMP_WINDOW).map_err(|_| wrong())?;
    spend_attempt(cx, &attempt).await?;
    let user = match &attempt.sub {
        Some(sub) => store::users::by_sub(&mut cx.read().await?, &attempt.pool_id, sub).await?,
        None => None,
    };
    // The state is told at this step, and the password's proof decides nothing before it.
    let Some(user) = user else {
        let work = async { proves(cx, &attempt, None, &proof).await.map(drop) };
        passwords::nobody_under_lock(cx, &door.pool, &attempt.login, work).await?;
        return Err(wrong());
    };
    check_state(&user)?;
    let verifier = user.credential.srp.clone();
    passwords::under_lock(cx, &user, proves(cx, &attempt, verifier, &proof)).await?;
    after_first_factor(cx, door, user).await
}

async fn spend_attempt(cx: &Cx, attempt: &SrpAttempt) -> Result<()> {
    let mut tx = cx.begin().await?;
    let is_first = store::grants::spend(&mut tx, &attempt.id, attempt.expires_at).await?;
    tx.commit().await?;
    if is_first { Ok(()) } else { Err(Error::WrongCredentials) }
}

/// Computes the expected proof, also for somebody who does not exist: it takes the same time, and is never right.
async fn proves(cx: &Cx, attempt: &SrpAttempt, verifier: Option<SrpVerifier>, proof: &Proof) -> Result<bool> {
    let exists = verifier.is_some();
    let v = verifier
        .map_or_else(|| srp::fake_verifier(&cx.app.sealer, &attempt.pool_id, &attempt.username).v, |srp| srp.verifier);
    let exponent: Option<[u8; 32]> =
        BASE64_STANDARD.decode(&attempt.srp_b).ok().and_then(|bytes| bytes.try_into().ok());
    let (Some(exponent), Ok(block)) = (exponent, BASE64_STANDARD.decode(&proof.secret_block)) else {
        return Ok(false);
    };
    let signature = BASE64_STANDARD.decode(&proof.signature).unwrap_or_default();
    let (attempt, timestamp) = (attempt.clone(), proof.timestamp.clone());
    let expected = tokio::task::spawn_blocking(move || {
        let pool_name = pool_name_of(&attempt.pool_id);
        srp::expected_proof(pool_name, &attempt.username, &v, &exponent, &attempt.srp_a, &block, &timestamp)
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(exists && expected.is_ok_and(|expected| same(&expected, &signature)))
}
