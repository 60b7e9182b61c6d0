//! Applications hear of it when somebody's session with us has ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! What they are told waits in the outbox, written in the transaction that ends the session, and is tried again for half an hour.
//! The token itself is made at each try, so that it is always young. Told is every client that tokens of the session went to and
//! that has an address for it.
//! <https://openid.net/specs/openid-connect-backchannel-1_0.html>

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use url::form_urlencoded;

use super::{App, Cx, directory, issue};
use crate::{
    domain::{
        Client, Error, Result, User,
        message::{Farewell, Parcel},
    },
    kit::ids,
    post::Undelivered,
    store::{self, Tx, outbox::Waiting},
};

/// Whoever was not to be reached until then asks us for tokens again anyway, or not at all.
const UNTIL: Duration = Duration::from_secs(3_600);

/// A session on the hosted pages ends. Call it before its rows are gone.
pub(super) async fn session_ends(tx: &mut Tx, cx: &Cx, sso_id: &str) -> Result<()> {
    for (client_id, sub) in store::grants::parties_of_session(tx, sso_id, cx.now()).await? {
        let Some(client) = listening(tx, &client_id).await? else { continue };
        put(tx, cx, &client, Farewell { client_id, sub, session: Some(sso_id.to_owned()) }).await?;
    }
    Ok(())
}

/// Every session of a user ends. A client that needs no session named is told once for all of them.
pub(super) async fn user_ends(tx: &mut Tx, cx: &Cx, user: &User) -> Result<()> {
    let mut sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (client_id, sso_id) in store::grants::parties_of_user(tx, &user.pool_id, &user.sub, cx.now()).await? {
        sessions.entry(client_id).or_default().push(sso_id);
    }
    for (client_id, ids) in sessions {
        let Some(client) = listening(tx, &client_id).await? else { continue };
        let farewell = |session| Farewell { client_id: client_id.clone(), sub: user.sub.clone(), session };
        if client.settings.relying_party.backchannel_logout_session_required {
            for id in ids {
                put(tx, cx, &client, farewell(Some(id))).await?;
            }
        } else {
            put(tx, cx, &client, farewell(None)).await?;
        }
    }
    Ok(())
}

/// Every session of a user ends but the one that this grant came through.
pub(super) async fn others_end(tx: &mut Tx, cx: &Cx, user: &User, own: &str) -> Result<()> {
    let kept = store::grants::find(tx, own).await?.and_then(|grant| grant.sso_id);
    for (client_id, id) in store::grants::parties_of_user(tx, &user.pool_id, &user.sub, cx.now()).await? {
        if kept.as_ref() == Some(&id) {
            continue;
        }
        let Some(client) = listening(tx, &client_id).await? else { continue };
        put(tx, cx, &client, Farewell { client_id, sub: user.sub.clone(), session: Some(id) }).await?;
    }
    Ok(())
}

/// The client, if it wants to hear.
async fn listening(tx: &mut Tx, client_id: &str) -> Result<Option<Client>> {
    let client = store::clients::find(tx, client_id).await?;
    Ok(client.filter(|client| client.settings.relying_party.backchannel_logout_uri.is_some()))
}

async fn put(tx: &mut Tx, cx: &Cx, client: &Client, farewell: Farewell) -> Result<()> {
    let (created_at, expires_at) = cx.from_now(UNTIL);
    let waiting = Waiting {
        id: cx.random().uuid(),
        pool_id: client.pool_id.clone(),
        parcel: Parcel::Farewell(farewell),
        expires_at,
        created_at,
    };
    Ok(store::outbox::insert(tx, &waiting).await?)
}

/// Tells one client. Any answer of success will do; one that says that the token is wrong is final.
pub(super) async fn tell(app: &Arc<App>, pool_id: &str, farewell: &Farewell) -> Result<(), Undelivered> {
    let cx = Cx::new(Arc::clone(app), ids::region_of(pool_id), app.random.uuid());
    let (uri, token) = match written(&cx, farewell).await {
        Ok(Some(written)) => written,
        Ok(None) => return Err(Undelivered::Ever("the client wants to hear of it no more".to_owned())),
        Err(error) => return Err(Undelivered::Yet(error.to_string())),
    };
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let status = app.post.post_form(&uri, form).await?;
    match status.as_u16() {
        200..300 => Ok(()),
        400 => Err(Undelivered::Ever("the client refused the token".to_owned())),
        _ => Err(Undelivered::Yet(format!("the client answered {status}"))),
    }
}

/// Where the client is told, and what.
async fn written(cx: &Cx, farewell: &Farewell) -> Result<Option<(String, String)>> {
    let (pool, client) = match directory::client(cx, &farewell.client_id).await {
        Ok(found) => found,
        Err(Error::NoSuchClient(_)) => return Ok(None),
        Err(other) => return Err(other),
    };
    let Some(uri) = client.settings.relying_party.backchannel_logout_uri.clone() else { return Ok(None) };
    if !pool.tells_of_logouts() {
        return Ok(None);
    }
    let token = issue::logout_token(cx, &pool, &client, farewell).await?;
    Ok(Some((uri, token)))
}
