//! The documents that tell clients where everything is and which keys sign: rendered once for each set of keys, then handed out
//! as bytes.
//!
//! The fields are the service's own. PKCE works although, as there, the document does not say so.
//! <https://openid.net/specs/openid-connect-discovery-1_0.html>

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{
    domain::{Error, Result},
    flows::{
        App, Setup, directory,
        key_ring::{self, PoolKeys},
    },
    keys::signing::PublicKey,
    web::{
        context,
        paths::{self, Place},
    },
};

/// As many pools as the directory keeps in memory.
const MOST_POOLS: usize = 1_000;
const LONGEST_POOL_ID: usize = 55;

/// What has been rendered.
#[derive(Default)]
pub struct Documents(RwLock<HashMap<String, Arc<Rendered>>>);

struct Rendered {
    /// The keys that it was rendered from: another set, another rendering.
    keys: Arc<PoolKeys>,
    configuration: Document,
    jwks: Document,
}

struct Document {
    body: Bytes,
    etag: HeaderValue,
}

pub async fn configuration(
    State(app): State<Arc<App>>,
    Extension(documents): Extension<Arc<Documents>>,
    Path(pool): Path<String>,
    headers: HeaderMap,
) -> Response {
    respond(documents.of(&app, &pool).await, &headers, |rendered| &rendered.configuration)
}

pub async fn keys(
    State(app): State<Arc<App>>,
    Extension(documents): Extension<Arc<Documents>>,
    Path(pool): Path<String>,
    headers: HeaderMap,
) -> Response {
    respond(documents.of(&app, &pool).await, &headers, |rendered| &rendered.jwks)
}

impl Documents {
    /// None when there is no such pool.
    async fn of(&self, app: &Arc<App>, pool_id: &str) -> Result<Option<Arc<Rendered>>> {
        let is_id = pool_id.len() <= LONGEST_POOL_ID
            && pool_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_id || directory::find_pool(&context(app), pool_id).await?.is_none() {
            return Ok(None);
        }
        let keys = match key_ring::of_app(app, pool_id).await {
            Err(Error::NoSuchPool(_)) => return Ok(None),
            keys => keys?,
        };
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(pool_id).cloned();
        if let Some(rendered) = known.filter(|rendered| Arc::ptr_eq(&rendered.keys, &keys)) {
            return Ok(Some(rendered));
        }
        let rendered = Arc::new(render(&app.setup, pool_id, keys)?);
        let mut documents = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if documents.len() >= MOST_POOLS {
            documents.clear();
        }
        documents.insert(pool_id.to_owned(), Arc::clone(&rendered));
        Ok(Some(rendered))
    }
}

#[derive(Serialize)]
struct Configuration<'a> {
    authorization_endpoint: String,
    end_session_endpoint: String,
    id_token_signing_alg_values_supported: [&'a str; 1],
    issuer: String,
    jwks_uri: String,
    response_types_supported: [&'a str; 2],
    revocation_endpoint: String,
    scopes_supported: [&'a str; 4],
    subject_types_supported: [&'a str; 1],
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'a str; 2],
    userinfo_endpoint: String,
}

fn render(setup: &Setup, pool_id: &str, keys: Arc<PoolKeys>) -> Result<Rendered> {
    #[derive(Serialize)]
    struct KeySet<'a> {
        keys: &'a [PublicKey],
    }
    let configuration = Configuration {
        authorization_endpoint: paths::full(setup, Place::Authorize),
        end_session_endpoint: paths::full(setup, Place::Logout),
        id_token_signing_alg_values_supported: ["RS256"],
        issuer: setup.issuer_of(pool_id),
        jwks_uri: format!("{}/.well-known/jwks.json", setup.local_issuer_of(pool_id)),
        response_types_supported: ["code", "token"],
        revocation_endpoint: paths::full(setup, Place::Revoke),
        scopes_supported: ["openid", "email", "phone", "profile"],
        subject_types_supported: ["public"],
        token_endpoint: paths::full(setup, Place::Token),
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        userinfo_endpoint: paths::full(setup, Place::UserInfo),
    };
    Ok(Rendered {
        configuration: Document::of(&configuration)?,
        jwks: Document::of(&KeySet { keys: &keys.published })?,
        keys,
    })
}

impl Document {
    fn of(value: &impl Serialize) -> Result<Self> {
        let internal = |error: String| Error::Internal(error);
        let body = serde_json::to_vec(value).map_err(|error| internal(error.to_string()))?;
        let etag = format!("\"{}\"", hex::encode(&digest(&SHA256, &body).as_ref()[..16]));
        Ok(Self { body: body.into(), etag: HeaderValue::from_str(&etag).map_err(|error| internal(error.to_string()))? })
    }
}

fn respond(
    rendered: Result<Option<Arc<Rendered>>>,
    headers: &HeaderMap,
    choose: fn(&Rendered) -> &Document,
) -> Response {
    let rendered = match rendered {
        Ok(Some(rendered)) => rendered,
        Ok(None) => return plain(StatusCode::NOT_FOUND, br#"{"message":"User pool does not exist."}"#),
        Err(error) => {
            tracing::error!(%error, "a pool's documents could not be made");
            return plain(StatusCode::INTERNAL_SERVER_ERROR, br#"{"message":"Internal server error"}"#);
        }
    };
    let document = choose(&rendered);
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| holds(known, &document.etag));
    let mut response = if is_known {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(document.body.clone().into())
    };
    let headers = response.headers_mut();
    headers.reserve(5);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::ETAG, document.etag.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether `If-None-Match` names the tag: `*`, or in a list, weak or strong.
fn holds(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

fn plain(status: StatusCode, body: &'static [u8]) -> Response {
    let mut response = Response::new(Bytes::from_static(body).into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
