//! What one client address may do: fail at signing in, and have codes sent, so many times within ten minutes.
//!
//! The lock of a user stops guesses at one account; this stops one guess at every account, and one machine from writing to
//! everybody. Users do not matter here, nor pools: an address is one whoever it asks for. Of IPv6 a /64 is one, because that
//! is what a single machine is given. `[limits]` says how many, and nothing is read or written where it says none.

use std::{net::IpAddr, time::Duration};

use super::Cx;
use crate::{
    domain::{Client, Error, Result, error::FactorFault},
    kit::{clock::Time, network::Block},
    store,
};

const WINDOW: Duration = Duration::from_secs(600);
const MOST_DEVICE_CODES: u32 = 5;

/// Lets `step` of a sign-in through `client` happen, unless too many from there have failed.
///
/// It counts before it begins and is taken back unless it fails, so that of guesses made at the same time, at whatever instance,
/// no more are looked at than the limit says.
pub async fn sign_in<T>(cx: &Cx, client: &Client, step: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(attempt) = Attempt::begin(cx, client).await? else { return step.await };
    let outcome = step.await;
    if !outcome.as_ref().is_err_and(is_failure) {
        attempt.take_back(cx).await;
    }
    outcome
}

/// Counts a failure inside of a step that goes on all the same.
pub async fn count_failure(cx: &Cx, client: &Client) -> Result<()> {
    let Some(address) = limited(cx, Some(client)).filter(|_| cx.app.setup.limits.failed_sign_ins > 0) else {
        return Ok(());
    };
    let (now, ends_at) = cx.from_now(WINDOW);
    store::codes::count_attempt(&mut cx.single().await?, &failed_sign_ins(address), now, ends_at).await?;
    Ok(())
}

/// Counts a call that may have a code sent, whether it names anybody or not. Calls with an access token name no client: what
/// they say of their user counts for nothing.
pub async fn count_code(cx: &Cx, client: Option<&Client>) -> Result<()> {
    let Some(address) = limited(cx, client) else { return Ok(()) };
    Attempt::count(cx, format!("codes:{}", whole(address)), cx.app.setup.limits.codes).await.map(drop)
}

/// Counts a client that registers itself without a token.
pub async fn count_registration(cx: &Cx) -> Result<()> {
    let Some(address) = limited(cx, None) else { return Ok(()) };
    let most = cx.app.setup.limits.registrations;
    Attempt::count(cx, format!("registrations:{}", whole(address)), most).await.map(drop)
}

/// Looks for a device by the code that somebody types. Five that nobody shows are enough, from one address or from none that is
/// known, whatever `[limits]` says: such codes are short.
pub async fn guess_device<T>(cx: &Cx, look: impl Future<Output = Result<Option<T>>>) -> Result<Option<T>> {
    let from = cx.origin.address.map_or_else(|| "nowhere".to_owned(), |address| whole(address).to_string());
    let attempt = Attempt::count(cx, format!("device codes:{from}"), MOST_DEVICE_CODES).await?;
    let found = look.await?;
    if let (Some(attempt), Some(_)) = (attempt, &found) {
        attempt.take_back(cx).await;
    }
    Ok(found)
}

/// What is counted as a guess: a proof that was wrong, or a name that nobody has.
fn is_failure(error: &Error) -> bool {
    matches!(
        error,
        Error::WrongCredentials
            | Error::NoSuchUser
            | Error::CodeMismatch
            | Error::SecondFactor(FactorFault::Code | FactorFault::Totp)
    )
}

fn limited(cx: &Cx, client: Option<&Client>) -> Option<IpAddr> {
    cx.origin.limited_address(client).filter(|address| !cx.app.setup.limits.spares(address.to_canonical()))
}

fn failed_sign_ins(address: IpAddr) -> String {
    format!("failed-sign-ins:{}", whole(address))
}

/// The block that counts as one address.
fn whole(address: IpAddr) -> Block {
    Block::around(address, 32, 64)
}

/// A count of a window that ends at a certain time.
struct Attempt {
    subject: String,
    ends_at: Time,
}

impl Attempt {
    async fn begin(cx: &Cx, client: &Client) -> Result<Option<Self>> {
        let Some(address) = limited(cx, Some(client)) else { return Ok(None) };
        Self::count(cx, failed_sign_ins(address), cx.app.setup.limits.failed_sign_ins).await
    }

    /// What was counted is not waited for until it is durable: a crash that forgets the last of it forgets the guess as well.
    async fn count(cx: &Cx, subject: String, most: u32) -> Result<Option<Self>> {
        if most == 0 {
            return Ok(None);
        }
        let mut tx = cx.single().await?;
        let (now, ends_at) = cx.from_now(WINDOW);
        let counted = store::codes::count_below(&mut tx, (&subject, i64::from(most)), now, ends_at).await?;
        let ends_at = counted.ok_or(Error::TooManyRequests)?;
        Ok(Some(Self { subject, ends_at }))
    }

    /// Nothing happens once another window has begun. A sign-in that succeeded does not fail over this.
    async fn take_back(self, cx: &Cx) {
        if let Err(error) = self.try_take_back(cx).await {
            tracing::error!(request_id = &*cx.request_id, %error, "a sign-in stays counted as failed");
        }
    }

    async fn try_take_back(&self, cx: &Cx) -> Result<()> {
        let mut tx = cx.single().await?;
        Ok(store::codes::uncount(&mut tx, &self.subject, self.ends_at).await?)
    }
}
