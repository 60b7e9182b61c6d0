//! Authorization requests that a client has pushed instead of sending them through the browser (RFC 9126).
//!
//! What was pushed counts: the browser carries nothing but its address. An address is random, kept as a hash, good for its client
//! and for ninety seconds. Once a browser has come with it, it stays as long as somebody may take to sign in, and it gives one
//! answer.
//! <https://www.rfc-editor.org/rfc/rfc9126>

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::Cx;
use crate::{
    domain::{Client, Result},
    store,
};

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
pub const LIFETIME: Duration = Duration::from_secs(90);
/// For signing in, or signing up and looking for an e-mail.
const SIGN_IN: Duration = Duration::from_secs(3_600);

/// The address of a pushed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestUri(String);

impl RequestUri {
    /// None for what is none of ours.
    pub fn read(text: &str) -> Option<Self> {
        let own = text.strip_prefix(PREFIX)?;
        (own.len() <= 64 && own.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| Self(own.to_owned()))
    }

    fn hash(&self) -> Vec<u8> {
        digest(&SHA256, self.0.as_bytes()).as_ref().to_vec()
    }
}

impl std::fmt::Display for RequestUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

/// Keeps a request that has been found in order.
pub async fn push(cx: &Cx, client: &Client, query: &str) -> Result<RequestUri> {
    let uri = RequestUri(cx.random().alphanumeric(43));
    let mut tx = cx.single().await?;
    store::pushed_requests::insert(&mut tx, &uri.hash(), &client.id, query, cx.now().plus(LIFETIME)).await?;
    tx.commit().await?;
    Ok(uri)
}

/// What this client has pushed under the address.
pub async fn find(cx: &Cx, client: &Client, uri: &RequestUri) -> Result<Option<String>> {
    Ok(store::pushed_requests::find(&mut cx.read().await?, &uri.hash(), &client.id, cx.now()).await?)
}

/// A browser has come with it.
pub async fn hold(cx: &Cx, uri: &RequestUri) -> Result<()> {
    let mut tx = cx.single().await?;
    let (now, until) = cx.from_now(SIGN_IN);
    store::pushed_requests::hold(&mut tx, &uri.hash(), now, until).await?;
    Ok(tx.commit().await?)
}

/// It is answered now. False when it has been, or has ended.
pub(super) async fn take(cx: &Cx, uri: &RequestUri) -> Result<bool> {
    let mut tx = cx.single().await?;
    let is_first = store::pushed_requests::take(&mut tx, &uri.hash(), cx.now()).await?;
    tx.commit().await?;
    Ok(is_first)
}
