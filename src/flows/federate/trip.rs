//! The trip of a browser to an identity provider and back: what the application had asked for, and what the answer must fit.
//!
//! The state that goes along is random, works for five minutes and once, and only in the browser that it was given to: whoever
//! makes another browser bring their own answer signs nobody in (RFC 6749, section 10.12).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Client, Pool, Provider, Result},
    flows::Cx,
    keys::same,
    store,
};

/// How long a trip may take. The service's own limit.
const LIFETIME: Duration = Duration::from_secs(300);
const STATE_CHARACTERS: usize = 43;

/// What a protocol remembers of its question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// That the ID token must carry.
    pub nonce: Option<String>,
    /// PKCE's, for the token call.
    pub verifier: Option<String>,
    /// Our address that the provider was given: the token call repeats it, and SAML calls it the assertion consumer service.
    pub callback: String,
    /// The id of a SAML request, which its answer names.
    pub request_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trip {
    pub pool_id: String,
    pub client_id: String,
    /// The provider's name.
    pub provider: String,
    /// The query of the application's authorization request, as it came.
    pub query: String,
    pub memo: Memo,
    /// The hash of what the browser proves itself with.
    browser: Vec<u8>,
}

/// A browser that has come back.
#[derive(Debug)]
pub struct Returned {
    pub trip: Trip,
    /// What the provider had the browser post, see [`hold`].
    pub parcel: Option<Vec<u8>>,
}

/// Begins a trip and gives its state. `browser` is a secret of the browser's session.
pub async fn depart(
    cx: &Cx,
    (pool, client, provider): (&Pool, &Client, &Provider),
    (query, browser): (&str, &str),
    memo: Memo,
) -> Result<String> {
    let state = cx.random().alphanumeric(STATE_CHARACTERS);
    let trip = Trip {
        pool_id: pool.id.clone(),
        client_id: client.id.clone(),
        provider: provider.name.clone(),
        query: query.to_owned(),
        memo,
        browser: hash(browser),
    };
    let mut tx = cx.begin().await?;
    store::trips::insert(&mut tx, &hash(&state), &trip, cx.now().plus(LIFETIME)).await?;
    tx.commit().await?;
    Ok(state)
}

/// Keeps what a provider had the browser post, until the browser comes for it by itself: with a form of another site it does not
/// send the cookie that it proves itself with. False for a state that does not count, or that something was posted for.
pub async fn hold(cx: &Cx, state: &str, parcel: &[u8]) -> Result<bool> {
    let mut tx = cx.single().await?;
    let is_held = store::trips::hold(&mut tx, &hash(state), parcel, cx.now()).await?;
    tx.commit().await?;
    Ok(is_held)
}

/// Ends a trip. None for a state that is unknown, too old, used, or another browser's; it counts no more in any case.
pub async fn take(cx: &Cx, state: &str, browser: Option<&str>) -> Result<Option<Returned>> {
    let mut tx = cx.single().await?;
    let taken = store::trips::take::<Trip>(&mut tx, &hash(state)).await?;
    tx.commit().await?;
    let Some(store::trips::Taken { detail: trip, parcel, expires_at }) = taken else { return Ok(None) };
    let is_theirs = browser.is_some_and(|browser| same(&hash(browser), &trip.browser));
    Ok((is_theirs && cx.now() < expires_at).then_some(Returned { trip, parcel }))
}

fn hash(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}
