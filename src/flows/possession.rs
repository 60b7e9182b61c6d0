//! A client shows that it holds the key that its tokens are bound to (DPoP), so that whoever copies them has nothing.
//!
//! A proof is for one request: its method, its address, and the access token that comes with it. It is young, and works once at
//! all instances together. Strict pools only: the service looks past proofs.
//! <https://www.rfc-editor.org/rfc/rfc9449#section-4.3>

use std::time::Duration;

use http::Method;
use serde_json::{Map, Value};
use url::Url;

use super::Cx;
use crate::{
    domain::{Error, Result},
    keys::jwt::Possession,
    kit::clock::Time,
    store,
};

/// How old a proof may be: the clocks of people's devices are seldom right.
const OLDEST: Duration = Duration::from_secs(300);
/// How far in the future it may have been made. Not more than clocks need: proofs for later could be made in advance by somebody
/// who has the key for a moment.
const EARLIEST: Duration = Duration::from_secs(60);
const LONGEST_JTI: usize = 256;

/// A proof and the request that it came with.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The `DPoP` header.
    pub proof: &'a str,
    pub method: &'a Method,
    /// The address of the endpoint as the client knows it, without a query.
    pub address: &'a str,
    /// The token that the request is authorised with, at an endpoint that takes one.
    pub access_token: Option<&'a str>,
}

/// The thumbprint of the key that the proof shows. [`Error::Possession`] for one that does not hold, or has been used.
pub async fn check(cx: &Cx, shown: Shown<'_>) -> Result<String> {
    let read = Possession::read(shown.proof).map_err(|error| Error::Possession(error.words()));
    let Possession { thumbprint, claims } = read?;
    let jti = is_of(&shown, &claims)?;
    let made = claims.get("iat").and_then(Value::as_i64).ok_or(Error::Possession("the proof has no iat"))?;
    let (made, now) = (Time::from_seconds(made), cx.now());
    if made < now.minus(OLDEST) {
        return Err(Error::Possession("the proof is too old"));
    }
    if made > now.plus(EARLIEST) {
        return Err(Error::Possession("the proof is not valid yet"));
    }
    // Nobody can use up what another key has signed. It is remembered for longer than it counts, since instances' clocks differ too.
    let id = format!("possession:{thumbprint}:{jti}");
    let mut tx = cx.single().await?;
    let is_first = store::grants::spend(&mut tx, &id, made.plus(OLDEST + EARLIEST)).await?;
    tx.commit().await?;
    if is_first { Ok(thumbprint) } else { Err(Error::Possession("the proof was used before")) }
}

/// Whether the proof is for this request, and its id.
fn is_of<'a>(shown: &Shown<'_>, claims: &'a Map<String, Value>) -> Result<&'a str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let refuse = |reason| Err(Error::Possession(reason));
    let Some(jti) = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI) else {
        return refuse("the proof has no jti");
    };
    if text("htm") != Some(shown.method.as_str()) {
        return refuse("the proof is for another method: htm");
    }
    if !text("htu").is_some_and(|address| is_same_place(address, shown.address)) {
        return refuse("the proof is for another address: htu");
    }
    let ath = shown.access_token.map(Possession::hash_of);
    if ath.is_some() && text("ath") != ath.as_deref() {
        return refuse("the proof is for another access token: ath");
    }
    Ok(jti)
}

/// Whether two addresses mean the same place once they are written alike. Query and fragment do not count.
fn is_same_place(given: &str, own: &str) -> bool {
    let place = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    place(given).is_some_and(|given| Some(given) == place(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_written_in_other_ways_and_means_one_place() {
        let own = "https://id.example/oauth2/token";
        for same in [own, "HTTPS://ID.Example:443/oauth2/token", "https://id.example/oauth2/token?a=b#c"] {
            assert!(is_same_place(same, own), "{same}");
        }
        for other in [
            "",
            "/oauth2/token",
            "http://id.example/oauth2/token",
            "https://id.example:444/oauth2/token",
            "https://id.example/oauth2/token/",
            "https://id.example/oauth2/Token",
            "https://id.example.evil/oauth2/token",
            "https://u@id.example/oauth2/token",
            "https://evil.example/https://id.example/oauth2/token",
        ] {
            assert!(!is_same_place(other, own), "{other}");
        }
    }
}
