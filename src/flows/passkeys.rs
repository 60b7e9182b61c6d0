//! Passkeys of signed-in users: registering, listing and deleting them. Signing in with one is `sign_in`'s.
//!
//! A registration that was begun lies in the database, because nothing but the user and the client comes back with the answer.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_StartWebAuthnRegistration.html>

use serde_json::Value;
use url::Url;

use super::{
    Cx,
    bearer::Bearer,
    cursor::{self, Page},
    domains,
};
use crate::{
    config::Mode,
    domain::{
        Client, Error, Pool, Result, User,
        error::WebAuthnFault,
        passkey::{self, MOST_PASSKEYS, Passkey, REGISTRATION_LIFETIME, Registration},
    },
    keys::webauthn::{Person, Rejection, RelyingParty},
    kit::clock::Time,
    store::{self, passkeys::After},
};

/// Whose passkeys, and through which client.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    pub pool: &'a Pool,
    pub client: &'a Client,
    pub user: &'a User,
}

impl<'a> From<&'a Bearer> for Owner<'a> {
    fn from(bearer: &'a Bearer) -> Self {
        Self { pool: &bearer.pool, client: &bearer.client, user: &bearer.user }
    }
}

/// Before every passkey.
const START: After<'_> = (Time::from_millis(i64::MIN), "");
/// One more than a user can have, so that one page is all of them.
const ALL: i64 = MOST_PASSKEYS as i64 + 1;

/// For whom the pool's passkeys are made: the domain that it names, else its own one, else in development this server's. None
/// where nothing of that is a domain.
pub async fn find_relying_party(cx: &Cx, pool: &Pool) -> Result<Option<RelyingParty>> {
    let configuration = pool.settings.web_authn();
    let verification = configuration.verification();
    let id = match configuration.relying_party_id {
        Some(id) => Some(id),
        None => domains::host_of(cx, &pool.id).await?.or_else(|| own_domain(cx)),
    };
    Ok(id.and_then(|id| RelyingParty::new(&id, verification)))
}

fn own_domain(cx: &Cx) -> Option<String> {
    let setup = &cx.app.setup;
    let url = Url::parse(&setup.public_url).ok().filter(|_| setup.mode == Mode::Development)?;
    url.domain().map(str::to_owned)
}

async fn relying_party(cx: &Cx, pool: &Pool) -> Result<RelyingParty> {
    find_relying_party(cx, pool).await?.ok_or(Error::WebAuthn(WebAuthnFault::ConfigurationMissing))
}

/// For whom passkeys can sign in. None where the pool does not allow it, or lacks a relying party.
pub async fn usable_relying_party(cx: &Cx, pool: &Pool) -> Result<Option<RelyingParty>> {
    if !pool.settings.allow_passkeys() {
        return Ok(None);
    }
    find_relying_party(cx, pool).await
}

