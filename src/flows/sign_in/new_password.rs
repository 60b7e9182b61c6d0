//! NEW_PASSWORD_REQUIRED: a password of one's own in place of a temporary one, and the attributes that the pool requires.

use super::{
    Cx, Door, Outcome, proceed,
    session::{self, Draft, Opened},
};
use crate::{
    domain::{
        Asker, Error, Result, User,
        attribute::{self, Write},
        challenge::{Awaits, Challenge, Progress, Prompt, Subject},
        risk::PasswordUsage,
        token,
        user::{Attributes, Status},
    },
    flows::{passwords, risk},
    kit::secret::Secret,
    store,
};

pub(super) fn begin(cx: &Cx, door: &Door, progress: &Progress, user: &User) -> Result<Outcome> {
    passwords::check_temporary(cx, &door.pool, user)?;
    let required = attribute::missing_required(&door.pool, &user.attributes).map(str::to_owned).collect();
    let readable = user.attributes.iter().filter(|(name, _)| token::is_readable(&door.client, name));
    let challenge = Challenge::NewPasswordRequired {
        required,
        attributes: readable.map(|(name, value)| (name.clone(), value.clone())).collect(),
    };
    let subject = Subject::of(user);
    let session = Draft { subject: &subject, awaits: Awaits::NewPassword, progress }.seal(cx, door)?;
    Outcome::asks(Prompt::new(challenge, &subject, session))
}

pub(super) async fn answer(cx: &Cx, door: &Door, opened: Opened, given: (Secret, Attributes)) -> Result<Outcome> {
    let Opened { session, user } = opened;
    let (password, attributes) = given;
    let user = user.filter(|user| user.status == Status::ForceChangePassword).ok_or_else(session::invalid)?;
    let attributes = new_attributes(door, &user, attributes)?;
    risk::is_compromised(cx, &door.pool, &door.client, (PasswordUsage::Change, &password)).await?;
    let credential = passwords::credential(cx, &door.pool, &user, &password, false, Asker::User).await?;

    let now = cx.now();
    let mut tx = cx.begin().await?;
    session::spend(&mut tx, &session).await?;
    let user = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?;
    let mut user = user.filter(|user| user.status == Status::ForceChangePassword).ok_or_else(session::invalid)?;
    session::check_unchanged(&session, &user).map_err(|_| session::invalid())?;
    user.attributes.extend(attributes);
    user.credential = credential;
    user.status = Status::Confirmed;
    user.modified_at = now;
    store::users::update(&mut tx, &door.pool, &user).await?;
    store::users::set_credential(&mut tx, &user).await?;
    tx.commit().await?;
    proceed(cx, door, Progress { new_password: true, ..session.progress }, user).await
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
