//! Codes: made, sent and checked. Used by sign-up, recovery and the verification of addresses.

use std::time::Duration;

use super::{
    Cx,
    messages::{self, About, Carried, Envelope},
};
use crate::{
    domain::{
        Error, Pool, Result, User,
        code::{Code, CodeKind, Delivery, Medium},
    },
    keys::{same, seal::Purpose},
    store::{self, Tx},
};

const DIGITS: usize = 6;
const HOUR: Duration = Duration::from_secs(3_600);
/// How many codes somebody is sent within an hour.
const MOST_CODES: i64 = 5;

/// A code that is made and written, and neither kept nor sent yet.
pub struct Prepared {
    code: Code,
    envelope: Envelope,
}

/// Makes a code of `kind` for the user's address of `medium`, and writes its message. Call it before the transaction: it may run
/// a function.
pub async fn prepare(cx: &Cx, about: &About<'_>, kind: CodeKind, medium: Medium) -> Result<Prepared> {
    let user = about.user;
    let address = user.attribute(medium.attribute()).unwrap_or_default();
    let digits = cx.random().digits(DIGITS);
    let expires_at = cx.now().plus(kind.lifetime());
    let envelope = messages::compose(cx, about, medium, Carried { code: &digits, until: expires_at }).await?;
    let code = Code {
        pool_id: user.pool_id.clone(),
        sub: user.sub.clone(),
        kind,
        hash: hash(cx, user, kind, address, &digits),
        attribute: medium.attribute().to_owned(),
        expires_at,
    };
    Ok(Prepared { code, envelope })
}

impl Prepared {
    /// Lets the code count and sends it, in the transaction of the change that asks for it. Says where it goes.
    pub async fn put(self, tx: &mut Tx) -> Result<Delivery> {
        store::codes::put(tx, &self.code).await?;
        self.envelope.put(tx).await
    }
}

/// A code that was answered rightly, and the address that the answer proves.
pub struct Proven {
    code: Code,
    address: String,
}

impl Proven {
    /// `email` or `phone_number`.
    pub fn attribute(&self) -> &str {
        &self.code.attribute
    }
}

/// Checks a code. It is used up by [`redeem`], in the transaction of what it allows. A guess counts before it is read, so that
/// guesses made at the same time count too. A code proves the address that it was sent to: after that was changed it is wrong.
pub async fn check(cx: &Cx, user: &User, kind: CodeKind, given: &str) -> Result<Proven> {
    count_guess(cx, user, kind).await?;
    let code = store::codes::find(&mut cx.read().await?, &user.pool_id, &user.sub, kind).await?;
    let code = code.filter(|code| cx.now() < code.expires_at).ok_or(Error::CodeExpired)?;
    let address = user.attribute(&code.attribute).unwrap_or_default().to_owned();
    if !same(&code.hash, &hash(cx, user, kind, &address, given)) {
        return Err(Error::CodeMismatch);
    }
    Ok(Proven { code, address })
}

/// Uses a checked code up. Of two that checked it at once, one gets here first. `user` was read in this transaction: an address
/// that was changed since the check is not proven.
pub async fn redeem(tx: &mut Tx, user: &User, proven: &Proven) -> Result<()> {
    let Proven { code, address } = proven;
    if user.attribute(&code.attribute) != Some(address) {
        return Err(Error::CodeMismatch);
    }
    if !store::codes::take(tx, code).await? {
        return Err(Error::CodeExpired);
    }
    Ok(store::codes::forget_attempts(tx, &guesses(user, code.kind)).await?)
}

/// What a guess for somebody who does not exist is told: what somebody with a code would be, as long as one was asked for, and
/// as many times.
pub async fn check_nobody(cx: &Cx, pool: &Pool, username: &str, kind: CodeKind) -> Result<()> {
    let (name, now) = (store::users::key(pool, username), cx.now());
    limit(cx, &format!("guess:{}:{}:name:{name}", kind.name(), pool.id), i64::from(kind.most_attempts())).await?;
    let asked =
        store::codes::is_counting(&mut cx.read().await?, &requests_of_nobody(pool, username, kind), now).await?;
    Err(if asked { Error::CodeMismatch } else { Error::CodeExpired })
}

async fn count_guess(cx: &Cx, user: &User, kind: CodeKind) -> Result<()> {
    limit(cx, &guesses(user, kind), i64::from(kind.most_attempts())).await
}

fn guesses(user: &User, kind: CodeKind) -> String {
    format!("guess:{}:{}:{}", kind.name(), user.pool_id, user.sub)
}

/// Counts a request for a code.
pub async fn count_request(cx: &Cx, user: &User, kind: CodeKind) -> Result<()> {
    limit(cx, &requests(user, kind), MOST_CODES).await
}

/// Counts a code that the change of an address brings, in the transaction of the change: whoever may change it could otherwise
/// have us write to everybody.
pub async fn count_change(cx: &Cx, tx: &mut Tx, user: &User, kind: CodeKind) -> Result<()> {
    let (now, ends_at) = cx.from_now(HOUR);
    let count = store::codes::count_attempt(tx, &requests(user, kind), now, ends_at).await?;
    if count > MOST_CODES { Err(Error::TooManyRequests) } else { Ok(()) }
}

fn requests(user: &User, kind: CodeKind) -> String {
    format!("send:{}:{}:{}", kind.name(), user.pool_id, user.sub)
}

/// Counts a request for somebody who does not exist, so that the limit does not tell who does.
pub async fn count_request_of_nobody(cx: &Cx, pool: &Pool, username: &str, kind: CodeKind) -> Result<()> {
    limit(cx, &requests_of_nobody(pool, username, kind), MOST_CODES).await
}

fn requests_of_nobody(pool: &Pool, username: &str, kind: CodeKind) -> String {
    format!("send:{}:{}:name:{}", kind.name(), pool.id, store::users::key(pool, username))
}

/// Counts a try of `subject` and refuses what goes beyond `most` within an hour.
pub async fn limit(cx: &Cx, subject: &str, most: i64) -> Result<()> {
    let (now, ends_at) = cx.from_now(HOUR);
    let mut tx = cx.begin().await?;
    let count = store::codes::count_attempt(&mut tx, subject, now, ends_at).await?;
    tx.commit().await?;
    if count > most { Err(Error::AttemptLimitExceeded) } else { Ok(()) }
}

/// Keyed, because six digits are guessed from a plain hash at once.
fn hash(cx: &Cx, user: &User, kind: CodeKind, address: &str, digits: &str) -> Vec<u8> {
    let message = [kind.name(), &user.pool_id, &user.sub, address, digits].join("\0");
    cx.app.sealer.mac(Purpose::Code, message.as_bytes()).to_vec()
}
