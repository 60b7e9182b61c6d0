//! The sessions of a user, to see and to end. A token session is a grant; an SSO session is a sign-in on the hosted pages.
//!
//! What is listed are the rows themselves, also in pools that do not track sessions: tracking adds where and when a session was
//! used last, a limit, and the times that clients set for the hosted pages.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-user-sessions.html>

use super::{
    Cx, back_channel, clients,
    cursor::{self, Page},
    directory, pools,
};
use crate::{
    domain::{
        ClientId, Error, Grant, Pool, Result, User,
        error::PoolFault,
        pool::beyond_lite,
        session::{PoolSessions, SessionKind, SsoSession},
    },
    kit::clock::Time,
    store::{self, Tx},
};

/// As many as one page holds.
const MOST: usize = 125;

/// A session as its user sees it.
pub struct Listed {
    pub name: String,
    pub kind: SessionKind,
    pub client_id: ClientId,
    pub created_at: Time,
    pub active_at: Time,
    pub last_ip: Option<String>,
    pub device_type: Option<String>,
    /// The SSO session that a token session came through.
    pub origin: Option<String>,
    pub is_current: bool,
}

impl Listed {
    fn of_grant(grant: Grant, own: Option<&str>) -> Option<Self> {
        Some(Self {
            name: SessionKind::Token.name(&grant.id)?,
            kind: SessionKind::Token,
            is_current: own == Some(&*grant.id),
            client_id: grant.client_id,
            created_at: grant.seen.created_at,
            active_at: grant.seen.active_at,
            last_ip: grant.seen.last_ip,
            device_type: grant.seen.device_type,
            origin: grant.sso_id.and_then(|id| SessionKind::Sso.name(&id)),
        })
    }

    fn of_sso(session: SsoSession) -> Option<Self> {
        Some(Self {
            name: SessionKind::Sso.name(&session.id)?,
            kind: SessionKind::Sso,
            client_id: session.client_id,
            created_at: session.created_at,
            active_at: session.active_at,
            last_ip: session.last_ip,
            device_type: session.device_type,
            origin: None,
            is_current: false,
        })
    }
}

/// By name: SSO sessions, then token sessions. `own` is the grant of whoever asks.
pub async fn list(cx: &Cx, user: &User, own: Option<&str>, cursor: Option<&str>) -> Result<Page<Listed>> {
    let list = format!("sessions:{}:{}", user.pool_id, user.sub);
    let after = cursor::open(cx, &list, cursor)?;
    let now = cx.now();
    let mut tx = cx.read().await?;
    let mut found = Vec::new();
    let after = SessionKind::read(&after);
    if !matches!(after, Some((SessionKind::Token, _))) {
        let from = after.as_ref().map_or("", |(_, id)| id);
        let sessions = store::sso_sessions::living(&mut tx, user, now, from, wanted(0)).await?;
        found.extend(sessions.into_iter().filter_map(Listed::of_sso));
    }
    if found.len() <= MOST {
        let from = after.as_ref().filter(|(kind, _)| *kind == SessionKind::Token).map_or("", |(_, id)| id);
        let grants = store::grants::living(&mut tx, user, now, from, wanted(found.len())).await?;
        found.extend(grants.into_iter().filter_map(|grant| Listed::of_grant(grant, own)));
    }
    drop(tx);
    cursor::page(cx, &list, found, MOST, |session| session.name.clone())
}

/// One more than fits on the page beside `held`.
fn wanted(held: usize) -> i64 {
    i64::try_from((MOST + 1).saturating_sub(held)).unwrap_or(i64::MAX)
}

/// A session to be ended.
pub struct Revocation<'a> {
    pub user: &'a User,
    pub name: &'a str,
    /// Ends what the session is linked to as well: the SSO session that a token session came through, or the token sessions
    /// that came through an SSO session.
    pub linked: bool,
    /// The grant of whoever asks. It is never ended here: that is what signing out is for.
    pub own: Option<&'a str>,
}

pub async fn revoke(cx: &Cx, revocation: Revocation<'_>) -> Result<()> {
    let Revocation { user, name, linked, own } = revocation;
    let unknown = || Error::NotFound("Session does not exist.".to_owned());
    let (kind, id) = SessionKind::read(name).ok_or_else(unknown)?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    match kind {
        SessionKind::Token => {
            if own == Some(&*id) {
                return Err(own_session());
            }
            let grant = grant_of(&mut tx, user, &id).await?.filter(|grant| now < grant.expires_at);
            let grant = grant.ok_or_else(unknown)?;
            if !store::grants::revoke(&mut tx, &id, now).await? {
                return Err(unknown());
            }
            if let Some(sso_id) = grant.sso_id.filter(|_| linked) {
                back_channel::session_ends(&mut tx, cx, &sso_id).await?;
                store::sso_sessions::delete(&mut tx, user, &sso_id, now).await?;
            }
        }
        SessionKind::Sso => {
            if !store::sso_sessions::delete(&mut tx, user, &id, now).await? {
                return Err(unknown());
            }
            if linked {
                let own = match own {
                    Some(own) => grant_of(&mut tx, user, own).await?,
                    None => None,
                };
                if own.is_some_and(|own| own.sso_id.as_ref() == Some(&id)) {
                    return Err(own_session());
                }
                store::grants::revoke_of_sso(&mut tx, &id, now).await?;
            }
            back_channel::session_ends(&mut tx, cx, &id).await?;
        }
    }
    Ok(tx.commit().await?)
}

fn own_session() -> Error {
    Error::InvalidParameter("The session of the access token cannot be revoked.".to_owned())
}

/// A grant of this user; another's does not exist for them.
async fn grant_of(tx: &mut Tx, user: &User, id: &str) -> Result<Option<Grant>> {
    let grant = store::grants::find(tx, id).await?;
    Ok(grant.filter(|grant| grant.pool_id == user.pool_id && grant.sub == user.sub))
}

/// Sets whether the pool tracks sessions, and how many a user may have. Sessions beyond a lower limit end at the next sign-in.
pub async fn configure(cx: &Cx, pool_id: &str, sessions: PoolSessions) -> Result<()> {
    check_tier(&*directory::pool(cx, pool_id).await?)?;
    pools::set_sessions(cx, pool_id, sessions).await
}

/// Sets for how many minutes a client is satisfied with a sign-in of earlier on the hosted pages.
pub async fn configure_client(cx: &Cx, pool_id: &str, client_id: &str, sso_minutes: u32) -> Result<()> {
    let (pool, _) = directory::client_of(cx, pool_id, client_id).await?;
    check_tier(&pool)?;
    if !pool.tracks_sessions() {
        let text = "User session tracking is not enabled for this user pool.";
        return Err(Error::PoolState(PoolFault::NotEnabled(text.to_owned())));
    }
    clients::set_sso_minutes(cx, pool_id, client_id, sso_minutes).await
}

fn check_tier(pool: &Pool) -> Result<()> {
    if pool.is_lite() { beyond_lite("Session management") } else { Ok(()) }
}
