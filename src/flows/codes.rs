//! Codes: made, sent and checked. Used by sign-up, recovery and the verification of addresses.

use std::time::Duration;

use serde_json::Value;

use super::Cx;
use crate::{
    domain::{
        Error, Pool, Result, User,
        code::{Code, CodeKind, Delivery, Medium},
    },
    keys::{same, seal::Purpose},
    kit::clock::Time,
    post::{Letter, Occasion, Template},
    store::{self, Tx},
};

const DIGITS: usize = 6;
const HOUR: Duration = Duration::from_secs(3_600);
/// How many codes somebody is sent within an hour.
const MOST_CODES: i64 = 5;

/// Refuses before anything has changed when no message could arrive.
pub fn check_delivery(cx: &Cx) -> Result<()> {
    if cx.app.post.can_deliver() {
        return Ok(());
    }
    Err(Error::DeliveryFailed("This server has no way to deliver messages: delivery is not built yet.".into()))
}

/// Makes a code for `user` and sends it to `medium`'s address of theirs, within the caller's transaction.
pub async fn send(cx: &Cx, tx: &mut Tx, pool: &Pool, user: &User, kind: CodeKind, medium: Medium) -> Result<Delivery> {
    let address = user.attribute(medium.attribute()).unwrap_or_default().to_owned();
    let digits = cx.random().digits(DIGITS);
    let (now, expires_at) = cx.from_now(kind.lifetime());
    let code = Code {
        pool_id: pool.id.clone(),
        sub: user.sub.clone(),
        kind,
        hash: hash(cx, user, kind, &address, &digits),
        attribute: medium.attribute().to_owned(),
        expires_at,
    };
    store::codes::put(tx, &code).await?;
    let letter = Letter {
        pool_id: pool.id.clone(),
        medium,
        recipient: address.clone(),
        occasion: Occasion::Code,
        code: digits,
        template: verification_template(pool, medium),
    };
    deliver(cx, tx, letter, now).await?;
    Ok(Delivery::to(medium, &address))
}

/// Sends a letter, in the transaction of the change that it tells about.
pub async fn deliver(cx: &Cx, tx: &mut Tx, letter: Letter, now: Time) -> Result<()> {
    Ok(store::messages::insert(tx, &letter.written(cx.random(), now)).await?)
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

fn verification_template(pool: &Pool, medium: Medium) -> Template {
    let kept = |name: &str| pool.settings.kept.get(name).and_then(Value::as_str).map(str::to_owned);
    let of_template = |name: &str| {
        let template = pool.settings.kept.get("VerificationMessageTemplate")?;
        template.get(name)?.as_str().map(str::to_owned)
    };
    match medium {
        Medium::Email => Template {
            subject: of_template("EmailSubject").or_else(|| kept("EmailVerificationSubject")),
            body: of_template("EmailMessage").or_else(|| kept("EmailVerificationMessage")),
        },
        Medium::Sms => {
            Template { subject: None, body: of_template("SmsMessage").or_else(|| kept("SmsVerificationMessage")) }
        }
    }
}
