//! A request to sign out as OpenID Connect has it: who asks, for whom, and where the browser goes afterwards.
//!
//! Whoever shows an ID token of the very user who is signed in here has signed them out; everybody else could be anybody, and
//! the user is asked. A mistake ends on our own page, and nobody is signed out by it.
//! <https://openid.net/specs/openid-connect-rpinitiated-1_0.html>

use std::sync::Arc;

use tower_sessions::Session;

use super::{authorization::Refusal, parameters::Parameters, paths, session::Browser};
use crate::{
    domain::{Client, Error, Pool, Result},
    flows::{Cx, authorize, authorize::RedirectUri, bearer, directory},
};

const PARAMETERS: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

/// A request in order.
pub struct EndSession {
    /// None for everything that the browser is signed in to with us.
    pool: Option<Arc<Pool>>,
    /// The `sub` of the ID token that was shown.
    hint: Option<String>,
    pub redirect_uri: Option<RedirectUri>,
    state: Option<String>,
}

impl EndSession {
    /// Reads a request. None where it is none of a pool that signs out in this way: the service's own way it is then.
    pub async fn read(cx: &Cx, parameters: &Parameters) -> Result<Option<Self>, Refusal> {
        let page = |parameter| Refusal::page("invalid_request", Some(parameter), None);
        if let Some(repeated) = PARAMETERS.into_iter().find(|name| parameters.is_repeated(name)) {
            return Err(page(repeated));
        }
        if parameters.filled("logout_uri").is_some() || parameters.filled("redirect_uri").is_some() {
            return Ok(None);
        }
        let hint = hint(cx, parameters).await?;
        let named = match parameters.filled("client_id") {
            Some(id) => Some(named(cx, id).await?.ok_or_else(|| page("client_id"))?),
            None => None,
        };
        if let (Some(hint), Some((_, client))) = (&hint, &named)
            && hint.client.id != client.id
        {
            return Err(page("id_token_hint"));
        }
        let sub = hint.as_ref().map(|hint| hint.sub.clone());
        let Some((pool, client)) = named.or_else(|| hint.map(|hint| (hint.pool, hint.client))) else {
            let is_bare = parameters.filled("post_logout_redirect_uri").is_none();
            return if is_bare {
                Ok(Some(Self { pool: None, hint: None, redirect_uri: None, state: None }))
            } else {
                Err(page("client_id"))
            };
        };
        if !pool.has_standard_logout() {
            return Ok(None);
        }
        let redirect_uri = redirect_uri(&client, parameters)?;
        let state = parameters.get("state").map(str::to_owned);
        Ok(Some(Self { pool: Some(pool), hint: sub, redirect_uri, state }))
    }

    /// Where the browser goes afterwards, with the state.
    pub fn destination(&self) -> Option<String> {
        let uri = self.redirect_uri.as_ref()?;
        let state = self.state.as_deref().map(|state| paths::with_answer(uri, &[("state", state)], false));
        Some(state.unwrap_or_else(|| uri.as_str().to_owned()))
    }

    /// Whether the request names nobody and nothing. Where no strict pool is concerned it is an incomplete one of the service's.
    pub fn is_bare(&self) -> bool {
        self.pool.is_none()
    }

    /// Whether the one who asks has shown that they may: nobody is signed in, or it is the user of the ID token.
    pub fn is_proven(&self, browser: Option<&Browser>) -> bool {
        let (Some(pool), Some(hint)) = (&self.pool, &self.hint) else { return false };
        browser.and_then(|browser| browser.signed_in(pool)).is_none_or(|signed_in| signed_in.sub == *hint)
    }

    /// Whether the browser is signed in to anything that this request would end.
    pub async fn concerns(&self, cx: &Cx, browser: Option<&Browser>) -> Result<bool> {
        let Some(browser) = browser else { return Ok(false) };
        Ok(match &self.pool {
            Some(pool) => browser.signed_in(pool).is_some(),
            None => !strict_pools(cx, browser).await?.is_empty(),
        })
    }

    /// Signs out.
    pub async fn leave(&self, cx: &Cx, session: &Session) -> Result<()> {
        let Some(browser) = Browser::find(session).await? else { return Ok(()) };
        let pools = match &self.pool {
            Some(pool) => vec![Arc::clone(pool)],
            None => strict_pools(cx, &browser).await?,
        };
        for pool in pools {
            let Some(browser) = Browser::find(session).await? else { return Ok(()) };
            if let Some(signed_in) = browser.signed_in(&pool) {
                authorize::leave(cx, signed_in).await?;
            }
            browser.leave(session, &pool).await?;
        }
        Ok(())
    }
}

/// The pools that a request without a client can mean.
async fn strict_pools(cx: &Cx, browser: &Browser) -> Result<Vec<Arc<Pool>>> {
    let mut pools = Vec::new();
    for id in browser.pools() {
        pools.extend(directory::find_pool(&cx.app, id).await?.filter(|pool| pool.has_standard_logout()));
    }
    Ok(pools)
}

async fn named(cx: &Cx, id: &str) -> Result<Option<(Arc<Pool>, Arc<Client>)>, Refusal> {
    match directory::client(cx, id).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::NoSuchClient(_)) => Ok(None),
        Err(other) => Err(Refusal::internal(cx, &other)),
    }
}

/// What an ID token says that was shown. It may have expired: a session outlives its tokens.
struct Hint {
    pool: Arc<Pool>,
    client: Arc<Client>,
    sub: String,
}

async fn hint(cx: &Cx, parameters: &Parameters) -> Result<Option<Hint>, Refusal> {
    let Some(token) = parameters.filled("id_token_hint") else { return Ok(None) };
    let verified = match bearer::verified(cx, token, "aud").await {
        Ok(verified) => verified,
        Err(internal @ Error::Internal(_)) => return Err(Refusal::internal(cx, &internal)),
        Err(_) => return Err(Refusal::page("invalid_request", Some("id_token_hint"), None)),
    };
    let claim = |name: &str| verified.claims.get(name).and_then(serde_json::Value::as_str);
    match (claim("token_use"), claim("sub")) {
        (Some("id"), Some(sub)) => Ok(Some(Hint { sub: sub.to_owned(), pool: verified.pool, client: verified.client })),
        _ => Err(Refusal::page("invalid_request", Some("id_token_hint"), None)),
    }
}

fn redirect_uri(client: &Client, parameters: &Parameters) -> Result<Option<RedirectUri>, Refusal> {
    let Some(uri) = parameters.filled("post_logout_redirect_uri") else { return Ok(None) };
    let refuse = || Refusal::page("redirect_mismatch", None, Some(client.id.clone()));
    RedirectUri::after_logout(client, uri).map(Some).ok_or_else(refuse)
}
