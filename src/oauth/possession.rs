//! The `DPoP` header: the proof that a client holds the key that its tokens are bound to. Strict pools only.
//! <https://www.rfc-editor.org/rfc/rfc9449#section-4.1>

use http::{HeaderMap, HeaderName, Method};

use super::{
    client_auth::{Proven, Submission},
    error::Failure,
};
use crate::{
    domain::Error,
    flows::{
        Cx, issue,
        possession::{self, Shown},
    },
    web::paths::{self, Place},
};

const HEADER: HeaderName = HeaderName::from_static("dpop");

/// The thumbprint of the key that a client shows as it asks for tokens. None where it shows none and need not, and in pools that
/// bind no tokens.
pub async fn key(cx: &Cx, sent: &Submission, proven: &Proven) -> Result<Option<String>, Failure> {
    if !proven.pool.binds_tokens_to_keys() {
        return Ok(None);
    }
    let key = shown(cx, (&sent.method, &sent.headers), Place::Token, None).await?;
    // Before a code is used up in vain.
    issue::check_possession(&proven.pool, &proven.client, key.as_deref())?;
    Ok(key)
}

/// The thumbprint of the key that a request at `place` shows, if it shows one. [`Error::Possession`] for a proof that does not
/// hold, and for two, of which the second could be for somebody else.
pub async fn shown(
    cx: &Cx,
    (method, headers): (&Method, &HeaderMap),
    place: Place,
    access_token: Option<&str>,
) -> Result<Option<String>, Error> {
    let mut values = headers.get_all(HEADER).iter();
    let proof = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().map_err(|_| Error::Possession("the proof is no signed JWT"))?,
        (Some(_), Some(_)) => return Err(Error::Possession("there is more than one DPoP header")),
    };
    let address = paths::here(&cx.app.setup, &cx.site, place);
    possession::check(cx, Shown { proof, method, address: &address, access_token }).await.map(Some)
}
