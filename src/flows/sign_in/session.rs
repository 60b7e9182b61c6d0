//! The session of a challenge: sealed when something is asked, opened when the answer comes, and spent when it was right.

use super::{Cx, Door, Goal};
use crate::{
    domain::{
        Error, Result, User,
        challenge::{Awaits, CodePurpose, Progress, Session, Subject, salt_of},
        error::SessionFault,
    },
    flows::directory,
    keys::seal::Purpose,
    store::{self, Tx},
};

/// What a session is made of; the rest is the door's and the clock's.
pub(super) struct Draft<'a> {
    pub(super) subject: &'a Subject,
    pub(super) awaits: Awaits,
    pub(super) progress: &'a Progress,
}

impl Draft<'_> {
    pub(super) fn seal(self, cx: &Cx, door: &Door) -> Result<String> {
        let answered = self.progress.answered.as_deref().filter(|_| self.awaits == Awaits::DeviceSrp);
        let session = Session {
            id: answered.map_or_else(|| cx.random().uuid(), device_after),
            pool_id: door.pool.id.clone(),
            client_id: door.client.id.clone(),
            subject: self.subject.clone(),
            awaits: self.awaits,
            progress: self.progress.clone(),
            expires_at: cx.now().plus(door.client.session_lifetime()),
        };
        Ok(cx.app.sealer.seal_json(Purpose::Session, &session)?)
    }
}

/// A session that came back and counts, and the user as they are now. None for a session of nobody.
pub(super) struct Opened {
    pub(super) session: Session,
    pub(super) user: Option<User>,
}

pub(super) fn invalid() -> Error {
    Error::Session(SessionFault::Invalid)
}

/// A session that this client was given and that has neither ended nor been used. Whoever answers must mean its user, who must
/// be as they were: not disabled, and with the same password.
pub(super) async fn open(cx: &Cx, door: &Door, text: Option<&str>, username: &str) -> Result<Opened> {
    check(cx, door, read(cx, text)?, username).await
}

async fn check(cx: &Cx, door: &Door, session: Session, username: &str) -> Result<Opened> {
    if session.pool_id != door.pool.id || session.client_id != door.client.id {
        return Err(invalid());
    }
    check_unused(cx, &session).await?;
    let Some(sub) = &session.subject.sub else {
        let name = store::users::key(&door.pool, username);
        if name != session.subject.login && username != session.subject.username {
            return Err(invalid());
        }
        return Ok(Opened { session, user: None });
    };
    // Clients send the stored name, or what was typed.
    let meant = store::users::by_login(&mut cx.read().await?, &door.pool, username).await?;
    let user = meant.filter(|meant| meant.sub == *sub).ok_or_else(invalid)?;
    check_unchanged(&session, &user)?;
    Ok(Opened { session, user: Some(user) })
}

/// The id of the session in which a device proves itself after the second factor of `answered`.
fn device_after(answered: &str) -> String {
    format!("device-after:{answered}")
}

/// The session that awaits a device. amazon-cognito-identity-js knows only the one before: after a code it sends the session of
/// that code. Whoever has that one has proven as much, so it stands for the one that was given out for it. They are used up
/// together, and nothing else is done with it.
pub(super) async fn open_for_device(cx: &Cx, door: &Door, text: Option<&str>, username: &str) -> Result<Opened> {
    let mut session = read(cx, text)?;
    let is_factor = match &session.awaits {
        Awaits::Totp => true,
        Awaits::Code(sent) => sent.purpose == CodePurpose::Second,
        _ => false,
    };
    // A wrong code uses a session up too where triggers lead.
    let may_stand = is_factor && !session.progress.is_led();
    if !may_stand || !store::grants::is_spent(&mut cx.read().await?, &session.id).await? {
        return check(cx, door, session, username).await;
    }
    session.id = device_after(&session.id);
    session.awaits = Awaits::DeviceSrp;
    session.progress.second = true;
    let mut opened = check(cx, door, session, username).await?;
    // That it is used up is remembered as long as the later one lasts.
    opened.session.expires_at = opened.session.expires_at.plus(door.client.session_lifetime());
    Ok(opened)
}

fn read(cx: &Cx, text: Option<&str>) -> Result<Session> {
    text.and_then(|text| cx.app.sealer.open_json(Purpose::Session, text)).ok_or_else(invalid)
}

/// How far the holder of a session had come, whether it still counts or not: for the record only.
pub(super) fn peek(cx: &Cx, text: &str) -> Option<Progress> {
    read(cx, Some(text)).ok().map(|session| session.progress)
}

async fn check_unused(cx: &Cx, session: &Session) -> Result<()> {
    if cx.now() >= session.expires_at {
        return Err(Error::Session(SessionFault::Expired));
    }
    if store::grants::is_spent(&mut cx.read().await?, &session.id).await? {
        return Err(Error::Session(SessionFault::Used));
    }
    Ok(())
}

/// Also asked of a user who was read again in the transaction of what the answer allows.
pub(super) fn check_unchanged(session: &Session, user: &User) -> Result<()> {
    if !user.enabled {
        return Err(Error::UserDisabled);
    }
    if salt_of(user) != session.subject.salt {
        return Err(invalid());
    }
    Ok(())
}

/// Uses a session up, in the transaction of what its answer allows. Of any number of right answers one gets here first.
pub(super) async fn spend(tx: &mut Tx, session: &Session) -> Result<()> {
    if store::grants::spend(tx, &session.id, session.expires_at).await? {
        Ok(())
    } else {
        Err(Error::Session(SessionFault::Used))
    }
}

/// Where the answer changes nothing else.
pub(super) async fn spend_now(cx: &Cx, session: &Session) -> Result<()> {
    let mut tx = cx.single().await?;
    spend(&mut tx, session).await?;
    Ok(tx.commit().await?)
}

/// A session that comes to an operation which names neither client nor user: both are the session's.
pub(super) async fn reopen(cx: &Cx, text: &str) -> Result<(Door, Session, User)> {
    let session = read(cx, Some(text))?;
    let (pool, client) = directory::client_of(cx, &session.pool_id, &session.client_id).await.map_err(|_| invalid())?;
    check_unused(cx, &session).await?;
    let user = match &session.subject.sub {
        Some(sub) => store::users::by_sub(&mut cx.read().await?, &session.pool_id, sub).await?,
        None => None,
    };
    let user = user.ok_or_else(invalid)?;
    check_unchanged(&session, &user)?;
    Ok((Door { pool, client, goal: Goal::Tokens, metadata: None }, session, user))
}