/// Options for `navigator.credentials.create`. They take the place of those that the user was given before.
pub async fn start(cx: &Cx, owner: Owner<'_>) -> Result<Value> {
    let Owner { pool, client, user } = owner;
    passkey::check_enabled(pool, client)?;
    let relying_party = relying_party(cx, pool).await?;
    let present = all(cx, pool, &user.sub).await?;
    check_room(present.len())?;
    let person = Person { sub: &user.sub, username: &user.username };
    let asked = relying_party.ask_registration(&person, &present)?;
    let registration = Registration {
        pool_id: pool.id.clone(),
        sub: user.sub.clone(),
        id: cx.random().uuid(),
        client_id: client.id.clone(),
        state: asked.state,
        expires_at: cx.now().plus(REGISTRATION_LIFETIME),
    };
    let mut tx = cx.begin().await?;
    store::users::by_sub_for_update(&mut tx, &pool.id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    store::passkeys::put_registration(&mut tx, &registration).await?;
    tx.commit().await?;
    Ok(asked.options)
}

/// Takes what `navigator.credentials.create` gave. A registration is used up by the passkey that it leads to; until then, and
/// while it lasts, a better answer may follow a bad one.
pub async fn complete(cx: &Cx, owner: Owner<'_>, credential: &Value) -> Result<()> {
    let Owner { pool, client, user } = owner;
    let fault = |fault| Error::WebAuthn(fault);
    passkey::check_enabled(pool, client)?;
    let registration = store::passkeys::registration(&mut cx.read().await?, &pool.id, &user.sub).await?;
    let registration = registration
        .filter(|registration| cx.now() < registration.expires_at)
        .ok_or_else(|| fault(WebAuthnFault::ChallengeNotFound))?;
    if registration.client_id != client.id {
        return Err(fault(WebAuthnFault::ClientMismatch));
    }
    // A pool whose relying party is gone has none that the credential could be for.
    let relying_party = find_relying_party(cx, pool).await?;
    let relying_party = relying_party.ok_or_else(|| fault(WebAuthnFault::RelyingPartyMismatch))?;
    let made = relying_party.register(credential, &registration.state).map_err(refusal)?;
    let passkey = Passkey {
        pool_id: pool.id.clone(),
        sub: user.sub.clone(),
        id: made.id,
        relying_party: relying_party.id().to_owned(),
        name: passkey::friendly_name(made.attachment.as_deref()).to_owned(),
        attachment: made.attachment,
        transports: made.transports,
        key: made.key,
        counter: made.counter,
        created_at: cx.now(),
    };
    let mut tx = cx.begin().await?;
    store::users::by_sub_for_update(&mut tx, &pool.id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    if !store::passkeys::take_registration(&mut tx, &registration).await? {
        return Err(fault(WebAuthnFault::ChallengeNotFound));
    }
    check_room(store::passkeys::count(&mut tx, &pool.id, &user.sub).await?)?;
    if !store::passkeys::insert(&mut tx, &passkey).await? {
        return Err(Error::InvalidParameter("The passkey is registered already.".into()));
    }
    Ok(tx.commit().await?)
}

fn check_room(present: usize) -> Result<()> {
    if present < MOST_PASSKEYS {
        return Ok(());
    }
    Err(Error::LimitExceeded(format!("A user can have at most {MOST_PASSKEYS} passkeys.")))
}

/// The service's word for a registration that does not hold.
fn refusal(rejection: Rejection) -> Error {
    tracing::debug!(%rejection, "a passkey was not registered");
    Error::WebAuthn(match rejection {
        Rejection::Malformed => return Error::InvalidParameter("Invalid credential.".into()),
        Rejection::Challenge => WebAuthnFault::ChallengeNotFound,
        Rejection::Origin => WebAuthnFault::OriginNotAllowed,
        Rejection::RelyingParty => WebAuthnFault::RelyingPartyMismatch,
        Rejection::UserNotVerified
        | Rejection::Unsupported
        | Rejection::Stranger
        | Rejection::Signature
        | Rejection::Counter => WebAuthnFault::CredentialNotSupported,
    })
}

/// Every passkey of the user, also those for a relying party that the pool had before.
pub async fn all(cx: &Cx, pool: &Pool, sub: &str) -> Result<Vec<Passkey>> {
    Ok(store::passkeys::page(&mut cx.read().await?, &pool.id, sub, START, ALL).await?)
}

/// Those that the user can sign in with now.
pub async fn usable(cx: &Cx, pool: &Pool, sub: &str) -> Result<Vec<Passkey>> {
    let Some(relying_party) = usable_relying_party(cx, pool).await? else { return Ok(Vec::new()) };
    let mut passkeys = all(cx, pool, sub).await?;
    passkeys.retain(|passkey| passkey.relying_party == relying_party.id());
    Ok(passkeys)
}

/// In the order in which they were made. `limit` is at least one.
pub async fn list(cx: &Cx, bearer: &Bearer, limit: usize, cursor: Option<&str>) -> Result<Page<Passkey>> {
    let Bearer { pool, user, .. } = bearer;
    let list = format!("passkeys:{}:{}", pool.id, user.sub);
    let after = cursor::open(cx, &list, cursor)?;
    let after = match after.split_once(' ') {
        Some((millis, id)) => (millis.parse().map_or(START.0, Time::from_millis), id),
        None => START,
    };
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let passkeys = store::passkeys::page(&mut cx.read().await?, &pool.id, &user.sub, after, wanted).await?;
    cursor::page(cx, &list, passkeys, limit, |passkey| format!("{} {}", passkey.created_at.millis(), passkey.id))
}

pub async fn delete(cx: &Cx, bearer: &Bearer, id: &str) -> Result<()> {
    let mut tx = cx.single().await?;
    if !store::passkeys::delete(&mut tx, &bearer.pool.id, &bearer.user.sub, id).await? {
        return Err(Error::NotFound("The passkey does not exist.".into()));
    }
    Ok(tx.commit().await?)
}
