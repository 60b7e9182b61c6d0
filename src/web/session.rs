//! The browser's session of the hosted pages: one cookie, and behind it who is signed in to which pool.
//!
//! The cookie is host-bound (`__Host-`) and secure wherever the public URL is https; plain http in development has a cookie
//! of another name. Its value is never stored, only its SHA-256. It is renewed whenever somebody signs in, so that a value
//! known before is worth nothing after. How long a sign-in counts is written into the session, not into the cookie.
//! <https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html>

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::SameSite,
    session::{Id, Record},
    session_store,
};

use super::paths;
use crate::{
    domain::{Error, Pool, Result},
    flows::{
        App, Cx,
        authorize::{self, SESSION_LIFETIME, SignedIn},
    },
    kit::clock::Time,
    store,
};

/// The one entry of a session.
const ENTRY: &str = "browser";

/// Keeps sessions in the database.
#[derive(Clone)]
pub struct Sessions(Arc<App>);

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// The layer that gives handlers their [`Session`].
pub fn layer(app: &Arc<App>) -> SessionManagerLayer<Sessions> {
    let is_https = paths::is_https(&app.setup);
    SessionManagerLayer::new(Sessions(Arc::clone(app)))
        .with_name(cookie_name(is_https))
        .with_secure(is_https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnSessionEnd)
}

pub fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-poolhouse" } else { "poolhouse-dev" }
}

/// What a session knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Browser {
    /// What the tokens of this browser's forms are made of.
    pub form_secret: String,
    /// What ties the browser's trips to identity providers to it. It outlasts a sign-in: other tabs may be on their way.
    #[serde(default)]
    trip_secret: String,
    /// Pool id → who is signed in there.
    signed_in: BTreeMap<String, SignedIn>,
}

impl Browser {
    /// None for a browser without a session.
    pub async fn find(session: &Session) -> Result<Option<Self>> {
        session.get(ENTRY).await.map_err(internal)
    }

    /// The session, begun now if need be.
    pub async fn open(cx: &Cx, session: &Session) -> Result<Self> {
        if let Some(browser) = Self::find(session).await? {
            return Ok(browser);
        }
        let (form_secret, trip_secret) = (cx.random().alphanumeric(32), cx.random().alphanumeric(32));
        let browser = Self { form_secret, trip_secret, signed_in: BTreeMap::new() };
        browser.keep(session).await?;
        Ok(browser)
    }

    /// Empty in a session that is older than this secret.
    pub fn trip_secret(&self) -> &str {
        &self.trip_secret
    }

    /// The same session with that secret.
    pub async fn with_trips(mut self, cx: &Cx, session: &Session) -> Result<Self> {
        if self.trip_secret.is_empty() {
            self.trip_secret = cx.random().alphanumeric(32);
            self.keep(session).await?;
        }
        Ok(self)
    }

    /// The ids of the pools that somebody is, or was, signed in to.
    pub fn pools(&self) -> impl Iterator<Item = &str> {
        self.signed_in.keys().map(String::as_str)
    }

    pub fn signed_in(&self, pool: &Pool) -> Option<&SignedIn> {
        self.signed_in.get(&pool.id)
    }

    /// Somebody has signed in: the session goes on under a new id, and forms made before are void.
    pub async fn enter(self, cx: &Cx, session: &Session, pool: &Pool, signed_in: SignedIn) -> Result<()> {
        let now = cx.now();
        let mut browser = Self { form_secret: cx.random().alphanumeric(32), ..self };
        browser.signed_in.retain(|_, earlier| now < earlier.kept_until());
        browser.signed_in.insert(pool.id.clone(), signed_in);
        session.cycle_id().await.map_err(internal)?;
        browser.keep(session).await
    }

    /// Signs out of one pool. Without any left, the session ends.
    pub async fn leave(mut self, session: &Session, pool: &Pool) -> Result<()> {
        self.signed_in.remove(&pool.id);
        if self.signed_in.is_empty() {
            return session.flush().await.map_err(internal);
        }
        self.keep(session).await
    }

    async fn keep(&self, session: &Session) -> Result<()> {
        session.insert(ENTRY, self).await.map_err(internal)
    }
}

/// Somebody has signed in with this browser: it remembers them, and no longer who was signed in before.
pub async fn enter(cx: &Cx, session: &Session, browser: Browser, (pool, signed_in): (&Pool, SignedIn)) -> Result<()> {
    // Somebody who has signed in again may go on with the session that they had.
    let former = browser.signed_in(pool).filter(|former| former.sso_id != signed_in.sso_id).cloned();
    browser.enter(cx, session, pool, signed_in).await?;
    match former {
        Some(former) => authorize::leave(cx, &former).await,
        None => Ok(()),
    }
}

impl Sessions {
    /// An hour from now, or as long as any sign-in that the session knows still counts for some client.
    fn end_of(&self, record: &Record) -> Time {
        let browser = record.data.get(ENTRY).and_then(|entry| serde_json::from_value::<Browser>(entry.clone()).ok());
        let kept = browser.into_iter().flat_map(|browser| browser.signed_in.into_values()).map(|one| one.kept_until());
        kept.fold(self.0.clock.now().plus(SESSION_LIFETIME), Time::max)
    }
}

fn internal(error: tower_sessions::session::Error) -> Error {
    Error::Internal(format!("browser session: {error}"))
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        loop {
            let mut tx = self.0.store.begin().await.map_err(backend)?;
            let (data, expires_at) = (write(record)?, self.end_of(record));
            let is_new = store::browser_sessions::insert(&mut tx, &hash(&record.id), &data, expires_at)
                .await
                .map_err(backend)?;
            tx.commit().await.map_err(backend)?;
            if is_new {
                return Ok(());
            }
            record.id = Id::default();
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let mut tx = self.0.store.begin().await.map_err(backend)?;
        let (data, expires_at) = (write(record)?, self.end_of(record));
        store::browser_sessions::save(&mut tx, &hash(&record.id), &data, expires_at).await.map_err(backend)?;
        tx.commit().await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let mut tx = self.0.store.read().await.map_err(backend)?;
        let found = store::browser_sessions::find(&mut tx, &hash(id), self.0.clock.now()).await.map_err(backend)?;
        let Some(data) = found else { return Ok(None) };
        let data = serde_json::from_str(&data).map_err(|error| session_store::Error::Decode(error.to_string()))?;
        // The row's own end has decided; this one is for the layer, which looks at it no more.
        Ok(Some(Record { id: *id, data, expiry_date: time::OffsetDateTime::UNIX_EPOCH }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let mut tx = self.0.store.begin().await.map_err(backend)?;
        store::browser_sessions::delete(&mut tx, &hash(id)).await.map_err(backend)?;
        tx.commit().await.map_err(backend)
    }
}

fn write(record: &Record) -> session_store::Result<String> {
    serde_json::to_string(&record.data).map_err(|error| session_store::Error::Encode(error.to_string()))
}

fn backend(error: store::StoreError) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}

fn hash(id: &Id) -> Vec<u8> {
    digest(&SHA256, id.to_string().as_bytes()).as_ref().to_vec()
}
